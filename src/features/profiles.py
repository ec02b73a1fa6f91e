"""The profile of every customer, as known on one date."""

import functools

import ibis
from ibis.expr.types import Table

from src.data.tables import table_contract
from src.features.contacts import build_contacts
from src.features.interests import OBSERVATION_DAYS, build_breadth, build_interests
from src.features.prices import build_prices
from src.features.rfm import add_rfm_scores, rfm_metrics
from src.features.rhythm import (
    DEFAULT_LIFECYCLE,
    LifecycleRules,
    build_gaps,
    habit_metrics,
    lifecycle,
)
from src.features.windows import build_baskets, window_metrics

__all__ = ["build_profiles", "compare_customers", "describe_customers"]

_COUNTS = ("n_departments", "n_redemptions_365", "n_exposures_365")


def build_profiles(
    orders: Table,
    products: Table,
    customers: Table,
    events: Table,
    exposures: Table,
    as_of_date: str,
    observation_days: int = OBSERVATION_DAYS,
    lifecycle_rules: LifecycleRules = DEFAULT_LIFECYCLE,
) -> Table:
    """Describe every customer with an order, by what was known on one date.

    Days and weeks are those of UTC. Every figure comes from integer sums, so neither the order
    of rows nor anything after the as-of date can change a byte of it. RFM, gaps, discounts and
    habits look at all orders so far, departments at `observation_days`, windows at their days.

    Parameters
    ----------
    orders, products, customers, events, exposures : ibis.Table
        As in their contracts, on one engine; the last three may be empty.
    as_of_date : str
        ISO date, the last day whose facts are used.
    observation_days : int, default 730
        Days looked back for departments.
    lifecycle_rules : LifecycleRules
        Limits of new, active, slipping and lapsed.

    Returns
    -------
    ibis.Table
        One row per customer with at least one order by then, lazy, with the columns of the
        contract of ``profiles``.
    """
    baskets = build_baskets(orders, as_of_date)
    habits = build_habits(baskets)
    described = _describe(
        habits, baskets, orders, products, customers, events, exposures, as_of_date,
        observation_days,
    )  # fmt: skip
    return compare_customers(described, habits, lifecycle_rules)


def describe_customers(
    orders: Table,
    products: Table,
    customers: Table,
    events: Table,
    exposures: Table,
    as_of_date: str,
    observation_days: int = OBSERVATION_DAYS,
) -> Table:
    """Describe customers by what each did, without looking at any other.

    Parameters
    ----------
    orders, products, customers, events, exposures, as_of_date, observation_days
        As for `build_profiles`; `orders` may be those of some customers only.

    Returns
    -------
    ibis.Table
        One row per customer in `orders`: the columns of ``profiles`` without RFM scores and
        stage of life.
    """
    baskets = build_baskets(orders, as_of_date)
    return _describe(
        build_habits(baskets), baskets, orders, products, customers, events, exposures,
        as_of_date, observation_days,
    )  # fmt: skip


def build_habits(baskets: Table) -> Table:
    """Count what follows from the baskets of each customer alone, in one pass."""
    return baskets.group_by("customer_id").agg(
        **rfm_metrics(baskets), **window_metrics(baskets), **habit_metrics(baskets)
    )


def _describe(
    habits: Table,
    baskets: Table,
    orders: Table,
    products: Table,
    customers: Table,
    events: Table,
    exposures: Table,
    as_of_date: str,
    observation_days: int,
) -> Table:
    interests = build_interests(orders, products, as_of_date, observation_days)
    families = [
        habits,
        build_gaps(baskets),
        build_prices(orders, products, as_of_date),
        build_breadth(interests),
        build_contacts(events, exposures, as_of_date),
        customers,
    ]
    described = functools.reduce(_join, families)
    return described.mutate(
        as_of_date=ibis.date(as_of_date),
        overdue_ratio=described.recency_days / described.gap_mean_days,
        **{name: described[name].fill_null(0) for name in _COUNTS},
    )


def compare_customers(
    described: Table, habits: Table, lifecycle_rules: LifecycleRules = DEFAULT_LIFECYCLE
) -> Table:
    """Add what depends on the others: RFM scores; and the stage of life.

    Parameters
    ----------
    described : ibis.Table
        From `describe_customers`, all customers.
    habits : ibis.Table
        The same customers with recency, frequency and monetary value; ranking rows of few
        columns spares memory.
    lifecycle_rules : LifecycleRules
        Limits of new, active, slipping and lapsed.

    Returns
    -------
    ibis.Table
        The columns of the contract of ``profiles``.
    """
    rfm = habits.select("customer_id", "recency_days", "frequency", "monetary_value")
    scores = add_rfm_scores(rfm).select("customer_id", "r_score", "f_score", "m_score")
    profiles = described.inner_join(scores, "customer_id")
    profiles = profiles.mutate(lifecycle=lifecycle(profiles, lifecycle_rules))
    return profiles.select(*table_contract("profiles").column_names)


def _join(profiles: Table, family: Table) -> Table:
    return profiles.left_join(family, "customer_id").drop("customer_id_right")
