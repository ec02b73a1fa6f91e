"""Are the segments worth more than lifecycle stages? Held against what customers then spent."""

from dataclasses import dataclass, replace

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import within
from src.metrics.intervals import Interval, bootstrap_interval
from src.models.segment_moves import Moves
from src.models.segments import (
    Segmentation,
    fit_rule,
    fit_scale,
    lifecycle_segments,
    segment_customers,
)
from src.models.splits import customer_numbers

__all__ = [
    "SpendCheck",
    "check_spend_told",
    "describe_check",
    "record_segments",
    "settle_segments",
    "spend_after",
]

_SALT = "segment check"
_FEWEST = 50


@dataclass(frozen=True)
class SpendCheck:
    r"""How well segments made earlier tell apart what customers spent next.

    Parameters
    ----------
    first_date, last_date : str
        The window, which the segments knew nothing of.
    told : Interval or None
        Share of the variance of :math:`\ln(1 + \text{spend})` that the segments explain in
        customers whose spend the group means were not made from.
    told_by_baseline : Interval or None
        The same for lifecycle stages.
    gain : Interval or None
        Share of the baseline's squared error that the segments remove.
    lack : str
        Why nothing could be held against it; else empty.
    """

    first_date: str
    last_date: str
    told: Interval | None = None
    told_by_baseline: Interval | None = None
    gain: Interval | None = None
    lack: str = ""

    @property
    def is_won(self) -> bool:
        """Whether the segments surely tell more: the lower end of the gain lies above 0."""
        return self.gain is not None and self.gain.lower > 0


def spend_after(orders: Table, as_of_date: str, last_date: str) -> pd.Series:
    """Sum up what each customer spent after one date, up to another: cents by `customer_id`."""
    lines = within(orders, "ordered_at", as_of_date, last_date)
    spent = lines.group_by("customer_id").agg(spend=lines.line_value_minor.sum())
    return spent.to_pandas().set_index("customer_id")["spend"]


def check_spend_told(
    segmentation: Segmentation,
    earlier: pd.DataFrame,
    spend: pd.Series,
    window: tuple[str, str],
    seed: int,
) -> SpendCheck:
    """Make the segments anew as of an earlier day, and hold them against the days that followed.

    Half of the customers, by hash, tell the mean of each group; the squared error is that of
    the other half, and the other way round.

    Parameters
    ----------
    segmentation : Segmentation
        Whose way is tried; it is fitted again on `earlier`.
    earlier : DataFrame
        `profiles` as they stood on the day before the window.
    spend : Series
        As from `spend_after`; who is not in it spent nothing.
    window : tuple of str
        First and last day.
    seed : int
        Of starts and intervals.
    """
    if segmentation.rule.way is None:
        return SpendCheck(*window, lack=segmentation.lack)
    earlier = earlier.sort_values("customer_id", ignore_index=True)
    if len(earlier) < _FEWEST:
        return SpendCheck(*window, lack=f"only {len(earlier)} customers were known before it")
    y = np.log1p(earlier["customer_id"].map(spend).fillna(0.0).to_numpy(float) / 100)
    if y.std() == 0:
        return SpendCheck(*window, lack="all customers spent the same in it")
    way, columns = segmentation.rule.way, segmentation.rule.scale.columns
    rule = fit_rule(earlier, way, fit_scale(earlier, columns), seed)
    stages = lifecycle_segments(earlier, columns, "the baseline").customers["segment"]
    groups = segment_customers(rule, earlier)["segment"], stages, pd.Series("all", earlier.index)
    first = customer_numbers(earlier["customer_id"], _SALT) < 0.5
    own, rule_of_thumb, none = (_errors(y, group.to_numpy(), first) for group in groups)
    told, by_baseline, gain = (
        bootstrap_interval(_removed, *pair, seed=seed)
        for pair in ((own, none), (rule_of_thumb, none), (own, rule_of_thumb))
    )
    return SpendCheck(*window, told, by_baseline, gain)


def _errors(y: np.ndarray, group: np.ndarray, first: np.ndarray) -> np.ndarray:
    """Squared error of each customer against the group's mean in the other half."""
    expected = np.empty(len(y))
    for is_here in (first, ~first):
        others = pd.Series(y[~is_here]).groupby(group[~is_here]).mean()
        found = pd.Series(group[is_here]).map(others).fillna(y[~is_here].mean())
        expected[is_here] = found.to_numpy()
    return (y - expected) ** 2


def _removed(errors: np.ndarray, baseline: np.ndarray) -> float:
    return 1 - errors.sum() / baseline.sum() if baseline.sum() > 0 else float("nan")


def settle_segments(
    segmentation: Segmentation, check: SpendCheck, profiles: pd.DataFrame
) -> Segmentation:
    """Keep the clusters if they surely tell more than lifecycle stages; else take these."""
    if segmentation.rule.way is None or check.is_won:
        return segmentation
    columns = segmentation.rule.scale.columns
    lack = check.lack and f"what was spent next cannot be held against them ({check.lack})"
    lack = lack or "they do not surely tell more of what is spent next than the lifecycle stages do"
    return replace(lifecycle_segments(profiles, columns, lack), ways=segmentation.ways)


def describe_check(check: SpendCheck) -> str:
    """Say in Markdown whether the clusters are worth more than lifecycle stages."""
    when = f"{check.first_date} to {check.last_date}"
    if check.lack:
        return f"**Not held against later spend** ({when}): {check.lack}."
    told, plain, gain = check.told, check.told_by_baseline, check.gain
    verdict = (
        "They surely tell more, and are used"
        if check.is_won
        else "That is not surely more, and the stages are used"
    )
    return (
        f"Made again on the eve of the window {when}, the clusters explain **{told.estimate:.1%}** "
        f"[{told.lower:.1%}, {told.upper:.1%}] of how {told.n:,} customers then differed in spend, "
        f"lifecycle stages {plain.estimate:.1%} [{plain.lower:.1%}, {plain.upper:.1%}]. They "
        f"remove {gain.estimate:.1%} [{gain.lower:.1%}, {gain.upper:.1%}] of the stages' "
        f"squared error. {verdict}."
    )


def record_segments(
    segmentation: Segmentation, check: SpendCheck, moves: Moves
) -> dict[str, float | int | str | None]:
    """Lay out how the segments came about, and their checks, as named numbers."""
    numbers: dict[str, float | int | str | None] = {
        "method": segmentation.method,
        "n_segments": segmentation.n_segments,
        "n_new": moves.n_new,
        "agreement_with_previous": moves.agreement,
    }
    for name in ("silhouette", "stability"):
        numbers[name] = segmentation.result(name)
        numbers[f"{name}_shuffled"] = segmentation.result(f"{name}_shuffled")
    for end in ("lower", "upper"):
        numbers[f"stability_{end}"] = segmentation.result(f"stability_{end}")
    for name, figure in (
        ("spend_told", check.told),
        ("spend_told_by_lifecycle", check.told_by_baseline),
        ("gain_over_lifecycle", check.gain),
        ("moved_share", moves.moved),
    ):
        numbers[name] = figure.estimate if figure else None
        numbers[f"{name}_lower"] = figure.lower if figure else None
        numbers[f"{name}_upper"] = figure.upper if figure else None
    return numbers
