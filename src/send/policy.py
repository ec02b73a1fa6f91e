"""The one gate every message passes, evaluated inside the transaction that claims it."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Row

from src.ledger.assignments import assigned_actions
from src.ledger.consents import contact_denials
from src.ledger.messages import NOT_SENT_ACTIONS

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
    """

    assigned_action: str | None
    contact_denial: str


def may_send(action: str, facts: Facts) -> tuple[bool, str]:
    """Decide one message.

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
    return not facts.contact_denial, facts.contact_denial


def find_denials(connection: Connection, messages: Sequence[Row]) -> dict[str, str]:
    """Evaluate the gate for messages inside the caller's transaction.

    Parameters
    ----------
    connection : Connection
        The transaction that claims them.
    messages : sequence of Row
        Rows of the ledger's messages.

    Returns
    -------
    dict of str to str
        Reason by message key, for those that may not be sent.
    """
    denials = {}
    groups = sorted({(row.campaign_id, row.channel, row.purpose) for row in messages})
    for group in groups:
        rows = [row for row in messages if (row.campaign_id, row.channel, row.purpose) == group]
        for row, facts in zip(rows, _facts(connection, group, rows), strict=True):
            is_allowed, reason = may_send(row.action, facts)
            if not is_allowed:
                denials[row.message_key] = reason
    return denials


def _facts(connection: Connection, group: tuple[str, str, str], rows: Sequence[Row]) -> list[Facts]:
    campaign_id, channel, purpose = group
    ids = [row.customer_id for row in rows]
    drawn = assigned_actions(connection, campaign_id, ids)
    denied = contact_denials(connection, channel, purpose, ids)
    return [Facts(drawn.get(key), denied.get(key, "")) for key in ids]
