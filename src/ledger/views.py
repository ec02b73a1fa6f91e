"""What became of the messages: states, log of attempts, and what is still unknown."""

import pandas as pd
from sqlalchemy import Connection, Select, func, select

from src.ledger.schema import assignments, attempts, messages, transitions
from src.ledger.states import State
from src.ledger.store import Ledger

__all__ = ["campaign_ids", "count_states", "read_transitions", "send_log", "unresolved", "who_got"]

_GOT_IT = {
    State.SENT: "yes",
    State.RESOLVED_SENT: "yes",
    State.UNKNOWN: "unknown",
    State.TRANSMITTING: "unknown",
    State.PLANNED: "not yet",
    State.CLAIMED: "not yet",
    State.DEFERRED: "not yet",
    State.RESOLVED_NOT_SENT: "not yet",
}


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


def who_got(ledger: Ledger, campaign_id: str) -> pd.DataFrame:
    """Say of everybody in a campaign whether they got it, and if not, why.

    Returns
    -------
    DataFrame
        One row per assigned customer and message (a customer without one has one row):
        `customer_id` (pseudonym), `action` drawn, `step`, `channel`, `got_it` (``yes``, ``no``,
        ``not yet``, ``unknown``), `state`, `reason`, `attempt`, `at`.
    """
    names = ("step", "channel", "state", "reason", "attempt", "attempted_at")
    drawn = assignments.c
    query = (
        select(drawn.customer_id, drawn.action, *(messages.c[name] for name in names))
        .join(
            messages,
            (messages.c.campaign_id == drawn.campaign_id)
            & (messages.c.customer_id == drawn.customer_id),
            isouter=True,
        )
        .where(drawn.campaign_id == campaign_id)
        .order_by(drawn.customer_id, messages.c.step, messages.c.channel)
    )
    found = _frame(ledger, query, times=["attempted_at"]).rename(columns={"attempted_at": "at"})
    is_planned = found["state"].notna()
    found["got_it"] = found["state"].map(_GOT_IT).fillna("no")
    found["reason"] = found["reason"].where(is_planned, "drew " + found["action"])
    found["state"] = found["state"].where(is_planned, "no message")
    whole = {"step": "Int64", "attempt": "Int64"}
    order = ["customer_id", "action", "step", "channel", "got_it", "state", "reason", "attempt"]
    return found.astype(whole)[[*order, "at"]]


def campaign_ids(ledger: Ledger) -> list[str]:
    """Campaigns that somebody is assigned in, in order of their names."""
    query = select(assignments.c.campaign_id).distinct().order_by(assignments.c.campaign_id)
    with ledger.read() as connection:
        return list(connection.scalars(query))


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
