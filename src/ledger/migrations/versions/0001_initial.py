"""First tables: people, consents, suppressions, assignments, messages and what became of them."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _name(column: str, length: int = 64, is_null: bool = False) -> sa.Column:
    return sa.Column(column, sa.String(length), nullable=is_null)


def upgrade() -> None:
    """Make all tables."""
    _create_persons()
    _create_campaigns()
    _create_messages()
    _create_history()


def downgrade() -> None:
    """Drop all tables, those that refer to others first."""
    for table in (
        "transitions",
        "attempts",
        "messages",
        "contents",
        "assignments",
        "suppressions",
        "consents",
        "people",
    ):
        op.drop_table(table)


def _create_persons() -> None:
    op.create_table(
        "people",
        _name("customer_id"),
        sa.Column("key_version", sa.Integer, nullable=False),
        sa.Column("first_name", sa.LargeBinary),
        sa.Column("last_name", sa.LargeBinary),
        sa.Column("email", sa.LargeBinary),
        _name("address_token", is_null=True),
        sa.PrimaryKeyConstraint("customer_id"),
    )
    op.create_index("ix_people_address_token", "people", ["address_token"])
    op.create_table(
        "consents",
        _name("consent_id"),
        _name("customer_id"),
        _name("channel", 16),
        _name("purpose", 32),
        sa.Column("is_granted", sa.Boolean, nullable=False),
        _name("source", 120),
        sa.Column("wording", sa.Text, nullable=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("consent_id"),
    )
    op.create_index("ix_consents_customer_id", "consents", ["customer_id"])
    op.create_table(
        "suppressions",
        _name("token"),
        _name("channel", 16),
        _name("reason", 40),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("token", "channel"),
    )


def _create_campaigns() -> None:
    op.create_table(
        "assignments",
        _name("campaign_id"),
        _name("customer_id"),
        _name("action"),
        sa.Column("pscore", sa.Float(53)),
        _name("salt", 120),
        _name("policy_version", 120),
        sa.Column("decided_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "customer_id"),
    )
    op.create_table(
        "contents",
        _name("content_sha256"),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("html", _LONG_TEXT, nullable=False),
        sa.Column("text", _LONG_TEXT, nullable=False),
        sa.PrimaryKeyConstraint("content_sha256"),
    )


def _create_messages() -> None:
    op.create_table(
        "messages",
        _name("message_key"),
        _name("campaign_id"),
        sa.Column("step", sa.Integer, nullable=False),
        _name("customer_id"),
        _name("channel", 16),
        _name("purpose", 32),
        _name("action"),
        _name("content_sha256"),
        _name("state", 20),
        _name("reason", 200, is_null=True),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        _name("sender", 120, is_null=True),
        sa.Column("leased_until", _TIME),
        sa.Column("next_at", _TIME),
        _name("transport", 40, is_null=True),
        sa.Column("attempted_at", _TIME),
        sa.PrimaryKeyConstraint("message_key"),
        sa.ForeignKeyConstraint(["content_sha256"], ["contents.content_sha256"]),
    )
    op.create_index("ix_messages_customer_id", "messages", ["customer_id"])
    op.create_index(
        "ix_messages_queue", "messages", ["campaign_id", "channel", "state", "message_key"]
    )


def _create_history() -> None:
    op.create_table(
        "attempts",
        _name("message_key"),
        sa.Column("attempt", sa.Integer, nullable=False, autoincrement=False),
        _name("transport", 40, is_null=True),
        _name("state", 20),
        _name("reason", 200, is_null=True),
        sa.Column("attempted_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("message_key", "attempt"),
        sa.ForeignKeyConstraint(["message_key"], ["messages.message_key"]),
    )
    op.create_table(
        "transitions",
        sa.Column("transition_id", _SERIAL, primary_key=True, autoincrement=True),
        _name("message_key"),
        _name("from_state", 20, is_null=True),
        _name("to_state", 20),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("fence", sa.Integer, nullable=False),
        _name("sender", 120, is_null=True),
        _name("reason", 200, is_null=True),
        sa.Column("moved_at", _TIME, nullable=False),
        sa.ForeignKeyConstraint(["message_key"], ["messages.message_key"]),
    )
    op.create_index("ix_transitions_message_key", "transitions", ["message_key"])
