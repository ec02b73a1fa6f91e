"""Every fault of a source that can be seen before a run gives one sentence that mends it."""

import re

import pytest

from src.errors import MarketingError, ParameterError, SchemaError
from src.sources.mapping import check_source


def _orders(fields):
    return fields["tables"]["orders_raw"]


def _set(fields, **changes):
    return fields | changes


def _column(fields, **columns):
    _orders(fields)["columns"] |= columns
    return fields


def _without_column(fields, name):
    del _orders(fields)["columns"][name]
    return fields


def _lookup(fields, **lookup):
    _orders(fields)["lookup"] = lookup
    return fields


BAD_FIELDS = {
    "no YAML": (lambda f: "name: [unclosed\ntables: {", "Expected YAML in", "line 2"),
    "tab in YAML": (lambda f: "name: a\n\tfolder: b\n", "Expected YAML in", "line 2"),
    "empty file": (lambda f: "", "at the file", "mend"),
    "a list": (lambda f: "- name\n", "at the file", "mend"),
    "unknown field": (lambda f: _set(f, curency="EUR"), "found curency", "remove or correct"),
    "missing field": (
        lambda f: {key: value for key, value in f.items() if key != "currency"},
        "the field currency",
        "add it",
    ),
    "currency in words": (lambda f: _set(f, currency="euro"), "at currency", "found 'euro'"),
    "wrong type": (lambda f: _set(f, is_public="perhaps"), "at is_public", "found 'perhaps'"),
    "unknown people": (lambda f: _set(f, people="real"), "at people", "found 'real'"),
    "unknown time zone": (lambda f: _set(f, time_zone="Berlin"), "at time_zone", "Europe/Berlin"),
    "name that is a path": (lambda f: _set(f, name="../key"), "at name", "found '../key'"),
    "file that is a path": (
        lambda f: _set(f, registered=["../sales"]),
        "at registered.0",
        "without a step up",
    ),
    "package not installed": (
        lambda f: _set(f, package="no_such_package"),
        "the Python package 'no_such_package'",
        "install it",
    ),
    "no order lines": (
        lambda f: _set(f, tables={"products_raw": f["tables"]["products_raw"]}),
        "tables.orders_raw",
        "add it",
    ),
    "unknown table": (
        lambda f: _set(f, tables=f["tables"] | {"visits_raw": f["tables"]["products_raw"]}),
        "found 'visits_raw'",
        "correct its name",
    ),
    "unknown raw column": (
        lambda f: _column(f, colour="paid"),
        "found 'colour'",
        "correct its name or remove it",
    ),
    "needed column not named": (
        lambda f: _without_column(f, "quantity"),
        "Expected quantity under tables.orders_raw.columns",
        "value: ...",
    ),
    "unknown field of a table": (
        lambda f: _set(f, tables={"orders_raw": _orders(f) | {"sheet": "a"}}),
        "tables.orders_raw.sheet",
        "remove or correct",
    ),
    "file missing": (
        lambda f: _set(f, registered=["stock"]),
        "the file stock.parquet",
        "put it there or correct the name",
    ),
    "source column missing": (
        lambda f: _column(f, line_value="pais"),
        "the column 'pais' in sales",
        "the nearest is 'paid'",
    ),
    "part of a sum missing": (
        lambda f: _column(f, discount=["cut", "voucher"]),
        "the column 'voucher'",
        "correct the name",
    ),
    "sum of ids": (
        lambda f: _column(f, order_id=["order", "sku"]),
        "tables.orders_raw.columns.order_id",
        "only numbers are added",
    ),
    "amount that is a time": (
        lambda f: _column(f, line_value="at"),
        "Expected a number in the column 'at'",
        "found timestamp",
    ),
    "renamed number": (
        lambda f: _column(f, quantity={"column": "pieces", "names": {"1": "2"}}),
        "tables.orders_raw.columns.quantity",
        "found a form for texts",
    ),
    "two origins": (
        lambda f: _set(
            f,
            tables={"orders_raw": _orders(f) | {"sql": {"secret": "env/X", "table": "a"}}},
        ),
        "at tables.orders_raw",
        "name one of file, sql, rest, kafka, web, dlt",
    ),
    "no origin": (
        lambda f: _set(f, tables={"orders_raw": {"columns": _orders(f)["columns"]}}),
        "at tables.orders_raw",
        "name one of file",
    ),
    "secret that is none": (
        lambda f: _set(
            f,
            tables={
                "orders_raw": {
                    "sql": {"secret": "postgresql://me:word@db/shop", "table": "a"},
                    "columns": _orders(f)["columns"],
                }
            },
        ),
        "a reference such as env/SHOP_DB at tables.orders_raw.sql.secret",
        "into the environment",
    ),
    "secret that is not set": (
        lambda f: _set(
            f,
            tables={
                "orders_raw": {
                    "sql": {"secret": "env/NO_SUCH_DATABASE", "table": "a"},
                    "columns": _orders(f)["columns"],
                }
            },
        ),
        "the secret env/NO_SUCH_DATABASE",
        "set the variable NO_SUCH_DATABASE",
    ),
    "sign of currency that is a digit": (
        lambda f: _set(f, amount_signs=["1"]),
        "at amount_signs.0",
        "such as $ or EUR",
    ),
    "sign of currency that could be a power": (
        lambda f: _set(f, amount_signs=["e"]),
        "at amount_signs.0",
        "the whole sign",
    ),
    "table that is no block": (
        lambda f: _set(f, tables={"orders_raw": "sales"}),
        "at tables.orders_raw",
        "name its fields",
    ),
    "time form unknown": (lambda f: _set(f, times=["american"]), "at times.0", "found 'american'"),
    "one row per what": (
        lambda f: _set(f, tables={"orders_raw": _orders(f) | {"one_per": "sku"}}),
        "tables.orders_raw.one_per",
        "found 'sku'",
    ),
    "constant of the wrong kind": (
        lambda f: _column(f, quantity={"value": "one"}),
        "Expected a number at tables.orders_raw.columns.quantity",
        "found the constant 'one'",
    ),
    "constant time": (
        lambda f: _column(f, ordered_at={"value": "2024-01-01"}),
        "Expected a source column",
        "found the constant '2024-01-01'",
    ),
    "constant with two fields": (
        lambda f: _column(f, quantity={"value": 1, "unit": "kg"}),
        "tables.orders_raw.columns.quantity",
        "unit",
    ),
    "column that is a number": (
        lambda f: _column(f, order_id=5),
        "Expected a source column, a list of numbers to add up, or a form such as {value: ...}",
        "found 5",
    ),
    "sum of nothing": (
        lambda f: _column(f, discount=[]),
        "at tables.orders_raw.columns.discount",
        "found []",
    ),
    "constant that is misspelt": (
        lambda f: _column(f, quantity={"valu": 1}),
        "at tables.orders_raw.columns.quantity",
        "found {'valu': 1}",
    ),
    "lookup without its file": (
        lambda f: _lookup(f, file="stores", key="order"),
        "the file stores.parquet",
        "put it there",
    ),
    "lookup without its key": (
        lambda f: _lookup(f, file="goods", key="order"),
        "the column 'order' in goods",
        "orders_raw.lookup.key",
    ),
}


@pytest.mark.parametrize(("spoil", "told", "mend"), BAD_FIELDS.values(), ids=BAD_FIELDS)
def test_a_spoilt_source_file_is_refused_in_one_sentence(fields, write_source, spoil, told, mend):
    path = write_source(spoil(fields))
    with pytest.raises(MarketingError, match=re.escape(told)) as caught:
        check_source(path)
    message = str(caught.value)
    assert mend in message
    assert message.startswith("Expected ")
    assert "\n" not in message
    assert len(re.findall(r"\.(?:\s|$)", message)) == 1, "more than one sentence"
    assert "small_shop" in message, "the place is not named"


def test_a_source_file_that_is_not_there_is_refused():
    with pytest.raises(ParameterError, match=r"at params/no\.yaml, found none"):
        check_source("params/no.yaml")


def test_a_time_column_of_real_numbers_is_refused(fields, sales, write_source):
    sales["at"] = [1.5] * 4
    with pytest.raises(SchemaError, match="Expected a date or time in the column 'at'"):
        check_source(write_source(fields, sales=sales))


def test_a_secret_in_the_wrong_place_is_not_repeated(fields, write_source):
    sql = {"secret": "postgresql://me:word@db/shop", "table": "a"}
    columns = fields["tables"]["orders_raw"]["columns"]
    fields["tables"]["orders_raw"] = {"sql": sql, "columns": columns}
    with pytest.raises(ParameterError) as caught:
        check_source(write_source(fields))
    assert "word" not in str(caught.value)


def test_an_id_column_that_is_a_list_is_refused(fields, sales, write_source):
    sales["buyer"] = [[buyer] for buyer in sales["buyer"]]
    with pytest.raises(SchemaError, match="Expected text or a whole number in the column 'buyer'"):
        check_source(write_source(fields, sales=sales))


def test_a_file_that_is_no_parquet_is_refused(fields, write_source, tmp_path):
    path = write_source(fields)
    (tmp_path / "files" / "sales.parquet").write_text("order;buyer\n")
    with pytest.raises(ParameterError, match=r"Expected Parquet in sales\.parquet"):
        check_source(path)


def test_a_parquet_file_cut_short_is_refused(fields, write_source, tmp_path):
    path = write_source(fields)
    file = tmp_path / "files" / "sales.parquet"
    file.write_bytes(file.read_bytes()[:-10])
    with pytest.raises(ParameterError, match=r"Expected Parquet in sales\.parquet"):
        check_source(path)
