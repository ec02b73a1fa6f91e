"""The way of a message from PLANNED to its end: claims, attempts, and what a crash leaves."""

from collections.abc import Callable, Sequence
import datetime as dt

from sqlalchemy import Connection, Row, Select, delete, or_, select

from src.errors import LedgerError
from src.ledger.history import end_attempt, move, move_all
from src.ledger.schema import attempts, contents, messages
from src.ledger.senders import is_alive
from src.ledger.states import CLAIMABLE, State
from src.ledger.store import Ledger, chunks

__all__ = [
    "Gate",
    "begin_attempt",
    "claim_messages",
    "fail_unsent",
    "finish_attempt",
    "read_contents",
    "recover",
    "resolve",
    "resolve_by_evidence",
]

Gate = Callable[[Connection, Sequence[Row]], dict[str, str]]
"""Given messages, the reason against each that may not be sent, by message key."""

_NEVER_TRIED = 0


def claim_messages(
    ledger: Ledger,
    sender: str,
    campaign_id: str,
    channel: str,
    gate: Gate,
    denied_at: dt.datetime,
    n_rows: int = 50,
    lease_seconds: float = 120.0,
) -> tuple[list[Row], int]:
    """Claim the next messages; those the gate denies become SUPPRESSED in the same transaction.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    sender : str
        Name from `sending`.
    campaign_id, channel : str
        Which messages.
    gate : Gate
        The contact policy, evaluated inside the transaction.
    denied_at : datetime
        Time of denials on the run's clock.
    n_rows : int, default 50
        Messages per claim.
    lease_seconds : float, default 120
        After so many seconds another sender may take the claim over.

    Returns
    -------
    claims : list of Row
        Messages this sender now holds, with the fence that proves it.
    n_denied : int
        Messages that became SUPPRESSED. Both are empty when the queue is.
    """
    now = ledger.now()
    with ledger.write() as connection:
        rows = connection.execute(_next(campaign_id, channel, now, n_rows)).all()
        denials = gate(connection, rows) if rows else {}
        allowed = [row for row in rows if row.message_key not in denials]
        until = now + dt.timedelta(seconds=lease_seconds)
        move_all(connection, allowed, State.CLAIMED, now, sender=sender, leased_until=until)
        for row in rows:
            if row.message_key in denials:
                _suppress(connection, row, denials[row.message_key], now, denied_at)
        keys = [row.message_key for row in allowed]
        claims = connection.execute(
            select(messages)
            .where(messages.c.message_key.in_(keys))
            .order_by(messages.c.message_key)
        ).all()
    return list(claims), len(denials)


def begin_attempt(
    ledger: Ledger, claim: Row, transport: str, attempted_at: dt.datetime
) -> Row | None:
    """Write TRANSMITTING, durably, before a channel is touched.

    Returns
    -------
    Row or None
        The message as it now is; None if the claim was lost: then it must not be sent.
    """
    attempt = claim.attempt + 1
    with ledger.write() as connection:
        is_held = move(
            connection,
            claim,
            State.TRANSMITTING,
            ledger.now(),
            attempt=attempt,
            transport=transport,
            attempted_at=attempted_at,
        )
        return _read(connection, claim.message_key) if is_held else None


def finish_attempt(
    ledger: Ledger,
    message: Row,
    state: State,
    reason: str | None = None,
    next_at: dt.datetime | None = None,
) -> bool:
    """Write how the attempt ended: SENT, DEFERRED, FAILED or UNKNOWN.

    Returns
    -------
    bool
        False if another sender has declared the attempt UNKNOWN meanwhile; what this one
        knows is then not believed.
    """
    with ledger.write() as connection:
        is_held = move(
            connection, message, state, ledger.now(), reason, next_at=next_at, leased_until=None
        )
        if is_held:
            _end(connection, message, state, reason)
    return is_held


def fail_unsent(ledger: Ledger, claim: Row, reason: str, failed_at: dt.datetime) -> bool:
    """End a claimed message that cannot be made, without an attempt."""
    with ledger.write() as connection:
        is_held = move(connection, claim, State.FAILED, ledger.now(), reason, leased_until=None)
        if is_held:
            end_attempt(
                connection,
                claim.message_key,
                _NEVER_TRIED,
                State.FAILED,
                failed_at,
                reason=reason,
            )
    return is_held


def recover(ledger: Ledger, campaign_id: str, channel: str) -> tuple[int, int]:
    """Take over what dead senders and run-out leases left.

    CLAIMED goes back to the queue. TRANSMITTING becomes UNKNOWN, never PLANNED: the channel
    may have been reached.

    Returns
    -------
    n_requeued, n_unknown : int
    """
    now = ledger.now()
    with ledger.write() as connection:
        held = connection.execute(
            select(messages)
            .where(
                messages.c.campaign_id == campaign_id,
                messages.c.channel == channel,
                messages.c.state.in_([State.CLAIMED, State.TRANSMITTING]),
            )
            .with_for_update(skip_locked=True)
        ).all()
        living = {name for name in {row.sender for row in held} if is_alive(ledger, name)}
        left = [row for row in held if row.sender not in living or row.leased_until < now]
        claimed = [row for row in left if row.state == State.CLAIMED]
        begun = [row for row in left if row.state == State.TRANSMITTING]
        reason = "sender stopped"
        move_all(connection, claimed, State.PLANNED, now, reason=reason, leased_until=None)
        move_all(connection, begun, State.UNKNOWN, now, reason=reason, leased_until=None)
        for row in begun:
            _end(connection, row, State.UNKNOWN, reason)
    return len(claimed), len(begun)


def resolve(ledger: Ledger, message_key: str, was_sent: bool) -> None:
    """Decide an UNKNOWN message by what a person found out.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    message_key : str
        Which message.
    was_sent : bool
        True: it counts as sent. False: it goes back to be tried under the same attempt number.

    Raises
    ------
    LedgerError
        If there is no such message or it is not UNKNOWN.
    """
    with ledger.write() as connection:
        message = _read(connection, message_key)
        if message is None or message.state != State.UNKNOWN:
            found = "none" if message is None else message.state
            raise LedgerError(
                f"Expected an UNKNOWN message under {message_key[:12]}…, found {found}; "
                "list them with unresolved()."
            )
        shown = State.RESOLVED_SENT if was_sent else None
        _resolve(connection, message, was_sent, shown, "decided by a person", ledger.now())


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
    query = select(messages).where(
        messages.c.campaign_id == campaign_id,
        messages.c.channel == channel,
        messages.c.state == State.UNKNOWN,
        messages.c.transport == transport,
    )
    with ledger.write() as connection:
        rows = connection.execute(query.with_for_update(skip_locked=True)).all()
        evidence = {row: was_delivered(row.message_key) for row in rows}
        known = {row: answer for row, answer in evidence.items() if answer is not None}
        for row, answer in known.items():
            shown = State.SENT if answer else None
            _resolve(connection, row, answer, shown, f"seen in {transport}", ledger.now())
    return len(known)


def read_contents(ledger: Ledger, hashes: Sequence[str]) -> dict[str, Row]:
    """Subjects and bodies by their hash."""
    with ledger.read() as connection:
        return {
            row.content_sha256: row
            for piece in chunks(sorted(set(hashes)))
            for row in connection.execute(
                select(contents).where(contents.c.content_sha256.in_(piece))
            )
        }


def _next(campaign_id: str, channel: str, now: dt.datetime, n_rows: int) -> Select:
    return (
        select(messages)
        .where(
            messages.c.campaign_id == campaign_id,
            messages.c.channel == channel,
            messages.c.state.in_(CLAIMABLE),
            or_(messages.c.state != State.DEFERRED, messages.c.next_at <= now),
        )
        .order_by(messages.c.message_key)
        .limit(n_rows)
        .with_for_update(skip_locked=True)
    )


def _read(connection: Connection, key: str) -> Row | None:
    return connection.execute(select(messages).where(messages.c.message_key == key)).one_or_none()


def _suppress(
    connection: Connection, row: Row, reason: str, now: dt.datetime, denied_at: dt.datetime
) -> None:
    move_all(connection, [row], State.SUPPRESSED, now, reason=reason)
    end_attempt(
        connection, row.message_key, _NEVER_TRIED, State.SUPPRESSED, denied_at, reason=reason
    )


def _end(connection: Connection, message: Row, state: State, reason: str | None) -> None:
    end_attempt(
        connection,
        message.message_key,
        message.attempt,
        state,
        message.attempted_at,
        message.transport,
        reason,
    )


def _resolve(
    connection: Connection,
    message: Row,
    was_sent: bool,
    shown: State | None,
    reason: str,
    now: dt.datetime,
) -> None:
    """Settle one UNKNOWN; an attempt that reached nobody is taken back and its number with it."""
    if was_sent:
        move_all(connection, [message], State.RESOLVED_SENT, now, reason=reason)
        _end(connection, message, shown, None if shown == State.SENT else reason)
        return
    state, attempt = State.RESOLVED_NOT_SENT, message.attempt - 1
    move_all(connection, [message], state, now, reason=reason, attempt=attempt)
    connection.execute(
        delete(attempts).where(
            attempts.c.message_key == message.message_key, attempts.c.attempt == message.attempt
        )
    )
