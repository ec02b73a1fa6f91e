"""Forgetting people: everything that opens to a person goes, the wish to be left alone stays."""

from collections.abc import Sequence

import pandas as pd
from sqlalchemy import Connection, delete, select

from src.ledger.audit import append_audit, audited
from src.ledger.history import move
from src.ledger.schema import messages, people
from src.ledger.states import CLAIMABLE, Message, State
from src.ledger.store import Ledger, chunks
from src.ledger.suppressions import EVERY_CHANNEL, suppress

__all__ = ["erase_people"]

_COLUMNS = [messages.c[name] for name in Message._fields]


def erase_people(ledger: Ledger, customer_ids: Sequence[str], actor: str = "") -> int:
    """Erase contact fields; what waits for these people is CANCELLED.

    The keyed tokens of person and mailboxes go on the list of those never to be contacted
    first, so that a list imported later does not bring them back. The log of what was sent
    keeps pseudonyms only, and consent events stay as proof.

    Returns
    -------
    int
        People whose fields were erased.
    """
    ids = sorted(set(customer_ids))
    wishes = pd.DataFrame({"customer_id": ids, "channel": EVERY_CHANNEL, "reason": "erased"})
    suppress(ledger, wishes.assign(recorded_at=ledger.now()))

    def erase(connection: Connection) -> int:
        n_erased = 0
        for piece in chunks(ids):
            mine = people.c.customer_id.in_(piece)
            n_erased += connection.execute(delete(people).where(mine)).rowcount
            _call_off(connection, ledger, piece)
        told = {"n_people": n_erased}
        append_audit(connection, ledger.now(), actor, "erase people", "people", told)
        return n_erased

    return audited(ledger, erase)


def _call_off(connection: Connection, ledger: Ledger, customer_ids: Sequence[str]) -> None:
    stopped = [state.value for state in CLAIMABLE | {State.CLAIMED}]
    query = (
        select(*_COLUMNS)
        .where(messages.c.customer_id.in_(customer_ids), messages.c.state.in_(stopped))
        .order_by(messages.c.message_key)
        .with_for_update()
    )
    rows = [Message._make(row) for row in connection.execute(query)]
    values = {"leased_until": None, "next_at": None}
    move(connection, rows, State.CANCELLED, ledger.now(), "person erased", **values)
