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
    "assignments",
    "attempts",
    "consents",
    "contents",
    "messages",
    "metadata",
    "people",
    "suppressions",
    "transitions",
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
    Index("ix_messages_queue", "campaign_id", "channel", "state", "message_key"),
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
    _name("message_key", ForeignKey("messages.message_key"), nullable=False, index=True),
    _name("from_state", 20),
    _name("to_state", 20, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("fence", Integer, nullable=False),
    _name("sender", 120),
    _name("reason", 200),
    Column("moved_at", UtcTime, nullable=False),
)
