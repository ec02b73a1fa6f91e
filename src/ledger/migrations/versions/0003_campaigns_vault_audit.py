"""Campaigns, approvals and the audit log; more of people; a queue in order of expected profit."""

import secrets

from alembic import op
import sqlalchemy as sa
from sqlalchemy.dialects import mysql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_LONG_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_SERVERS_OF_MYSQL = ("mysql", "mariadb")
_NEW_OF_PEOPLE = ("phone", "time_zone", "language", "webhook")
_TOKENS = ("phone_token", "webhook_token")
_FOREIGN_KEY = "fk_transitions_message_key_messages"


def _name(column: str, length: int = 64, is_null: bool = False) -> sa.Column:
    return sa.Column(column, sa.String(length), nullable=is_null)


def _count(column: str, kind: type = sa.Integer) -> sa.Column:
    return sa.Column(column, kind, nullable=False)


def upgrade() -> None:
    """Add what is new; the rows that are there stay."""
    _extend_people()
    _extend_messages()
    _free_transitions()
    _create_campaigns()
    _create_audit()
    if op.get_bind().dialect.name in _SERVERS_OF_MYSQL:
        _compare_bytes()
    _refuse_changes()


def downgrade() -> None:
    """Take back what was added."""
    _allow_changes()
    for table in ("audit_head", "audit", "approvals", "campaigns"):
        op.drop_table(table)
    op.drop_index("ix_messages_due", "messages")
    op.drop_index("ix_messages_queue", "messages")
    for column in ("expected_profit_value", "cost_micro", "planned_at", "first_tried_at"):
        op.drop_column("messages", column)
    op.create_index(
        "ix_messages_queue", "messages", ["campaign_id", "channel", "state", "message_key"]
    )
    op.drop_index("ix_people_key_version", "people")
    for column in _TOKENS:
        op.drop_index(f"ix_people_{column}", "people")
    for column in (*_NEW_OF_PEOPLE, *_TOKENS):
        op.drop_column("people", column)
    op.drop_column("consents", "proof")
    with op.batch_alter_table("transitions") as batch:
        batch.create_foreign_key(_FOREIGN_KEY, "messages", ["message_key"], ["message_key"])
        batch.create_index("ix_transitions_message_key", ["message_key"])


def _extend_people() -> None:
    for column in _NEW_OF_PEOPLE:
        op.add_column("people", sa.Column(column, sa.LargeBinary))
    for column in _TOKENS:
        op.add_column("people", _name(column, is_null=True))
        op.create_index(f"ix_people_{column}", "people", [column])
    op.create_index("ix_people_key_version", "people", ["key_version", "customer_id"])
    op.add_column("consents", sa.Column("proof", sa.Text))


def _extend_messages() -> None:
    for column in (
        sa.Column("expected_profit_value", sa.Float(53), nullable=False, server_default="0"),
        sa.Column("cost_micro", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("planned_at", _TIME),
        sa.Column("first_tried_at", _TIME),
    ):
        op.add_column("messages", column)
    op.drop_index("ix_messages_queue", "messages")
    best_first = sa.text("expected_profit_value DESC")
    columns = ["campaign_id", "channel", "state", best_first, "message_key"]
    op.create_index("ix_messages_queue", "messages", columns)
    is_waiting = sa.text("next_at IS NOT NULL")
    op.create_index(
        "ix_messages_due",
        "messages",
        ["campaign_id", "channel", "next_at"],
        sqlite_where=is_waiting,
        postgresql_where=is_waiting,
    )


def _free_transitions() -> None:
    """Drop reference and index: every step of every message would pay for them."""
    bind = op.get_bind()
    if bind.dialect.name == "sqlite":
        convention = {"fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s"}
        with op.batch_alter_table("transitions", naming_convention=convention) as batch:
            batch.drop_constraint(_FOREIGN_KEY, type_="foreignkey")
            batch.drop_index("ix_transitions_message_key")
        return
    for found in sa.inspect(bind).get_foreign_keys("transitions"):
        op.drop_constraint(found["name"], "transitions", type_="foreignkey")
    op.drop_index("ix_transitions_message_key", "transitions")


def _create_campaigns() -> None:
    op.create_table(
        "campaigns",
        _name("campaign_id"),
        _name("state", 20),
        _count("version"),
        _count("n_messages"),
        _count("approval_above"),
        sa.Column("expires_at", _TIME),
        sa.Column("budget_micro", sa.BigInteger),
        _count("spent_micro", sa.BigInteger),
        _count("max_attempts"),
        *(
            sa.Column(name, sa.Float(53), nullable=False)
            for name in ("first_seconds", "multiplier", "cap_seconds", "max_age_seconds")
        ),
        sa.Column("policy", sa.Text),
        sa.Column("registered_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id"),
    )
    op.create_table(
        "approvals",
        _name("campaign_id"),
        sa.Column("version", sa.Integer, nullable=False, autoincrement=False),
        _name("actor", 120),
        _count("n_messages"),
        sa.Column("approved_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("campaign_id", "version", "actor"),
        sa.ForeignKeyConstraint(["campaign_id"], ["campaigns.campaign_id"]),
    )


def _create_audit() -> None:
    op.create_table(
        "audit",
        sa.Column("entry_no", sa.BigInteger, nullable=False, autoincrement=False),
        sa.Column("recorded_at", _TIME, nullable=False),
        _name("actor", 120),
        _name("action", 60),
        _name("subject", 200),
        sa.Column("details", _LONG_TEXT, nullable=False),
        _name("digest"),
        sa.PrimaryKeyConstraint("entry_no"),
    )
    head = op.create_table(
        "audit_head",
        _name("chain_id"),
        _count("n_entries", sa.BigInteger),
        _name("digest"),
        sa.PrimaryKeyConstraint("chain_id"),
    )
    chain_id = secrets.token_hex(16)
    op.bulk_insert(head, [{"chain_id": chain_id, "n_entries": 0, "digest": chain_id}])


def _compare_bytes() -> None:
    """Names that differ in case or by a space at the end are different names."""
    inspector = sa.inspect(op.get_bind())
    tables = [name for name in inspector.get_table_names() if name != "alembic_version"]
    references = [(name, key) for name in tables for key in inspector.get_foreign_keys(name)]
    for name, key in references:  # a column that another refers to cannot be converted
        op.drop_constraint(key["name"], name, type_="foreignkey")
    for name in tables:
        op.execute(f"ALTER TABLE {name} CONVERT TO CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin")
    for name, key in references:
        ends = key["constrained_columns"], key["referred_columns"]
        op.create_foreign_key(key["name"], name, key["referred_table"], *ends)


_REFUSED = (("audit", "UPDATE"), ("audit", "DELETE"), ("consents", "UPDATE"))
_MESSAGE = "rows of this table are only ever appended"


def _refuse_changes() -> None:
    """Let the database itself refuse what an append-only table must not know."""
    dialect = op.get_bind().dialect.name
    if dialect == "postgresql":
        op.execute(
            "CREATE FUNCTION campanile_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            f"$$ BEGIN RAISE EXCEPTION '{_MESSAGE}'; END $$"
        )
    for table, change in _REFUSED:
        trigger = f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table}"
        if dialect == "sqlite":
            op.execute(f"{trigger} BEGIN SELECT RAISE(ABORT, '{_MESSAGE}'); END")
        elif dialect == "postgresql":
            op.execute(f"{trigger} FOR EACH ROW EXECUTE FUNCTION campanile_append_only()")
        else:
            op.execute(f"{trigger} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{_MESSAGE}'")  # noqa: E501  # fmt: skip


def _allow_changes() -> None:
    is_postgresql = op.get_bind().dialect.name == "postgresql"
    for table, change in _REFUSED:
        name = f"{table}_no_{change.lower()}"
        op.execute(f"DROP TRIGGER {name} ON {table}" if is_postgresql else f"DROP TRIGGER {name}")
    if is_postgresql:
        op.execute("DROP FUNCTION campanile_append_only()")
