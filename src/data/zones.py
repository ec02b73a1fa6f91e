"""Clock times of a time zone as moments in UTC, the same on every engine."""

from collections.abc import Sequence
import functools

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

__all__ = ["clock_changes", "clocks_to_utc", "zone_days"]

_FIRST_YEAR, _LAST_YEAR = 1990, 2040
_UTC = "timestamp('UTC')"


def clocks_to_utc(table: Table, columns: Sequence[str], time_zone: str) -> Table:
    """Take the offset of a zone off clock times.

    The offsets are joined by the day of the clock: a condition for each change of the clock
    would repeat the expression of the column a hundred times.

    Parameters
    ----------
    table : ibis.Table
        Any table.
    columns : sequence of str
        Its timestamps without zone, what the clock on the wall showed.
    time_zone : str
        Name of the zone. Its changes of the clock are known from 1990 to 2040, and earlier and
        later ones taken as at the ends. An hour that the clock shows twice is taken for the
        first; one that it skips is counted on from before.

    Returns
    -------
    ibis.Table
        The same rows and columns, those columns in UTC.
    """
    changes = clock_changes(time_zone)
    if len(changes) == 1:
        minutes = ibis.literal(int(changes["minutes"].iloc[0])).as_interval("m")
        return table.mutate(**{name: (table[name] - minutes).cast(_UTC) for name in columns})
    days = ibis.memtable(zone_days(time_zone))
    ends = {"earlier": changes["minutes"].iloc[0], "later": changes["minutes"].iloc[-1]}
    first = ibis.timestamp(f"{_FIRST_YEAR}-01-01 00:00:00")
    for name in columns:
        joined = table.left_join(days, table[name].date() == days["zone_day"])
        clock = joined[name]
        known = ibis.ifelse(
            clock < joined["changes_at"], joined["minutes_before"], joined["minutes_after"]
        )
        outside = ibis.ifelse(clock < first, int(ends["earlier"]), int(ends["later"]))
        minutes = known.coalesce(outside)
        moment = (clock - minutes.as_interval("m")).cast(_UTC)
        table = joined.mutate(**{name: moment}).select(*table.columns)
    return table


@functools.lru_cache(maxsize=8)
def zone_days(time_zone: str) -> pd.DataFrame:
    """List the days of a zone with its offset before and after a change on that day.

    Returns
    -------
    DataFrame
        One row per day: `zone_day` (date), `changes_at` (clock time from which the second
        offset holds; the beginning of the day where nothing changes), `minutes_before`,
        `minutes_after`.
    """
    changes = clock_changes(time_zone)
    days = pd.date_range(f"{_FIRST_YEAR}-01-01", f"{_LAST_YEAR}-12-31", freq="D")
    until = changes["clock_until"].iloc[:-1].to_numpy()
    minutes = changes["minutes"].to_numpy()
    before = np.searchsorted(until, days.to_numpy(), side="right")
    after = np.searchsorted(until, (days + pd.Timedelta(days=1)).to_numpy(), side="left")
    changes_at = days.to_series().reset_index(drop=True)
    is_change = after > before
    changes_at[is_change] = until[before[is_change]]
    return pd.DataFrame(
        {
            "zone_day": days.date,
            "changes_at": changes_at.astype("datetime64[us]"),
            "minutes_before": minutes[before].astype("int64"),
            "minutes_after": minutes[after].astype("int64"),
        }
    )


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
