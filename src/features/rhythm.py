"""When customers come: gaps between days with an order, week, evening, stage of life."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import StringColumn, Table, Value

__all__ = [
    "DEFAULT_LIFECYCLE",
    "LIFECYCLE",
    "LifecycleRules",
    "build_gaps",
    "habit_metrics",
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


def habit_metrics(baskets: Table) -> dict[str, Value]:
    """Shares of orders on weekends and in evenings (UTC days and hours).

    Parameters
    ----------
    baskets : ibis.Table
        From `build_baskets`.

    Returns
    -------
    dict of str to ibis.Value
        To aggregate by customer: `weekend_share`, `evening_share`.
    """
    n_orders = baskets.count()
    return {
        "weekend_share": baskets.count(where=baskets.is_weekend) / n_orders,
        "evening_share": baskets.count(where=baskets.is_evening) / n_orders,
    }


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
