"""Consent as a list of events, and who may be contacted."""

from collections.abc import Sequence
import datetime as dt
import hashlib
import json
import logging

import pandas as pd
from sqlalchemy import Connection, bindparam, func, insert, select

from src.ledger.people import lock_people
from src.ledger.schema import consents
from src.ledger.store import Ledger, chunks, rows_of
from src.ledger.suppressions import find_suppressed, read_tokens, take_back

__all__ = ["contact_denials", "contactable", "record_consents", "withdraw_consent"]

_CONSENT = (
    "customer_id",
    "channel",
    "purpose",
    "is_granted",
    "source",
    "wording",
    "recorded_at",
)

logger = logging.getLogger(__name__)


def record_consents(ledger: Ledger, events: pd.DataFrame) -> int:
    """Append consent events; the same event again changes nothing.

    Parameters
    ----------
    ledger : Ledger
        Where to keep them.
    events : DataFrame
        One row per event: `customer_id`, `channel`, `purpose`, `is_granted`, `source` (where
        it was said), `wording` (what was agreed to), `recorded_at`; optionally `proof` (where
        the evidence lies, such as the number of a form).

    Returns
    -------
    int
        Events that were new.

    Notes
    -----
    The state of a customer is the last event of a channel and purpose; of two at the same
    moment the refusal counts. A refusal takes back what senders have already claimed.
    """
    names = (*_CONSENT, "proof") if "proof" in events.columns else _CONSENT
    rows = {_consent_id(row): row for row in rows_of(events, names)}

    def append(connection: Connection) -> int:
        known = _known_consents(connection, list(rows))
        fresh = {key: row for key, row in rows.items() if key not in known}
        refused = [row for row in fresh.values() if not row["is_granted"]]
        lock_people(connection, [row["customer_id"] for row in refused])
        for piece in chunks(list(fresh.items())):
            connection.execute(insert(consents), [{"consent_id": key} | row for key, row in piece])
        pairs = ((row["customer_id"], row["channel"]) for row in refused)
        take_back(connection, pairs, ledger.now())
        return len(fresh)

    n_new = ledger.transact(append)
    logger.info("record_consents: %d given, %d new", len(rows), n_new)
    return n_new


def withdraw_consent(
    ledger: Ledger,
    customer_id: str,
    channel: str,
    purpose: str,
    source: str,
    wording: str,
    proof: str = "",
) -> dt.datetime:
    """Take a refusal that is being said now, whatever the clock shows.

    An agreement may carry a later time than now: another machine's clock was ahead, or this
    one was put back. The refusal is then dated like it, and of two at one moment the refusal
    counts.

    Returns
    -------
    datetime
        The time it is dated with.
    """
    latest = select(func.max(consents.c.recorded_at)).where(
        consents.c.customer_id == customer_id,
        consents.c.channel == channel,
        consents.c.purpose == purpose,
    )
    row = {"customer_id": customer_id, "channel": channel, "purpose": purpose}
    row |= {"is_granted": False, "source": source, "wording": wording, "proof": proof}

    def refuse(connection: Connection) -> dt.datetime:
        lock_people(connection, [customer_id])
        now = ledger.now()
        said_at = max(now, connection.scalar(latest) or now)
        new = row | {"recorded_at": said_at}
        key = _consent_id(new)
        if not _known_consents(connection, [key]):
            connection.execute(insert(consents), [{"consent_id": key} | new])
        take_back(connection, [(customer_id, channel)], now)
        return said_at

    return ledger.transact(refuse)


def contactable(
    ledger: Ledger, channel: str, purpose: str, customer_ids: Sequence[str]
) -> pd.DataFrame:
    """Say who may be contacted on a channel for a purpose, and why others may not.

    Parameters
    ----------
    ledger : Ledger
        Where consents and suppressions are kept.
    channel, purpose : str
        Such as ``email`` and ``marketing``.
    customer_ids : sequence of str
        Whom to look up.

    Returns
    -------
    DataFrame
        One row per id, in their order: `customer_id`, `is_contactable`, `reason` (empty if
        contactable; else ``no address``, the reason of a suppression, ``consent withdrawn`` or
        ``no consent``).
    """
    ids = list(customer_ids)
    with ledger.read() as connection:
        denials = contact_denials(connection, channel, purpose, ids)
    return pd.DataFrame(
        {
            "customer_id": pd.Series(ids, dtype="str"),
            "is_contactable": pd.Series([key not in denials for key in ids], dtype="bool"),
            "reason": pd.Series([denials.get(key, "") for key in ids], dtype="str"),
        }
    )


def contact_denials(
    connection: Connection, channel: str, purpose: str, customer_ids: Sequence[str]
) -> dict[str, str]:
    """Give the reason against contact of every customer that may not be contacted."""
    tokens = read_tokens(connection, channel, customer_ids)
    listed = find_suppressed(
        connection, channel, [token for own in tokens.values() for token in own]
    )
    answers = _consent_answers(connection, channel, purpose, customer_ids)
    denials = {}
    for customer_id, own in tokens.items():
        reason = next((listed[token] for token in own if token in listed), "") if listed else ""
        if not reason and len(own) < 2:
            reason = "no address"
        given = answers.get(customer_id)
        if not reason and not (given and given[-1]):
            reason = "consent withdrawn" if given and any(given) else "no consent"
        if reason:
            denials[customer_id] = reason
    return denials


def _consent_id(row: dict) -> str:
    row["is_granted"] = bool(row["is_granted"])
    moment = pd.Timestamp(row["recorded_at"]).tz_convert("UTC").isoformat()
    parts = [str(row[name]) for name in _CONSENT[:-1]] + [moment]
    parts += [str(row["proof"])] if row.get("proof") else []
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


_IDS = bindparam("ids", expanding=True)
_KNOWN = select(consents.c.consent_id).where(consents.c.consent_id.in_(_IDS))
_ANSWERS = (
    select(consents.c.customer_id, consents.c.is_granted)
    .where(
        consents.c.customer_id.in_(_IDS),
        consents.c.channel == bindparam("channel"),
        consents.c.purpose == bindparam("purpose"),
    )
    .order_by(consents.c.recorded_at, consents.c.is_granted.desc())
)


def _known_consents(connection: Connection, consent_ids: list[str]) -> set[str]:
    return {
        key for piece in chunks(consent_ids) for key in connection.scalars(_KNOWN, {"ids": piece})
    }


def _consent_answers(
    connection: Connection, channel: str, purpose: str, customer_ids: Sequence[str]
) -> dict[str, list[bool]]:
    """Give the answers of each customer in order; of two at one moment the refusal is last."""
    answers: dict[str, list[bool]] = {}
    names = {"channel": channel, "purpose": purpose}
    for piece in chunks(list(customer_ids)):
        for customer_id, is_granted in connection.execute(_ANSWERS, names | {"ids": piece}):
            answers.setdefault(customer_id, []).append(bool(is_granted))
    return answers
