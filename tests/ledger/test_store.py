"""Opening the ledger: once, by whoever comes first, on any of three databases."""

import os
from pathlib import Path
import stat

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
import pandas as pd
import pytest
from sqlalchemy import inspect, text
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import IntegrityError
from sqlalchemy.schema import CreateTable

from src.errors import ConfigurationError, LedgerError, ParameterError, SchemaError
from src.ledger import open_ledger
from src.ledger.schema import metadata
from src.ledger.store import chunks, rows_of


def test_the_revisions_make_the_tables_of_the_schema(ledger):
    with ledger.read() as connection:
        is_exact = ledger.engine.dialect.name in (
            "sqlite",
            "postgresql",
        )  # MariaDB calls FLOAT(53) DOUBLE
        context = MigrationContext.configure(connection, opts={"compare_type": is_exact})
        assert compare_metadata(context, metadata) == []


def test_opening_again_keeps_what_is_there(tmp_path):
    with open_ledger(tmp_path) as ledger, ledger.write() as connection:
        connection.execute(
            text("INSERT INTO suppressions VALUES ('t', 'email', 'x', '2024-01-01')")
        )
    with open_ledger(tmp_path) as ledger, ledger.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM suppressions")) == 1


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_many_processes_may_open_a_new_ledger_at_once(tmp_path):
    children = []
    for _ in range(6):
        child = os.fork()
        if child == 0:
            try:
                open_ledger(tmp_path).close()
                os._exit(0)
            finally:
                os._exit(1)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0] * 6
    with open_ledger(tmp_path) as ledger:
        assert "messages" in inspect(ledger.engine).get_table_names()


def test_sqlite_is_durable_and_checks_references(file_ledger):
    with file_ledger.read() as connection:
        found = [
            connection.scalar(text(f"PRAGMA {name}"))
            for name in ("journal_mode", "synchronous", "foreign_keys")
        ]
    assert found == ["wal", 2, 1]  # 2 is FULL


def test_the_folder_is_for_its_owner_alone(tmp_path):
    with open_ledger(tmp_path):
        assert stat.S_IMODE((tmp_path / "ledger").stat().st_mode) == 0o700


def insert_twice(ledger):
    insert = text("INSERT INTO suppressions VALUES ('t', 'email', 'x', '2024-01-01')")
    with ledger.write() as connection:
        connection.execute(insert)
        connection.execute(insert)


def test_a_failed_transaction_leaves_nothing(ledger):
    with pytest.raises(IntegrityError):
        insert_twice(ledger)
    with ledger.read() as connection:
        assert connection.scalar(text("SELECT count(*) FROM suppressions")) == 0


@pytest.mark.parametrize("dialect", [postgresql.dialect(), mysql.dialect()], ids=lambda d: d.name)
def test_tables_can_be_made_on_servers_too(dialect):
    for table in metadata.sorted_tables:
        assert str(CreateTable(table).compile(dialect=dialect))


@pytest.mark.parametrize(
    ("url", "error", "message"),
    [
        ("postgresql+psycopg://me:secret@host/name", ParameterError, "without password"),
        ("not a url", ParameterError, "ledger URL"),
        ("env:CAMPANILE_NO_SUCH_VARIABLE", ConfigurationError, "CAMPANILE_NO_SUCH_VARIABLE"),
    ],
    ids=["password", "no url", "no variable"],
)
def test_a_wrong_url_is_refused_without_showing_its_secret(tmp_path, url, error, message):
    with pytest.raises(error, match=message) as caught:
        open_ledger(tmp_path, url)
    assert "secret" not in str(caught.value)


def test_the_url_may_come_from_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("CAMPANILE_TEST_LEDGER", f"sqlite:///{tmp_path}/elsewhere/l.db")
    with open_ledger(tmp_path, "env:CAMPANILE_TEST_LEDGER"):
        assert Path(tmp_path, "elsewhere", "l.db").exists()


def test_a_ledger_of_a_newer_version_is_refused(tmp_path):
    with open_ledger(tmp_path) as ledger, ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(LedgerError, match="newer version"):
        open_ledger(tmp_path)


def test_a_file_that_is_no_database_is_refused(tmp_path):
    Path(tmp_path, "ledger").mkdir()
    Path(tmp_path, "ledger", "ledger.db").write_bytes(b"no database" * 1000)
    with pytest.raises(LedgerError, match="not a database"):
        open_ledger(tmp_path)


def test_rows_have_none_for_what_is_missing():
    frame = pd.DataFrame({"a": [1.5, None], "b": ["x", None], "c": 0})
    assert rows_of(frame, ("a", "b")) == [{"a": 1.5, "b": "x"}, {"a": None, "b": None}]


def test_a_missing_column_is_named():
    with pytest.raises(SchemaError, match="'b'"):
        rows_of(pd.DataFrame({"a": [1]}), ("a", "b"))


def test_chunks_cut_without_loss():
    assert [len(piece) for piece in chunks(list(range(1001)))] == [500, 500, 1]
