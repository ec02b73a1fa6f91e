"""States of a message and the only steps between them."""

from enum import StrEnum

from src.errors import LedgerError

__all__ = ["CLAIMABLE", "STEPS", "TERMINAL", "State", "check_step"]


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


_WAITING = {State.CLAIMED, State.SUPPRESSED, State.CANCELLED}

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
