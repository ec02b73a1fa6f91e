"""The sending window of a campaign: from its file into the ledger, by the recipient's clock."""

from collections.abc import Sequence
import datetime as dt
from functools import lru_cache
from zoneinfo import ZoneInfo

from src.decide.catalogue import Campaign, SendingWindow
from src.ledger.campaigns import change_campaign
from src.ledger.outcomes import Denial
from src.ledger.states import State
from src.ledger.store import Ledger
from src.send.quiet_hours import clock_changes

__all__ = ["enter_window", "first_in_window", "judge_window", "parse_window"]

ALWAYS = SendingWindow()
_DAYS_AHEAD = 22
"""Three weeks: should a change of clocks swallow the only hour of a week, the next one has it."""
_ROUNDS = 48


def enter_window(ledger: Ledger, campaign: Campaign, actor: str = "") -> None:
    """Keep the sending window of a campaign in the ledger, where every claim reads it.

    Entered before its messages are planned, so that no claim comes first. The same window
    again changes nothing; another one counts from the next claim on, and needs the approvals
    that any change of a campaign needs.
    """
    text = None if campaign.sending == ALWAYS else campaign.sending.model_dump_json()
    change_campaign(ledger, campaign.campaign_id, actor, sending_window=text)


@lru_cache(maxsize=64)
def parse_window(text: str | None) -> SendingWindow | None:
    """Give the window that the ledger keeps; None where messages may leave at any time."""
    return SendingWindow.model_validate_json(text) if text else None


def first_in_window(
    window: SendingWindow, moment: dt.datetime, zone: ZoneInfo
) -> dt.datetime | None:
    """Give the first moment from `moment` on at which a window is open; None if it never is.

    Hours that a change of clocks jumps over do not open; hours that it repeats open twice.
    """
    if window.is_open_at(moment.astimezone(zone)):
        return moment
    today = moment.astimezone(zone).date()
    first = max(today, window.start_date or today)
    days = [first + dt.timedelta(days=k) for k in range(-1, _DAYS_AHEAD)]
    if window.end_date is not None:
        days = [day for day in days if day <= window.end_date]
    candidates = [at for day in days for at in _starts(window, day, zone)]
    ahead = (at for at in candidates if at > moment and window.is_open_at(at.astimezone(zone)))
    return min(ahead, default=None)


def judge_window(
    window: SendingWindow, moment: dt.datetime, zones: Sequence[ZoneInfo]
) -> Denial | None:
    """Deny what may not leave now: put off to the next opening, or called off after the last.

    Parameters
    ----------
    window : SendingWindow
        The campaign's.
    moment : datetime
        Now.
    zones : sequence of ZoneInfo
        Zones in all of which it must be open: the recipient's, or the shop's.
    """
    found = moment
    for _ in range(_ROUNDS):
        later = found
        for zone in zones:
            opens_at = first_in_window(window, later, zone)
            if opens_at is None:
                return Denial("sending window over", State.CANCELLED)
            later = opens_at
        if later == found:
            is_open = found == moment
            return None if is_open else Denial("outside sending window", State.DEFERRED, found)
        found = later
    return Denial("no hour of the sending window is open in every zone of the shop")


def _starts(window: SendingWindow, day: dt.date, zone: ZoneInfo) -> list[dt.datetime]:
    """Moments at which a window may open on a day: its hour, and where the clock is changed."""
    opening = dt.datetime.combine(day, dt.time(window.from_hour), tzinfo=zone)
    shown = [opening.replace(fold=fold).astimezone(dt.UTC) for fold in (0, 1)]
    midnight = dt.datetime.combine(day, dt.time(), tzinfo=zone).astimezone(dt.UTC)
    is_steady = midnight.astimezone(zone).utcoffset() == (
        (midnight + dt.timedelta(days=1)).astimezone(zone).utcoffset()
    )
    return shown if is_steady else [*shown, *clock_changes(midnight, zone)]
