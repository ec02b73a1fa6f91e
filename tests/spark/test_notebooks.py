"""Notebooks 01 to 03 run on a Spark cluster; what they write is what they write on DuckDB."""

import json
import os

import pytest

from src.engine import connect, read_parquet
from src.pipeline import run
from tests.spark.frames import assert_same

pytestmark = [
    pytest.mark.xdist_group("run"),  # one cluster and one smoke run for all
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(
        os.environ.get("CAMPANILE_SLOW") != "1", reason="minutes long; runs with CAMPANILE_SLOW=1"
    ),
]
STAGES = ("01_ingest", "02_clean", "03_tag")


@pytest.fixture(scope="module")
def spark_run(spark_master, tmp_path_factory, keys, mlflow_store):
    """A run of params/smoke.yaml, its first three notebooks on Spark."""
    folder = tmp_path_factory.mktemp("runs") / "spark"
    engine = ["run.engine=spark", f"run.spark_master={spark_master}"]
    return run("params/smoke.yaml", str(folder), engine, "01", "03")


def test_the_notebooks_write_the_same_tables_and_numbers(smoke_run, spark_run):
    engine, n_tables = connect(), 0
    for folder in sorted(path for s in STAGES for path in (smoke_run / "tables" / s).iterdir()):
        there = spark_run / folder.relative_to(smoke_run)
        ours, theirs = (read_parquet(engine, path) for path in (folder, there))
        assert ours.schema() == theirs.schema(), folder.name
        assert_same(folder.name, ours.to_pandas(), theirs.to_pandas())
        n_tables += 1
    assert n_tables == 20
    for stage in STAGES:
        numbers = [
            json.loads((path / "results" / f"{stage}.json").read_text())
            for path in (smoke_run, spark_run)
        ]
        assert numbers[0] == numbers[1], stage


def test_later_stages_read_on_duckdb_what_spark_wrote(smoke_run, spark_run):
    run("params/smoke.yaml", str(spark_run), first="04b", last="04b")
    name = "results/04b_purchase.json"
    ours, theirs = (json.loads((path / name).read_text()) for path in (smoke_run, spark_run))
    assert theirs == ours
