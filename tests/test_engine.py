"""Engines: how they are chosen, and what they read and write."""

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.engine import connect, read_numbered, read_parquet, write_parquet
from src.errors import ConfigurationError, ParameterError, SchemaError
from src.params import read_params
from src.pipeline import prepare


def write_files(folder, sizes: dict[str, int]) -> list:
    """Files of consecutive numbers, several row groups each."""
    first, files = 0, []
    for name, size in sizes.items():
        numbers = pa.table({"number": pa.array(range(first, first + size), pa.int64())})
        pq.write_table(numbers, folder / name, row_group_size=2)
        first += size
        files.append(folder / name)
    return files


def test_rows_are_numbered_over_files_in_the_order_given(tmp_path):
    files = write_files(tmp_path, {"z.parquet": 5, "empty.parquet": 0, "a [1]*?.parquet": 3})
    rows = read_numbered(connect(), files).order_by("source_row").to_pandas()
    assert rows["source_row"].tolist() == list(range(8))
    assert rows["number"].tolist() == list(range(8))
    backwards = read_numbered(connect(), files[::-1]).order_by("source_row").to_pandas()
    assert backwards["number"].tolist() == [5, 6, 7, 0, 1, 2, 3, 4]


def test_a_row_has_its_number_whatever_is_kept(tmp_path):
    files = write_files(tmp_path, {"a.parquet": 5, "b.parquet": 5})
    rows = read_numbered(connect(), files)
    kept = rows.filter(rows["number"] % 4 == 3).order_by("number").to_pandas()
    assert kept["source_row"].tolist() == [3, 7]
    assert rows.schema()["source_row"].is_int64()


def test_a_column_that_numbering_needs_is_refused(tmp_path):
    pq.write_table(pa.table({"file_row_number": [1]}), tmp_path / "a.parquet")
    with pytest.raises(SchemaError, match="rename it at the source"):
        read_numbered(connect(), [tmp_path / "a.parquet"])


def test_a_folder_is_read_under_exactly_its_name(tmp_path):
    engine = connect()
    for name in ("run[1]", "run1"):
        table = engine.create_table(name, pd.DataFrame({"name": [name]}))
        write_parquet(engine, table, tmp_path / name)
    assert read_parquet(engine, tmp_path / "run[1]").to_pandas()["name"].tolist() == ["run[1]"]


# arguments | error | telling part
REFUSED = {
    "unknown engine": (("polars", ""), ParameterError, "'duckdb', 'spark'"),
    "master without spark": (("duckdb", "local[2]"), ParameterError, "only with engine: spark"),
    "no master": (("spark", ""), ParameterError, "spark://host:7077"),
    "no address": (("spark", "localhost:7077"), ParameterError, "spark://host:7077"),
    "nobody there": (("spark", "spark://127.0.0.1:1"), ConfigurationError, "nothing answers"),
    "no such port": (("spark", "spark://127.0.0.1:99999"), ConfigurationError, "nothing answers"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_an_engine_is_refused_in_a_sentence(case):
    if "spark://127" in REFUSED[case][0][1]:
        pytest.importorskip("pyspark")
    arguments, error, telling = REFUSED[case]
    with pytest.raises(error, match=telling):
        connect(*arguments)


def test_without_pyspark_the_remedy_is_named(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r"campanile\[spark\]"):
        connect("spark", "local[2]")


# what the command line sets | error | telling part
UNSOUND = {
    "unknown engine": (["run.engine=polars"], ParameterError, "'duckdb', 'spark'"),
    "master without spark": (["03_tag.spark_master=local[2]"], ParameterError, "only with engine"),
    "no master": (["02_clean.engine=spark"], ParameterError, "spark://host:7077"),
    "no reference": (["03_tag.publish=postgresql://h/d"], ParameterError, "env/NAME"),
    "no variable": (["03_tag.publish=env/NOT_THERE"], ConfigurationError, "NOT_THERE"),
}


@pytest.mark.parametrize("case", UNSOUND)
def test_a_run_in_vain_does_not_start(case):
    overrides, error, telling = UNSOUND[case]
    with pytest.raises(error, match=telling):
        prepare(read_params("params/smoke.yaml", overrides))
