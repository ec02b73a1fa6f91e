"""Planned messages: their keys, their contents, and the rule that none is planned twice."""

from collections.abc import Sequence
import hashlib
import hmac
import logging

import pandas as pd
from sqlalchemy import Connection, insert, select

from src.errors import LedgerError
from src.ledger.assignments import assigned_actions
from src.ledger.schema import contents, messages, transitions
from src.ledger.states import State
from src.ledger.store import Ledger, chunks, rows_of

__all__ = ["NOT_SENT_ACTIONS", "message_key", "plan_messages"]

NOT_SENT_ACTIONS = ("control", "none")
"""Arms that mean: no message."""

_ENVELOPE = ("campaign_id", "step", "customer_id", "channel", "action", "content_sha256")
_CONTENT = ("content_sha256", "subject", "html", "text")

logger = logging.getLogger(__name__)


def message_key(campaign_id: str, step: int, customer_id: str, channel: str) -> str:
    """Name a message: the same person, step and channel give the same key on every machine.

    Parameters
    ----------
    campaign_id, channel : str
        Names.
    step : int
        Step within the campaign, from 1.
    customer_id : str
        Pseudonym; being secret already, it is the key of the hash.

    Returns
    -------
    str of 64 hexadecimal digits

    Examples
    --------
    >>> message_key("spring", 1, "c1", "email")[:16]
    '...'
    """
    text = f"{campaign_id}|{step}|{channel}"
    return hmac.new(customer_id.encode(), text.encode(), hashlib.sha256).hexdigest()


def plan_messages(ledger: Ledger, planned: pd.DataFrame, purpose: str = "marketing") -> int:
    """Write messages as PLANNED; what is planned already stays as it is.

    Parameters
    ----------
    ledger : Ledger
        Where assignments are, and messages go.
    planned : DataFrame
        Table `messages` of 06_campaign.
    purpose : str, default "marketing"
        What the consent must be for.

    Returns
    -------
    int
        Messages that were new.

    Raises
    ------
    LedgerError
        If a message goes to somebody who was not assigned its action, or to a control; if its
        key is not that of its campaign, step, customer and channel; or if its content differs
        from what was planned under the same key.
    """
    rows = rows_of(planned, ("message_key", *_ENVELOPE, *_CONTENT[1:]))
    _check_keys(rows)
    with ledger.write() as connection:
        _check_assigned(connection, rows)
        known = _known_hashes(connection, [row["message_key"] for row in rows])
        _check_unchanged(known, rows)
        fresh = [row for row in rows if row["message_key"] not in known]
        _insert(connection, fresh, purpose, ledger)
    logger.info("plan_messages: %d given, %d new", len(rows), len(fresh))
    return len(fresh)


def _insert(connection: Connection, rows: list[dict], purpose: str, ledger: Ledger) -> None:
    texts = {row["content_sha256"]: {name: row[name] for name in _CONTENT} for row in rows}
    known = _known_contents(connection, list(texts))
    for piece in chunks([text for sha256, text in texts.items() if sha256 not in known]):
        connection.execute(insert(contents), piece)
    start = {"state": State.PLANNED, "attempt": 0, "fence": 0, "purpose": purpose}
    step = {"to_state": State.PLANNED, "attempt": 0, "fence": 0, "moved_at": ledger.now()}
    for piece in chunks(rows):
        envelopes = [{name: row[name] for name in ("message_key", *_ENVELOPE)} for row in piece]
        connection.execute(insert(messages), [envelope | start for envelope in envelopes])
        connection.execute(
            insert(transitions), [{"message_key": row["message_key"]} | step for row in piece]
        )


def _known_hashes(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    columns = messages.c
    found = {}
    for piece in chunks(keys):
        query = select(columns.message_key, columns.content_sha256).where(
            columns.message_key.in_(piece)
        )
        found |= {row.message_key: row.content_sha256 for row in connection.execute(query)}
    return found


def _known_contents(connection: Connection, hashes: list[str]) -> set[str]:
    column = contents.c.content_sha256
    return {
        sha256
        for piece in chunks(hashes)
        for sha256 in connection.scalars(select(column).where(column.in_(piece)))
    }


def _check_keys(rows: list[dict]) -> None:
    wrong = [
        row
        for row in rows
        if row["message_key"]
        != message_key(row["campaign_id"], row["step"], row["customer_id"], row["channel"])
    ]
    if wrong or len({row["message_key"] for row in rows}) < len(rows):
        raise LedgerError(
            "Expected one message per campaign, step, customer and channel under the key that "
            f"message_key gives, but {len(wrong)} keys are others or some repeat; "
            "mend 06_campaign."
        )


def _check_assigned(connection: Connection, rows: list[dict]) -> None:
    for campaign_id in sorted({row["campaign_id"] for row in rows}):
        own = [row for row in rows if row["campaign_id"] == campaign_id]
        drawn = assigned_actions(connection, campaign_id, [row["customer_id"] for row in own])
        wrong = [
            row
            for row in own
            if row["action"] in NOT_SENT_ACTIONS or drawn.get(row["customer_id"]) != row["action"]
        ]
        if wrong:
            raise LedgerError(
                f"Expected every message of {campaign_id} to follow an assignment, but "
                f"{len(wrong)} of {len(own)} do not (first: {wrong[0]['customer_id']!r} drew "
                f"{drawn.get(wrong[0]['customer_id'], 'nothing')}, message says "
                f"{wrong[0]['action']}); run 05_decide, then 06_campaign."
            )


def _check_unchanged(known: dict[str, str], rows: list[dict]) -> None:
    changed = [
        row
        for row in rows
        if known.get(row["message_key"], row["content_sha256"]) != row["content_sha256"]
    ]
    if changed:
        raise LedgerError(
            f"Expected the content of planned messages to stay, but {len(changed)} of {len(rows)} "
            f"changed (first: {changed[0]['message_key'][:12]}…); what is planned may be sent "
            "already: start a new run for new content."
        )
