"""Whose clock counts, for quiet hours and sending window: the recipient's, else the shop's."""

from collections.abc import Iterator, Mapping
import datetime as dt
from zoneinfo import ZoneInfo

from src.decide.catalogue import SendingWindow
from src.ledger.outcomes import Denial
from src.ledger.states import State
from src.send.contact_policy import ContactPolicy
from src.send.quiet_hours import find_zone
from src.send.windows import judge_window

__all__ = ["LEASE", "Clocks"]

LEASE = dt.timedelta(seconds=120)
"""A claim may be sent so much later; it must not be quiet, or closed, by then either."""

_UTC = ZoneInfo("UTC")


class Clocks:
    """Sending window and quiet hours at one moment, each zone asked once.

    Parameters
    ----------
    policy : ContactPolicy
        Quiet hours and the shop's zones.
    zones : mapping of str to str
        Zone of each recipient that has one; a name that is none counts as not known.
    moment : datetime
        Now.
    window : SendingWindow, optional
        The campaign's; it holds for every purpose, and counts in UTC where neither recipient
        nor shop has a zone.
    """

    def __init__(
        self,
        policy: ContactPolicy,
        zones: Mapping[str, str],
        moment: dt.datetime,
        window: SendingWindow | None = None,
    ) -> None:
        self._quiet, self._window = policy.quiet, window
        self._zones, self._moments = zones, (moment, moment + LEASE)
        self._shop = tuple(zone for name in policy.shop_zones if (zone := find_zone(name)))
        self._known: dict[tuple[ZoneInfo, ...], Denial | None] = {}
        self._closed: dict[tuple[ZoneInfo, ...], Denial | None] = {}

    def calendar(self, customer_id: str) -> ZoneInfo:
        """Zone whose days, weeks and months count for a recipient."""
        return (*self._of(customer_id), _UTC)[0]

    def closures(self, customer_id: str) -> Iterator[Denial]:
        """Deny while the sending window is closed for a recipient, or after its end."""
        if self._window is None:
            return
        zones = self._of(customer_id) or (_UTC,)
        if zones not in self._closed:
            self._closed[zones] = self._ask_window(zones)
        denial = self._closed[zones]
        if denial:
            yield denial

    def denials(self, customer_id: str) -> Iterator[Denial]:
        """Deny while it is quiet for a recipient."""
        if self._quiet is None:
            return
        zones = self._of(customer_id)
        if zones not in self._known:
            self._known[zones] = self._ask(zones)
        denial = self._known[zones]
        if denial:
            yield denial

    def call_off(self, customer_id: str, denial: Denial) -> Denial:
        """Turn a wait into an end if the window never opens again after it."""
        if self._window is None or denial.until is None:
            return denial
        zones = self._of(customer_id) or (_UTC,)
        later = judge_window(self._window, denial.until, zones)
        if later is None or later.state != State.CANCELLED:
            return denial
        return Denial(f"sending window ends before: {denial.reason}", State.CANCELLED)

    def _of(self, customer_id: str) -> tuple[ZoneInfo, ...]:
        zone = find_zone(self._zones.get(customer_id, ""))
        return (zone,) if zone else self._shop

    def _ask_window(self, zones: tuple[ZoneInfo, ...]) -> Denial | None:
        judged = (judge_window(self._window, at, zones) for at in self._moments)
        return next((denial for denial in judged if denial), None)

    def _ask(self, zones: tuple[ZoneInfo, ...]) -> Denial | None:
        if not zones:
            return Denial("time zone not known")
        for moment in self._moments:
            opens_at = self._quiet.first_open_in_all(moment, zones)
            if opens_at is None:
                return Denial("no hour is open in every zone of the shop")
            if opens_at > moment:
                return Denial("quiet hours", State.DEFERRED, opens_at)
        return None
