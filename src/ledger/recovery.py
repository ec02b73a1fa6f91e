"""What a crash leaves: claims go back to the queue, begun attempts are UNKNOWN until decided."""

from collections.abc import Callable, Sequence
import datetime as dt

from sqlalchemy import Connection, select

from src.errors import LedgerError
from src.ledger.audit import append_audit, audited
from src.ledger.history import drop_ending, move, write_endings
from src.ledger.schema import messages
from src.ledger.senders import is_alive
from src.ledger.states import Message, State
from src.ledger.store import Ledger

__all__ = ["recover", "resolve", "resolve_by_evidence", "settle"]

_COLUMNS = [messages.c[name] for name in Message._fields]
_DECIDED = "decided by a person"


def recover(ledger: Ledger, campaign_id: str, channel: str) -> tuple[int, int]:
    """Take over what dead senders and run-out leases left.

    CLAIMED goes back to the queue. TRANSMITTING becomes UNKNOWN, never PLANNED: the channel
    may have been reached.

    Returns
    -------
    n_requeued, n_unknown : int
    """
    now = ledger.now()
    query = select(*_COLUMNS).where(
        messages.c.campaign_id == campaign_id,
        messages.c.channel == channel,
        messages.c.state.in_([State.CLAIMED.value, State.TRANSMITTING.value]),
    )

    def take_over(connection: Connection) -> tuple[int, int]:
        locked = query.with_for_update(skip_locked=True)
        held = [Message._make(row) for row in connection.execute(locked)]
        living = {name for name in {row.sender for row in held} if is_alive(ledger, name)}
        left = [row for row in held if row.sender not in living or row.leased_until < now]
        claimed = [row for row in left if row.state == State.CLAIMED]
        begun = [row for row in left if row.state == State.TRANSMITTING]
        reason = "sender stopped"
        move(connection, claimed, State.PLANNED, now, reason, leased_until=None)
        move(connection, begun, State.UNKNOWN, now, reason, leased_until=None)
        write_endings(connection, begun, State.UNKNOWN, reason)
        return len(claimed), len(begun)

    return ledger.transact(take_over)


def resolve(ledger: Ledger, message_key: str, was_sent: bool, actor: str = "") -> None:
    """Decide an UNKNOWN message by what a person found out; the audit log keeps who.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    message_key : str
        Which message.
    was_sent : bool
        True: it counts as sent. False: it goes back to be tried under the same attempt number.
    actor : str, default ""
        Who decides; empty: the account that runs this.

    Raises
    ------
    LedgerError
        If there is no such message or it is not UNKNOWN.
    """

    def decide(connection: Connection) -> None:
        found = read_messages(connection, [message_key])
        if not found or found[0].state != State.UNKNOWN:
            raise LedgerError(
                f"Expected an UNKNOWN message under {message_key[:12]}…, found "
                f"{found[0].state if found else 'none'}; list them with unresolved()."
            )
        settle(connection, found[0], was_sent, _DECIDED, ledger.now())
        if was_sent:
            write_endings(connection, found, State.RESOLVED_SENT, _DECIDED)
        append_audit(
            connection, ledger.now(), actor, "resolve message", message_key, {"was_sent": was_sent}
        )

    audited(ledger, decide)


def resolve_by_evidence(
    ledger: Ledger,
    campaign_id: str,
    channel: str,
    transport: str,
    was_delivered: Callable[[str], bool | None],
) -> int:
    """Settle UNKNOWN messages of a transport that knows for certain what it delivered.

    Returns
    -------
    int
        Messages settled; where `was_delivered` gives None the message stays UNKNOWN.
    """
    query = select(*_COLUMNS).where(
        messages.c.campaign_id == campaign_id,
        messages.c.channel == channel,
        messages.c.state == State.UNKNOWN.value,
        messages.c.transport == transport,
    )

    def look(connection: Connection) -> int:
        n_settled = 0
        for found in connection.execute(query.with_for_update(skip_locked=True)).all():
            row = Message._make(found)
            was_sent = was_delivered(row.message_key)
            if was_sent is None:
                continue
            n_settled += 1
            settle(connection, row, was_sent, f"seen in {transport}", ledger.now())
            if was_sent:
                write_endings(connection, [row], State.SENT, None)
        return n_settled

    return ledger.transact(look)


def read_messages(connection: Connection, keys: Sequence[str]) -> list[Message]:
    """Messages by their keys, locked until the transaction ends."""
    query = (
        select(*_COLUMNS)
        .where(messages.c.message_key.in_(keys))
        .order_by(messages.c.message_key)
        .with_for_update()
    )
    return [Message._make(row) for row in connection.execute(query)]


def settle(
    connection: Connection, row: Message, was_sent: bool, reason: str, now: dt.datetime
) -> None:
    """Settle one UNKNOWN; an attempt that reached nobody is taken back, its number too."""
    state = State.RESOLVED_SENT if was_sent else State.RESOLVED_NOT_SENT
    move(connection, [row], state, now, reason, attempt_change=0 if was_sent else -1)
    drop_ending(connection, row)
