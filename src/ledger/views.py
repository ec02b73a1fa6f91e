"""What became of the messages: states, log of attempts, and what is still unknown."""

import pandas as pd
from sqlalchemy import Connection, Select, func, select

from src.ledger.schema import attempts, messages, transitions
from src.ledger.states import State
from src.ledger.store import Ledger

__all__ = ["count_states", "read_transitions", "send_log", "unresolved"]


def send_log(ledger: Ledger, campaign_id: str) -> pd.DataFrame:
    """Give one row per message of a campaign and attempt that ended: table `send_log`.

    A message that was found delivered after a crash is SENT like any other; one that a person
    declared sent is RESOLVED_SENT.
    """
    columns = (
        attempts.c.message_key,
        messages.c.campaign_id,
        messages.c.customer_id,
        messages.c.channel,
        attempts.c.attempt,
        attempts.c.state,
        attempts.c.reason,
        attempts.c.attempted_at,
    )
    query = (
        select(*columns)
        .join(messages, messages.c.message_key == attempts.c.message_key)
        .where(messages.c.campaign_id == campaign_id)
        .order_by(attempts.c.message_key, attempts.c.attempt)
    )
    return _frame(ledger, query, times=["attempted_at"]).astype({"attempt": "int64"})


def count_states(ledger: Ledger, campaign_id: str) -> dict[str, int]:
    """Messages of a campaign in each state; states without any are left out."""
    query = (
        select(messages.c.state, func.count().label("n_messages"))
        .where(messages.c.campaign_id == campaign_id)
        .group_by(messages.c.state)
        .order_by(messages.c.state)
    )
    with ledger.read() as connection:
        return {row.state: row.n_messages for row in connection.execute(query)}


def unresolved(ledger: Ledger, campaign_id: str | None = None) -> pd.DataFrame:
    """Give the UNKNOWN messages: whether they went out is not known, so none is sent again.

    Returns
    -------
    DataFrame
        One row per message: `message_key`, `campaign_id`, `customer_id`, `transport`, `attempt`,
        `reason`, `attempted_at`.
    """
    names = ("message_key", "campaign_id", "customer_id", "transport", "attempt", "reason")
    query = (
        select(*(messages.c[name] for name in (*names, "attempted_at")))
        .where(messages.c.state == State.UNKNOWN)
        .order_by(messages.c.message_key)
    )
    if campaign_id is not None:
        query = query.where(messages.c.campaign_id == campaign_id)
    return _frame(ledger, query, times=["attempted_at"])


def read_transitions(ledger: Ledger, campaign_id: str) -> pd.DataFrame:
    """Give every step of every message of a campaign, in the order it was made.

    That a message was planned stands with the message itself; here it is a step like others.
    """
    names = ("from_state", "to_state", "attempt", "fence", "sender", "reason", "moved_at")
    made = (
        select(
            transitions.c.transition_id,
            transitions.c.message_key,
            *(transitions.c[name] for name in names),
        )
        .join(messages, messages.c.message_key == transitions.c.message_key)
        .where(messages.c.campaign_id == campaign_id)
        .order_by(transitions.c.transition_id)
    )
    planned = select(messages.c.message_key, messages.c.planned_at.label("moved_at")).where(
        messages.c.campaign_id == campaign_id, messages.c.planned_at.is_not(None)
    )
    starts = _frame(ledger, planned.order_by(messages.c.message_key), times=["moved_at"])
    starts = starts.assign(transition_id=0, to_state=str(State.PLANNED), attempt=0, fence=0)
    steps = _frame(ledger, made, times=["moved_at"])
    return pd.concat([starts, steps], ignore_index=True)[list(steps.columns)]


def _frame(ledger: Ledger, query: Select, times: list[str]) -> pd.DataFrame:
    with ledger.read() as connection:
        rows = _rows(connection, query)
    frame = pd.DataFrame(rows, columns=[column.name for column in query.selected_columns])
    return frame.assign(**{name: pd.to_datetime(frame[name], utc=True) for name in times})


def _rows(connection: Connection, query: Select) -> list[tuple]:
    return [tuple(row) for row in connection.execute(query)]
