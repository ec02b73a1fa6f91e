"""How regularly customers come: gaps between days with an order, what is due, stage of life."""

from dataclasses import dataclass
import functools

import ibis
from ibis.expr.types import StringColumn, Table

from src.data.columns import real, text
from src.features.catalogue import PROFILE, Feature
from src.features.relations import Relation, Setting

__all__ = [
    "DEFAULT_LIFECYCLE",
    "FEATURES",
    "LIFECYCLE",
    "RELATIONS",
    "LifecycleRules",
    "build_gaps",
    "lifecycle",
]

LIFECYCLE = ("new", "active", "slipping", "lapsed")
"""Stages of a customer's life, in order."""


@dataclass(frozen=True)
class LifecycleRules:
    """Where one stage of a customer's life ends and the next begins.

    The first that holds: ``lapsed`` if the last order is `lapsed_days` ago or more; ``new`` if
    the first is less than `new_days` ago; ``slipping`` if the last is at least `slipping_days`
    ago and `slipping_ratio` times the customer's mean gap or more (customers with orders on
    one day only have no gap: for them the days alone decide); else ``active``.
    """

    new_days: int = 30
    slipping_days: int = 21
    slipping_ratio: float = 2.0
    lapsed_days: int = 90


DEFAULT_LIFECYCLE = LifecycleRules()


def build_gaps(baskets: Table) -> Table:
    r"""Measure the gaps between days with an order.

    With days :math:`t_1 < \dots < t_m` on which the customer ordered and gaps
    :math:`g_i = t_{i+1} - t_i`, the mean is that of the :math:`m - 1` gaps and the spread
    their sample standard deviation; the first needs two days, the second three. Several
    orders on one day are one day. Both come from integer sums, so that no order of adding can
    change them.

    Parameters
    ----------
    baskets : ibis.Table
        From `build_baskets`.

    Returns
    -------
    ibis.Table
        One row per customer: `gap_mean_days`, `gap_std_days`.
    """
    days = baskets.select("customer_id", "days_ago").distinct()
    later = days.days_ago.lag().over(group_by=days.customer_id, order_by=days.days_ago)
    gaps = days.mutate(gap=days.days_ago - later)
    sums = gaps.group_by("customer_id").agg(
        n=gaps.gap.count(), total=gaps.gap.sum(), squares=(gaps.gap * gaps.gap).sum()
    )
    scatter = (sums.n * sums.squares - sums.total * sums.total) / (sums.n * (sums.n - 1)).nullif(0)
    return sums.select(
        "customer_id",
        gap_mean_days=sums.total / sums.n.nullif(0),
        gap_std_days=scatter.sqrt(),
    )


def lifecycle(profiles: Table, rules: LifecycleRules = DEFAULT_LIFECYCLE) -> StringColumn:
    """Stage of each customer's life: new, active, slipping or lapsed; see `LifecycleRules`.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer with `recency_days`, `tenure_days` and `overdue_ratio`.
    rules : LifecycleRules
        The limits.
    """
    is_overdue = (profiles.recency_days >= rules.slipping_days) & (
        profiles.overdue_ratio.isnull() | (profiles.overdue_ratio >= rules.slipping_ratio)
    )
    return ibis.cases(
        (profiles.recency_days >= rules.lapsed_days, "lapsed"),
        (profiles.tenure_days < rules.new_days, "new"),
        (is_overdue, "slipping"),
        else_="active",
    )


def _gaps(baskets: Table, setting: Setting) -> Table:
    return build_gaps(baskets)


RELATIONS = (
    Relation(
        "gaps",
        "one row per customer: mean and spread of the gaps between days with an order",
        ("baskets",),
        _gaps,
        is_complete=True,
        is_per_customer=True,
    ),
)

_rhythm = functools.partial(Feature.of, family="rhythm")

FEATURES = (
    _rhythm(
        real("gap_mean_days", "Mean days between days with an order.", "days", True),
        relation="gaps",
        build=lambda gaps: gaps.gap_mean_days,
    ),
    _rhythm(
        real("gap_std_days", "Spread of those gaps.", "days", True),
        relation="gaps",
        build=lambda gaps: gaps.gap_std_days,
    ),
    _rhythm(
        real("overdue_ratio", "Recency over the mean gap.", "ratio", True),
        relation=PROFILE,
        build=lambda profile: profile.recency_days / profile.gap_mean_days,
        uses=("recency_days", "gap_mean_days"),
    ),
    _rhythm(
        real(
            "next_order_days",
            "Days from the as-of date to the next order, if it comes after the mean gap; "
            "below 0 it is overdue.",
            "days",
            True,
        ),
        relation=PROFILE,
        build=lambda profile: profile.gap_mean_days - profile.recency_days,
        uses=("recency_days", "gap_mean_days"),
    ),
    Feature.of(
        text("lifecycle", "new, active, slipping, lapsed."),
        family="lifecycle",
        relation=PROFILE,
        build=lifecycle,
        uses=("recency_days", "tenure_days", "overdue_ratio"),
    ),
)
