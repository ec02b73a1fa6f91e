"""Moving messages along the state machine; every step leaves a row in `transitions`."""

from collections.abc import Sequence
import datetime as dt

from sqlalchemy import Connection, Row, delete, insert, select, update

from src.ledger.schema import attempts, messages, transitions
from src.ledger.states import State, check_step
from src.ledger.store import chunks

__all__ = ["drop_ending", "hold", "move", "write_endings", "write_untried"]


def hold(connection: Connection, rows: Sequence[Row]) -> list[Row]:
    """Read messages again and keep those that nobody has moved since they were read."""
    fences = {row.message_key: row.fence for row in rows}
    held = []
    for piece in chunks(list(fences)):
        query = (
            select(messages)
            .where(messages.c.message_key.in_(piece))
            .order_by(messages.c.message_key)
            .with_for_update()
        )
        found = connection.execute(query)
        held += [row for row in found if row.fence == fences[row.message_key]]
    return held


def move(
    connection: Connection,
    rows: Sequence[Row],
    state: State,
    moved_at: dt.datetime,
    reason: str | None = None,
    attempt_change: int = 0,
    **values: object,
) -> None:
    """Move messages that this transaction has read and holds.

    The fence of each goes up by one, so that whoever read it before can no longer move it.
    """
    for row in rows:
        check_step(row.state, state)
    new = {"state": state, "reason": reason, "fence": messages.c.fence + 1} | values
    if attempt_change:
        new["attempt"] = messages.c.attempt + attempt_change
    for piece in chunks(rows):
        keys = [row.message_key for row in piece]
        connection.execute(update(messages).where(messages.c.message_key.in_(keys)).values(new))
        steps = [
            {
                "message_key": row.message_key,
                "from_state": row.state,
                "to_state": state,
                "attempt": max(row.attempt, row.attempt + attempt_change),
                "fence": row.fence + 1,
                "sender": values.get("sender", row.sender),
                "reason": reason,
                "moved_at": moved_at,
            }
            for row in piece
        ]
        connection.execute(insert(transitions), steps)


def write_endings(
    connection: Connection, rows: Sequence[Row], state: State, reason: str | None
) -> None:
    """Write how the attempts of messages ended."""
    _insert(
        connection,
        [
            _ending(row.message_key, row.attempt, state, reason, row.attempted_at, row.transport)
            for row in rows
        ],
    )


def write_untried(
    connection: Connection, rows: Sequence[Row], state: State, reason: str, ended_at: dt.datetime
) -> None:
    """Write that messages ended without an attempt."""
    _insert(
        connection,
        [_ending(row.message_key, 0, state, reason, ended_at, None) for row in rows],
    )


def drop_ending(connection: Connection, row: Row) -> None:
    """Take back how the last attempt of a message ended, because more is known now."""
    connection.execute(
        delete(attempts).where(
            attempts.c.message_key == row.message_key, attempts.c.attempt == row.attempt
        )
    )


def _insert(connection: Connection, endings: list[dict]) -> None:
    for piece in chunks(endings):
        connection.execute(insert(attempts), piece)


def _ending(
    message_key: str,
    attempt: int,
    state: State,
    reason: str | None,
    attempted_at: dt.datetime,
    transport: str | None,
) -> dict:
    return {
        "message_key": message_key,
        "attempt": attempt,
        "transport": transport,
        "state": state,
        "reason": reason,
        "attempted_at": attempted_at,
    }
