"""Notebooks 01 to 03 run on a Spark cluster; what they write is what they write on DuckDB."""

import json
import os
from pathlib import Path

from ibis.backends import BaseBackend
from ibis.expr.types import BooleanValue, Table
import pytest

from src.data.tables import TABLES
from src.engine import connect, read_parquet
from src.pipeline import run
from tests.spark.frames import RELATIVE, assert_same

pytestmark = [
    pytest.mark.xdist_group("run"),  # one cluster and one smoke run for all
    pytest.mark.slow,
    pytest.mark.timeout(5400),
    pytest.mark.skipif(
        os.environ.get("CAMPANILE_SLOW") != "1", reason="minutes long; runs with CAMPANILE_SLOW=1"
    ),
]
STAGES = ("01_ingest", "02_clean", "03_tag")


@pytest.fixture(scope="module", params=["smoke", "demo"])
def runs(request, spark_master, tmp_path_factory, keys, mlflow_store) -> tuple[str, Path, Path]:
    """Name of a params file and its first three notebooks, on DuckDB and on Spark.

    `smoke` has 300 customers, `demo` all 1,469,307 order lines.
    """
    params = f"params/{request.param}.yaml"
    folder = tmp_path_factory.mktemp("runs")
    on_spark = ["run.engine=spark", f"run.spark_master={spark_master}"]
    ours = run(params, str(folder / "duckdb"), [], "01", "03")
    return params, ours, run(params, str(folder / "spark"), on_spark, "01", "03")


def test_the_notebooks_write_the_same_tables_and_numbers(runs):
    _, ours, theirs = runs
    engine = connect()
    folders = sorted(path for s in STAGES for path in (ours / "tables" / s).iterdir())
    for folder in folders:
        tables = [read_parquet(engine, p) for p in (folder, theirs / folder.relative_to(ours))]
        assert tables[0].schema() == tables[1].schema(), folder.name
        check_same(engine, folder.name, *tables)
    assert {"profiles", "tags", "orders", "rejected"} <= {folder.name for folder in folders}
    for stage in STAGES:
        numbers = [json.loads((r / "results" / f"{stage}.json").read_text()) for r in runs[1:]]
        assert numbers[0].keys() == numbers[1].keys(), stage
        for name, number in numbers[0].items():
            is_float = isinstance(number, float)
            expected = pytest.approx(number, rel=RELATIVE, abs=0) if is_float else number
            assert numbers[1][name] == expected, f"{stage}.{name}"


def check_same(engine: BaseBackend, name: str, ours: Table, theirs: Table) -> None:
    """Hold two tables against each other row for row: by their key, or as frames if small."""
    key = TABLES[name].key if name in TABLES else ()
    if name == "rejected" or not key:
        return assert_same(name, ours.to_pandas(), theirs.to_pandas())
    both = ours.outer_join(theirs, list(key), rname="{name}_there")
    is_lost = both[key[0]].isnull() | both[f"{key[0]}_there"].isnull()
    differing = {"rows": is_lost} | {
        column: ~_is_same(both, column) for column in ours.columns if column not in key
    }
    counts = both.aggregate(
        **{column: condition.fill_null(True).sum() for column, condition in differing.items()}
    ).to_pandas()
    found = {column: int(n or 0) for column, n in counts.iloc[0].items()}
    assert found == dict.fromkeys(found, 0), f"{name}: rows that differ, by column: {found}"
    return None


def _is_same(both: Table, column: str) -> BooleanValue:
    ours, theirs = both[column], both[f"{column}_there"]
    if not ours.type().is_floating():
        return ours.identical_to(theirs)
    is_near = (ours - theirs).abs() <= RELATIVE * ours.abs()
    return ours.identical_to(theirs) | is_near.fill_null(False)


def test_later_stages_read_on_duckdb_what_spark_wrote(runs):
    params, *folders = runs
    for folder in folders:
        run(params, str(folder), first="04b", last="04b")
    ours, theirs = (
        json.loads((folder / "results/04b_purchase.json").read_text()) for folder in folders
    )
    assert theirs == ours
