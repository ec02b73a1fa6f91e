"""What all tests share: keys of their own, figures off screen, a shop small enough to count."""

import copy
import datetime as dt
import os
from pathlib import Path

import ibis
import matplotlib
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from src.data.tables import TABLES
from src.keys import KEYS_VARIABLE
from src.pipeline import run
from src.sources.landing import land_source
from src.sources.mapping import check_source
from src.sources.raw_columns import column_kind
from src.tracking import STORE_VARIABLE

matplotlib.use("Agg")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"

SALES = {
    "order": ["o1", "o1", "o2", "o3"],
    "buyer": ["anna", "anna", "berta", "clara"],
    "sku": [11, 12, 11, 99],
    "at": [dt.datetime(2024, 3, day, 10) for day in (1, 1, 2, 3)],
    "pieces": [1, 2, 3, 4],
    "paid": [1.10, 2.20, 3.30, 4.40],
    "cut": [0.0, 0.5, 0.0, 0.0],
    "card": [0.0, 0.25, 0.0, 0.0],
}
GOODS = {"sku": [11, 12], "dept": ["TEA", "COFFEE"], "cat": ["GREEN", None]}
FIELDS = {
    "name": "small_shop",
    "folder": "files",
    "currency": "EUR",
    "tables": {
        "orders_raw": {
            "file": "sales",
            "columns": {
                "order_id": "order",
                "customer_id": "buyer",
                "product_id": "sku",
                "ordered_at": "at",
                "quantity": "pieces",
                "line_value": "paid",
                "discount": ["cut", "card"],
            },
        },
        "products_raw": {
            "file": "goods",
            "columns": {"product_id": "sku", "department": "dept", "category": "cat"},
        },
    },
}


def pytest_collection_modifyitems(items):
    """Start with the runs, which take longest: those that share a run on one worker."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory):
    """Keep the user's keys out of reach of the tests."""
    os.environ[KEYS_VARIABLE] = str(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data for tests is not beside the project")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def mlflow_store(tmp_path_factory):
    """Keep the user's experiments out of reach of the tests."""
    store = tmp_path_factory.mktemp("mlruns")
    os.environ[STORE_VARIABLE] = str(store)
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return store


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory, keys, mlflow_store) -> Path:
    """One uninterrupted run of params/smoke.yaml."""
    return run("params/smoke.yaml", str(tmp_path_factory.mktemp("runs") / "smoke"))


@pytest.fixture
def fields():
    """Fields of a sound source file, to be spoilt."""
    return copy.deepcopy(FIELDS)


@pytest.fixture
def sales():
    """Columns of a sound file of order lines, to be spoilt."""
    return copy.deepcopy(SALES)


@pytest.fixture
def write_source(tmp_path):
    """Write files and the source file that names them; gives the source file's path."""

    def write(fields, **files):
        folder = tmp_path / "files"
        folder.mkdir(exist_ok=True)
        for name, columns in ({"sales": SALES, "goods": GOODS} | files).items():
            table = columns if isinstance(columns, pa.Table) else pa.table(columns)
            pq.write_table(table, folder / f"{name}.parquet")
        if isinstance(fields, dict) and fields.get("folder") == "files":
            fields = fields | {"folder": str(folder)}
        text = fields if isinstance(fields, str) else yaml.safe_dump(fields, sort_keys=False)
        (tmp_path / "small_shop.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path / "small_shop.yaml")

    return write


_RAW_TYPES = {
    "time": pa.timestamp("us", "UTC"),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "text": pa.string(),
}


@pytest.fixture
def raw_rows():
    """Make a raw table from rows that name only what matters; all else is missing."""

    def make(name, *rows):
        numbers = pa.array(range(len(rows)), pa.int64())
        columns = {
            column: pa.array([row.get(column) for row in rows], _RAW_TYPES[column_kind(column)])
            for column in TABLES[name].column_names[1:]
        }
        return ibis.memtable(pa.table({"source_row": numbers, **columns}))

    return make


@pytest.fixture
def landed_shop(write_source, tmp_path):
    """Write a source and land it: what `read_raw_tables` takes after the engine."""

    def land(fields, **files):
        path = write_source(fields, **files)
        source = check_source(path)
        return source, land_source(path, source, tmp_path / "raw")

    return land
