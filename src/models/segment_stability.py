"""Which way to part customers: the one whose segments stay when other customers are drawn."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score, silhouette_score

from src.models.segment_ways import METHODS, Way, fit_partings

__all__ = ["choose_way", "compare_ways"]

_MOST_COMPARED = 5000
_SUBSET = 2 / 3


def compare_ways(Z: np.ndarray, ways: Sequence[Way], n_resamples: int, seed: int) -> pd.DataFrame:
    """How stable and how sharp the segments of each way are.

    Parameters
    ----------
    Z : array of shape (n_customers, n_columns)
        Standardised columns; of more than 5,000 customers as many are drawn.
    ways : sequence of Way
    n_resamples : int
        Times two thirds of the customers are drawn anew, without replacement.
    seed : int
        Of starts and draws.

    Returns
    -------
    pandas.DataFrame
        One row per way: `method`, `setting`, `n_segments`, `smallest_share`, `unassigned`;
        `stability`, the mean adjusted Rand index between the segments and those made from the
        customers drawn (1: the same, 0: as alike as by chance), with the range
        `stability_lower` to `stability_upper` of the draws and their standard deviation
        `stability_spread`; `stability_shuffled`, the same after each column was shuffled by
        itself, which is what no kinds at all would give; `silhouette`, from -1 to 1, how much
        nearer customers are to their own kind than to the next, and `silhouette_shuffled`.

    References
    ----------
    .. Hubert, L. and Arabie, P. (1985). Comparing partitions. J. Classification 2, 193-218.
    .. Ben-Hur, A., Elisseeff, A. and Guyon, I. (2002). A stability based method for discovering
       structure in clustered data. Pacific Symposium on Biocomputing.
    .. Rousseeuw, P. (1987). Silhouettes. J. Comput. Appl. Math. 20, 53-65.
    """
    rng = np.random.default_rng(seed)
    if len(Z) > _MOST_COMPARED:
        Z = Z[np.sort(rng.choice(len(Z), _MOST_COMPARED, replace=False))]
    mixed = np.column_stack([rng.permutation(column) for column in Z.T])
    size = max(2, round(_SUBSET * len(Z)))
    draws = [np.sort(rng.choice(len(Z), size, replace=False)) for _ in range(n_resamples)]
    real, none = (_study(rows, ways, draws, seed) for rows in (Z, mixed))
    shuffled = none[["stability", "silhouette"]].add_suffix("_shuffled")
    named = pd.DataFrame({"method": [w.method for w in ways], "setting": [w.setting for w in ways]})
    return named.join(real).join(shuffled)


def _study(Z: np.ndarray, ways: Sequence[Way], draws: list[np.ndarray], seed: int) -> pd.DataFrame:
    fitted = fit_partings(Z, ways, seed)
    labels = [parting.predict(Z) for parting in fitted]
    again = [
        [parting.predict(Z) for parting in fit_partings(Z[draw], ways, seed)] for draw in draws
    ]
    rows = []
    for i, parting in enumerate(fitted):
        index = np.array([adjusted_rand_score(labels[i], other[i]) for other in again])
        if parting.n_segments < 2:
            index = np.full(len(again), np.nan)  # one kind of all is the same each time
        counts = np.bincount(labels[i])
        is_parted = 1 < (counts > 0).sum() < len(Z)
        rows.append(
            {
                "n_segments": parting.n_segments,
                "smallest_share": counts.min() / len(Z),
                "unassigned": parting.unassigned,
                "stability": index.mean(),
                "stability_lower": index.min(),
                "stability_upper": index.max(),
                "stability_spread": index.std(),
                "silhouette": silhouette_score(Z, labels[i]) if is_parted else float("nan"),
            }
        )
    return pd.DataFrame(rows)


def choose_way(
    ways: pd.DataFrame,
    min_segments: int,
    max_segments: int,
    min_share: float = 0.02,
    max_unassigned: float = 0.5,
) -> int | None:
    """Take the most stable way; among those hardly less stable, the sharpest.

    Only ways count that make an allowed number of segments, none of them tiny, and do not leave
    most customers outside. Hardly less stable is a mean within one standard deviation of the
    best one's draws. Of equals the plainest is taken, then the one with fewer segments.

    Parameters
    ----------
    ways : DataFrame
        As from `compare_ways`.
    min_segments, max_segments : int
        Numbers of segments allowed.
    min_share : float, default 0.02
        Share of customers that every segment has at least.
    max_unassigned : float, default 0.5
        Share of customers that may lie in no dense region.

    Returns
    -------
    int or None
        Row of the way; None where none is allowed.

    Examples
    --------
    >>> ways = {"method": ["k_means", "ward"], "setting": [3, 3], "n_segments": [3, 3]}
    >>> ways |= {"smallest_share": [0.3, 0.3], "unassigned": [0.0, 0.0], "silhouette": [0.4, 0.4]}
    >>> ways |= {"stability": [0.9, 0.5], "stability_spread": [0.1, 0.1]}
    >>> choose_way(pd.DataFrame(ways), 3, 8)
    0
    """
    allowed = ways[
        ways["n_segments"].between(min_segments, max_segments)
        & (ways["smallest_share"] >= min_share)
        & (ways["unassigned"] <= max_unassigned)
    ]
    if allowed.empty:
        return None
    best = allowed.loc[allowed["stability"].idxmax()]
    equals = allowed[allowed["stability"] >= best["stability"] - best["stability_spread"]]
    plainness = equals["method"].map(METHODS.index)
    order = equals.assign(plainness=plainness, sharpness=equals["silhouette"].round(6))
    order = order.sort_values(
        ["sharpness", "plainness", "n_segments"], ascending=[False, True, True], kind="stable"
    )
    return int(order.index[0])
