"""What customers look at, keep and put into the cart; programs are left out, but counted."""

import functools

import ibis
from ibis.expr.types import Table

from src.data.columns import count, share
from src.data.contract import Column
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting
from src.features.windows import days_before, whole

__all__ = ["BROWSING", "FEATURES", "RELATIONS", "build_visit_days"]

BROWSING = ("view", "click", "favourite", "cart")
"""Events of a visit; purchases and redeemed coupons happen at the till, and may be booked later."""

_WINDOWS = (30, 365)


def build_visit_days(events: Table, baskets: Table, as_of_date: str) -> Table:
    """Gather what customers did in the shop's pages into days, as known on one date.

    Parameters
    ----------
    events : ibis.Table
        As in its contract.
    baskets : ibis.Table
        From `build_baskets`.
    as_of_date : str
        ISO date; what happened after it is not seen.

    Returns
    -------
    ibis.Table
        One row per customer and UTC day with events of `BROWSING`: `days_ago`; of persons
        `n_events`, `n_views`, `n_carts`, `n_favourites` and `n_sessions` (visits: one that
        passes midnight counts on both days, events without a session are one together);
        `n_bot_events` of programs; and whether the customer ordered on that day or the next,
        `is_ordered`, as far as that is known.
    """
    seen = known_by(events, "event_at", as_of_date)
    seen = seen.filter(seen.event_type.isin(BROWSING))
    seen = seen.mutate(
        days_ago=days_before(seen.event_at, as_of_date),
        is_person=~seen.is_bot.fill_null(False),
    )
    person, kind = seen.is_person, seen.event_type
    days = seen.group_by("customer_id", "days_ago").agg(
        n_events=seen.count(where=person),
        n_views=seen.count(where=person & (kind == "view")),
        n_carts=seen.count(where=person & (kind == "cart")),
        n_favourites=seen.count(where=person & (kind == "favourite")),
        n_named_sessions=seen.session_id.nunique(where=person),
        n_nameless=seen.count(where=person & seen.session_id.isnull()),
        n_bot_events=seen.count(where=~person),
    )
    ordered = _order_days(baskets)
    joined = days.left_join(ordered, ["customer_id", "days_ago"])
    return joined.select(
        *("customer_id", "days_ago", "n_events", "n_views", "n_carts", "n_favourites"),
        *("n_bot_events",),
        n_sessions=joined.n_named_sessions + (joined.n_nameless > 0).cast("int64"),
        is_ordered=joined.customer_id_right.notnull(),
    )


def _order_days(baskets: Table) -> Table:
    """Days with an order, and the days before them: a cart filled late is paid after midnight."""
    days = baskets.select("customer_id", "days_ago").distinct()
    eves = days.mutate(days_ago=days.days_ago + 1)
    return days.union(eves, distinct=True)


def _visit_days(events: Table, baskets: Table, setting: Setting) -> Table:
    return build_visit_days(events, baskets, setting.as_of_date)


def _total(visits: Table, name: str, days: int) -> ibis.Value:
    return whole(visits[name].sum(where=visits.days_ago < days))


def _n_visit_days(visits: Table, days: int) -> ibis.Value:
    return visits.count(where=(visits.days_ago < days) & (visits.n_events > 0))


def _n_open_carts(visits: Table, days: int) -> ibis.Value:
    return visits.count(where=(visits.days_ago < days) & (visits.n_carts > 0) & ~visits.is_ordered)


def _conversion(visits: Table) -> ibis.Value:
    is_visit = (visits.days_ago < 365) & (visits.n_events > 0)
    ordered = visits.count(where=is_visit & visits.is_ordered)
    return ordered / visits.count(where=is_visit).nullif(0)


RELATIONS = (
    Relation(
        "visit_days",
        "one row per customer and day with a view, click, favourite or cart",
        ("events", "baskets"),
        _visit_days,
    ),
)

_behaviour = functools.partial(Feature.of, family="behaviour", relation="visit_days")

_COUNTED = {
    "n_views": "Products looked at",
    "n_favourites": "Products marked as a favourite",
    "n_carts": "Products put into the cart",
    "n_sessions": "Visits",
}


def _of_window(days: int) -> tuple[Feature, ...]:
    within = functools.partial(_behaviour, window_days=days, fill=0)
    return (
        *(
            within(
                count(f"{name}_{days}", f"{words} in the last {days} days."),
                build=functools.partial(_total, name=name, days=days),
            )
            for name, words in _COUNTED.items()
        ),
        within(
            count(f"n_visit_days_{days}", f"Days with a visit in the last {days}.", "days"),
            build=functools.partial(_n_visit_days, days=days),
        ),
        within(
            count(
                f"n_open_cart_days_{days}",
                f"Days of the last {days} with something put into the cart, and no order on "
                "that day or the next.",
                "days",
            ),
            build=functools.partial(_n_open_carts, days=days),
        ),
    )


FEATURES = (
    *(found for days in _WINDOWS for found in _of_window(days)),
    _behaviour(
        Column("last_seen_days", "int64", "Days since the last visit.", "days", True),
        build=lambda visits: visits.days_ago.min(where=visits.n_events > 0),
    ),
    _behaviour(
        share(
            "conversion_share_365",
            "Days with a visit in the last 365 that had an order then or on the next day.",
            True,
        ),
        build=_conversion,
        window_days=365,
    ),
    _behaviour(
        count(
            "n_bot_events_365", "Events of programs in the last 365 days, counted in nothing else."
        ),
        build=functools.partial(_total, name="n_bot_events", days=365),
        window_days=365,
        fill=0,
    ),
)
