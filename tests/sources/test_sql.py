"""Databases: exact values, increments with late, changed and deleted rows, and plain errors."""

import datetime as dt
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
import uuid

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from src.errors import ParameterError, RunLockedError, SchemaError, SourceError
from src.sources.landed import Landed
from src.sources.loads import open_loads
from src.sources.origins import SqlOrigin
from src.sources.sql import land_sql
from tests.sources.servers import MARIADB, POSTGRESQL, database, free_port

CANARY = "kanarienvogel-77"
DAY = dt.datetime(2024, 3, 1)
LINES = "CREATE TABLE {} (id INT PRIMARY KEY, price NUMERIC(12, 2), at {}, gone BOOLEAN)"
TIME = {"postgresql": "TIMESTAMP", "mysql": "DATETIME(6)", "sqlite": "DATETIME"}


@pytest.fixture(params=["postgresql", "mariadb", "sqlite"])
def place(request, monkeypatch, tmp_path):
    """An engine, the name of a table in it, and its URL in the environment."""
    url = {"postgresql": POSTGRESQL, "mariadb": MARIADB}.get(request.param)
    if url is None:
        file = tmp_path / "shop.db"
        engine = sa.create_engine(f"sqlite:///{file}")
        engine.connect().close()
        monkeypatch.setenv("SHOP_DB", f"sqlite:///{file}")
        yield engine, "t_lines"
        engine.dispose()
        return
    monkeypatch.setenv("SHOP_DB", url)
    with database(url) as (engine, name):
        yield engine, name


@pytest.fixture
def postgres(monkeypatch):
    monkeypatch.setenv("SHOP_DB", POSTGRESQL)
    with database(POSTGRESQL) as (engine, name):
        yield engine, name


def keep(*_: object, **__: object) -> None:
    """Stand for the clearing away of what a landing wrote on its way."""


def land(folder: Path, **fields: object) -> Landed:
    origin = SqlOrigin(secret="env/SHOP_DB", **fields)
    return land_sql("small_shop", "orders_raw", origin, folder, lambda n: None)


def run(engine: sa.Engine, *statements: str, **values: object) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(sa.text(statement), values)


def make_lines(engine: sa.Engine, name: str, n_lines: int = 4) -> None:
    run(engine, LINES.format(name, TIME[engine.dialect.name]))
    for number in range(n_lines):
        add_line(engine, name, number, DAY + dt.timedelta(hours=number))


def add_line(engine: sa.Engine, name: str, number: int, at: dt.datetime) -> None:
    statement = f"INSERT INTO {name} VALUES (:id, :price, :at, NULL)"
    run(engine, statement, id=number, price=f"{number}.10", at=at.isoformat(" ", "microseconds"))


def latest(landed: Landed) -> list[tuple]:
    """Rows as a reader takes them: the last of each key, without the deleted."""
    rows = [row for file in landed.files for row in pq.read_table(file).to_pylist()]
    last = {tuple(row[name] for name in landed.key): row for row in rows}
    kept = [row for row in last.values() if not (landed.deleted and row[landed.deleted])]
    return sorted((row["id"], row["price"], row["at"]) for row in kept)


def truth(engine: sa.Engine, name: str) -> list[tuple]:
    with engine.connect() as connection:
        table = sa.Table(name, sa.MetaData(), autoload_with=engine)
        rows = connection.execute(sa.select(table)).all()
    return sorted((row.id, row.price, row.at) for row in rows if not row.gone)


def test_money_and_times_arrive_to_the_last_digit(place, tmp_path):
    engine, name = place
    make_lines(engine, name, 1)
    run(engine, f"INSERT INTO {name} VALUES (7, 9999999999.99, NULL, NULL)")
    landed = land(tmp_path / "orders_raw", table=name)
    rows = pq.read_table(landed.files[0]).to_pylist()
    assert [(row["id"], row["price"], row["at"]) for row in rows] == [
        (0, Decimal("0.10"), DAY),
        (7, Decimal("9999999999.99"), None),
    ]
    assert (landed.n_rows, landed.n_read) == (2, 2)


def test_three_loads_with_late_changed_and_deleted_rows_give_what_the_table_has(place, tmp_path):
    engine, name = place
    folder = tmp_path / "orders_raw"
    fields = {"cursor": "at", "key": ["id"], "deleted": "gone", "lag_seconds": 7200}
    make_lines(engine, name)
    first = land(folder, table=name, **fields)
    assert (first.n_rows, first.n_read) == (4, 4)

    hour = dt.timedelta(hours=1)
    add_line(engine, name, 10, DAY + 2.5 * hour)  # late: before the last cursor, within the lag
    later = (DAY + 5 * hour).isoformat(" ", "microseconds")
    run(engine, f"UPDATE {name} SET price = 99.99, at = '{later}' WHERE id = 1")
    run(engine, f"UPDATE {name} SET gone = TRUE, at = '{later}' WHERE id = 2")
    second = land(folder, table=name, **fields)
    assert (second.n_rows, second.n_read) == (7, 3)
    assert latest(second) == truth(engine, name)
    assert [row[0] for row in latest(second)] == [0, 1, 3, 10]

    add_line(engine, name, 11, DAY + 6 * hour)
    run(engine, f"UPDATE {name} SET price = 5 WHERE id = 1")  # again, at the same time as before
    third = land(folder, table=name, **fields)
    assert third.n_read == 2
    assert latest(third) == truth(engine, name)

    again = land(folder, table=name, **fields)
    assert again.n_read == 0
    assert again.files == third.files
    assert again.sha256 == third.sha256


def test_a_row_with_the_same_time_as_the_last_one_is_not_missed(place, tmp_path):
    engine, name = place
    make_lines(engine, name)
    land(tmp_path / "orders_raw", table=name, cursor="at", key=["id"])
    add_line(engine, name, 20, DAY + dt.timedelta(hours=3))
    landed = land(tmp_path / "orders_raw", table=name, cursor="at", key=["id"])
    assert landed.n_read == 1
    assert latest(landed) == truth(engine, name)


def test_rows_without_a_cursor_are_read_and_not_doubled(postgres, tmp_path):
    engine, name = postgres
    make_lines(engine, name)
    run(engine, f"INSERT INTO {name} VALUES (30, 1, NULL, NULL)")
    fields = {"table": name, "cursor": "at", "key": ["id"]}
    assert land(tmp_path / "orders_raw", **fields).n_read == 5
    run(engine, f"INSERT INTO {name} VALUES (31, 1, NULL, NULL)")
    assert land(tmp_path / "orders_raw", **fields).n_read == 1


def test_a_table_without_cursor_is_replaced_whole(place, tmp_path):
    engine, name = place
    make_lines(engine, name)
    land(tmp_path / "orders_raw", table=name, key=["id"])
    run(engine, f"DELETE FROM {name} WHERE id > 1")
    landed = land(tmp_path / "orders_raw", table=name, key=["id"])
    assert (landed.n_rows, landed.n_read) == (2, 2)
    assert len(list((tmp_path / "orders_raw").rglob("*.parquet"))) == 1


def test_a_query_lands_like_a_table(place, tmp_path):
    engine, name = place
    make_lines(engine, name)
    query = f"SELECT id, price, at, gone FROM {name} WHERE id <> 2 AND 'a:b' = 'a:b';"
    fields = {"query": query, "cursor": "id", "key": ["id"]}
    assert land(tmp_path / "orders_raw", **fields).n_read == 3
    add_line(engine, name, 5, DAY)
    landed = land(tmp_path / "orders_raw", **fields)
    assert landed.n_read == 1
    rows = [(number, float(price)) for number, price, _ in latest(landed)]  # SQLite's are floats
    assert rows == [(0, 0.1), (1, 1.1), (3, 3.1), (5, 5.1)]


def test_another_question_begins_anew_and_does_not_mix(postgres, tmp_path):
    engine, name = postgres
    make_lines(engine, name)
    land(tmp_path / "orders_raw", table=name, cursor="at", key=["id"])
    query = f"SELECT id, price, at FROM {name} WHERE id < 2"
    landed = land(tmp_path / "orders_raw", query=query, cursor="at", key=["id"])
    assert (landed.n_rows, landed.n_read) == (2, 2)


def test_an_empty_table_has_its_columns(place, tmp_path):
    engine, name = place
    make_lines(engine, name, 0)
    landed = land(tmp_path / "orders_raw", table=name, cursor="at", key=["id"])
    assert landed.schema.names == ["id", "price", "at", "gone"]
    assert landed.n_rows == 0
    add_line(engine, name, 1, DAY)
    landed = land(tmp_path / "orders_raw", table=name, cursor="at", key=["id"])
    assert latest(landed) == [(1, Decimal("1.10"), DAY)]


def test_odd_types_of_postgresql_land(postgres, tmp_path):
    engine, name = postgres
    run(
        engine,
        f"CREATE TABLE {name} (id INT, pay NUMERIC, z TIMESTAMPTZ, i INTERVAL, t TIME, u UUID, "
        'j JSONB, l INT[], n INET, "Größe in cm" REAL)',
        f"INSERT INTO {name} VALUES (1, 0.1234567891234, '2024-03-01 12\\:00+02', '1 day', "
        "'10\\:00', 'c0ffee00-0000-4000-8000-000000000000', '[1]', '{1,2}', '10.0.0.1', 1.5)",
    )
    (row,) = pq.read_table(land(tmp_path / "x", table=name).files[0]).to_pylist()
    assert row == {
        "id": 1,
        "pay": Decimal("0.123456789"),
        "z": dt.datetime(2024, 3, 1, 10, tzinfo=dt.UTC),
        "i": "1 day",
        "t": "10:00:00",
        "u": "c0ffee00-0000-4000-8000-000000000000",
        "j": "[1]",
        "l": "[1,2]",
        "n": "10.0.0.1/32",
        "Größe in cm": 1.5,
    }


def test_a_column_of_another_type_stops_and_a_new_one_is_taken(postgres, tmp_path):
    engine, name = postgres
    make_lines(engine, name)
    fields = {"table": name, "cursor": "at", "key": ["id"]}
    land(tmp_path / "orders_raw", **fields)
    run(engine, f"ALTER TABLE {name} ADD COLUMN note TEXT")
    add_line_sql = f"INSERT INTO {name} VALUES (8, 1, '2024-04-01', NULL, 'new')"
    run(engine, add_line_sql)
    landed = land(tmp_path / "orders_raw", **fields)
    assert (landed.n_read, landed.schema.names[-1]) == (1, "note")
    run(engine, f"ALTER TABLE {name} ALTER COLUMN price TYPE TEXT")
    with pytest.raises(SchemaError, match=r"decimal128\(12, 2\) in the column 'price'"):
        land(tmp_path / "orders_raw", **fields)


@pytest.mark.parametrize(
    ("fields", "kind", "told"),
    [
        ({"table": "no_such_table"}, SchemaError, "found none of that name"),
        ({"cursor": "nope", "key": ["id"]}, SchemaError, "the column 'nope' that"),
        ({"cursor": "at", "key": ["nope"]}, SchemaError, "sql.key names"),
        ({"cursor": "gone", "key": ["id"]}, SchemaError, "found 'gone' of type"),
        ({"cursor": "id", "key": ["id"], "lag_seconds": 5}, ParameterError, "the number 'id'"),
        ({"table": None, "query": "SELEC 1"}, SourceError, "to understand what is asked"),
    ],
    ids=["table", "cursor", "key", "type of cursor", "lag", "query"],
)
def test_a_wrong_question_is_told_in_one_sentence(postgres, tmp_path, fields, kind, told):
    engine, name = postgres
    make_lines(engine, name)
    with pytest.raises(kind, match=told) as caught:
        land(tmp_path / "orders_raw", **({"table": name} | fields))
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("url", "kind", "told"),
    [
        ("mysql://{user}:{word}@127.0.0.1/test", SourceError, "Access denied"),
        ("postgresql://root:{word}@127.0.0.1:{port}/test", SourceError, "refused"),
        ("mysql://root:{word}@127.0.0.1:{port}/test", SourceError, "Can't connect"),
        ("postgresql://root:{word}@127.0.0.1/no_such_base", SourceError, "does not exist"),
        ("oddbase://root:{word}@127.0.0.1/test", ParameterError, "found oddbase"),
        ("postgresql//root:{word}", ParameterError, "URL of a database"),
        ("sqlite:///no/{word}/such.db", SourceError, "the SQLite file such.db"),
    ],
    ids=["password", "down", "down too", "no base", "no driver", "no url", "no file"],
)
def test_a_place_out_of_reach_is_told_without_the_password(
    monkeypatch, tmp_path, caplog, url, kind, told
):
    url = url.format(user=f"u{uuid.uuid4().hex[:8]}", word=CANARY, port=free_port())
    monkeypatch.setenv("SHOP_DB", url)
    with pytest.raises(kind, match=told) as caught:
        land(tmp_path / "orders_raw", table="lines")
    assert CANARY not in str(caught.value) + caplog.text
    assert "\n" not in str(caught.value)


def test_no_password_is_left_in_any_file(monkeypatch, tmp_path):
    with database(MARIADB) as (engine, name):
        user = f"u{uuid.uuid4().hex[:8]}"
        make_lines(engine, name)
        run(engine, f"CREATE USER {user}@'%' IDENTIFIED BY '{CANARY}'")
        run(engine, f"GRANT SELECT ON test.* TO {user}@'%'")
        try:
            monkeypatch.setenv("SHOP_DB", f"mysql://{user}:{CANARY}@127.0.0.1/test")
            monkeypatch.setattr("src.sources.loads.shutil", SimpleNamespace(rmtree=keep))
            land(tmp_path / "orders_raw", table=name, cursor="at", key=["id"])
        finally:
            run(engine, f"DROP USER {user}@'%'")
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert any("work/dlt" in str(file) for file in files)  # what is else cleared away
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]
    assert not [file for file in files if "pickle" in file.name]


def test_a_connection_cut_midway_leaves_what_was_landed(postgres, tmp_path, monkeypatch):
    engine, name = postgres
    make_lines(engine, name)
    before = land(tmp_path / "orders_raw", table=name, cursor="id", key=["id"])
    run(engine, f"INSERT INTO {name} SELECT g, 1, '2024-04-01' FROM generate_series(10, 200000) g")

    monkeypatch.setenv("SHOP_DB", f"{POSTGRESQL}?application_name={name}")

    def cut(n_rows: int) -> None:
        kill = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        run(engine, f"{kill} WHERE application_name = '{name}'")

    origin = SqlOrigin(secret="env/SHOP_DB", table=name, cursor="id", key=["id"])
    with pytest.raises(SourceError, match="run again") as caught:
        land_sql("small_shop", "orders_raw", origin, tmp_path / "orders_raw", cut)
    assert "\n" not in str(caught.value)
    found = sorted((tmp_path / "orders_raw").rglob("*.parquet"))
    assert found == list(before.files)
    after = land(tmp_path / "orders_raw", table=name, cursor="id", key=["id"])
    assert after.n_rows == 4 + 199_991


def test_two_landings_of_one_place_do_not_meet(postgres, tmp_path):
    with open_loads(tmp_path / "orders_raw", "x"), pytest.raises(RunLockedError, match="alone"):
        land(tmp_path / "orders_raw", table="t")


def test_the_landed_folder_is_for_its_owner_alone(postgres, tmp_path):
    engine, name = postgres
    make_lines(engine, name)
    land(tmp_path / "orders_raw", table=name)
    assert (tmp_path / "orders_raw").stat().st_mode & 0o777 == 0o700


def test_settings_of_the_user_do_not_reach_in(postgres, tmp_path, monkeypatch):
    engine, name = postgres
    make_lines(engine, name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SCHEMA__NAMING", "sql_ci_v1")
    monkeypatch.setenv("SOURCES__SQL_DATABASE__CHUNK_SIZE", "nonsense")
    monkeypatch.setenv("NORMALIZE__WORKERS", "nonsense")
    assert land(tmp_path / "orders_raw", table=name).n_rows == 4
    assert not (tmp_path / "home").exists()
