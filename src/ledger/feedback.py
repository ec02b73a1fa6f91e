"""What receivers say of messages afterwards: bounces and complaints, and whom they stop."""

from collections.abc import Sequence
import datetime as dt
from enum import StrEnum
import hashlib
from typing import NamedTuple

from sqlalchemy import Connection, Row, func, insert, select

from src.ledger.schema import feedback, messages, webhook_calls
from src.ledger.states import State
from src.ledger.store import Ledger
from src.ledger.suppressions import list_customer

__all__ = [
    "FeedbackKind",
    "FeedbackReport",
    "SoftRule",
    "count_feedback",
    "keep_feedback",
    "record_feedback",
]

_KEY_DIGITS = 64
_LEAST_DIGITS = 32
_REACHED = [
    state.value
    for state in (
        State.TRANSMITTING,
        State.SENT,
        State.FAILED,
        State.DEFERRED,
        State.UNKNOWN,
        State.RESOLVED_SENT,
        State.RESOLVED_NOT_SENT,
    )
]


class FeedbackKind(StrEnum):
    """What a receiver says."""

    HARD = "hard"  # this mailbox is none, for good
    SOFT = "soft"  # not now: full, busy, not reached
    BLOCK = "block"  # not from us: reputation, policy, content
    COMPLAINT = "complaint"


_REASONS = {FeedbackKind.HARD: "hard bounce", FeedbackKind.COMPLAINT: "complaint"}


class FeedbackReport(NamedTuple):
    """One statement about one message.

    Parameters
    ----------
    message_key : str
        All 64 digits, or the first 32.
    kind : FeedbackKind
        What is said.
    status : str
        Enhanced status code (RFC 3463), or empty.
    """

    message_key: str
    kind: FeedbackKind
    status: str = ""


class SoftRule(NamedTuple):
    """So many messages that bounced softly within so many days count as a hard bounce."""

    n_messages: int = 3
    days: float = 30.0


def record_feedback(
    ledger: Ledger,
    reports: Sequence[FeedbackReport],
    source: str,
    call_id: str = "",
    soft_rule: SoftRule = SoftRule(),  # noqa: B008 - a tuple
) -> int:
    """Keep what is said of messages, and stop those it is a reason to stop.

    A hard bounce and a complaint put the person on the list of those not to be contacted on
    that channel, in the same transaction.

    Parameters
    ----------
    ledger : Ledger
        Where the messages are.
    reports : sequence of FeedbackReport
        What is said; of messages that are not here or were never tried, nothing is kept.
    source : str
        Who says it, such as ``mailbox``.
    call_id : str, default ""
        Id of a provider's call; a call that is known changes nothing.
    soft_rule : SoftRule
        When soft bounces count as a hard one.

    Returns
    -------
    int
        Statements that were new: one message is once of each kind, whoever says it.
    """
    now = ledger.now()

    def keep(connection: Connection) -> int:
        if call_id and not _note_call(connection, call_id, now):
            return 0
        return keep_feedback(connection, reports, source, now, soft_rule)

    return ledger.transact(keep)


def keep_feedback(
    connection: Connection,
    reports: Sequence[FeedbackReport],
    source: str,
    now: dt.datetime,
    soft_rule: SoftRule = SoftRule(),  # noqa: B008 - a tuple
) -> int:
    """Do what `record_feedback` does within the caller's transaction."""
    n_new = 0
    for report in reports:
        row = _find_message(connection, report.message_key)
        if row is not None and _insert(connection, row, report, source, now):
            n_new += 1
            _stop(connection, row, report.kind, now, soft_rule)
    return n_new


def count_feedback(connection: Connection, campaign_id: str) -> dict[str, int]:
    """Count the statements about a campaign, by kind."""
    query = (
        select(feedback.c.kind, func.count())
        .where(feedback.c.campaign_id == campaign_id)
        .group_by(feedback.c.kind)
    )
    return {kind: n for kind, n in connection.execute(query)}


def _note_call(connection: Connection, call_id: str, now: dt.datetime) -> bool:
    digest = hashlib.sha256(call_id.encode()).hexdigest()
    known = select(webhook_calls.c.call_id).where(webhook_calls.c.call_id == digest)
    if connection.scalar(known) is not None:
        return False
    connection.execute(insert(webhook_calls), [{"call_id": digest, "received_at": now}])
    return True


def _find_message(connection: Connection, key: str) -> Row | None:
    """Find the one message whose key is this, or begins with it."""
    if not _LEAST_DIGITS <= len(key) <= _KEY_DIGITS or set(key) - set("0123456789abcdef"):
        return None
    columns = [messages.c[name] for name in ("message_key", "campaign_id", "customer_id")]
    found = connection.execute(
        select(*columns, messages.c.channel)
        .where(
            messages.c.message_key >= key,
            messages.c.message_key <= key + "g",
            messages.c.state.in_(_REACHED),
        )
        .limit(2)
    ).all()
    return found[0] if len(found) == 1 else None


def _insert(
    connection: Connection, row: Row, report: FeedbackReport, source: str, now: dt.datetime
) -> bool:
    text = f"{row.message_key}|{report.kind}"
    key = hashlib.sha256(text.encode()).hexdigest()
    known = select(feedback.c.feedback_id).where(feedback.c.feedback_id == key)
    if connection.scalar(known) is not None:
        return False
    values = {"feedback_id": key, "message_key": row.message_key, "campaign_id": row.campaign_id}
    values |= {"customer_id": row.customer_id, "kind": report.kind.value, "source": source[:40]}
    connection.execute(insert(feedback), [values | {"status": report.status, "recorded_at": now}])
    return True


def _stop(
    connection: Connection, row: Row, kind: FeedbackKind, now: dt.datetime, rule: SoftRule
) -> None:
    reason = _REASONS.get(kind, "")
    if kind == FeedbackKind.SOFT and _count_soft(connection, row, now, rule) >= rule.n_messages:
        reason = "soft bounces"
    if reason:
        list_customer(connection, row.customer_id, row.channel, reason, now)


def _count_soft(connection: Connection, row: Row, now: dt.datetime, rule: SoftRule) -> int:
    query = (
        select(func.count())
        .select_from(feedback)
        .join(messages, messages.c.message_key == feedback.c.message_key)
        .where(
            feedback.c.customer_id == row.customer_id,
            feedback.c.kind == FeedbackKind.SOFT.value,
            feedback.c.recorded_at > now - dt.timedelta(days=rule.days),
            messages.c.channel == row.channel,
        )
    )
    return connection.scalar(query) or 0
