"""Events of programs, told from those of people by what they say and how fast they are."""

from ibis.expr.types import BooleanValue, Table, Value

from src.data.values import as_text
from src.errors import ParameterError

__all__ = ["flag_bots", "is_bot_agent"]

# "cubot" is a telephone; a plain "bot" covers Googlebot, bingbot, AhrefsBot and their like
_WORDS = (
    r"(^|[^u])bot|crawl|spider|slurp|scrap|headless|phantomjs|lighthouse|monitor|uptime"
    r"|facebookexternalhit|python-|aiohttp|curl|wget|libwww|go-http-client|httpclient|postman"
)
_CONFIRMED = ("purchase", "coupon_redeemed")


def is_bot_agent(user_agent: Value) -> BooleanValue:
    """Whether a browser calls itself a program; one that says nothing does not."""
    return as_text(user_agent).lower().re_search(_WORDS).fill_null(False)


def flag_bots(events: Table, max_events_per_minute: int) -> Table:
    """Flag the events of programs.

    Parameters
    ----------
    events : ibis.Table
        Events with `customer_id`, `session_id`, `event_type`, `event_at` and `user_agent`.
    max_events_per_minute : int
        More events than this in one minute (UTC) of one session, or of one customer where
        there is no session, are too fast for a person: all events of that minute are flagged,
        and none of another, so that no event is judged by what came later. Purchases and
        redeemed coupons neither count nor are flagged by their speed: the till confirms them,
        and books all coupons of a basket at once. 0: speed tells nothing.

    Returns
    -------
    ibis.Table
        The same rows with `is_bot` in the place of `user_agent`.

    Raises
    ------
    ParameterError
        If the limit is below 0.
    """
    if max_events_per_minute < 0:
        raise ParameterError(
            "Expected max_events_per_minute of 0 (no limit) or more, found "
            f"{max_events_per_minute}; correct it."
        )
    by_agent = events.mutate(is_bot=is_bot_agent(events["user_agent"])).drop("user_agent")
    return _flag_fast(by_agent, max_events_per_minute) if max_events_per_minute else by_agent


def _flag_fast(events: Table, max_events_per_minute: int) -> Table:
    actor = ["customer_id", "visit", "minute"]
    keyed = events.mutate(
        visit=events["session_id"].fill_null(""),  # numbered anew for each customer in some shops
        minute=events["event_at"].truncate("m"),
        is_quick=~events["event_type"].isin(_CONFIRMED),
    )
    counts = keyed.filter(keyed["is_quick"]).group_by(actor).agg(n_events=lambda t: t.count())
    fast = counts.filter(counts["n_events"] > max_events_per_minute).select(
        **{f"fast_{name}": name for name in actor}
    )
    joined = keyed.left_join(fast, [keyed[name] == fast[f"fast_{name}"] for name in actor])
    is_fast = joined["fast_customer_id"].notnull() & joined["is_quick"]
    return joined.mutate(is_bot=joined["is_bot"] | is_fast).select(*events.columns)
