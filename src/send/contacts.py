"""Contacts of people over all campaigns and channels, as the caps see them."""

from collections.abc import Iterator, Sequence
import datetime as dt
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, or_, select

from src.ledger.campaigns import CampaignState
from src.ledger.outcomes import Denial
from src.ledger.schema import campaigns, messages
from src.ledger.states import CLAIMABLE, HOLDING, Message, State
from src.ledger.store import chunks
from src.send.caps import Cap, Contact, first_within_cap
from src.send.contact_policy import ContactPolicy

__all__ = ["Contacts", "read_contacts"]

_GIVE_WAY = dt.timedelta(minutes=15)


class Contacts:
    """Contacts so far, and better messages that wait, of the people of one question."""

    def __init__(self, caps: Sequence[Cap], policy: ContactPolicy, moment: dt.datetime) -> None:
        self._caps, self._moment = caps, moment
        self._is_deferring = policy.on_cap == "defer"
        self._made: dict[str, list[Contact]] = {}
        self._waiting: dict[str, list[tuple[str, str, float]]] = {}

    def note(self, row: Message) -> None:
        """Note a message of a person: made, or waiting."""
        if row.state not in HOLDING:
            waiting = (row.message_key, row.channel, row.expected_profit_value)
            self._waiting.setdefault(row.customer_id, []).append(waiting)
            return
        is_reserved = row.state == State.CLAIMED or row.attempted_at is None
        at = self._moment if is_reserved else row.attempted_at
        self._made.setdefault(row.customer_id, []).append(Contact(at, row.channel))

    def add(self, row: Message) -> None:
        """Count a message that is being claimed."""
        self._made.setdefault(row.customer_id, []).append(Contact(self._moment, row.channel))
        waiting = self._waiting.get(row.customer_id, [])
        self._waiting[row.customer_id] = [one for one in waiting if one[0] != row.message_key]

    def denials(self, row: Message, zone: ZoneInfo) -> Iterator[Denial]:
        """Deny what a cap has no room for, or has room for something better only."""
        made = self._made.get(row.customer_id, ())
        for cap in self._caps:
            if not cap.counts(row.channel):
                continue
            room_at = first_within_cap(cap, made, self._moment, zone)
            if room_at > self._moment:
                yield self._over(cap, room_at)
            elif n_ahead := self._count_ahead(row, cap):
                if first_within_cap(cap, made, self._moment, zone, n_ahead) > self._moment:
                    until = self._moment + _GIVE_WAY
                    yield Denial("a better message goes first", State.DEFERRED, until)

    def _over(self, cap: Cap, room_at: dt.datetime) -> Denial:
        if self._is_deferring:
            return Denial(cap.describe(), State.DEFERRED, room_at)
        return Denial(cap.describe())

    def _count_ahead(self, row: Message, cap: Cap) -> int:
        return sum(
            profit > row.expected_profit_value and cap.counts(channel)
            for _, channel, profit in self._waiting.get(row.customer_id, ())
        )


def read_contacts(
    connection: Connection,
    policy: ContactPolicy,
    customer_ids: Sequence[str],
    moment: dt.datetime,
) -> Contacts:
    """Read the contacts of some people, and what else waits to be sent to them now."""
    contacts = Contacts(policy.cap_list, policy, moment)
    names = {"moment": moment, "exempt": list(policy.exempt_purposes)}
    for piece in chunks(sorted(set(customer_ids))):
        for row in connection.execute(_OF_PEOPLE, names | {"ids": piece}):
            contacts.note(Message._make(row))
    return contacts


_COLUMNS = messages.c
_IS_DUE = or_(_COLUMNS.state != State.DEFERRED.value, _COLUMNS.next_at <= bindparam("moment"))
_OF_PEOPLE = (
    select(*(_COLUMNS[name] for name in Message._fields))
    .join(campaigns, campaigns.c.campaign_id == _COLUMNS.campaign_id, isouter=True)
    .where(
        _COLUMNS.customer_id.in_(bindparam("ids", expanding=True)),
        _COLUMNS.purpose.not_in(bindparam("exempt", expanding=True)),
        or_(
            _COLUMNS.state.in_([state.value for state in HOLDING]),
            _COLUMNS.state.in_([state.value for state in CLAIMABLE])
            & _IS_DUE
            & (campaigns.c.state == CampaignState.RUNNING.value)
            & or_(campaigns.c.expires_at.is_(None), campaigns.c.expires_at > bindparam("moment")),
        ),
    )
)
