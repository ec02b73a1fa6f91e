"""What a channel may be asked for: its file's limits, a command's rate, the warm-up plan."""

import datetime as dt
import math

from sqlalchemy import func, select

from src.data.window import parse_date
from src.errors import ParameterError
from src.ledger.schema import attempts
from src.ledger.states import State
from src.ledger.store import Ledger
from src.send.channels import Channel
from src.send.throttle import Limits

__all__ = ["NO_BOUND", "count_sent_since", "limits_of", "warm_up_limit"]

NO_BOUND = math.inf
"""A rate without bound of its own."""


def limits_of(
    channel: Channel, ledger: Ledger, moment: dt.datetime, rate: float, n_processes: int = 1
) -> Limits:
    """Share out among the senders what all of them together may ask.

    Parameters
    ----------
    channel : Channel
        With `settings` if it has a file.
    ledger : Ledger
        Where today's messages are counted for the warm-up plan.
    moment : datetime
        Now.
    rate : float
        Most messages a second, from the command; infinite for no bound of its own.
    n_processes : int, default 1
        Senders that run side by side.
    """
    settings = getattr(channel, "settings", None)
    per_second = min(rate, getattr(settings, "per_second", None) or math.inf)
    to_domain = getattr(settings, "domain_per_second", None) or math.inf
    at_once = getattr(settings, "domain_connections", None)
    n_left = None
    if getattr(settings, "warm_up", ()):
        most = warm_up_limit(settings.warm_up, settings.warm_up_from, moment.date())
        midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
        sent = count_sent_since(ledger, channel.name, midnight)
        n_left = None if most is None else max(0, most - sent) // n_processes
    return Limits(
        per_second=per_second / n_processes,
        domain_per_second=to_domain / n_processes,
        domain_at_once=at_once and max(1, at_once // n_processes),
        n_left=n_left,
    )


def warm_up_limit(plan: tuple[int, ...], first_date: str, today: dt.date) -> int | None:
    """Most messages of a day while a new sender makes itself known; None after the plan's end.

    Raises
    ------
    ParameterError
        If the plan has not begun.

    Examples
    --------
    >>> warm_up_limit((50, 200), "2026-01-01", dt.date(2026, 1, 2))
    200
    >>> warm_up_limit((50, 200), "2026-01-01", dt.date(2026, 1, 3)) is None
    True
    """
    day = (today - parse_date(first_date)).days
    if day < 0:
        raise ParameterError(
            f"Expected warm_up_from to be today or earlier, found {first_date}; the channel may "
            "be used from that day on."
        )
    return plan[day] if day < len(plan) else None


def count_sent_since(ledger: Ledger, transport: str, moment: dt.datetime) -> int:
    """Count the messages that a transport took, or perhaps took, since a moment."""
    query = select(func.count()).where(
        attempts.c.transport == transport,
        attempts.c.attempted_at >= moment,
        attempts.c.state.in_([State.SENT.value, State.UNKNOWN.value, State.RESOLVED_SENT.value]),
    )
    with ledger.read() as connection:
        return connection.execute(query).scalar_one()
