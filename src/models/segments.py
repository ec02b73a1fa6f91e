"""Kinds of customers: parted on the log-scaled profile in the way that is most stable."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
import logging

import numpy as np
import pandas as pd

from src.errors import ParameterError
from src.features.families import read_catalogue
from src.models.design import log_scaled
from src.models.segment_names import name_segments
from src.models.segment_stability import choose_way, compare_ways
from src.models.segment_ways import Parting, Way, fit_partings, list_ways

__all__ = [
    "LIFECYCLE",
    "Scale",
    "SegmentRule",
    "Segmentation",
    "fit_rule",
    "fit_scale",
    "fit_segments",
    "lifecycle_segments",
    "segment_customers",
    "standardise",
    "summarise_segments",
]

logger = logging.getLogger(__name__)

LIFECYCLE = "lifecycle"
"""Method of the plain baseline: the stages of 03_tag, which are rules."""

_CLIP = 3.0
_MOST_FITTED = 50_000


@dataclass(frozen=True)
class Scale:
    """How columns are made comparable: logarithms, in standard deviations from the mean.

    Parameters
    ----------
    columns : tuple of str
    mean, spread : array of shape (n_columns,)
    """

    columns: tuple[str, ...]
    mean: np.ndarray
    spread: np.ndarray

    def transform(self, profiles: pd.DataFrame) -> np.ndarray:
        """Scale columns, cut at 3 standard deviations; a gap is the mean."""
        scaled = log_scaled(profiles, self.columns).to_numpy()
        Z = (scaled - self.mean) / np.where(self.spread > 1e-12, self.spread, 1.0)
        return np.clip(np.nan_to_num(Z), -_CLIP, _CLIP)


@dataclass(frozen=True)
class SegmentRule:
    """What gives a customer a segment.

    Parameters
    ----------
    way : Way or None
        How customers are parted; None for lifecycle stages.
    scale : Scale
    parting : Parting or None
    names : tuple of str
        Name of each segment of `parting`.
    """

    way: Way | None
    scale: Scale
    parting: Parting | None = None
    names: tuple[str, ...] = ()

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Segment of each customer, in words."""
        if self.parting is None:
            return (profiles["lifecycle"] + " buyers").to_numpy(dtype=object)
        return np.array(self.names, dtype=object)[
            self.parting.predict(self.scale.transform(profiles))
        ]


@dataclass(frozen=True)
class Segmentation:
    """One segment for each customer, and how it came about.

    Parameters
    ----------
    rule : SegmentRule
        What gave it.
    customers : pandas.DataFrame
        `segments`: one row per customer, by `customer_id`, with the `segment` in words.
    centres : pandas.DataFrame
        One row per segment, those with most spend per customer first: mean of each column in
        standard deviations from the average customer.
    ways : pandas.DataFrame
        As from `src.models.segment_stability.compare_ways`; empty where none was tried.
    lack : str
        Why customers were not clustered; empty if they were.
    """

    rule: SegmentRule
    customers: pd.DataFrame
    centres: pd.DataFrame
    ways: pd.DataFrame
    lack: str

    @property
    def n_segments(self) -> int:
        """Number of segments."""
        return len(self.centres)

    @property
    def method(self) -> str:
        """`k_means`, `ward`, `hdbscan` or `lifecycle`."""
        return self.rule.way.method if self.rule.way else LIFECYCLE

    def result(self, column: str) -> float:
        """Figure of the chosen way in `ways`; NaN for lifecycle stages."""
        if self.rule.way is None:
            return float("nan")
        way = self.rule.way
        is_it = (self.ways["method"] == way.method) & (self.ways["setting"] == way.setting)
        return float(self.ways.loc[is_it, column].iloc[0])


def fit_segments(
    profiles: pd.DataFrame,
    columns: Sequence[str],
    seed: int,
    min_segments: int = 3,
    max_segments: int = 8,
    n_resamples: int = 10,
    min_customers: int = 100,
    min_share: float = 0.02,
) -> Segmentation:
    """Part customers into kinds in the most stable way.

    Parameters
    ----------
    profiles : pandas.DataFrame
        One row per customer: `customer_id`, `lifecycle`, `spend_90_value`, and `columns`.
    columns : sequence of str
        Numeric columns of `profiles` that say how customers behave.
    seed : int
        Of the starts and of the resampling.
    min_segments, max_segments : int, default 3 and 8
        Numbers of segments allowed.
    n_resamples : int, default 10
        Times customers are drawn anew to see whether the segments stay.
    min_customers : int, default 100
        With fewer customers, or fewer than two columns that vary, the segments are the
        lifecycle stages.
    min_share : float, default 0.02
        Share of customers that every segment has at least.
    """
    _check_columns(columns)
    if not 2 <= min_segments <= max_segments:
        raise ParameterError(
            f"Expected 2 <= min_segments <= max_segments, found {min_segments} and {max_segments}; "
            "try at least one number of segments."
        )
    profiles = profiles.sort_values("customer_id", ignore_index=True)
    scale = fit_scale(profiles, columns)
    Z = scale.transform(profiles)
    lack = _lack(Z, min_customers)
    if lack:
        return lifecycle_segments(profiles, columns, lack)
    tried = list_ways(min_segments, max_segments)
    ways = compare_ways(Z, tried, n_resamples, seed)
    chosen = choose_way(ways, min_segments, max_segments, min_share)
    if chosen is None:
        lack = f"no way makes {min_segments} to {max_segments} segments of {min_share:.0%} or more"
        return replace(lifecycle_segments(profiles, columns, lack), ways=ways)
    return _segmentation(profiles, fit_rule(profiles, tried[chosen], scale, seed), ways, "")


def fit_rule(profiles: pd.DataFrame, way: Way, scale: Scale, seed: int) -> SegmentRule:
    """Part these customers in one way, and name the segments.

    Parameters
    ----------
    profiles : DataFrame
        Of more than 50,000 customers as many are drawn.
    way : Way
    scale : Scale
    seed : int
    """
    Z = scale.transform(profiles)
    if len(Z) > _MOST_FITTED:
        chosen = np.random.default_rng(seed).choice(len(Z), _MOST_FITTED, replace=False)
        Z = Z[np.sort(chosen)]
    (parting,) = fit_partings(Z, [way], seed)
    means = pd.DataFrame(Z, columns=list(scale.columns)).groupby(parting.predict(Z)).mean()
    means = means.reindex(range(parting.n_segments)).fillna(0.0)
    return SegmentRule(way, scale, parting, tuple(name_segments(means)))


def lifecycle_segments(profiles: pd.DataFrame, columns: Sequence[str], lack: str) -> Segmentation:
    """Make the plain segments: lifecycle stages, with the reason why.

    Parameters
    ----------
    profiles, columns
        As for `fit_segments`.
    lack : str
        Why customers are not clustered.
    """
    logger.info("fit_segments: lifecycle stages, %s", lack)
    profiles = profiles.sort_values("customer_id", ignore_index=True)
    rule = SegmentRule(None, fit_scale(profiles, columns))
    return _segmentation(profiles, rule, pd.DataFrame(), lack)


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


def fit_scale(profiles: pd.DataFrame, columns: Sequence[str]) -> Scale:
    """Measure mean and spread of the log-scaled columns; a column without any value is 0."""
    scaled = log_scaled(profiles, tuple(columns))
    mean, spread = (part.fillna(0.0).to_numpy() for part in (scaled.mean(), scaled.std(ddof=0)))
    return Scale(tuple(columns), mean, spread)


def standardise(profiles: pd.DataFrame, columns: Sequence[str]) -> np.ndarray:
    """Log-scaled columns in standard deviations from the mean, cut at 3; a gap is the mean.

    Returns
    -------
    array of shape (n_customers, n_columns)
    """
    return fit_scale(profiles, columns).transform(profiles)


def segment_customers(rule: SegmentRule, profiles: pd.DataFrame) -> pd.DataFrame:
    """Give each customer a segment: `segments`, for all or some of them."""
    return pd.DataFrame({"customer_id": profiles["customer_id"], "segment": rule.predict(profiles)})


def _segmentation(
    profiles: pd.DataFrame, rule: SegmentRule, ways: pd.DataFrame, lack: str
) -> Segmentation:
    customers = segment_customers(rule, profiles)
    segment = customers["segment"]
    spend = profiles["spend_90_value"].groupby(segment).mean()
    order = sorted(spend.index, key=lambda name: (-round(spend[name], 6), name))
    Z = pd.DataFrame(rule.scale.transform(profiles), columns=list(rule.scale.columns))
    return Segmentation(rule, customers, Z.groupby(segment).mean().loc[order], ways, lack)


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
