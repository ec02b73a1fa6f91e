"""The way of a message from PLANNED to its end: claims, attempts, and what a crash leaves."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import datetime as dt

from sqlalchemy import Connection, Row, Select, or_, select

from src.errors import LedgerError
from src.ledger.history import drop_ending, hold, move, write_endings, write_untried
from src.ledger.schema import contents, messages
from src.ledger.senders import is_alive
from src.ledger.states import CLAIMABLE, State
from src.ledger.store import Ledger, chunks

__all__ = [
    "Ending",
    "Gate",
    "begin_attempts",
    "claim_messages",
    "fail_untried",
    "finish_attempts",
    "read_contents",
    "recover",
    "resolve",
    "resolve_by_evidence",
]

Gate = Callable[[Connection, Sequence[Row]], dict[str, str]]
"""Given messages, the reason against each that may not be sent, by message key."""


@dataclass(frozen=True)
class Ending:
    """How an attempt ended: SENT, DEFERRED until `next_at`, FAILED or UNKNOWN."""

    state: State
    reason: str | None = None
    next_at: dt.datetime | None = None


def claim_messages(
    ledger: Ledger,
    sender: str,
    campaign_id: str,
    channel: str,
    gate: Gate,
    denied_at: dt.datetime,
    n_rows: int = 64,
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
    n_rows : int, default 64
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
    until = now + dt.timedelta(seconds=lease_seconds)
    with ledger.write() as connection:
        rows = connection.execute(_next(campaign_id, channel, now, n_rows)).all()
        denials = gate(connection, rows) if rows else {}
        allowed = [row for row in rows if row.message_key not in denials]
        move(connection, allowed, State.CLAIMED, now, sender=sender, leased_until=until)
        for reason in sorted(set(denials.values())):
            denied = [row for row in rows if denials.get(row.message_key) == reason]
            move(connection, denied, State.SUPPRESSED, now, reason)
            write_untried(connection, denied, State.SUPPRESSED, reason, denied_at)
        return _read(connection, [row.message_key for row in allowed]), len(denials)


def begin_attempts(
    ledger: Ledger, claims: Sequence[Row], transport: str, attempted_at: dt.datetime
) -> list[Row]:
    """Write TRANSMITTING, durably, before the channel is touched for any of the claims.

    Returns
    -------
    list of Row
        The messages that may now be sent; a claim that was lost is not among them.
    """
    with ledger.write() as connection:
        held = hold(connection, claims)
        move(
            connection,
            held,
            State.TRANSMITTING,
            ledger.now(),
            attempt_change=1,
            transport=transport,
            attempted_at=attempted_at,
        )
        return _read(connection, [row.message_key for row in held])


def finish_attempts(ledger: Ledger, endings: dict[Row, Ending]) -> list[Row]:
    """Write how begun attempts ended.

    Returns
    -------
    list of Row
        Messages whose ending was written. The others were declared UNKNOWN by another sender
        meanwhile; what this one knows of them is no longer believed.
    """
    with ledger.write() as connection:
        held = hold(connection, list(endings))
        by_key = {row.message_key: ending for row, ending in endings.items()}
        for ending in set(by_key.values()):
            rows = [row for row in held if by_key[row.message_key] == ending]
            state, reason = ending.state, ending.reason
            values = {"next_at": ending.next_at, "leased_until": None}
            move(connection, rows, state, ledger.now(), reason, **values)
            write_endings(connection, rows, state, reason)
    return held


def fail_untried(ledger: Ledger, reasons: dict[Row, str], failed_at: dt.datetime) -> list[Row]:
    """End claimed messages that cannot be made, without an attempt; returns those still held."""
    with ledger.write() as connection:
        held = hold(connection, list(reasons))
        by_key = {row.message_key: reason for row, reason in reasons.items()}
        for reason in sorted(set(by_key.values())):
            rows = [row for row in held if by_key[row.message_key] == reason]
            move(connection, rows, State.FAILED, ledger.now(), reason, leased_until=None)
            write_untried(connection, rows, State.FAILED, reason, failed_at)
    return held


def recover(ledger: Ledger, campaign_id: str, channel: str) -> tuple[int, int]:
    """Take over what dead senders and run-out leases left.

    CLAIMED goes back to the queue. TRANSMITTING becomes UNKNOWN, never PLANNED: the channel
    may have been reached.

    Returns
    -------
    n_requeued, n_unknown : int
    """
    now = ledger.now()
    query = select(messages).where(
        messages.c.campaign_id == campaign_id,
        messages.c.channel == channel,
        messages.c.state.in_([State.CLAIMED, State.TRANSMITTING]),
    )
    with ledger.write() as connection:
        held = connection.execute(query.with_for_update(skip_locked=True)).all()
        living = {name for name in {row.sender for row in held} if is_alive(ledger, name)}
        left = [row for row in held if row.sender not in living or row.leased_until < now]
        claimed = [row for row in left if row.state == State.CLAIMED]
        begun = [row for row in left if row.state == State.TRANSMITTING]
        reason = "sender stopped"
        move(connection, claimed, State.PLANNED, now, reason, leased_until=None)
        move(connection, begun, State.UNKNOWN, now, reason, leased_until=None)
        write_endings(connection, begun, State.UNKNOWN, reason)
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
    reason = "decided by a person"
    with ledger.write() as connection:
        found = _read(connection, [message_key])
        if not found or found[0].state != State.UNKNOWN:
            raise LedgerError(
                f"Expected an UNKNOWN message under {message_key[:12]}…, found "
                f"{found[0].state if found else 'none'}; list them with unresolved()."
            )
        _resolve(connection, found[0], was_sent, reason, ledger.now())
        if was_sent:
            write_endings(connection, found, State.RESOLVED_SENT, reason)


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
    n_settled = 0
    with ledger.write() as connection:
        for row in connection.execute(query.with_for_update(skip_locked=True)).all():
            was_sent = was_delivered(row.message_key)
            if was_sent is None:
                continue
            n_settled += 1
            _resolve(connection, row, was_sent, f"seen in {transport}", ledger.now())
            if was_sent:
                write_endings(connection, [row], State.SENT, None)
    return n_settled


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


def _read(connection: Connection, keys: Sequence[str]) -> list[Row]:
    column = messages.c.message_key
    return [
        row
        for piece in chunks(keys)
        for row in connection.execute(select(messages).where(column.in_(piece)).order_by(column))
    ]


def _resolve(
    connection: Connection, row: Row, was_sent: bool, reason: str, now: dt.datetime
) -> None:
    """Settle one UNKNOWN; an attempt that reached nobody is taken back, its number too."""
    state = State.RESOLVED_SENT if was_sent else State.RESOLVED_NOT_SENT
    move(connection, [row], state, now, reason, attempt_change=0 if was_sent else -1)
    drop_ending(connection, row)
