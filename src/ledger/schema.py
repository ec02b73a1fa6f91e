"""Tables of the ledger, for SQLite, PostgreSQL and MariaDB alike."""

import datetime as dt

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import mysql

from src.errors import LedgerError

__all__ = [
    "approvals",
    "assignments",
    "attempts",
    "audit",
    "audit_head",
    "campaigns",
    "consents",
    "contents",
    "feedback",
    "messages",
    "metadata",
    "people",
    "responses",
    "suppressions",
    "transitions",
    "webhook_calls",
]

_DATETIME = DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_LONG_TEXT = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_SERIAL = BigInteger().with_variant(Integer(), "sqlite")


class UtcTime(TypeDecorator):
    """Aware times in and out, kept as UTC without zone, since not every database has zones."""

    impl = _DATETIME
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> dt.datetime | None:
        """Turn an aware time into UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise LedgerError(
                "Expected a time with its zone, found one without; give times in UTC."
            )
        if hasattr(value, "to_pydatetime"):
            value = value.to_pydatetime(warn=False)
        return value.astimezone(dt.UTC).replace(tzinfo=None)

    def process_result_value(
        self, value: dt.datetime | None, dialect: Dialect
    ) -> dt.datetime | None:
        """Give the time its zone back."""
        return None if value is None else value.replace(tzinfo=dt.UTC)


def _name(column: str, *parts: object, **options: object) -> Column:
    length, *rest = parts if parts and isinstance(parts[0], int) else (64, *parts)
    return Column(column, String(length), *rest, **options)


metadata = MetaData()

people = Table(
    "people",
    metadata,
    _name("customer_id", primary_key=True),
    Column("key_version", Integer, nullable=False),
    Column("first_name", LargeBinary),
    Column("last_name", LargeBinary),
    Column("email", LargeBinary),
    _name("address_token", index=True),
    Column("phone", LargeBinary),
    Column("time_zone", LargeBinary),
    Column("language", LargeBinary),
    Column("webhook", LargeBinary),
    _name("phone_token", index=True),
    _name("webhook_token", index=True),
    Index("ix_people_key_version", "key_version", "customer_id"),
)

consents = Table(
    "consents",
    metadata,
    _name("consent_id", primary_key=True),
    _name("customer_id", nullable=False, index=True),
    _name("channel", 16, nullable=False),
    _name("purpose", 32, nullable=False),
    Column("is_granted", Boolean, nullable=False),
    _name("source", 120, nullable=False),
    Column("wording", Text, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Column("proof", Text),
)

suppressions = Table(
    "suppressions",
    metadata,
    _name("token", primary_key=True),
    _name("channel", 16, primary_key=True),
    _name("reason", 40, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
)

assignments = Table(
    "assignments",
    metadata,
    _name("campaign_id", primary_key=True),
    _name("customer_id", primary_key=True),
    _name("action", nullable=False),
    Column("pscore", Float(53)),
    _name("salt", 120, nullable=False),
    _name("policy_version", 120, nullable=False),
    Column("decided_at", UtcTime, nullable=False),
    _name("stratum", 120),
    _name("eligibility_id"),
    _name("eligibility_reason", 200),
    Column("pscores", Text),
)

campaigns = Table(
    "campaigns",
    metadata,
    _name("campaign_id", primary_key=True),
    _name("state", 20, nullable=False),
    Column("version", Integer, nullable=False),
    Column("n_messages", Integer, nullable=False),
    Column("approval_above", Integer, nullable=False),
    Column("expires_at", UtcTime),
    Column("budget_micro", BigInteger),
    Column("spent_micro", BigInteger, nullable=False),
    Column("max_attempts", Integer, nullable=False),
    Column("first_seconds", Float(53), nullable=False),
    Column("multiplier", Float(53), nullable=False),
    Column("cap_seconds", Float(53), nullable=False),
    Column("max_age_seconds", Float(53), nullable=False),
    Column("policy", Text),
    Column("sending_window", Text),
    Column("registered_at", UtcTime, nullable=False),
)

approvals = Table(
    "approvals",
    metadata,
    _name("campaign_id", ForeignKey("campaigns.campaign_id"), primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    _name("actor", 120, primary_key=True),
    Column("n_messages", Integer, nullable=False),
    Column("approved_at", UtcTime, nullable=False),
)

contents = Table(
    "contents",
    metadata,
    _name("content_sha256", primary_key=True),
    Column("subject", Text, nullable=False),
    Column("html", _LONG_TEXT, nullable=False),
    Column("text", _LONG_TEXT, nullable=False),
)

messages = Table(
    "messages",
    metadata,
    _name("message_key", primary_key=True),
    _name("campaign_id", nullable=False),
    Column("step", Integer, nullable=False),
    _name("customer_id", nullable=False, index=True),
    _name("channel", 16, nullable=False),
    _name("purpose", 32, nullable=False),
    _name("action", nullable=False),
    _name("content_sha256", ForeignKey("contents.content_sha256"), nullable=False),
    _name("state", 20, nullable=False),
    _name("reason", 200),
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    _name("sender", 120),
    Column("leased_until", UtcTime),
    Column("next_at", UtcTime),
    _name("transport", 40),
    Column("attempted_at", UtcTime),
    Column("expected_profit_value", Float(53), nullable=False),
    Column("cost_micro", BigInteger, nullable=False),
    Column("planned_at", UtcTime),
    Column("first_tried_at", UtcTime),
)
Index(
    "ix_messages_queue",
    messages.c.campaign_id,
    messages.c.channel,
    messages.c.state,
    messages.c.expected_profit_value.desc(),
    messages.c.message_key,
)
Index(
    "ix_messages_due",
    messages.c.campaign_id,
    messages.c.channel,
    messages.c.next_at,
    sqlite_where=messages.c.next_at.is_not(None),
    postgresql_where=messages.c.next_at.is_not(None),
)

attempts = Table(
    "attempts",
    metadata,
    _name("message_key", ForeignKey("messages.message_key"), primary_key=True),
    Column("attempt", Integer, primary_key=True, autoincrement=False),
    _name("transport", 40),
    _name("state", 20, nullable=False),
    _name("reason", 200),
    Column("attempted_at", UtcTime, nullable=False),
)

transitions = Table(
    "transitions",
    metadata,
    Column("transition_id", _SERIAL, primary_key=True, autoincrement=True),
    _name("message_key", nullable=False),  # neither key nor index: it is only ever appended
    _name("from_state", 20),
    _name("to_state", 20, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    _name("sender", 120),
    _name("reason", 200),
    Column("moved_at", UtcTime, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("entry_no", BigInteger, primary_key=True, autoincrement=False),
    Column("recorded_at", UtcTime, nullable=False),
    _name("actor", 120, nullable=False),
    _name("action", 60, nullable=False),
    _name("subject", 200, nullable=False),
    Column("details", _LONG_TEXT, nullable=False),
    _name("digest", nullable=False),
)

audit_head = Table(
    "audit_head",
    metadata,
    _name("chain_id", primary_key=True),
    Column("n_entries", BigInteger, nullable=False),
    _name("digest", nullable=False),
)

feedback = Table(
    "feedback",
    metadata,
    _name("feedback_id", primary_key=True),
    _name("message_key", nullable=False),
    _name("campaign_id", nullable=False),
    _name("customer_id", nullable=False, index=True),
    _name("kind", 16, nullable=False),
    _name("status", 16, nullable=False),
    _name("source", 40, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
    Index("ix_feedback_campaign_id", "campaign_id", "kind"),
)

responses = Table(
    "responses",
    metadata,
    Column("response_id", _SERIAL, primary_key=True, autoincrement=True),
    _name("message_key", nullable=False, index=True),
    _name("kind", 16, nullable=False),
    _name("link", 16, nullable=False),
    _name("agent", 16, nullable=False),
    Column("recorded_at", UtcTime, nullable=False),
)

webhook_calls = Table(
    "webhook_calls",
    metadata,
    _name("call_id", primary_key=True),
    Column("received_at", UtcTime, nullable=False),
)
