"""Consent as a list of events, suppression by keyed token, and who may be contacted."""

from collections.abc import Sequence
import datetime as dt
import hashlib
import json
import logging
import re

import pandas as pd
from sqlalchemy import Connection, insert, select

from src.errors import SchemaError
from src.ledger.history import move
from src.ledger.people import person_token
from src.ledger.schema import consents, messages, people, suppressions
from src.ledger.states import State
from src.ledger.store import Ledger, chunks, rows_of

__all__ = ["contact_denials", "contactable", "record_consents", "suppress"]

_CONSENT = (
    "customer_id",
    "channel",
    "purpose",
    "is_granted",
    "source",
    "wording",
    "recorded_at",
)
_REASON = re.compile(r"[a-z][a-z0-9 _-]{0,39}")

logger = logging.getLogger(__name__)


def record_consents(ledger: Ledger, events: pd.DataFrame) -> int:
    """Append consent events; the same event again changes nothing.

    Parameters
    ----------
    ledger : Ledger
        Where to keep them.
    events : DataFrame
        One row per event: `customer_id`, `channel`, `purpose`, `is_granted`, `source` (where
        it was said), `wording` (what was agreed to), `recorded_at`.

    Returns
    -------
    int
        Events that were new.

    Notes
    -----
    The state of a customer is the last event of a channel and purpose; of two at the same
    moment the refusal counts. A refusal takes back what senders have already claimed.
    """
    rows = {_consent_id(row): row for row in rows_of(events, _CONSENT)}
    with ledger.write() as connection:
        known = _known_consents(connection, list(rows))
        fresh = {key: row for key, row in rows.items() if key not in known}
        for piece in chunks(list(fresh.items())):
            connection.execute(insert(consents), [{"consent_id": key} | row for key, row in piece])
        refused = [row for row in fresh.values() if not row["is_granted"]]
        _take_back(connection, refused, ledger.now())
    logger.info("record_consents: %d given, %d new", len(rows), len(fresh))
    return len(fresh)


def suppress(ledger: Ledger, wishes: pd.DataFrame) -> int:
    """Put customers, and the mailboxes they use, on the list of those never to be contacted.

    Parameters
    ----------
    ledger : Ledger
        Where to keep it.
    wishes : DataFrame
        One row per wish: `customer_id`, `channel`, `reason` (a few lower-case words such as
        ``unsubscribed``), `recorded_at`.

    Returns
    -------
    int
        Entries that were new.

    Raises
    ------
    SchemaError
        If a reason is more than a few words: free text may hold personal data.
    """
    rows = rows_of(wishes, ("customer_id", "channel", "reason", "recorded_at"))
    for row in rows:
        if not _REASON.fullmatch(str(row["reason"])):
            raise SchemaError(
                "Expected reasons of at most 40 lower-case letters, digits, spaces, - or _, found "
                "another; give a short reason such as 'unsubscribed'."
            )
    with ledger.write() as connection:
        tokens = _tokens(connection, [row["customer_id"] for row in rows])
        entries = {
            (token, row["channel"]): {"token": token, "channel": row["channel"]}
            | {"reason": row["reason"], "recorded_at": row["recorded_at"]}
            for row in reversed(rows)  # the first wish of a customer is the one that is kept
            for token in tokens[row["customer_id"]]
        }
        known = _suppressed(connection, [token for token, _ in entries])
        fresh = [entry for key, entry in entries.items() if key not in known]
        for piece in chunks(fresh):
            connection.execute(insert(suppressions), piece)
        _take_back(connection, _sharing(connection, rows, tokens), ledger.now())
    logger.info("suppress: %d wishes, %d new entries", len(rows), len(fresh))
    return len(fresh)


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
    tokens = _tokens(connection, customer_ids)
    listed = _suppressed(connection, [token for pair in tokens.values() for token in pair])
    answers = _consent_answers(connection, channel, purpose, customer_ids)
    denials = {}
    for customer_id in tokens:
        reasons = [
            listed[token, channel] for token in tokens[customer_id] if (token, channel) in listed
        ]
        if reasons:
            denials[customer_id] = reasons[0]
        elif len(tokens[customer_id]) < 2:
            denials[customer_id] = "no address"
        elif not answers.get(customer_id, [False])[-1]:
            has_agreed = any(answers.get(customer_id, []))
            denials[customer_id] = "consent withdrawn" if has_agreed else "no consent"
    return denials


def _consent_id(row: dict) -> str:
    row["is_granted"] = bool(row["is_granted"])
    moment = pd.Timestamp(row["recorded_at"]).tz_convert("UTC").isoformat()
    parts = [str(row[name]) for name in _CONSENT[:-1]] + [moment]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _known_consents(connection: Connection, consent_ids: list[str]) -> set[str]:
    return {
        key
        for piece in chunks(consent_ids)
        for key in connection.scalars(
            select(consents.c.consent_id).where(consents.c.consent_id.in_(piece))
        )
    }


def _consent_answers(
    connection: Connection, channel: str, purpose: str, customer_ids: Sequence[str]
) -> dict[str, list[bool]]:
    """Give the answers of each customer in order; of two at one moment the refusal is last."""
    answers: dict[str, list[bool]] = {}
    for piece in chunks(list(customer_ids)):
        query = (
            select(consents.c.customer_id, consents.c.is_granted)
            .where(
                consents.c.customer_id.in_(piece),
                consents.c.channel == channel,
                consents.c.purpose == purpose,
            )
            .order_by(consents.c.recorded_at, consents.c.is_granted.desc())
        )
        for row in connection.execute(query):
            answers.setdefault(row.customer_id, []).append(bool(row.is_granted))
    return answers


def _tokens(connection: Connection, customer_ids: Sequence[str]) -> dict[str, list[str]]:
    """Give the tokens under which each customer may be suppressed: person, then mailbox."""
    tokens = {customer_id: [person_token(customer_id)] for customer_id in customer_ids}
    for piece in chunks(list(tokens)):
        query = select(people.c.customer_id, people.c.address_token).where(
            people.c.customer_id.in_(piece), people.c.address_token.is_not(None)
        )
        for row in connection.execute(query):
            tokens[row.customer_id].append(row.address_token)
    return tokens


def _suppressed(connection: Connection, tokens: list[str]) -> dict[tuple[str, str], str]:
    return {
        (row.token, row.channel): row.reason
        for piece in chunks(tokens)
        for row in connection.execute(
            select(suppressions.c.token, suppressions.c.channel, suppressions.c.reason).where(
                suppressions.c.token.in_(piece)
            )
        )
    }


def _sharing(connection: Connection, rows: list[dict], tokens: dict[str, list[str]]) -> list[dict]:
    """Add the customers who use a suppressed mailbox under another id."""
    channels: dict[str, set[str]] = {}
    for row in rows:
        for token in tokens[row["customer_id"]][1:]:
            channels.setdefault(token, set()).add(row["channel"])
    sharing = list(rows)
    for piece in chunks(list(channels)):
        query = select(people.c.customer_id, people.c.address_token).where(
            people.c.address_token.in_(piece)
        )
        sharing += [
            {"customer_id": row.customer_id, "channel": channel}
            for row in connection.execute(query)
            for channel in channels[row.address_token]
        ]
    return sharing


def _take_back(connection: Connection, refused: list[dict], now: dt.datetime) -> None:
    """Return claimed messages to the queue, whose gate will see the refusal.

    The fence goes up, so a sender that still holds the claim cannot begin to transmit.
    """
    for channel in sorted({row["channel"] for row in refused}):
        ids = sorted({row["customer_id"] for row in refused if row["channel"] == channel})
        for piece in chunks(ids):
            query = (
                select(messages)
                .where(
                    messages.c.customer_id.in_(piece),
                    messages.c.channel == channel,
                    messages.c.state == State.CLAIMED,
                )
                .with_for_update()
            )
            held = connection.execute(query).all()
            move(connection, held, State.PLANNED, now, "contact refused", leased_until=None)
