"""When in the week and in the day customers order; days and hours are those of UTC."""

import functools

import ibis
from ibis.expr.types import StringValue, Table

from src.data.columns import share, text
from src.data.window import parse_date
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting

__all__ = ["FEATURES", "RELATIONS", "WEEKDAYS", "build_weekdays"]

WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def build_weekdays(baskets: Table, as_of_date: str) -> Table:
    """Count the orders of each customer on each day of the week.

    Parameters
    ----------
    baskets : ibis.Table
        From `build_baskets`.
    as_of_date : str
        The same date.

    Returns
    -------
    ibis.Table
        One row per customer and `weekday` (0 is Monday): `n_orders`, and `rank_code`, which is
        highest for the day with most orders, of equals the earlier in the week.
    """
    today = parse_date(as_of_date).weekday()
    # days_ago says it already: another column of baskets would cost memory
    weekday = (today - baskets.days_ago % 7 + 7) % 7
    days = baskets.mutate(weekday=weekday).group_by("customer_id", "weekday")
    counts = days.agg(n_orders=lambda t: t.count())
    return counts.mutate(rank_code=counts.n_orders * 7 + (6 - counts.weekday))


def _weekdays(baskets: Table, setting: Setting) -> Table:
    return build_weekdays(baskets, setting.as_of_date)


def _favourite(weekdays: Table) -> StringValue:
    day = 6 - weekdays.rank_code.max() % 7
    return ibis.cases(*((day == number, name) for number, name in enumerate(WEEKDAYS)))


RELATIONS = (
    Relation(
        "weekdays",
        "one row per customer and day of the week with an order",
        ("baskets",),
        _weekdays,
        is_complete=True,
    ),
)

_times = functools.partial(Feature.of, family="times")

FEATURES = (
    _times(
        share("weekend_share", "Orders on Saturday or Sunday."),
        relation="baskets",
        build=lambda baskets: baskets.count(where=baskets.is_weekend) / baskets.count(),
    ),
    _times(
        share("evening_share", "Orders from 17:00 UTC on."),
        relation="baskets",
        build=lambda baskets: baskets.count(where=baskets.is_evening) / baskets.count(),
    ),
    _times(
        text(
            "favourite_weekday",
            "Day of the week (UTC) with most orders, of equals the earlier; Monday is the first.",
        ),
        relation="weekdays",
        build=_favourite,
    ),
    _times(
        share("favourite_weekday_share", "Its share of orders."),
        relation="weekdays",
        build=lambda weekdays: weekdays.n_orders.max() / weekdays.n_orders.sum(),
    ),
)
