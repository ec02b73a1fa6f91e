"""States of a message, the only steps between them, and what a message is."""

import datetime as dt
from enum import StrEnum
from typing import NamedTuple

from src.errors import LedgerError

__all__ = ["CLAIMABLE", "HOLDING", "STEPS", "TERMINAL", "Message", "State", "check_step"]


class State(StrEnum):
    """Where a message stands; the value is what tables show."""

    PLANNED = "PLANNED"
    CLAIMED = "CLAIMED"
    TRANSMITTING = "TRANSMITTING"
    SENT = "SENT"
    DEFERRED = "DEFERRED"
    FAILED = "FAILED"
    SUPPRESSED = "SUPPRESSED"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    RESOLVED_SENT = "RESOLVED_SENT"
    RESOLVED_NOT_SENT = "RESOLVED_NOT_SENT"


_WAITING = {State.CLAIMED, State.DEFERRED, State.SUPPRESSED, State.CANCELLED}

STEPS: dict[State, frozenset[State]] = {
    State.PLANNED: frozenset(_WAITING),
    State.CLAIMED: frozenset({State.PLANNED, State.TRANSMITTING, State.FAILED, State.CANCELLED}),
    State.TRANSMITTING: frozenset({State.SENT, State.DEFERRED, State.FAILED, State.UNKNOWN}),
    State.DEFERRED: frozenset(_WAITING),
    State.UNKNOWN: frozenset({State.RESOLVED_SENT, State.RESOLVED_NOT_SENT}),
    State.RESOLVED_NOT_SENT: frozenset(_WAITING),
    State.SENT: frozenset(),
    State.FAILED: frozenset(),
    State.SUPPRESSED: frozenset(),
    State.CANCELLED: frozenset(),
    State.RESOLVED_SENT: frozenset(),
}
"""From each state, the states that may follow. TRANSMITTING never goes back to PLANNED."""

TERMINAL = frozenset(state for state, following in STEPS.items() if not following)
CLAIMABLE = frozenset(state for state, following in STEPS.items() if State.CLAIMED in following)
HOLDING = frozenset(
    {State.CLAIMED, State.TRANSMITTING, State.SENT, State.UNKNOWN, State.RESOLVED_SENT}
)
"""States that use up budget and contacts: the message went out, may have, or is about to."""


class Message(NamedTuple):
    """One row of the ledger's messages, as it was read."""

    message_key: str
    campaign_id: str
    step: int
    customer_id: str
    channel: str
    purpose: str
    action: str
    content_sha256: str
    state: str
    attempt: int
    fence: int
    expected_profit_value: float = 0.0
    cost_micro: int = 0
    reason: str | None = None
    sender: str | None = None
    leased_until: dt.datetime | None = None
    next_at: dt.datetime | None = None
    transport: str | None = None
    attempted_at: dt.datetime | None = None
    planned_at: dt.datetime | None = None
    first_tried_at: dt.datetime | None = None

    def __hash__(self) -> int:
        return hash(self.message_key)


def check_step(before: str, after: str) -> None:
    """Refuse a step that the state machine does not know.

    Raises
    ------
    LedgerError
        If `after` may not follow `before`.
    """
    if State(after) not in STEPS[State(before)]:
        raise LedgerError(
            f"Expected one of {sorted(STEPS[State(before)])} after {before}, found {after}; "
            "a message only moves along the steps of the ledger."
        )
