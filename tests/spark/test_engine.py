"""Spark as an engine: the same rows, numbers and files as DuckDB."""

import datetime as dt

import ibis
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.engine import connect, read_numbered, read_parquet, write_parquet
from src.errors import ConfigurationError, SchemaError
from src.stage import open_stage

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.timeout(1200)]  # one cluster for all
MOMENT = dt.datetime(1969, 12, 31, 23, 59, 59, 999999)


def write_files(folder, names) -> list:
    for first, name in enumerate(names):
        n = first + 1
        columns = {
            "number": pa.array([100 * first + i for i in range(n)], pa.int64()),
            "nano": pa.array([1_500_000_000_123_456_000 + i for i in range(n)], pa.timestamp("ns")),
            "clock": pa.array([MOMENT] * n, pa.timestamp("us")),
            "moment": pa.array([MOMENT] * n, pa.timestamp("us", "Europe/Berlin")),
            "text": pa.array(["é", None, ""][:n], pa.string()),
        }
        pq.write_table(pa.table(columns), folder / name, row_group_size=1)
    return [folder / name for name in names]


@pytest.mark.parametrize("order", [1, -1])
def test_rows_are_numbered_as_on_duckdb_whatever_the_names(engines, tmp_path, order):
    files = write_files(tmp_path, ["b é,[1]*.parquet", "a%20{x}'?.parquet", "c\\d e.parquet"])
    frames = [
        read_numbered(engine, files[::order]).order_by("source_row").to_pandas()
        for engine in engines
    ]
    times = dict.fromkeys(["nano", "clock"], "datetime64[us]") | {"moment": "datetime64[us, UTC]"}
    pd.testing.assert_frame_equal(*(frame.astype(times) for frame in frames))
    assert frames[1]["source_row"].tolist() == list(range(6))


def test_times_of_older_files_keep_what_they_say_of_zones(engines, tmp_path):
    clock = pa.array([dt.datetime(2024, 3, 1, 12), dt.datetime(1812, 6, 24)], pa.timestamp("us"))
    pq.write_table(
        *(pa.table({"a `b`": clock}), tmp_path / "t.parquet"), use_deprecated_int96_timestamps=True
    )
    tables = [read_numbered(engine, [tmp_path / "t.parquet"]) for engine in engines]
    assert [table.schema()["a `b`"].timezone for table in tables] == [None, None]
    ours, theirs = (table.order_by("source_row").to_pyarrow() for table in tables)
    assert theirs["a `b`"].to_pylist() == ours["a `b`"].to_pylist() == clock.to_pylist()


def test_what_spark_writes_duckdb_reads_and_nothing_else_lies_there(engines, tmp_path):
    duckdb, spark = engines
    files = write_files(tmp_path, ["a.parquet", "b.parquet"])
    written = read_numbered(spark, files).mutate(place=ibis.row_number()).order_by("number")
    assert written.cache().schema()["place"].is_int64()
    write_parquet(spark, written, tmp_path / "run [1]" / "t")
    assert {path.suffix for path in (tmp_path / "run [1]" / "t").iterdir()} == {".parquet"}
    back = read_parquet(duckdb, tmp_path / "run [1]" / "t")
    assert back.schema()["moment"].timezone == "UTC"
    assert back.schema()["place"].is_int64()
    assert back.count().execute() == 3
    assert read_parquet(spark, tmp_path / "run [1]" / "t").count().execute() == 3


def test_a_stage_on_spark_is_read_by_one_on_duckdb(spark_master, tmp_path):
    stage = open_stage("04c_value", str(tmp_path), "spark", spark_master)
    pq.write_table(pa.table({"customer_id": ["b", "a", "c"]}), tmp_path / "people.parquet")
    people = read_numbered(stage.engine, [tmp_path / "people.parquet"])
    scores = ibis.memtable(
        pd.DataFrame({"customer_id": ["b", "a"], "p_alive": [0.1, 0.2], "clv": [1.0, 3.0]})
    ).mutate(expected_orders=1.0, expected_order_value=2.0)
    assert stage.write("value_scores", people.inner_join(scores, "customer_id").cache()) == 2
    stage.record()
    frame = open_stage("05_decide", str(tmp_path)).frame("value_scores")
    assert frame["customer_id"].tolist() == ["a", "b"]
    litter = [p.name for p in tmp_path.rglob("*") if p.name.startswith((".", "_")) and p.is_file()]
    assert not litter


def test_an_empty_file_and_an_odd_type_are_told(engines, tmp_path):
    pq.write_table(
        pa.table({"at": pa.array([dt.time(1)], pa.time64("us"))}), tmp_path / "t.parquet"
    )
    with pytest.raises(SchemaError, match="Store that column in another type"):
        read_numbered(engines[1], [tmp_path / "t.parquet"])
    (tmp_path / "t.parquet").rename(tmp_path / "_t.parquet")
    with pytest.raises(SchemaError, match="rename it"):
        read_numbered(engines[1], [tmp_path / "_t.parquet"])


def test_one_process_has_one_master(engines):
    with pytest.raises(ConfigurationError, match="start another kernel"):
        connect("spark", "local[2]")
