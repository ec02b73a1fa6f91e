"""Orders as they were known on one date, and what fell into its last 7, 30, 90 and 365 days."""

import functools

import ibis
from ibis.expr.types import IntegerColumn, Table

from src.data.columns import count, value
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting

__all__ = [
    "FEATURES",
    "RELATIONS",
    "WINDOW_DAYS",
    "build_baskets",
    "days_before",
    "value_of",
    "whole",
]

WINDOW_DAYS = (7, 30, 90, 365)
_SATURDAY = 5
_EVENING_HOUR = 17


def days_before(times: ibis.Value, as_of_date: str) -> IntegerColumn:
    """Whole UTC days from each time to the as-of date; 0 is the as-of day itself."""
    return ibis.date(as_of_date).delta(times.date(), unit="day")


def value_of(minor: ibis.Value, divisor: ibis.Value | int = 1) -> ibis.Value:
    """Shop currency from integer cents, divided once so that equal ratios are equal floats."""
    return minor / (divisor * 100)


def whole(total: ibis.Value) -> ibis.Value:
    """Make a sum of whole numbers an int64: DuckDB's own are wider, and Parquet has none such."""
    return total.cast("float64").cast("int64")


def build_baskets(orders: Table, as_of_date: str) -> Table:
    """Gather order lines into orders, as known on one date.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line, as in the contract of ``orders``.
    as_of_date : str
        ISO date; lines after the end of that UTC day are not seen.

    Returns
    -------
    ibis.Table
        One row per customer and order: `days_ago` (0 is the as-of day), `value_minor` and
        `n_lines`, the shop of the order, and whether it fell on a Saturday or Sunday and at
        17:00 or later. Days and hours are those of UTC: a shop elsewhere sees its late evening
        counted to the next day unless 01_ingest was told its time zone.
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    baskets = lines.group_by("customer_id", "order_id").agg(
        ordered_at=lines.ordered_at.min(),
        value_minor=lines.line_value_minor.sum(),
        n_lines=lines.count(),
        store_id=lines.store_id.min(),
    )
    return baskets.mutate(
        days_ago=days_before(baskets.ordered_at, as_of_date),
        is_weekend=baskets.ordered_at.date().day_of_week.index() >= _SATURDAY,
        is_evening=baskets.ordered_at.hour() >= _EVENING_HOUR,
    )


def _baskets(orders: Table, setting: Setting) -> Table:
    return build_baskets(orders, setting.as_of_date)


def _n_orders(baskets: Table, days: int) -> ibis.Value:
    return baskets.count(where=baskets.days_ago < days)


def _spend(baskets: Table, days: int) -> ibis.Value:
    return value_of(baskets.value_minor.sum(where=baskets.days_ago < days))


def _n_items(baskets: Table, days: int) -> ibis.Value:
    return whole(baskets.n_lines.sum(where=baskets.days_ago < days))


def _spend_before(baskets: Table) -> ibis.Value:
    ago = baskets.days_ago
    return value_of(baskets.value_minor.sum(where=(ago >= 90) & (ago < 180)))


RELATIONS = (
    Relation(
        # not a column more than the core needs: DuckDB keeps all of them in memory
        "baskets", "one row per customer and order", ("orders",), _baskets, is_complete=True
    ),
)  # fmt: skip

_windows = functools.partial(Feature.of, family="windows", relation="baskets", fill=0)

FEATURES = (
    *(
        _windows(
            count(f"n_orders_{days}", f"Orders in the last {days} days.", "orders"),
            build=functools.partial(_n_orders, days=days),
            window_days=days,
        )
        for days in WINDOW_DAYS
    ),
    *(
        _windows(
            value(f"spend_{days}_value", f"Spend in the last {days} days."),
            build=functools.partial(_spend, days=days),
            window_days=days,
        )
        for days in WINDOW_DAYS
    ),
    _windows(
        value("spend_prior_90_value", "Spend in the 90 days before the last 90."),
        build=_spend_before,
        window_days=180,
    ),
    *(
        _windows(
            count(f"n_items_{days}", f"Order lines in the last {days} days.", "lines"),
            build=functools.partial(_n_items, days=days),
            window_days=days,
        )
        for days in WINDOW_DAYS
    ),
)
