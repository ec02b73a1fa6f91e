"""Kill -9 in the middle of landings, and go on: no row lost, none doubled."""

from collections import Counter
import datetime as dt
import json
from pathlib import Path
import subprocess
import sys

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from src.data.ingest import read_raw_tables
from src.engine import connect
from src.root import PROJECT_ROOT
from src.sources.config import Source
from src.sources.loads import open_loads
from src.sources.origins import SqlOrigin
from src.sources.sql import land_sql
from tests.sources.servers import MARIADB, POSTGRESQL, broker, database, make_topic, produce

pytestmark = pytest.mark.timeout(600)

LAUNCHER = """
import json, os, signal, sys
import confluent_kafka, dlt, dlt.destinations, dlt.sources.sql_database, duckdb, pathlib
import psycopg, pymysql, pyarrow.parquet, sqlalchemy.dialects.postgresql.psycopg
from src.sources import kafka
from src.sources.kafka import land_kafka
from src.sources.origins import KafkaOrigin, SqlOrigin
from src.sources.sql import land_sql

LANDS = {"sql": (land_sql, SqlOrigin), "kafka": (land_kafka, KafkaOrigin)}
WATCHED = {"open", "os.rename", "os.remove", "os.rmdir", "os.mkdir"}


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def land(job):
    n_events = 0
    published = False

    def watch(event, args):
        # every touch of a file or folder is a place to die: before it is done
        nonlocal n_events, published
        if event not in WATCHED:
            return
        n_events += 1
        if n_events == job["kill_at"] or (published and job["kill"] == "published"):
            die()
        if event == "os.rename" and "/loads/" in str(args[1]) and "/part" not in str(args[1]):
            if job["kill"] == "publishing":
                die()
            published = True

    kafka._BATCH = 400
    if job["kill"] == "commit":
        kafka._commit = die
    land, kind = LANDS[job["kind"]]
    sys.addaudithook(watch)
    landed = land("shop", "raw", kind(**job["origin"]), pathlib.Path(job["folder"]), lambda n: None)
    return {"n_read": landed.n_read, "n_rows": landed.n_rows, "n_events": n_events}


for line in sys.stdin:
    pid = os.fork()
    if pid == 0:
        try:
            told = land(json.loads(line))
        except BaseException as error:
            told = {"error": repr(error)}
        print(json.dumps(told), flush=True)
        os._exit(0)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        print(json.dumps({"code": code}), flush=True)
"""


class Launcher:
    """Lands in forks of one process, so that forty landings pay for imports once."""

    def __init__(self, kind: str, folder: Path, **origin: object) -> None:
        self.job = {"kind": kind, "folder": str(folder), "origin": origin}
        self.process = subprocess.Popen(
            [sys.executable, "-c", LAUNCHER],
            cwd=PROJECT_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def land(self, kill_at: int | None = None, kill: str | None = None) -> dict:
        job = self.job | {"kill_at": kill_at, "kill": kill}
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        told = json.loads(self.process.stdout.readline())
        assert "error" not in told, told
        return told

    def __enter__(self) -> "Launcher":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.stdin.close()
        self.process.kill()
        self.process.wait()


def landed_rows(folder: Path) -> list[dict]:
    """Rows of all complete loads, in order, as they lie on the disk."""
    files = sorted((folder / "loads").glob("*/*.parquet"))
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def change(engine: sa.Engine, name: str, step: int) -> None:
    """Add two rows, one of them late, change one and mark one as deleted."""
    at = dt.datetime(2024, 3, 1) + dt.timedelta(minutes=step)
    late = at - dt.timedelta(seconds=90)
    changed = 101 + 2 * max(step - 2, 0)  # the late row of two steps ago
    with engine.begin() as connection:
        for statement in (
            f"INSERT INTO {name} VALUES ({100 + 2 * step}, {step}.10, '{at}', NULL)",
            f"INSERT INTO {name} VALUES ({101 + 2 * step}, {step}.20, '{late}', NULL)",
            f"UPDATE {name} SET price = price + 1, at = '{at}' WHERE id = {changed}",
            f"UPDATE {name} SET gone = TRUE, at = '{at}' WHERE id = {100 + step}",
        ):
            assert connection.exec_driver_sql(statement).rowcount == 1, statement


def replace(engine: sa.Engine, name: str, step: int) -> None:
    """Add two rows, change one and really delete one."""
    at = dt.datetime(2024, 3, 1) + dt.timedelta(minutes=step)
    with engine.begin() as connection:
        for statement in (
            f"INSERT INTO {name} VALUES ({100 + 2 * step}, {step}.10, '{at}', NULL)",
            f"INSERT INTO {name} VALUES ({101 + 2 * step}, {step}.20, '{at}', NULL)",
            f"UPDATE {name} SET price = price + 1 WHERE id = {101 + 2 * step}",
            f"DELETE FROM {name} WHERE id = {100 + step}",
        ):
            assert connection.exec_driver_sql(statement).rowcount == 1, statement


def make_table(engine: sa.Engine, name: str) -> None:
    time = "TIMESTAMP" if engine.dialect.name == "postgresql" else "DATETIME(6)"
    with engine.begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE {name} (id INT PRIMARY KEY, price NUMERIC(12, 2), at {time}, "
            "gone BOOLEAN)"
        )


def rows_of(engine: sa.Engine, name: str) -> list[tuple]:
    with engine.connect() as connection:
        table = sa.Table(name, sa.MetaData(), autoload_with=engine)
        found = connection.execute(sa.select(table)).all()
    return sorted((row.id, row.price, row.at, bool(row.gone)) for row in found)


def check_against(engine: sa.Engine, name: str, folder: Path) -> None:
    """Hold the last landed version of each row against the table, and look for doubles."""
    rows = landed_rows(folder)
    last = {row["id"]: (row["id"], row["price"], row["at"], bool(row["gone"])) for row in rows}
    assert sorted(last.values()) == rows_of(engine, name)
    versions = Counter((row["id"], row["price"], row["at"], row["gone"]) for row in rows)
    assert max(versions.values()) == 1


def check_order_lines(engine: sa.Engine, name: str, folder: Path, **origin: object) -> None:
    """Hold the order lines that a run would read against the rows that are not deleted."""
    columns = {
        "order_id": "id",
        "customer_id": {"value": "anna"},
        "product_id": {"value": "tea"},
        "ordered_at": "at",
        "quantity": {"value": 1},
        "line_value": "price",
    }
    tables = {"orders_raw": {"sql": origin, "columns": columns}}
    source = Source.model_validate({"name": "shop", "currency": "EUR", "tables": tables})
    landed = land_sql("shop", "raw", SqlOrigin(**origin), folder, lambda n: None)
    assert landed.n_read == 0
    raw = read_raw_tables(connect(), source, {"orders_raw": landed}, b"k" * 32)["orders_raw"]
    read = raw.to_pandas()[["order_id", "line_value", "ordered_at"]]
    read["order_id"] = read["order_id"].astype("str")
    read["ordered_at"] = read["ordered_at"].dt.tz_localize(None)
    expected = [
        (str(i), float(price), at) for i, price, at, gone in rows_of(engine, name) if not gone
    ]
    assert sorted(read.itertuples(index=False, name=None)) == sorted(expected)


@pytest.mark.parametrize(
    ("url", "n_points"), [(POSTGRESQL, 18), (MARIADB, 3)], ids=["postgresql", "mariadb"]
)
def test_a_killed_load_of_a_table_is_made_good_by_the_next(monkeypatch, tmp_path, url, n_points):
    monkeypatch.setenv("SHOP_DB", url)
    folder = tmp_path / "orders_raw"
    with database(url) as (engine, name):
        origin = {"secret": "env/SHOP_DB", "table": name, "cursor": "at", "key": ["id"]}
        origin |= {"deleted": "gone", "lag_seconds": 120}
        make_table(engine, name)
        with Launcher("sql", folder, **origin) as launcher:
            for step in range(3):  # three whole loads; the last says how far a load goes
                change(engine, name, step)
                whole = launcher.land()
                check_against(engine, name, folder)
            points = [1 + whole["n_events"] * i // n_points for i in range(n_points)]
            kills = [{"kill_at": point} for point in points]
            kills += [{"kill": "publishing"}, {"kill": "published"}]
            for step, point in enumerate(kills, start=3):
                change(engine, name, step)
                assert launcher.land(**point) == {"code": -9}, point
                before = len(landed_rows(folder))
                again = launcher.land()
                assert len(landed_rows(folder)) == before + again["n_read"]
                check_against(engine, name, folder)
            assert launcher.land()["n_read"] == 0
        n_steps = 3 + len(kills)
        # two new rows, a changed and a deleted one per step; what is new is landed only once,
        # even if it is changed in the same step
        assert 3.5 * n_steps <= len(landed_rows(folder)) <= 4 * n_steps
        check_order_lines(engine, name, folder, **origin)


def test_a_killed_reading_of_a_whole_table_is_made_good_by_the_next(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_DB", POSTGRESQL)
    folder = tmp_path / "orders_raw"
    with (
        database(POSTGRESQL) as (engine, name),
        Launcher("sql", folder, secret="env/SHOP_DB", table=name) as launcher,
    ):
        make_table(engine, name)
        replace(engine, name, 0)
        n_events = launcher.land()["n_events"]
        kills = [{"kill_at": 1 + n_events * i // 6} for i in range(6)]
        for step, point in enumerate([*kills, {"kill": "publishing"}, {"kill": "published"}], 1):
            replace(engine, name, step)
            assert launcher.land(**point) == {"code": -9}, point
            launcher.land()
            found = sorted(
                (row["id"], row["price"], row["at"], bool(row["gone"]))
                for row in landed_rows(folder)
            )
            assert found == rows_of(engine, name), point


def test_a_killed_landing_of_a_topic_is_made_good_by_the_next(tmp_path):
    folder = tmp_path / "events_raw"
    with broker() as address:
        topic = make_topic(address, 2)
        n_sent = 0
        with Launcher("kafka", folder, servers=address, topic=topic) as launcher:
            kills = [{}, {"kill": "commit"}, {"kill": "publishing"}, {"kill": "published"}]
            for point in [*kills, *({"kill_at": n} for n in (3, 9, 15, 21, 27, 33))]:
                sent = range(n_sent, n_sent + 1000)
                messages = [(n % 2, json.dumps({"n": n}).encode()) for n in sent]
                produce(address, topic, [*messages, (0, b"no JSON")])
                n_sent += 1000
                told = launcher.land(**point)
                assert (told == {"code": -9}) == bool(point), (point, told)
                launcher.land()
                rows = landed_rows(folder)
                numbers = [row["n"] for row in rows if row["_ragged"] is None]
                assert sorted(numbers) == list(range(n_sent)), point
                offsets = Counter((row["_partition"], row["_offset"]) for row in rows)
                assert len(offsets) == len(rows) == n_sent + n_sent // 1000
            assert launcher.land()["n_read"] == 0


def test_what_an_interrupted_landing_left_is_cleared_away(tmp_path):
    folder = tmp_path / "orders_raw"
    (folder / "work" / "dlt").mkdir(parents=True)
    (folder / "work" / "dlt" / "half").write_text("x")
    with open_loads(folder, "x") as loads:
        assert list(loads.work.iterdir()) == []
        assert loads.files() == []
    assert not (folder / "work").exists()
