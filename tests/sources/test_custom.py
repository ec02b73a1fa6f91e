"""Custom dlt sources: any function that gives one, its state kept, its errors told."""

import datetime as dt
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.errors import ConfigurationError, ParameterError, SourceError
from src.sources.custom import land_dlt
from src.sources.landed import Landed
from src.sources.origins import DltOrigin

CANARY = "kanarienvogel-77"
MODULE = """
import datetime as dt
import dlt
import pyarrow as pa

ORDERS = []


@dlt.resource(primary_key="id", write_disposition="append")
def orders(updated=dlt.sources.incremental("meta.updated")):
    yield [order for order in ORDERS]


@dlt.resource
def whole(token):
    assert token == "{canary}"
    yield {{"id": 1, "price": 3, "at": dt.datetime(2024, 3, 1, 10), "who": {{"name": "a"}}}}
    yield [{{"id": 2, "price": 3.5, "tags": [1]}}, {{"id": 3, "price": "ask"}}]


@dlt.resource
def tables():
    yield pa.table({{"InvoiceNo": ["a"], "n": pa.array([1], pa.int32())}})
    yield pa.table({{"InvoiceNo": ["b"], "n": [2.5]}})


@dlt.resource(write_disposition="merge", primary_key=("shop", "id"))
def merged():
    yield ORDERS


@dlt.source
def shop():
    return tables, merged


def fails():
    raise RuntimeError("{canary}")


def nothing():
    return 3


@dlt.resource
def empty():
    yield []
"""


@pytest.fixture
def module(tmp_path, monkeypatch):
    """Name of a new module with dlt sources; its list of orders can be changed."""
    name = f"source_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(MODULE.format(canary=CANARY))
    monkeypatch.syspath_prepend(str(tmp_path))
    return name


def land(folder: Path, function: str, **fields: object) -> Landed:
    origin = DltOrigin(function=function, **fields)
    return land_dlt("small_shop", "orders_raw", origin, folder / "orders_raw", lambda n: None)


def rows(landed: Landed) -> list[dict]:
    return [row for file in landed.files for row in pq.read_table(file).to_pylist()]


def order(number: int, day: int, total: float = 1.0) -> dict:
    return {"shop": "x", "id": number, "total": total, "meta": {"updated": f"2024-03-0{day}"}}


def test_records_land_with_dots_and_their_own_times(module, tmp_path, monkeypatch):
    monkeypatch.setenv("TOKEN", CANARY)
    for _ in range(2):  # read whole each time, so never doubled
        landed = land(tmp_path, f"{module}:whole", arguments={"token": "env/TOKEN"})
        assert rows(landed) == [
            {
                "id": 1,
                "price": "3",
                "at": dt.datetime(2024, 3, 1, 10),
                "who.name": "a",
                "tags": None,
            },
            {"id": 2, "price": "3.5", "at": None, "who.name": None, "tags": "[1]"},
            {"id": 3, "price": "ask", "at": None, "who.name": None, "tags": None},
        ]
    files = [file for file in (tmp_path / "orders_raw").rglob("*") if file.is_file()]
    assert not [file for file in files if CANARY.encode() in file.read_bytes()]


def test_an_incremental_source_keeps_its_state_between_runs(module, tmp_path):
    import importlib

    orders = importlib.import_module(module).ORDERS
    orders += [order(1, 1), order(2, 2)]
    assert land(tmp_path, f"{module}:orders").n_read == 2
    assert land(tmp_path, f"{module}:orders").n_read == 0
    orders += [order(1, 3, 9.5), order(3, 3)]
    landed = land(tmp_path, f"{module}:orders")
    assert (landed.n_rows, landed.n_read, landed.key) == (4, 2, ("id",))
    assert rows(landed)[2:] == [
        {"shop": "x", "id": 1, "total": 9.5, "meta.updated": "2024-03-03"},
        {"shop": "x", "id": 3, "total": 1.0, "meta.updated": "2024-03-03"},
    ]


def test_a_merged_source_adds_only_what_is_new(module, tmp_path):
    import importlib

    orders = importlib.import_module(module).ORDERS
    orders += [order(1, 1), order(2, 2)]
    assert land(tmp_path, f"{module}:shop", resource="merged").n_read == 2
    orders[0] = order(1, 4, 7.0)
    landed = land(tmp_path, f"{module}:shop", resource="merged")
    assert (landed.n_read, set(landed.key)) == (1, {"shop", "id"})
    assert land(tmp_path, f"{module}:shop", resource="merged").n_read == 0


def test_tables_of_different_types_get_one_schema_and_keep_their_names(module, tmp_path):
    landed = land(tmp_path, f"{module}:shop", resource="tables")
    assert landed.schema == pa.schema([("InvoiceNo", pa.string()), ("n", pa.float64())])
    assert rows(landed) == [{"InvoiceNo": "a", "n": 1.0}, {"InvoiceNo": "b", "n": 2.5}]


@pytest.mark.parametrize(
    ("function", "kind", "told"),
    [
        ("no_such_module:x", ParameterError, "ModuleNotFoundError"),
        ("{}:no_such", ParameterError, "the function no_such"),
        ("{}:nothing", ParameterError, "found int"),
        ("{}:shop", ParameterError, r"\['tables', 'merged'\]"),
        ("{}:fails", SourceError, "stops with RuntimeError"),
        ("{}:empty", SourceError, "Expected rows from"),
        ("{}:whole", SourceError, "stops with"),
    ],
    ids=["module", "function", "no source", "which resource", "fails", "empty", "argument"],
)
def test_a_source_that_does_not_work_is_told_in_one_sentence(
    module, tmp_path, function, kind, told
):
    with pytest.raises(kind, match=told) as caught:
        land(tmp_path, function.format(module))
    assert "\n" not in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_secret_that_is_not_there_is_asked_for(module, tmp_path, monkeypatch):
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(ConfigurationError, match="the variable TOKEN"):
        land(tmp_path, f"{module}:whole", arguments={"token": "env/TOKEN"})
