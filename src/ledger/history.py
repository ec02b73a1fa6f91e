"""Moving messages along the state machine; every step leaves a row in `transitions`."""

from collections.abc import Iterable, Sequence
import datetime as dt
from functools import lru_cache
from itertools import groupby
from operator import attrgetter

from sqlalchemy import Connection, Update, bindparam, delete, func, insert, select, update

from src.ledger.schema import attempts, campaigns, messages, transitions
from src.ledger.states import HOLDING, Message, State, check_step
from src.ledger.store import chunks

__all__ = ["defer", "drop_ending", "hold", "move", "write_endings", "write_untried"]

_KEYS = bindparam("keys", expanding=True)
_FENCES = (
    select(messages.c.message_key, messages.c.fence)
    .where(messages.c.message_key.in_(_KEYS))
    .order_by(messages.c.message_key)
    .with_for_update()
)
_ENDING_NAMES = ("message_key", "attempt", "transport", "state", "reason", "attempted_at")
_INSERT_STEPS = insert(transitions)
_INSERT_ENDINGS = insert(attempts)
_DEFER = (
    update(messages)
    .where(messages.c.message_key == bindparam("key"))
    .values(
        state=State.DEFERRED.value,
        reason=bindparam("why"),
        fence=messages.c.fence + 1,
        next_at=bindparam("due_at"),
        leased_until=None,
    )
)


def hold(connection: Connection, rows: Sequence[Message]) -> list[Message]:
    """Lock messages and keep those that nobody has moved since they were read.

    Every step raises the fence by one, so that a row whose fence is still the same is the
    same row, and need not be read again.
    """
    found: dict[str, int] = {}
    for piece in chunks([row.message_key for row in rows]):
        found.update(connection.execute(_FENCES, {"keys": piece}).all())
    return [row for row in rows if found.get(row.message_key) == row.fence]


def move(
    connection: Connection,
    rows: Sequence[Message],
    state: State,
    moved_at: dt.datetime,
    reason: str | None = None,
    attempt_change: int = 0,
    **values: object,
) -> list[Message]:
    """Move messages that this transaction has read and holds; gives them as they are now.

    The fence of each goes up by one, so that whoever read it before can no longer move it.
    """
    if not rows:
        return []
    _check_steps(rows, state)
    statement = _update(frozenset(values), attempt_change)
    new = {"state": state.value, "reason": reason} | values
    for piece in chunks([row.message_key for row in rows]):
        connection.execute(statement, {"keys": piece} | {f"to_{k}": v for k, v in new.items()})
    moved = [
        row._replace(fence=row.fence + 1, attempt=row.attempt + attempt_change, **new)
        for row in rows
    ]
    if "first_tried_at" in values:  # the first stays the first
        pairs = zip(rows, moved, strict=True)
        moved = [
            new._replace(first_tried_at=old.first_tried_at or new.first_tried_at)
            for old, new in pairs
        ]
    _record(connection, rows, moved, moved_at)
    return moved


def defer(
    connection: Connection,
    due: Iterable[tuple[Message, dt.datetime]],
    reason: str | None,
    moved_at: dt.datetime,
) -> list[Message]:
    """Put messages back until each one's own time."""
    pairs = list(due)
    if not pairs:
        return []
    rows = [row for row, _ in pairs]
    _check_steps(rows, State.DEFERRED)
    new = {"state": State.DEFERRED.value, "reason": reason, "leased_until": None}
    moved = [row._replace(fence=row.fence + 1, next_at=at, **new) for row, at in pairs]
    connection.execute(
        _DEFER, [{"key": row.message_key, "why": reason, "due_at": at} for row, at in pairs]
    )
    _record(connection, rows, moved, moved_at)
    return moved


def write_endings(
    connection: Connection, rows: Sequence[Message], state: State, reason: str | None
) -> None:
    """Write how the attempts of messages ended."""
    _insert(
        connection,
        [
            (row.message_key, row.attempt, row.transport, state.value, reason, row.attempted_at)
            for row in rows
        ],
    )


def write_untried(
    connection: Connection,
    rows: Sequence[Message],
    state: State,
    reason: str,
    ended_at: dt.datetime,
) -> None:
    """Write that messages ended without an attempt."""
    endings = [(row.message_key, 0, None, state.value, reason, ended_at) for row in rows]
    _insert(connection, endings)


def drop_ending(connection: Connection, row: Message) -> None:
    """Take back how the last attempt of a message ended, because more is known now."""
    connection.execute(
        delete(attempts).where(
            attempts.c.message_key == row.message_key, attempts.c.attempt == row.attempt
        )
    )


def _insert(connection: Connection, endings: Sequence[tuple]) -> None:
    if endings:
        rows = [dict(zip(_ENDING_NAMES, ending, strict=True)) for ending in endings]
        connection.execute(_INSERT_ENDINGS, rows)


def _check_steps(rows: Sequence[Message], state: State) -> None:
    for before in {row.state for row in rows}:
        check_step(before, state)


@lru_cache(maxsize=64)
def _update(names: frozenset[str], attempt_change: int) -> Update:
    """Build the statement once for each set of columns that a step writes."""
    columns = messages.c
    new = {name: bindparam(f"to_{name}") for name in ("state", "reason", *names)}
    new["fence"] = columns.fence + 1
    if attempt_change:
        new["attempt"] = columns.attempt + attempt_change
    if "first_tried_at" in names:
        new["first_tried_at"] = func.coalesce(columns.first_tried_at, new["first_tried_at"])
    return update(messages).where(columns.message_key.in_(_KEYS)).values(new)


def _record(
    connection: Connection,
    before: Sequence[Message],
    after: Sequence[Message],
    moved_at: dt.datetime,
) -> None:
    """Write the steps, and what they change of the money that a campaign has laid out."""
    steps = [
        {
            "message_key": old.message_key,
            "from_state": old.state,
            "to_state": new.state,
            "attempt": max(old.attempt, new.attempt),
            "fence": new.fence,
            "sender": new.sender,
            "reason": new.reason,
            "moved_at": moved_at,
        }
        for old, new in zip(before, after, strict=True)
    ]
    connection.execute(_INSERT_STEPS, steps)
    is_holding = after[0].state in HOLDING
    changed = [row for row in before if row.cost_micro and (row.state in HOLDING) != is_holding]
    sign = 1 if is_holding else -1
    by_campaign = attrgetter("campaign_id")
    for campaign_id, group in groupby(sorted(changed, key=by_campaign), by_campaign):
        cost = sign * sum(row.cost_micro for row in group)
        connection.execute(
            update(campaigns)
            .where(campaigns.c.campaign_id == campaign_id)
            .values(spent_micro=campaigns.c.spent_micro + cost)
        )
