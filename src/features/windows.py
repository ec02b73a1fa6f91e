"""Orders as they were known on one date, and what fell into its last 30, 90 and 365 days."""

import ibis
from ibis.expr.types import IntegerColumn, Table

from src.data.window import known_by

__all__ = ["WINDOW_DAYS", "build_baskets", "days_before", "value_of", "window_metrics"]

WINDOW_DAYS = (30, 90, 365)
_SATURDAY = 5
_EVENING_HOUR = 17


def days_before(times: ibis.Value, as_of_date: str) -> IntegerColumn:
    """Whole UTC days from each time to the as-of date; 0 is the as-of day itself."""
    return ibis.date(as_of_date).delta(times.date(), unit="day")


def value_of(minor: ibis.Value, divisor: ibis.Value | int = 1) -> ibis.Value:
    """Shop currency from integer cents, divided once so that equal ratios are equal floats."""
    return minor / (divisor * 100)


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


def window_metrics(baskets: Table) -> dict[str, ibis.Value]:
    """Count orders and add up spend in the last 30, 90 and 365 days.

    A window of `n` days holds the as-of day and the `n - 1` days before it;
    `spend_prior_90_value` is the spend of the 90 days before the last 90.

    Parameters
    ----------
    baskets : ibis.Table
        From `build_baskets`.

    Returns
    -------
    dict of str to ibis.Value
        To aggregate by customer: `n_orders_<days>`, and `spend_<days>_value` in shop currency.
    """
    ago, minor = baskets.days_ago, baskets.value_minor
    counts = {f"n_orders_{days}": baskets.count(where=ago < days) for days in WINDOW_DAYS}
    spends = {f"spend_{days}_value": _spend(minor, ago < days) for days in WINDOW_DAYS}
    return counts | spends | {"spend_prior_90_value": _spend(minor, (ago >= 90) & (ago < 180))}


def _spend(minor: IntegerColumn, where: ibis.Value) -> ibis.Value:
    return value_of(minor.sum(where=where).fill_null(0))
