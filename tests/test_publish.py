"""Publishing: other systems read the old state or the new one, never anything between."""

from contextlib import contextmanager
import multiprocessing
import os
import signal
import threading
import time
import uuid

import ibis
import pandas as pd
import pytest
import sqlalchemy as sa

from src.engine import connect
from src.errors import ConfigurationError, ParameterError, SourceError
from src.features import choose_features, profiles_contract
from src.features.families import CORE
from src.publish import publish_tables as publish_all

pytestmark = pytest.mark.timeout(600)

SERVERS = {
    "postgresql": "postgresql+psycopg://root@127.0.0.1:5432/test",
    "mariadb": "mysql+pymysql://root@127.0.0.1:3306/test",
}
VALUES = {"string": None, "int64": 1, "float64": 0.1, "boolean": True}
TABLE_NAMES = ("campanile_profiles", "campanile_tags")
PROFILES = profiles_contract(CORE)


def publish_tables(secret: str, tables: dict, as_of_date: str, contract=PROFILES) -> pd.DataFrame:
    """Publish, with the core features as the columns of `profiles`."""
    return publish_all(secret, tables, as_of_date, contracts={"profiles": contract})


@pytest.fixture(scope="module", params=["sqlite", *SERVERS])
def url(request, tmp_path_factory):
    """URL of a database of our own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path_factory.mktemp('bi') / 'bi.db'}"
        return
    server = sa.create_engine(SERVERS[request.param], isolation_level="AUTOCOMMIT")
    name = f"bi_{uuid.uuid4().hex[:12]}"
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name}"))
    except sa.exc.OperationalError:
        assert os.environ.get("CAMPANILE_REQUIRE_SERVERS") != "1", f"{request.param} is required"
        pytest.skip(f"{request.param} does not run on this machine")
    yield server.url.set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"DROP DATABASE {name}"))
    server.dispose()


@pytest.fixture
def database(url, monkeypatch):
    """An engine of an empty database, whose URL is in env/SHOP_BI."""
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        for name in TABLE_NAMES:
            connection.execute(sa.text(f"DROP TABLE IF EXISTS {name}"))
    monkeypatch.setenv("SHOP_BI", url)
    yield engine
    engine.dispose()


def profiles(spend: dict[str, float], as_of: str = "2017-09-30", **other) -> pd.DataFrame:
    """Rows of `profiles` that say little but what was spent."""
    columns = PROFILES.columns
    rows = [
        {column.name: VALUES.get(column.type) for column in columns}
        | {"customer_id": name, "as_of_date": pd.Timestamp(as_of).date()}
        | {"spend_365_value": value, "lifecycle": "new"}
        | other
        for name, value in spend.items()
    ]
    return pd.DataFrame(rows)


def shop(spend: dict[str, float], as_of: str = "2017-09-30", **other) -> dict:
    """Profiles, and a tag for each of their customers, on an engine."""
    rows = profiles(spend, as_of, **other)
    schema = {c.name: c.type for c in PROFILES.columns}
    described = ibis.memtable(rows, schema=schema)
    days = {"as_of_date": "as_of_date", "entered_date": "as_of_date"}
    tag, never = ibis.literal("vip"), ibis.null("date")
    tags = described.select("customer_id", tag=tag, **days, expires_date=never)
    engine = connect()
    names = {"profiles": described, "tags": tags}
    return {name: engine.create_table(name, engine.to_pyarrow(t)) for name, t in names.items()}


def read(engine) -> tuple[dict[str, float], set[str]]:
    """Spend by customer and customers with a tag, as one state."""
    level = "AUTOCOMMIT" if engine.dialect.name == "sqlite" else "REPEATABLE READ"
    with engine.connect().execution_options(isolation_level=level) as connection:
        if level == "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN")  # its driver would begin none for reading
        rows = connection.execute(sa.text(f"SELECT * FROM {TABLE_NAMES[0]}")).mappings().all()
        tags = connection.execute(sa.text(f"SELECT customer_id FROM {TABLE_NAMES[1]}")).scalars()
        return {r["customer_id"]: r["spend_365_value"] for r in rows}, set(tags)


def test_a_publish_puts_in_replaces_and_removes(database):
    publish_tables("env/SHOP_BI", shop({"ann": 1.5, "bob": 2.0, "Ann": 0.1 + 0.2}), "2017-09-30")
    assert read(database)[0] == {"ann": 1.5, "bob": 2.0, "Ann": 0.1 + 0.2}
    after = shop({"ann": 7.25, "cat": 3.0, "Ann": 0.1 + 0.2}, as_of="2017-10-31")
    published = publish_tables("env/SHOP_BI", after, "2017-10-31")
    spend = {"ann": 7.25, "cat": 3.0, "Ann": 0.1 + 0.2}
    assert read(database) == (spend, set(spend))
    assert published["n_rows"].tolist() == [3, 3]
    assert published["n_removed"].tolist() == [1, 1]
    assert published["table"].tolist() == list(TABLE_NAMES)


def test_every_type_comes_back_as_it_was(database):
    awkward = "a,\"b\"\n'c' \\ % é 漢 🛒 \\N"
    tables = shop({"ann": 1e300}, age_band=awkward, income_band="", gap_mean_days=float("inf"))
    publish_tables("env/SHOP_BI", tables, "2017-09-30")
    with database.connect() as connection:
        row = connection.execute(sa.text(f"SELECT * FROM {TABLE_NAMES[0]}")).mappings().one()
    found = (row["age_band"], row["income_band"], row["kids_band"], row["spend_365_value"])
    assert found == (awkward, "", None, 1e300)
    assert row["gap_mean_days"] is None
    assert str(row["as_of"]) == "2017-09-30"
    assert row["frequency"] == 1


def test_the_same_again_changes_nothing(database):
    tables = shop({"ann": 1.5, "bob": 2.0})
    publish_tables("env/SHOP_BI", tables, "2017-09-30")
    if database.dialect.name == "postgresql":
        versions = sa.text(f"SELECT customer_id, xmin::text FROM {TABLE_NAMES[0]} ORDER BY 1")
        with database.connect() as connection:
            before = connection.execute(versions).all()
        publish_tables("env/SHOP_BI", tables, "2017-09-30")
        with database.connect() as connection:
            assert connection.execute(versions).all() == before  # no row was even rewritten
    published = publish_tables("env/SHOP_BI", tables, "2017-09-30")
    assert published["n_removed"].tolist() == [0, 0]
    assert read(database)[0] == {"ann": 1.5, "bob": 2.0}


def test_an_older_state_is_refused(database):
    publish_tables("env/SHOP_BI", shop({"ann": 1.5}), "2017-09-30")
    with pytest.raises(ParameterError, match="2017-09-30 or later"):
        publish_tables("env/SHOP_BI", shop({"bob": 1.0}, "2017-08-31"), "2017-08-31")
    assert read(database)[0] == {"ann": 1.5}


STATES = [{f"c{i}": float(n) for i in range(n * 50)} for n in (4, 9)]


def test_readers_see_the_old_state_or_the_new(database):
    publish_tables("env/SHOP_BI", shop(STATES[0]), "2017-09-30")
    seen, is_over = [], threading.Event()

    def watch():
        while not is_over.is_set():
            seen.append(read(database))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        for turn in range(6):
            publish_tables("env/SHOP_BI", shop(STATES[(turn + 1) % 2]), "2017-09-30")
    finally:
        is_over.set()
        watcher.join()
    whole = [(state, set(state)) for state in STATES]
    assert seen
    assert all(state in whole for state in seen)


@contextmanager
def halfway(tables: dict):
    """Publish in a process of its own that stops before the last table, and kill it there."""
    context = multiprocessing.get_context("fork")
    is_halfway = context.Event()

    def publish():
        from src import publish as module

        replace = module._replace

        def slowly(connection, table, target):
            if target.name == TABLE_NAMES[-1]:
                is_halfway.set()
                time.sleep(60)
            return replace(connection, table, target)

        module._replace = slowly
        publish_tables("env/SHOP_BI", tables, "2017-10-31")

    process = context.Process(target=publish)
    process.start()
    try:
        assert is_halfway.wait(60)
        yield
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.join()


def test_a_kill_halfway_leaves_the_old_state_whole(database):
    publish_tables("env/SHOP_BI", shop({"ann": 1.5, "bob": 2.0}), "2017-09-30")
    later = shop({"ann": 9.0, "cat": 3.0}, "2017-10-31")
    database.dispose()  # a connection must not be shared with a fork
    with halfway(later):
        assert read(database)[0] == {"ann": 1.5, "bob": 2.0}
        database.dispose()
    assert read(database) == ({"ann": 1.5, "bob": 2.0}, {"ann", "bob"})
    publish_tables("env/SHOP_BI", later, "2017-10-31")
    assert read(database)[0] == {"ann": 9.0, "cat": 3.0}


def test_a_table_of_another_make_is_left_alone(database):
    with database.begin() as connection:
        connection.execute(sa.text(f"CREATE TABLE {TABLE_NAMES[0]} (customer_id VARCHAR(64))"))
    with pytest.raises(ParameterError, match=r"missing are \['age_band'"):
        publish_tables("env/SHOP_BI", shop({"ann": 1.5}), "2017-09-30")


# what is given | what is in the variable | error | telling part
WRONG = {
    "a URL": ("postgresql://u:hush@h/d", "", ParameterError, "env/NAME"),
    "no variable": ("env/NOT_THERE", "", ConfigurationError, "NOT_THERE"),
    "no URL": ("env/SHOP_BI", "hush", ParameterError, "URL of a PostgreSQL"),
    "another kind": ("env/SHOP_BI", "oracle://u:hush@h/d", ParameterError, "URL of a PostgreSQL"),
    "no database": ("env/SHOP_BI", "mysql://u:hush@h", ParameterError, "URL of a PostgreSQL"),
    "nobody there": ("env/SHOP_BI", "mysql://u:hush@127.0.0.1:1/d", SourceError, "see that it"),
    "no folder": ("env/SHOP_BI", "sqlite:////not/there/hush.db", SourceError, "see that it"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_place_is_told_without_its_secret(case, monkeypatch):
    given, kept, error, telling = WRONG[case]
    monkeypatch.setenv("SHOP_BI", kept)
    with pytest.raises(error, match=telling) as refusal:
        publish_tables(given, {}, "2017-09-30")
    assert "hush" not in str(refusal.value)


def test_features_come_and_go_without_a_break(database):
    publish_tables("env/SHOP_BI", shop({"ann": 1.5}), "2017-09-30")  # made with the core only
    more = profiles_contract(choose_features("windows"))
    tables = shop({"ann": 2.5})
    wide = tables["profiles"].mutate(n_orders_7=ibis.literal(3, "int64"))
    publish_tables("env/SHOP_BI", tables | {"profiles": wide}, "2017-09-30", more)
    columns = sa.text(f"SELECT spend_365_value, n_orders_7, n_items_30 FROM {TABLE_NAMES[0]}")
    with database.connect() as connection:
        assert connection.execute(columns).one() == (2.5, 3, None)
    publish_tables("env/SHOP_BI", shop({"ann": 4.5}), "2017-10-31", more)
    with database.connect() as connection:  # nothing of the earlier date is left
        assert connection.execute(columns).one() == (4.5, None, None)
