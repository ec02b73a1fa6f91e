"""One durable write between two groups: how the last one ended, and that the next one begins.

A group that was handed over stays TRANSMITTING until the next is about to begin. A crash in
between leaves it UNKNOWN, as a crash during the hand-over would: at no time is more than one
group TRANSMITTING, which is what bounds UNKNOWN, and half the waiting for the disk is saved.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import datetime as dt
from typing import TypeVar

from sqlalchemy import Connection

from src.ledger.outcomes import Ending
from src.ledger.queue import begin_attempts, finish_attempts
from src.ledger.states import Message
from src.ledger.store import Ledger

__all__ = ["turn_over"]

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class _Joined(Ledger):
    """The ledger, inside a transaction that is open already."""

    connection: Connection | None = None

    def transact(self, work: Callable[[Connection], _Result]) -> _Result:
        return work(self.connection)


def turn_over(
    ledger: Ledger,
    endings: dict[Message, Ending],
    claims: Sequence[Message],
    transport: str,
    attempted_at: dt.datetime,
    lease_seconds: float,
) -> tuple[list[Message], list[Message]]:
    """Finish one group and begin the next, in one transaction.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    endings : dict of Message to Ending
        How the group that was handed over ended; may be empty.
    claims : sequence of Message
        The group that is handed over next; may be empty.
    transport, attempted_at, lease_seconds
        As for `begin_attempts`.

    Returns
    -------
    finished : list of Message
        Those whose ending was written.
    begun : list of Message
        Those that may now be sent.
    """

    def both(connection: Connection) -> tuple[list[Message], list[Message]]:
        joined = _Joined(ledger.engine, ledger.folder, ledger.now, connection=connection)
        finished = finish_attempts(joined, endings)
        return finished, begin_attempts(joined, claims, transport, attempted_at, lease_seconds)

    return ledger.transact(both)
