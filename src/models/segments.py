"""Kinds of customers: k-means on the log-scaled profile, how many, and what to call them."""

from collections.abc import Sequence
from dataclasses import dataclass
import logging

import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, silhouette_score
from threadpoolctl import threadpool_limits

from src.errors import ParameterError
from src.features.families import read_catalogue
from src.models.design import log_scaled
from src.models.segment_words import name_segments

__all__ = [
    "Segmentation",
    "choose_count",
    "compare_counts",
    "fit_segments",
    "standardise",
    "summarise_segments",
]

logger = logging.getLogger(__name__)

_CLIP = 3.0
_N_STARTS = 10
_N_STARTS_RESAMPLED = 3
_MAX_COMPARED = 5000


@dataclass(frozen=True)
class Segmentation:
    """One segment for each customer, and how it came about.

    Parameters
    ----------
    customers : pandas.DataFrame
        `segments`: one row per customer, by `customer_id`, with the `segment` in words.
    centres : pandas.DataFrame
        One row per segment, those with most spend per customer first: mean of each column in
        standard deviations from the average customer.
    counts : pandas.DataFrame
        As given by :func:`compare_counts`; empty for rule segments.
    lack : str
        Why k-means was not used; empty if it was.
    """

    customers: pd.DataFrame
    centres: pd.DataFrame
    counts: pd.DataFrame
    lack: str

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self.centres)

    @property
    def method(self) -> str:
        """`k_means` or `lifecycle`."""
        return "lifecycle" if self.lack else "k_means"

    def result(self, column: str) -> float:
        """Figure of the chosen number of segments in `counts`; NaN for rule segments."""
        if self.counts.empty:
            return float("nan")
        return float(self.counts.set_index("n_segments").loc[self.n_segments, column])


def fit_segments(
    profiles: pd.DataFrame,
    columns: Sequence[str],
    seed: int,
    min_segments: int = 3,
    max_segments: int = 8,
    n_resamples: int = 10,
    min_customers: int = 100,
) -> Segmentation:
    """Part customers into kinds.

    Parameters
    ----------
    profiles : pandas.DataFrame
        One row per customer: `customer_id`, `lifecycle`, `spend_90_value`, and `columns`.
    columns : sequence of str
        Numeric columns of `profiles` that say how customers behave.
    seed : int
        Of the starts and of the resampling.
    min_segments, max_segments : int, default 3 and 8
        Numbers of segments tried.
    n_resamples : int, default 10
        Times the customers are drawn anew to see whether the segments stay.
    min_customers : int, default 100
        With fewer customers, or fewer than two columns that vary, the segments are the
        lifecycle stages.
    """
    _check_columns(columns)
    if not 2 <= min_segments <= max_segments:
        raise ParameterError(
            f"Expected 2 <= min_segments <= max_segments, found {min_segments} and {max_segments}; "
            "try at least one number of segments."
        )
    profiles = profiles.sort_values("customer_id", ignore_index=True)
    Z = standardise(profiles, columns)
    lack = _lack(Z, min_customers)
    if lack:
        logger.info("fit_segments: lifecycle stages, %s", lack)
        stages = (profiles["lifecycle"] + " buyers").to_numpy(dtype=object)
        return _segmentation(profiles, Z, list(columns), stages, pd.DataFrame(), lack)
    counts = compare_counts(Z, range(min_segments, max_segments + 1), n_resamples, seed)
    labels = _fit(Z, choose_count(counts), _N_STARTS, seed).labels_
    centres = pd.DataFrame(Z, columns=list(columns)).groupby(labels).mean()
    names = dict(zip(centres.index, name_segments(centres), strict=True))
    return _segmentation(
        profiles, Z, list(columns), np.array([names[label] for label in labels]), counts, ""
    )


def _check_columns(columns: Sequence[str]) -> None:
    known = {one.name for one in read_catalogue().features if one.type in ("int64", "float64")}
    unknown = [name for name in columns if name not in known]
    if unknown or len(set(columns)) < len(columns) or not columns:
        raise ParameterError(
            f"Expected different numeric columns of profiles to part customers by, found "
            f"{list(columns)}; unknown are {unknown}. Choose from docs/features.md."
        )


def _lack(Z: np.ndarray, min_customers: int) -> str:
    if len(Z) < min_customers:
        return f"{len(Z)} customers are known, and {min_customers} are needed"
    n_varied = int((Z.std(axis=0) > 0).sum()) if len(Z) else 0
    if n_varied < 2 or len(np.unique(Z, axis=0)) < min_customers:
        return "the customers differ too little in the columns chosen"
    return ""


def standardise(profiles: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Log-scaled columns in standard deviations from the mean, cut at 3; a gap is the mean.

    Returns
    -------
    array of shape (n_customers, n_columns)
    """
    scaled = log_scaled(profiles, tuple(columns))
    spread = scaled.std(ddof=0)
    Z = (scaled - scaled.mean()) / spread.where(spread > 1e-12, 1.0)
    return Z.fillna(0.0).clip(-_CLIP, _CLIP).to_numpy()


def compare_counts(
    Z: np.ndarray, counts: Sequence[int], n_resamples: int, seed: int
) -> pd.DataFrame:
    """How sharp and how stable the segments are, for each number of them.

    Parameters
    ----------
    Z : array of shape (n_customers, n_columns)
        Standardised columns; of more than 5,000 customers as many are drawn.
    counts : sequence of int
        Numbers of segments to try.
    n_resamples : int
        Times the customers are drawn anew.
    seed : int
        Of starts and draws.

    Returns
    -------
    pandas.DataFrame
        One row per number of segments: `n_segments`; `silhouette`, from -1 to 1, how much
        nearer customers are to their own kind than to the next; `silhouette_shuffled`, the same
        after each column was shuffled by itself, which is what no kinds at all would give;
        `stability`, the mean adjusted Rand index between the segments and those from customers
        drawn anew (1: the same, 0: as alike as by chance), with the range `stability_lower` to
        `stability_upper` of the draws; and `score` = silhouette x stability.

    References
    ----------
    .. Rousseeuw, P. (1987). Silhouettes. J. Comput. Appl. Math. 20, 53-65.
    .. Hubert, L. and Arabie, P. (1985). Comparing partitions. J. Classification 2, 193-218.
    """
    rng = np.random.default_rng(seed)
    if len(Z) > _MAX_COMPARED:
        Z = Z[rng.choice(len(Z), _MAX_COMPARED, replace=False)]
    shuffled = np.column_stack([rng.permutation(column) for column in Z.T])
    draws = [rng.integers(0, len(Z), len(Z)) for _ in range(n_resamples)]
    rows = []
    with threadpool_limits(1):
        for k in counts:
            labels = _fit(Z, k, _N_STARTS, seed).labels_
            mixed = _fit(shuffled, k, _N_STARTS_RESAMPLED, seed).labels_
            stability = [
                adjusted_rand_score(labels, _fit(Z[draw], k, _N_STARTS_RESAMPLED, seed).predict(Z))
                for draw in draws
            ]
            rows.append(
                {
                    "n_segments": k,
                    "silhouette": float(silhouette_score(Z, labels)),
                    "silhouette_shuffled": float(silhouette_score(shuffled, mixed)),
                    "stability": float(np.mean(stability)),
                    "stability_lower": float(np.min(stability)),
                    "stability_upper": float(np.max(stability)),
                }
            )
    table = pd.DataFrame(rows)
    table["score"] = table["silhouette"] * table["stability"]
    return table


def _fit(Z: np.ndarray, k: int, n_starts: int, seed: int) -> KMeans:
    """Cluster on one thread: sums over threads would differ in the last bit."""
    with threadpool_limits(1):
        return KMeans(k, n_init=n_starts, random_state=seed % 2**32).fit(Z)


def choose_count(counts: pd.DataFrame) -> int:
    """Take the number of segments with the highest `score`, the smaller of equals.

    Examples
    --------
    >>> choose_count(pd.DataFrame({"n_segments": [3, 4], "score": [0.1, 0.2]}))
    4
    """
    best = counts.sort_values(["score", "n_segments"], ascending=[False, True]).iloc[0]
    return int(best["n_segments"])


def _segmentation(
    profiles: pd.DataFrame,
    Z: np.ndarray,
    columns: list[str],
    segment: np.ndarray,
    counts: pd.DataFrame,
    lack: str,
) -> Segmentation:
    spend = profiles["spend_90_value"].groupby(segment).mean()
    order = sorted(spend.index, key=lambda name: (-round(spend[name], 6), name))
    centres = pd.DataFrame(Z, columns=columns).groupby(segment).mean().loc[order]
    customers = pd.DataFrame({"customer_id": profiles["customer_id"], "segment": segment})
    return Segmentation(customers, centres, counts, lack)


def summarise_segments(segmentation: Segmentation, profiles: pd.DataFrame) -> pd.DataFrame:
    """Size, share of spend and medians of each segment, in real units.

    Returns
    -------
    pandas.DataFrame
        One row per segment, in the order of `centres`: `n_customers`, `share`, `spend_share`
        (of the last 90 days; NaN if nobody spent) and the median of each column it was made of.
    """
    columns = list(segmentation.centres.columns)
    joined = profiles.merge(segmentation.customers, on="customer_id", validate="one_to_one")
    groups = joined.groupby("segment")
    spend = groups["spend_90_value"].sum()
    total = spend.sum()
    summary = pd.DataFrame(
        {
            "n_customers": groups.size(),
            "share": groups.size() / max(len(joined), 1),
            "spend_share": spend / total if total > 0 else float("nan"),
        }
    )
    return summary.join(groups[columns].median()).loc[segmentation.centres.index]
