"""Clock times of a time zone as moments in UTC, the same on every engine."""

import functools

import ibis
from ibis.expr.types import TimestampValue
import numpy as np
import pandas as pd

__all__ = ["clock_changes", "clock_to_utc"]

_FIRST_YEAR, _LAST_YEAR = 1990, 2040


def clock_to_utc(column: TimestampValue, time_zone: str) -> TimestampValue:
    """Take the offset of a zone off a clock time.

    Parameters
    ----------
    column : ibis timestamp without zone
        What the clock on the wall showed.
    time_zone : str
        Name of the zone. Its changes of the clock are known from 1990 to 2040. An hour that
        the clock shows twice is taken for the first; one that it skips is counted on from
        before.

    Returns
    -------
    ibis timestamp in UTC
    """
    changes = clock_changes(time_zone)
    minutes = ibis.literal(int(changes["minutes"].iloc[-1]))
    if len(changes) > 1:
        before = zip(changes["clock_until"].iloc[:-1], changes["minutes"].iloc[:-1], strict=True)
        minutes = ibis.cases(
            *((column < ibis.timestamp(str(until)), int(offset)) for until, offset in before),
            else_=minutes,
        )
    return (column - minutes.as_interval("m")).cast("timestamp('UTC')")


@functools.lru_cache(maxsize=8)
def clock_changes(time_zone: str) -> pd.DataFrame:
    """List the spells of a zone between two changes of its clock.

    Returns
    -------
    DataFrame
        One row per spell, in order: `clock_until`, the clock time at which it is surely over
        (missing in the last), and `minutes`, by which the clock is ahead of UTC.
    """
    grid = pd.date_range(f"{_FIRST_YEAR}-01-01", f"{_LAST_YEAR}-12-31", freq="30min", tz="UTC")
    moments = grid.tz_localize(None)
    ahead = (grid.tz_convert(time_zone).tz_localize(None) - moments) // pd.Timedelta(minutes=1)
    minutes = np.asarray(ahead)
    change = np.flatnonzero(np.diff(minutes)) + 1
    later = np.maximum(minutes[change - 1], minutes[change])
    clock_until = moments[change] + pd.to_timedelta(later, unit="min")
    return pd.DataFrame(
        {
            "clock_until": [*clock_until, pd.NaT],
            "minutes": [*minutes[change - 1], minutes[-1]],
        }
    )
