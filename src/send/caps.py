"""Frequency caps over all channels: in the days before, and by the calendar."""

from collections.abc import Iterable
from dataclasses import dataclass
import datetime as dt
from typing import NamedTuple
from zoneinfo import ZoneInfo

__all__ = ["Cap", "Contact", "first_within_cap"]


class Contact(NamedTuple):
    """One message that went out, may have, or is about to."""

    at: dt.datetime
    channel: str


@dataclass(frozen=True)
class Cap:
    """At most so many contacts in so much time.

    Parameters
    ----------
    max_contacts : int
        Contacts allowed in the window, at least 1.
    days : float, default 0
        Length of a window that ends now. A contact exactly so long ago is outside.
    calendar : str, default ""
        ``day``, ``week`` (from Monday) or ``month`` by the recipient's calendar, instead.
    channels : tuple of str, default ()
        Channels that count; empty: all together.
    """

    max_contacts: int
    days: float = 0.0
    calendar: str = ""
    channels: tuple[str, ...] = ()

    def counts(self, channel: str) -> bool:
        """Whether a channel counts."""
        return not self.channels or channel in self.channels

    def describe(self) -> str:
        """Say what is capped, as the reason of a denial.

        Examples
        --------
        >>> Cap(2, days=7).describe(), Cap(1, calendar="day", channels=("sms",)).describe()
        ('cap of 2 in 7 days', 'cap of 1 a day by sms')
        """
        window = f"a {self.calendar}" if self.calendar else f"in {self.days:g} days"
        by = f" by {' and '.join(self.channels)}" if self.channels else ""
        return f"cap of {self.max_contacts} {window}{by}"


def first_within_cap(
    cap: Cap, contacts: Iterable[Contact], moment: dt.datetime, zone: ZoneInfo, n_ahead: int = 0
) -> dt.datetime:
    """Give the first moment from `moment` on at which a cap allows one more contact.

    Contacts of a later moment count too: a clock that was put back opens nothing.

    Parameters
    ----------
    cap : Cap
        The cap.
    contacts : iterable of Contact
        All contacts of the person, in any order.
    moment : datetime
        Now.
    zone : ZoneInfo
        Whose calendar.
    n_ahead : int, default 0
        Contacts kept for messages that go first.
    """
    start = _start(cap, moment, zone)
    times = sorted(at for at, channel in contacts if cap.counts(channel) and _is_in(cap, at, start))
    n_over = len(times) + n_ahead - cap.max_contacts + 1
    if n_over <= 0:
        return moment
    if n_over > len(times):  # those ahead take every contact there will be, for now
        return moment + _window(cap)
    if cap.calendar:
        return max(moment, _next_start(cap, times[n_over - 1], moment, zone))
    return max(moment, times[n_over - 1] + _window(cap))


def _is_in(cap: Cap, at: dt.datetime, start: dt.datetime) -> bool:
    return at >= start if cap.calendar else at > start


def _window(cap: Cap) -> dt.timedelta:
    return dt.timedelta(days={"day": 1, "week": 7, "month": 31}.get(cap.calendar, cap.days))


def _start(cap: Cap, moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    if not cap.calendar:
        return moment - _window(cap)
    return _midnight(_first_day(cap, moment.astimezone(zone).date()), zone)


def _next_start(cap: Cap, contact: dt.datetime, moment: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Give the start of the period after that of a contact, or after now."""
    day = _first_day(cap, max(contact, moment).astimezone(zone).date())
    return _midnight(_first_day(cap, day + _window(cap)), zone)


def _first_day(cap: Cap, day: dt.date) -> dt.date:
    if cap.calendar == "week":
        return day - dt.timedelta(days=day.weekday())
    return day.replace(day=1) if cap.calendar == "month" else day


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """Give the first moment of a day; where midnight is jumped over, the moment of the jump."""
    return dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)
