"""The profile of every customer, as known on one date."""

import functools

import ibis
from ibis.expr.types import Table

from src.data.tables import table_contract
from src.features.contacts import build_contacts
from src.features.interests import OBSERVATION_DAYS, build_breadth, build_interests
from src.features.prices import build_prices
from src.features.rfm import add_rfm_scores, build_rfm
from src.features.rhythm import DEFAULT_LIFECYCLE, LifecycleRules, build_rhythm, lifecycle
from src.features.windows import build_baskets, build_windows

__all__ = ["build_profiles"]


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
    interests = build_interests(orders, products, as_of_date, observation_days)
    families = [
        add_rfm_scores(build_rfm(baskets)),
        build_windows(baskets),
        build_rhythm(baskets),
        build_prices(orders, products, as_of_date),
        build_breadth(interests),
        build_contacts(events, exposures, as_of_date),
        customers,
    ]
    profiles = functools.reduce(_join, families)
    counts = ("n_departments", "n_redemptions_365", "n_exposures_365")
    profiles = profiles.mutate(
        as_of_date=ibis.date(as_of_date),
        lifecycle=lifecycle(profiles, lifecycle_rules),
        **{name: profiles[name].fill_null(0) for name in counts},
    )
    return profiles.select(*table_contract("profiles").column_names)


def _join(profiles: Table, family: Table) -> Table:
    return profiles.left_join(family, "customer_id").drop("customer_id_right")
