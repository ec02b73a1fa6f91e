"""Databases of the tests' own, on every kind of server a ledger may lie on."""

from collections.abc import Iterator
from contextlib import contextmanager
import os
import secrets
import uuid

import pytest
import sqlalchemy as sa

from src.ledger import open_ledger
from src.ledger.schema import metadata

SERVERS = {
    "postgresql": "postgresql+psycopg://root@127.0.0.1:5432/test",
    "mariadb": "mysql+pymysql://root@127.0.0.1:3306/test",
}
KINDS = ("sqlite", *SERVERS)


def lacking(what: str) -> None:
    """Skip for want of a server, or fail where it is required."""
    if os.environ.get("CAMPANILE_REQUIRE_SERVERS") == "1":
        pytest.fail(f"{what} is required here")
    pytest.skip(f"{what} does not run on this machine")


@contextmanager
def empty_database(kind: str) -> Iterator[str]:
    """URL of a new database on a server, which is dropped in the end."""
    server = sa.create_engine(
        SERVERS[kind], isolation_level="AUTOCOMMIT", connect_args={"connect_timeout": 5}
    )
    try:
        server.connect().close()
    except sa.exc.OperationalError:
        lacking(kind)
    name = f"ledger_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    try:
        yield server.url.set(database=name).render_as_string()
    finally:
        force = " WITH (FORCE)" if kind == "postgresql" else ""
        with server.connect() as connection:
            connection.execute(sa.text(f"DROP DATABASE {name}{force}"))
        server.dispose()


@contextmanager
def server_ledgers(kind: str, folder) -> Iterator[str]:
    """URL of a database whose tables are there."""
    with empty_database(kind) as url:
        open_ledger(folder, url).close()
        yield url


def empty_tables(url: str) -> None:
    """Take out every row, past the triggers, and begin another chain of the audit log."""
    engine = sa.create_engine(url)
    is_postgresql = engine.dialect.name == "postgresql"
    with engine.begin() as connection:
        if is_postgresql:
            connection.execute(sa.text("SET LOCAL session_replication_role = replica"))
        elif connection.scalar(sa.text("SELECT count(*) FROM audit")):
            connection.execute(sa.text("TRUNCATE TABLE audit"))
        for table in reversed(metadata.sorted_tables):
            if table.name != "audit" or is_postgresql:
                connection.execute(table.delete())
        chain_id = secrets.token_hex(16)
        head = {"chain_id": chain_id, "n_entries": 0, "digest": chain_id}
        connection.execute(metadata.tables["audit_head"].insert(), [head])
    engine.dispose()
