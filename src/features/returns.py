"""What customers brought back, and what they spent net of it."""

import functools

from ibis.expr.types import FloatingValue, Table

from src.data.columns import count, share, value
from src.data.window import known_by
from src.features.catalogue import PROFILE, Feature
from src.features.relations import Relation, Setting
from src.features.windows import WINDOW_DAYS, days_before, value_of

__all__ = ["FEATURES", "RELATIONS", "build_returns"]


def build_returns(refunds: Table, as_of_date: str) -> Table:
    """Give refunded lines, as known on one date, their age.

    Parameters
    ----------
    refunds : ibis.Table
        As in its contract.
    as_of_date : str
        ISO date; what came back after it is not seen.

    Returns
    -------
    ibis.Table
        The columns of `refunds`, with `days_ago`.
    """
    known = known_by(refunds, "refunded_at", as_of_date)
    return known.mutate(days_ago=days_before(known.refunded_at, as_of_date))


def _returns(refunds: Table, setting: Setting) -> Table:
    return build_returns(refunds, setting.as_of_date)


def _refunded(returns: Table, days: int) -> FloatingValue:
    return value_of(returns.refund_minor.sum(where=returns.days_ago < days))


def _minor(amount: FloatingValue) -> FloatingValue:
    """Whole cents again, so that a difference of amounts is the nearest number to it."""
    return (amount * 100).round().cast("int64")


def _net(profile: Table, days: int) -> FloatingValue:
    spend, refund = profile[f"spend_{days}_value"], profile[f"refund_{days}_value"]
    return value_of(_minor(spend) - _minor(refund))


def _share(profile: Table, days: int) -> FloatingValue:
    spend, refund = profile[f"spend_{days}_value"], profile[f"refund_{days}_value"]
    found = refund / spend.nullif(0.0)
    return (found > 1).ifelse(1.0, found)


RELATIONS = (
    Relation("returns", "one row per returned or cancelled order line", ("refunds",), _returns),
)

_return = functools.partial(Feature.of, family="returns")


def _of_window(days: int) -> tuple[Feature, ...]:
    both = (f"spend_{days}_value", f"refund_{days}_value")
    return (
        _return(
            value(f"refund_{days}_value", f"Refunded in the last {days} days."),
            relation="returns",
            build=functools.partial(_refunded, days=days),
            window_days=days,
            fill=0,
        ),
        _return(
            value(f"net_spend_{days}_value", f"Spend of the last {days} days minus refunds."),
            relation=PROFILE,
            build=functools.partial(_net, days=days),
            window_days=days,
            uses=both,
        ),
        _return(
            share(
                f"refund_share_{days}",
                f"Refunds of the last {days} days, also of earlier orders, over their spend; "
                "1 at most.",
                True,
            ),
            relation=PROFILE,
            build=functools.partial(_share, days=days),
            window_days=days,
            uses=both,
        ),
    )


FEATURES = (
    *(found for days in WINDOW_DAYS for found in _of_window(days)),
    _return(
        count("n_refunds_365", "Order lines returned in the last 365 days.", "lines"),
        relation="returns",
        build=lambda returns: returns.count(where=returns.days_ago < 365),
        window_days=365,
        fill=0,
    ),
)
