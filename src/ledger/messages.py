"""Planned messages: their keys, their contents, and the rule that none is planned twice."""

from collections.abc import Iterator, Sequence
import datetime as dt
import hashlib
import hmac
import logging

import pandas as pd
from sqlalchemy import Connection, bindparam, select

from src.errors import LedgerError
from src.ledger.assignments import assigned_actions
from src.ledger.campaigns import count_planned, to_micro
from src.ledger.schema import contents, messages
from src.ledger.seals import check_seals
from src.ledger.states import State
from src.ledger.store import Ledger, check_columns, chunks, insert_many, rows_of, wide_cache

__all__ = ["NOT_SENT_ACTIONS", "message_key", "plan_messages"]

NOT_SENT_ACTIONS = ("control", "none")
"""Arms that mean: no message."""

_ENVELOPE = ("campaign_id", "step", "customer_id", "channel", "action", "content_sha256")
_CONTENT = ("content_sha256", "subject", "html", "text")
_PIECE_ROWS = 20_000
_KEYS = bindparam("keys", expanding=True)

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
    return hmac.digest(customer_id.encode(), text.encode(), hashlib.sha256).hex()


def plan_messages(ledger: Ledger, planned: pd.DataFrame, purpose: str = "marketing") -> int:
    """Write messages as PLANNED; what is planned already stays as it is.

    Parameters
    ----------
    ledger : Ledger
        Where assignments are, and messages go.
    planned : DataFrame
        Table `messages` of 06_campaign, sealed by the checks; optionally with
        `expected_profit_value` (shop currency: where slots are scarce the highest goes first;
        default 0) and `cost_value` (what sending it costs, counted against a budget; default
        0).
    purpose : str, default "marketing"
        What the consent must be for.

    Returns
    -------
    int
        Messages that were new.

    Raises
    ------
    LedgerError
        If a message lacks the seal of the checks on its very content; if it goes to somebody
        who was not assigned its action, or to a control; if its key is not that of its campaign,
        step, customer and channel; or if its content differs from what was planned under the
        same key.
    """
    _check_keys(planned)
    check_seals(planned)

    def plan(connection: Connection) -> int:
        with wide_cache(connection):
            _insert_contents(connection, planned)
            pieces = _pieces(planned.drop(columns=list(_CONTENT[1:])))
            return sum(_plan_piece(connection, piece, purpose, ledger.now()) for piece in pieces)

    n_new = ledger.transact(plan)
    logger.info("plan_messages: %d given, %d new", len(planned), n_new)
    return n_new


def _plan_piece(connection: Connection, piece: pd.DataFrame, purpose: str, now: dt.datetime) -> int:
    rows = _rows(piece)
    _check_assigned(connection, rows)
    known = _known_hashes(connection, [row["message_key"] for row in rows])
    _check_unchanged(known, rows)
    fresh = [row for row in rows if row["message_key"] not in known]
    _insert(connection, fresh, purpose, now)
    return len(fresh)


def _pieces(planned: pd.DataFrame) -> Iterator[pd.DataFrame]:
    """Cut into pieces, in the order of claims: rows that are sent together lie together."""
    profits = planned["expected_profit_value"] if "expected_profit_value" in planned else 0.0
    ranked = planned.assign(expected_profit_value=profits).fillna({"expected_profit_value": 0.0})
    by = ["expected_profit_value", "message_key"]
    order = ranked[by].sort_values(by, ascending=[False, True]).index
    for start in range(0, len(order), _PIECE_ROWS):
        yield ranked.loc[order[start : start + _PIECE_ROWS]]


def _rows(piece: pd.DataFrame) -> list[dict]:
    names = ("message_key", *_ENVELOPE, "expected_profit_value")
    rows = rows_of(piece, names)
    costs = piece["cost_value"].fillna(0.0).tolist() if "cost_value" in piece else [0.0] * len(rows)
    for row, cost in zip(rows, costs, strict=True):
        row["cost_micro"] = to_micro(cost)
    return rows


def _insert_contents(connection: Connection, planned: pd.DataFrame) -> None:
    """Keep each content once; the seals have shown that equal hashes say the same."""
    distinct = planned.drop_duplicates("content_sha256").sort_values("content_sha256")
    known = _known_contents(connection, distinct["content_sha256"].tolist())
    fresh = rows_of(distinct[~distinct["content_sha256"].isin(known)], _CONTENT)
    if fresh:
        insert_many(connection, contents, fresh)


def _insert(connection: Connection, rows: list[dict], purpose: str, now: dt.datetime) -> None:
    start = {"state": State.PLANNED.value, "attempt": 0, "fence": 0, "purpose": purpose}
    start |= {"planned_at": now}
    if rows:
        insert_many(connection, messages, [row | start for row in rows])
        count_planned(connection, [row["campaign_id"] for row in rows], now)


def _known_hashes(connection: Connection, keys: Sequence[str]) -> dict[str, str]:
    query = select(messages.c.message_key, messages.c.content_sha256).where(
        messages.c.message_key.in_(_KEYS)
    )
    found: dict[str, str] = {}
    for piece in chunks(keys):
        found.update(connection.execute(query, {"keys": piece}).all())
    return found


def _known_contents(connection: Connection, hashes: list[str]) -> set[str]:
    query = select(contents.c.content_sha256).where(contents.c.content_sha256.in_(_KEYS))
    return {
        sha256 for piece in chunks(hashes) for sha256 in connection.scalars(query, {"keys": piece})
    }


def _check_keys(planned: pd.DataFrame) -> None:
    names = ["message_key", "campaign_id", "step", "customer_id", "channel"]
    check_columns(planned, (*names, *_ENVELOPE, *_CONTENT))
    columns = [planned[name].tolist() for name in names]
    n_wrong = sum(key != message_key(*parts) for key, *parts in zip(*columns, strict=True))
    if n_wrong or not planned["message_key"].is_unique:
        raise LedgerError(
            "Expected one message per campaign, step, customer and channel under the key that "
            f"message_key gives, but {n_wrong} keys are others or some repeat; "
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
