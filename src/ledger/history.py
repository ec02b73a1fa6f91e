"""Moving messages along the state machine; every step leaves a row in `transitions`."""

from collections.abc import Sequence
import datetime as dt

from sqlalchemy import Connection, Row, delete, insert, update

from src.ledger.schema import attempts, messages, transitions
from src.ledger.states import State, check_step
from src.ledger.store import chunks

__all__ = ["end_attempt", "move", "move_all"]


def move_all(
    connection: Connection,
    rows: Sequence[Row],
    state: State,
    moved_at: dt.datetime,
    sender: str | None = None,
    reason: str | None = None,
    **values: object,
) -> None:
    """Move messages that this transaction has read and holds; their fence goes up by one."""
    for row in rows:
        check_step(row.state, state)
    for piece in chunks(rows):
        connection.execute(
            update(messages)
            .where(messages.c.message_key.in_([row.message_key for row in piece]))
            .values(state=state, reason=reason, sender=sender, fence=messages.c.fence + 1, **values)
        )
        connection.execute(
            insert(transitions),
            [
                _transition(row, state, row.attempt, row.fence + 1, sender, reason, moved_at)
                for row in piece
            ],
        )


def move(
    connection: Connection,
    row: Row,
    state: State,
    moved_at: dt.datetime,
    reason: str | None = None,
    **values: object,
) -> bool:
    """Move one message if nobody else has taken it since it was read; the fence stays.

    Returns
    -------
    bool
        False if the fence or the state has changed: then nothing was done.
    """
    check_step(row.state, state)
    moved = connection.execute(
        update(messages)
        .where(
            messages.c.message_key == row.message_key,
            messages.c.state == row.state,
            messages.c.fence == row.fence,
        )
        .values(state=state, reason=reason, **values)
    )
    if moved.rowcount != 1:
        return False
    attempt = values.get("attempt", row.attempt)
    step = _transition(row, state, attempt, row.fence, row.sender, reason, moved_at)
    connection.execute(insert(transitions), [step])
    return True


def end_attempt(
    connection: Connection,
    message_key: str,
    attempt: int,
    state: State,
    attempted_at: dt.datetime,
    transport: str | None = None,
    reason: str | None = None,
) -> None:
    """Write how an attempt ended; an UNKNOWN ending gives way to what it was resolved to."""
    connection.execute(
        delete(attempts).where(attempts.c.message_key == message_key, attempts.c.attempt == attempt)
    )
    ended = {
        "message_key": message_key,
        "attempt": attempt,
        "transport": transport,
        "state": state,
        "reason": reason,
        "attempted_at": attempted_at,
    }
    connection.execute(insert(attempts), [ended])


def _transition(
    row: Row,
    state: State,
    attempt: int,
    fence: int,
    sender: str | None,
    reason: str | None,
    moved_at: dt.datetime,
) -> dict:
    return {
        "message_key": row.message_key,
        "from_state": row.state,
        "to_state": state,
        "attempt": attempt,
        "fence": fence,
        "sender": sender,
        "reason": reason,
        "moved_at": moved_at,
    }
