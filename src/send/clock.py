"""The run's clock: what messages and the log of sending are dated with."""

from collections.abc import Callable
import datetime as dt

from src.data.window import parse_date
from src.errors import ParameterError
from src.ledger.store import utc_now

__all__ = ["Clock", "run_clock"]

Clock = Callable[[], dt.datetime]

_SEND_TIME = dt.time(9, 0, tzinfo=dt.UTC)


def run_clock(clock: str, as_of_date: str, mode: str = "dry_run") -> Clock:
    """Choose the clock of a run.

    Parameters
    ----------
    clock : str
        ``campaign``: stands still at 09:00 UTC on the day after `as_of_date`, so that a run
        over past data gives the same log whenever it is made. ``wall``: the real time.
    as_of_date : str
        ISO date.
    mode : str, default "dry_run"
        ``live`` needs the real time.

    Raises
    ------
    ParameterError
        If the clock is unknown, or does not suit the mode.

    Examples
    --------
    >>> run_clock("campaign", "2017-09-30")().isoformat()
    '2017-10-01T09:00:00+00:00'
    """
    if clock == "wall":
        return utc_now
    if clock != "campaign":
        raise ParameterError(f"Expected 07_send.clock to be campaign or wall, found {clock!r}.")
    if mode == "live":
        raise ParameterError(
            "Expected 07_send.clock: wall for mode live, found campaign; real messages carry the "
            "real time."
        )
    moment = dt.datetime.combine(parse_date(as_of_date) + dt.timedelta(days=1), _SEND_TIME)
    return lambda: moment
