"""What comes back: bounces and complaints, clicks and opens, calls of providers."""

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_BYTES = {
    f"{dialect}_{name}": value
    for dialect in ("mysql", "mariadb")
    for name, value in (("charset", "utf8mb4"), ("collate", "utf8mb4_nopad_bin"))
}


def _name(column: str, length: int = 64) -> sa.Column:
    return sa.Column(column, sa.String(length), nullable=False)


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "feedback",
        _name("feedback_id"),
        _name("message_key"),
        _name("campaign_id"),
        _name("customer_id"),
        _name("kind", 16),
        _name("status", 16),
        _name("source", 40),
        sa.Column("recorded_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("feedback_id"),
        **_BYTES,
    )
    op.create_index("ix_feedback_customer_id", "feedback", ["customer_id"])
    op.create_index("ix_feedback_campaign_id", "feedback", ["campaign_id", "kind"])
    op.create_table(
        "responses",
        sa.Column("response_id", _SERIAL, primary_key=True, autoincrement=True),
        _name("message_key"),
        _name("kind", 16),
        _name("link", 16),
        _name("agent", 16),
        sa.Column("recorded_at", _TIME, nullable=False),
        **_BYTES,
    )
    op.create_index("ix_responses_message_key", "responses", ["message_key"])
    op.create_table(
        "webhook_calls",
        _name("call_id"),
        sa.Column("received_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("call_id"),
        **_BYTES,
    )


def downgrade() -> None:
    """Drop the tables."""
    for table in ("webhook_calls", "responses", "feedback"):
        op.drop_table(table)
