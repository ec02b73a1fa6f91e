"""Quiet hours by the recipient's own clock, through every change of that clock."""

from collections.abc import Sequence
from dataclasses import dataclass
import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["QuietHours", "clock_changes", "find_zone"]

_SECOND = dt.timedelta(seconds=1)
_ROUNDS = 12
_STEP = dt.timedelta(hours=12)
_STEPS = 6


@dataclass(frozen=True)
class QuietHours:
    """From one local time of day to another, over midnight if the first is the later one.

    Parameters
    ----------
    start : time
        First quiet moment of the day, such as 21:00.
    end : time
        First moment that is no longer quiet, such as 08:00. Equal to `start`: never quiet.
    """

    start: dt.time
    end: dt.time

    def is_quiet(self, moment: dt.datetime, zone: ZoneInfo) -> bool:
        """Whether a moment is quiet where a clock shows the time of `zone`."""
        clock = moment.astimezone(zone).time()
        if self.start <= self.end:
            return self.start <= clock < self.end
        return clock >= self.start or clock < self.end

    def first_open(self, moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
        """Give the first moment from `moment` on that is not quiet in a zone.

        Where clocks are put forward over the end of the quiet hours, or back to before their
        start, that is the moment of the change; where they are put back over the end, the hours
        are open, quiet and open again.
        """
        if not self.is_quiet(moment, zone):
            return moment
        today = moment.astimezone(zone).date()
        ends = [
            dt.datetime.combine(today + dt.timedelta(day), self.end, tzinfo=zone)
            for day in range(-1, 3)
        ]
        shown = [end.replace(fold=fold).astimezone(dt.UTC) for end in ends for fold in (0, 1)]
        candidates = [*shown, *clock_changes(moment, zone)]
        return min(at for at in candidates if at > moment and not self.is_quiet(at, zone))

    def first_open_in_all(
        self, moment: dt.datetime, zones: Sequence[ZoneInfo]
    ) -> dt.datetime | None:
        """Give the first moment that is quiet in none of several zones; None if none is near."""
        found = moment
        for _ in range(_ROUNDS):
            later = found
            for zone in zones:
                later = self.first_open(later, zone)
            if later == found:
                return found
            found = later
        return None


@lru_cache(maxsize=1024)
def find_zone(name: str) -> ZoneInfo | None:
    """Give the zone of an IANA name; None if there is none.

    Examples
    --------
    >>> find_zone("Asia/Shanghai"), find_zone("Mars/Olympus")
    (zoneinfo.ZoneInfo(key='Asia/Shanghai'), None)
    """
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # not found, not a name, a folder of zones
        return None


def clock_changes(moment: dt.datetime, zone: ZoneInfo) -> list[dt.datetime]:
    """Give the moments of the next three days at which a zone's clock is put forward or back."""
    steps = [moment.astimezone(dt.UTC) + _STEP * k for k in range(_STEPS + 1)]
    offsets = [step.astimezone(zone).utcoffset() for step in steps]
    return [
        _change(steps[k], steps[k + 1], zone) for k in range(_STEPS) if offsets[k] != offsets[k + 1]
    ]


def _change(before: dt.datetime, after: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Find the one change of a zone's offset between two moments, to the second."""
    offset = before.astimezone(zone).utcoffset()
    low, high = 0, int((after - before) / _SECOND)
    while high - low > 1:
        middle = (low + high) // 2
        if (before + middle * _SECOND).astimezone(zone).utcoffset() == offset:
            low = middle
        else:
            high = middle
    return (before + high * _SECOND).replace(microsecond=0)
