"""Which interests are new: departments bought from for the first time."""

import functools

from ibis.expr.types import BooleanValue, Table

from src.data.columns import count, text
from src.data.contract import Column
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting
from src.features.windows import days_before

__all__ = ["FEATURES", "NEW_DAYS", "RELATIONS", "build_first_purchases"]

NEW_DAYS = 90
"""Days for which an interest is new."""


def build_first_purchases(orders: Table, products: Table, as_of_date: str) -> Table:
    """Find the day on which each customer first bought from each department.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts.
    as_of_date : str
        ISO date; lines after it are not seen. All lines before it are.

    Returns
    -------
    ibis.Table
        One row per customer and known department: `first_days` ago it was first bought from,
        and of the customer's departments the earliest (`earliest_days`) and the latest
        (`latest_days`) of these.
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    lines = lines.join(products.select("product_id", "department"), "product_id")
    lines = lines.filter(lines.department.notnull())
    firsts = lines.group_by("customer_id", "department").agg(
        first_days=days_before(lines.ordered_at.min(), as_of_date)
    )
    ends = firsts.group_by("customer_id").agg(
        earliest_days=firsts.first_days.max(), latest_days=firsts.first_days.min()
    )
    return firsts.join(ends, "customer_id")


def _first_purchases(orders: Table, products: Table, setting: Setting) -> Table:
    return build_first_purchases(orders, products, setting.as_of_date)


def _is_new(firsts: Table) -> BooleanValue:
    """Not on the customer's first day: then everything is new, and nothing is an interest."""
    return (firsts.first_days < NEW_DAYS) & (firsts.first_days < firsts.earliest_days)


def _is_newest(firsts: Table) -> BooleanValue:
    return _is_new(firsts) & (firsts.first_days == firsts.latest_days)


RELATIONS = (
    Relation(
        "first_purchases",
        "one row per customer and department ever bought from",
        ("orders", "products"),
        _first_purchases,
    ),
)

_newest = functools.partial(
    Feature.of, family="interests", relation="first_purchases", window_days=NEW_DAYS
)

FEATURES = (
    _newest(
        count(
            "n_new_departments_90",
            "Departments bought from for the first time in the last 90 days, but not on the "
            "customer's first day.",
        ),
        build=lambda firsts: firsts.count(where=_is_new(firsts)),
        fill=0,
    ),
    _newest(
        text("newest_department", "The latest of them, of equals the first by name.", True),
        build=lambda firsts: firsts.department.min(where=_is_newest(firsts)),
    ),
    _newest(
        Column("newest_department_days", "int64", "Days since then.", "days", True),
        build=lambda firsts: firsts.first_days.min(where=_is_new(firsts)),
    ),
)
