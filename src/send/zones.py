"""Whose clock counts: the recipient's, else every one of the shop's."""

from collections.abc import Iterator, Mapping
import datetime as dt
from zoneinfo import ZoneInfo

from src.ledger.outcomes import Denial
from src.ledger.states import State
from src.send.contact_policy import ContactPolicy
from src.send.quiet_hours import find_zone

__all__ = ["LEASE", "Clocks"]

LEASE = dt.timedelta(seconds=120)
"""A claim may be sent so much later; it must not be quiet by then either."""

_UTC = ZoneInfo("UTC")


class Clocks:
    """Quiet hours at one moment, each zone asked once.

    Parameters
    ----------
    policy : ContactPolicy
        Quiet hours and the shop's zones.
    zones : mapping of str to str
        Zone of each recipient that has one; a name that is none counts as not known.
    moment : datetime
        Now.
    """

    def __init__(
        self, policy: ContactPolicy, zones: Mapping[str, str], moment: dt.datetime
    ) -> None:
        self._quiet = policy.quiet
        self._zones, self._moment = zones, moment
        self._shop = tuple(zone for name in policy.shop_zones if (zone := find_zone(name)))
        self._known: dict[tuple[ZoneInfo, ...], Denial | None] = {}

    def calendar(self, customer_id: str) -> ZoneInfo:
        """Zone whose days, weeks and months count for a recipient."""
        return (*self._of(customer_id), _UTC)[0]

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

    def _of(self, customer_id: str) -> tuple[ZoneInfo, ...]:
        zone = find_zone(self._zones.get(customer_id, ""))
        return (zone,) if zone else self._shop

    def _ask(self, zones: tuple[ZoneInfo, ...]) -> Denial | None:
        if not zones:
            return Denial("time zone not known")
        for moment in (self._moment, self._moment + LEASE):
            opens_at = self._quiet.first_open_in_all(moment, zones)
            if opens_at is None:
                return Denial("no hour is open in every zone of the shop")
            if opens_at > moment:
                return Denial("quiet hours", State.DEFERRED, opens_at)
        return None
