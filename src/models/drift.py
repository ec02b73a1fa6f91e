"""What has changed since a model was last fitted: columns, and the scores themselves."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from src.stage import Stage

__all__ = [
    "Drift",
    "compare_profiles",
    "describe_drift",
    "list_drift",
    "read_earlier",
    "stability_index",
]

_N_BINS = 10
_MODERATE, _LARGE = 0.10, 0.25
_HALF = 0.5


@dataclass(frozen=True)
class Drift:
    """How two groups of customers differ.

    Parameters
    ----------
    columns : pandas.DataFrame
        One row per column, the most changed first: `column`, `psi` (population stability index,
        nats), `chance` (what chance alone exceeds in one of twenty comparisons), `before`,
        `now` (mean of a number; share of the commonest earlier level of a text).
    score_before, score_now : float
        Mean score; NaN where there is none.
    since : str
        What it is compared with, in words.
    """

    columns: pd.DataFrame
    score_before: float
    score_now: float
    since: str

    @property
    def moved(self) -> pd.DataFrame:
        """Columns whose change is neither small nor within chance."""
        table = self.columns
        return table[(table["psi"] >= _MODERATE) & (table["psi"] > table["chance"])]


def stability_index(before: pd.Series, now: pd.Series, n_bins: int = _N_BINS) -> tuple[float, int]:
    r"""Measure how far a column's distribution has moved: the population stability index.

    .. math:: \mathrm{PSI} = \sum_b (q_b - p_b) \ln \frac{q_b}{p_b}

    Parameters
    ----------
    before, now : pandas.Series
        The column then and now; missing values are a bin of their own.
    n_bins : int, default 10
        Bins of equally many earlier customers; equal values share one. A text's levels are its
        bins, those not seen before together.

    Returns
    -------
    float
        From 0; by custom below .10 is little, above .25 much. Half a customer is added to each
        bin, so that an empty one does not make it infinite. NaN where either side is empty.
    int
        Bins with a customer on either side.

    References
    ----------
    .. Siddiqi, N. (2006). Credit Risk Scorecards, chapter 10.

    Examples
    --------
    >>> index, n_bins = stability_index(pd.Series(["a", "b"] * 50), pd.Series(["a"] * 100))
    >>> round(index, 2), n_bins
    (2.63, 2)
    """
    if not len(before) or not len(now):
        return float("nan"), 0
    n_before, n_now = _bin_counts(before, now, n_bins)
    is_used = (n_before + n_now) > 0
    n_before, n_now = n_before[is_used] + _HALF, n_now[is_used] + _HALF
    p, q = n_before / n_before.sum(), n_now / n_now.sum()
    return float(np.sum((q - p) * np.log(q / p))), int(is_used.sum())


def _bin_counts(before: pd.Series, now: pd.Series, n_bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Count customers by bin then and now; the last bin is for missing values."""
    if pd.api.types.is_numeric_dtype(before):
        known = before.dropna().to_numpy(dtype=float)
        cuts = np.arange(1, n_bins) / n_bins
        edges = (
            np.unique(np.quantile(known, cuts, method="inverted_cdf"))
            if len(known)
            else np.empty(0)
        )
        places = [np.searchsorted(edges, x.to_numpy(dtype=float), "left") for x in (before, now)]
        n_levels = len(edges) + 1
    else:
        levels = {level: i for i, level in enumerate(sorted(before.dropna().unique()))}
        n_levels = len(levels) + 1
        places = [x.map(levels).fillna(len(levels)).to_numpy(dtype=int) for x in (before, now)]
    both = [
        np.bincount(np.where(x.isna(), n_levels, place), minlength=n_levels + 1)
        for x, place in zip((before, now), places, strict=True)
    ]
    return both[0], both[1]


def compare_profiles(
    before: pd.DataFrame,
    now: pd.DataFrame,
    columns: list[str],
    scores: tuple[float, float],
    since: str,
) -> Drift:
    r"""Compare the columns that a model reads, and the mean score.

    Parameters
    ----------
    before, now : pandas.DataFrame
        One row per customer; of `columns`, those in both are compared.
    columns : list of str
        Columns the model reads.
    scores : tuple of float
        Mean score before and now; NaN where there is none.
    since : str
        What `before` is, in words.

    Notes
    -----
    Without any change, the index of n and m customers in B bins is about
    :math:`(1/n + 1/m)\,\chi^2_{B-1}`: `chance` is its .95 quantile. The same customers on both
    sides move less than that.

    References
    ----------
    .. Yurdakul, B. (2018). Statistical properties of population stability index. Western Michigan
       University.
    """
    rows = []
    for column in columns:
        if column not in before or column not in now:
            continue
        psi, n_bins = stability_index(before[column], now[column])
        spread = 1 / max(len(before), 1) + 1 / max(len(now), 1)
        chance = spread * chi2.ppf(0.95, n_bins - 1) if n_bins > 1 else 0.0
        rows.append((column, psi, chance, *_levels(before[column], now[column])))
    table = pd.DataFrame(rows, columns=["column", "psi", "chance", "before", "now"])
    table = table.sort_values(["psi", "column"], ascending=[False, True], ignore_index=True)
    return Drift(table, *scores, since)


def read_earlier(
    stage: Stage, previous_run: str, columns: list[str], n_customers: int = 50_000
) -> tuple[pd.DataFrame, float] | None:
    """Read what an earlier run saw and said, as far as drift asks for it.

    Parameters
    ----------
    stage : Stage
        Open stage of this run.
    previous_run : str
        Folder of the earlier run; empty: none.
    columns : list of str
        Columns the model reads; those that the earlier run lacks are left out.
    n_customers : int, default 50000
        Customers read at most: pseudonyms are hashes, so the first are drawn at random.

    Returns
    -------
    tuple of pandas.DataFrame and float, or None
        Its profiles and its mean `p_purchase`; None where no run is named.
    """
    profiles = stage.earlier_table(previous_run, "profiles")
    scores = stage.earlier_table(previous_run, "purchase_scores")
    if profiles is None or scores is None:
        return None
    known = [name for name in columns if name in profiles.columns]
    first = profiles.order_by("customer_id").limit(n_customers).select("customer_id", *known)
    return first.to_pandas(), float(scores["p_purchase"].mean().to_pandas())


def _levels(before: pd.Series, now: pd.Series) -> tuple[float, float]:
    if pd.api.types.is_numeric_dtype(before):
        return float(before.mean()), float(now.mean())
    commonest = before.mode()
    if commonest.empty:
        return float("nan"), float("nan")
    return float((before == commonest[0]).mean()), float((now == commonest[0]).mean())


def list_drift(drift: Drift, n_shown: int = 5) -> pd.DataFrame:
    """Columns that changed most, rounded, under readable names."""
    table = drift.columns.head(n_shown).set_index("column").round(3)
    names = {
        "psi": "stability index",
        "chance": "within chance up to",
        "before": "mean before",
        "now": "mean now",
    }
    return table.rename(columns=names)


def describe_drift(drift: Drift) -> str:
    """Say how far columns and scores have moved (Markdown)."""
    table, moved = drift.columns, drift.moved
    if table.empty:
        told = f"*No column that could move is read by the model.* {_score_words(drift)}"
        return told.rstrip()
    if table["psi"].isna().all():
        return f"*Drift cannot be told: nothing to compare since {drift.since}.*"
    if moved.empty:
        told = f"none of {len(table)} columns that the model reads has moved notably"
    else:
        worst = moved.iloc[0]
        much = "much" if worst["psi"] >= _LARGE else "moderately"
        told = (
            f"{len(moved)} of {len(table)} columns that the model reads have moved, `"
            f"{worst['column']}` most and {much} (index {worst['psi']:.2f})"
        )
    return f"**Since {drift.since}, {told}.** {_score_words(drift)}".rstrip()


def _score_words(drift: Drift) -> str:
    shift = drift.score_now - drift.score_before
    if np.isnan(shift):
        return ""
    return (
        f"The mean probability of an order went from {drift.score_before:.3f} to "
        f"{drift.score_now:.3f} ({shift:+.3f})."
    )
