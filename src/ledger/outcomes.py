"""What a gate says against a message, and how an attempt ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import datetime as dt
from typing import NamedTuple

from sqlalchemy import Connection

from src.ledger.states import Message, State

__all__ = ["Denial", "Ending", "Gate"]


class Denial(NamedTuple):
    """Why a message may not be sent now.

    Parameters
    ----------
    reason : str
        In our own words.
    state : State, default SUPPRESSED
        What becomes of it: SUPPRESSED, CANCELLED, or DEFERRED until `until`.
    until : datetime, optional
        On the clock of the moment the gate was given.
    """

    reason: str
    state: State = State.SUPPRESSED
    until: dt.datetime | None = None


Gate = Callable[[Connection, Sequence[Message], dt.datetime], dict[str, Denial]]
"""Given messages and the moment, the denial of each that may not be sent, by message key."""


@dataclass(frozen=True)
class Ending:
    """How an attempt ended: SENT, DEFERRED until `next_at`, FAILED or UNKNOWN."""

    state: State
    reason: str | None = None
    next_at: dt.datetime | None = None
