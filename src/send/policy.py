"""The one gate every message passes, evaluated inside the transaction that claims it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
import datetime as dt
from itertools import groupby

from sqlalchemy import Connection, Row, bindparam, select

from src.decide.assignment import draw_holdout
from src.ledger.assignments import assigned_actions
from src.ledger.consents import contact_denials
from src.ledger.messages import NOT_SENT_ACTIONS
from src.ledger.outcomes import Denial
from src.ledger.people import read_zones
from src.ledger.schema import campaigns
from src.ledger.states import Message, State
from src.send.contact_policy import ContactPolicy, parse_policy
from src.send.contacts import Contacts, read_contacts
from src.send.windows import parse_window
from src.send.zones import Clocks

__all__ = ["Facts", "find_denials", "may_send"]


@dataclass(frozen=True)
class Facts:
    """What the ledger knows about one message at the moment of its claim.

    Parameters
    ----------
    assigned_action : str or None
        Arm the customer drew in this campaign; None if there was no draw.
    contact_denial : str
        Reason against contact on this channel for this purpose; empty if there is none.
    is_holdout : bool, default False
        Whether the customer is in the lasting holdout.
    """

    assigned_action: str | None
    contact_denial: str
    is_holdout: bool = False


def may_send(action: str, facts: Facts) -> tuple[bool, str]:
    """Decide whether one message may be sent at all, whenever that is.

    Parameters
    ----------
    action : str
        Arm the message belongs to.
    facts : Facts
        What the ledger knows now.

    Returns
    -------
    is_allowed : bool
    reason : str
        Why not; empty if allowed.

    Examples
    --------
    >>> may_send("coupon", Facts("coupon", ""))
    (True, '')
    >>> may_send("coupon", Facts("control", ""))
    (False, 'in the control group')
    """
    if facts.assigned_action is None:
        return False, "no assignment"
    if facts.assigned_action in NOT_SENT_ACTIONS:
        is_control = facts.assigned_action == NOT_SENT_ACTIONS[0]
        return False, "in the control group" if is_control else "outside the experiment"
    if facts.assigned_action != action:
        return False, "assigned to another action"
    if facts.is_holdout:
        return False, "in the lasting holdout"
    return not facts.contact_denial, facts.contact_denial


def find_denials(
    connection: Connection, messages: Sequence[Message], moment: dt.datetime
) -> dict[str, Denial]:
    """Evaluate the gate for messages inside the caller's transaction.

    Parameters
    ----------
    connection : Connection
        The transaction that claims them.
    messages : sequence of Message
        In the order in which contacts and budget are given out: best first.
    moment : datetime
        Now, on the run's clock.

    Returns
    -------
    dict of str to Denial
        By message key, for those that may not be sent now.
    """
    denials: dict[str, Denial] = {}
    for (campaign_id, channel, purpose), group in groupby(sorted(messages, key=_group), _group):
        rows = list(group)  # sorting is stable: the best first still
        campaign = connection.execute(_CAMPAIGN, {"id": campaign_id}).one_or_none()
        policy = parse_policy(campaign.policy if campaign else None)
        asked = _Asked(connection, policy, channel, purpose, moment)
        denials |= _for_ever(asked, campaign_id, rows)
        left = [row for row in rows if row.message_key not in denials]
        denials |= _for_now(asked, campaign, left)
    return denials


@dataclass(frozen=True)
class _Asked:
    """The circumstances of one question to the gate."""

    connection: Connection
    policy: ContactPolicy
    channel: str
    purpose: str
    moment: dt.datetime

    @property
    def is_exempt(self) -> bool:
        return self.purpose in self.policy.exempt_purposes


_CAMPAIGN = select(campaigns).where(campaigns.c.campaign_id == bindparam("id"))


def _group(row: Message) -> tuple[str, str, str]:
    return row.campaign_id, row.channel, row.purpose


def _for_ever(asked: _Asked, campaign_id: str, rows: Sequence[Message]) -> dict[str, Denial]:
    """Deny what may not be sent whenever it is."""
    ids = [row.customer_id for row in rows]
    drawn = assigned_actions(asked.connection, campaign_id, ids)
    denied = contact_denials(asked.connection, asked.channel, asked.purpose, ids)
    held_out = _held_out(asked, ids)
    found = {}
    for row in rows:
        key = row.customer_id
        facts = Facts(drawn.get(key), denied.get(key, ""), key in held_out)
        is_allowed, reason = may_send(row.action, facts)
        if not is_allowed:
            found[row.message_key] = Denial(reason)
    return found


def _held_out(asked: _Asked, ids: Sequence[str]) -> set[str]:
    policy = asked.policy
    if not policy.holdout_share or asked.is_exempt:
        return set()
    drawn = draw_holdout(ids, policy.holdout_share, policy.holdout_salt)
    return {key for key, is_held_out in zip(ids, drawn, strict=True) if is_held_out}


def _for_now(asked: _Asked, campaign: Row | None, rows: Sequence[Message]) -> dict[str, Denial]:
    """Deny by hour, contacts and money, message by message: what one takes the next lacks."""
    if campaign is None or not rows:
        return {}
    if campaign.expires_at is not None and campaign.expires_at <= asked.moment:
        return {row.message_key: Denial("campaign expired", State.CANCELLED) for row in rows}
    checks = _Checks.read(asked, campaign, rows)
    found = {}
    for row in rows:
        denial = _in_time(checks.first_denial(row), campaign.expires_at)
        if denial:
            found[row.message_key] = denial
        else:
            checks.take(row)
    return found


def _in_time(denial: Denial | None, expires_at: dt.datetime | None) -> Denial | None:
    """Call off what would be put off beyond the end of its campaign."""
    if denial is None or denial.until is None or expires_at is None:
        return denial
    if denial.until < expires_at:
        return denial
    return Denial(f"campaign expires before: {denial.reason}", State.CANCELLED)


class _Checks:
    """Hours, contacts and money of the messages of one question."""

    def __init__(
        self, asked: _Asked, clocks: Clocks | None, contacts: Contacts | None, left: int | None
    ) -> None:
        self.asked, self.clocks, self.contacts, self.left = asked, clocks, contacts, left

    @classmethod
    def read(cls, asked: _Asked, campaign: Row, rows: Sequence[Message]) -> "_Checks":
        """Read what is needed, and only that."""
        policy, ids = asked.policy, [row.customer_id for row in rows]
        window = parse_window(campaign.sending_window)
        is_timed = not asked.is_exempt and bool(policy.quiet or policy.caps)
        clocks = None
        if is_timed or window:
            zones = read_zones(asked.connection, ids)
            held = policy.model_copy(update={"quiet_hours": None}) if asked.is_exempt else policy
            clocks = Clocks(held, zones, asked.moment, window)
        is_capped = is_timed and bool(policy.caps)
        contacts = read_contacts(asked.connection, policy, ids, asked.moment) if is_capped else None
        budget = campaign.budget_micro
        left = None if budget is None else budget - campaign.spent_micro
        return cls(asked, clocks, contacts, left)

    def first_denial(self, row: Message) -> Denial | None:
        """Give what weighs most against a message; a wait beyond the last opening ends it."""
        denial = next(self.denials(row), None)
        if denial is None or self.clocks is None:
            return denial
        return self.clocks.call_off(row.customer_id, denial)

    def denials(self, row: Message) -> Iterator[Denial]:
        """Give what speaks against a message, the gravest first.

        While the window is closed nothing else counts: caps and budget are asked once it opens.
        """
        if self.clocks is not None:
            yield from self.clocks.closures(row.customer_id)
        if self.left is not None and row.cost_micro > self.left:
            yield Denial("budget used up")
        if self.clocks is None:
            return
        if self.contacts is not None:
            yield from self.contacts.denials(row, self.clocks.calendar(row.customer_id))
        yield from self.clocks.denials(row.customer_id)

    def take(self, row: Message) -> None:
        """Use up what a message that may be sent takes."""
        if self.left is not None:
            self.left -= row.cost_micro
        if self.contacts is not None:
            self.contacts.add(row)
