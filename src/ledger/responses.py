"""What people do with a message, or machines in their place: clicks and opens."""

import pandas as pd
from sqlalchemy import insert, select

from src.ledger.schema import messages, responses
from src.ledger.states import Message
from src.ledger.store import Ledger

__all__ = ["find_message", "read_responses", "record_response"]

_COLUMNS = [messages.c[name] for name in Message._fields]


def find_message(ledger: Ledger, message_key: str) -> Message | None:
    """Read a message by its key."""
    query = select(*_COLUMNS).where(messages.c.message_key == message_key)
    with ledger.read() as connection:
        found = connection.execute(query).one_or_none()
    return Message._make(found) if found else None


def record_response(ledger: Ledger, message_key: str, kind: str, link: str, agent: str) -> None:
    """Append one response.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    message_key : str
        Message it is a response to.
    kind : str
        ``click``, ``open`` or ``trap``, a link that no person sees.
    link : str
        Short digest that tells the links of a message apart.
    agent : str
        Kind of program that asked; neither its name nor its address is kept.
    """
    row = {"message_key": message_key, "kind": kind, "link": link, "agent": agent}
    row["recorded_at"] = ledger.now()
    ledger.transact(lambda connection: connection.execute(insert(responses), [row]))


def read_responses(ledger: Ledger, campaign_id: str) -> pd.DataFrame:
    """Give the responses to a campaign, oldest first.

    Returns
    -------
    DataFrame
        One row per response: `message_key`, `customer_id`, `kind`, `link`, `agent`,
        `recorded_at`, `attempted_at` (when the message went out).
    """
    names = ("kind", "link", "agent", "recorded_at")
    query = (
        select(
            responses.c.message_key,
            messages.c.customer_id,
            *(responses.c[name] for name in names),
            messages.c.attempted_at,
        )
        .join(messages, messages.c.message_key == responses.c.message_key)
        .where(messages.c.campaign_id == campaign_id)
        .order_by(responses.c.recorded_at, responses.c.response_id)
    )
    with ledger.read() as connection:
        rows = connection.execute(query).all()
    frame = pd.DataFrame(rows, columns=list(query.selected_columns.keys()))
    for name in ("recorded_at", "attempted_at"):
        frame[name] = pd.to_datetime(frame[name], utc=True)
    return frame
