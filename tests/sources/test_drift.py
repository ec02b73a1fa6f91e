"""Columns are remembered between runs."""

import json
import logging
import re
import stat

import pyarrow as pa
import pytest

from src.errors import ParameterError, SchemaError
from src.sources.drift import SCHEMAS, compare

ORDERS = pa.schema({"order": "string", "paid": "float64"})


def test_the_first_run_remembers_and_reports_nothing(tmp_path):
    assert compare(tmp_path, "orders.csv", ORDERS) == []
    remembered = json.loads((tmp_path / SCHEMAS).read_text())
    assert remembered == {"orders.csv": {"order": "string", "paid": "double"}}
    assert stat.S_IMODE((tmp_path / SCHEMAS).stat().st_mode) == 0o600
    assert [file.name for file in tmp_path.iterdir()] == [SCHEMAS]


def test_a_new_column_is_reported_once(tmp_path):
    compare(tmp_path, "orders.csv", ORDERS)
    wider = ORDERS.append(pa.field("tax", pa.float64())).append(pa.field("note", pa.string()))
    assert compare(tmp_path, "orders.csv", wider) == ["tax", "note"]
    assert compare(tmp_path, "orders.csv", wider) == []


def test_a_changed_type_stops_and_is_not_remembered(tmp_path):
    compare(tmp_path / "shop", "orders.csv", ORDERS)
    changed = pa.schema({"order": "int64", "paid": "float64"})
    for _ in range(2):
        with pytest.raises(SchemaError, match="Expected string in the column 'order'") as caught:
            compare(tmp_path / "shop", "orders.csv", changed)
    message = str(caught.value)
    assert "found int64" in message
    assert f"delete the entry 'orders.csv' of shop/{SCHEMAS}" in message
    assert len(re.findall(r"\.(?:\s|$)", message)) == 1


def test_deleting_the_entry_accepts_the_new_type(tmp_path):
    compare(tmp_path, "orders.csv", ORDERS)
    compare(tmp_path, "goods.csv", pa.schema({"sku": "string"}))
    remembered = json.loads((tmp_path / SCHEMAS).read_text())
    del remembered["orders.csv"]
    (tmp_path / SCHEMAS).write_text(json.dumps(remembered))
    assert compare(tmp_path, "orders.csv", pa.schema({"order": "int64"})) == []
    with pytest.raises(SchemaError, match=r"of goods\.csv"):
        compare(tmp_path, "goods.csv", pa.schema({"sku": "int64"}))


def test_a_column_that_is_gone_is_forgotten_with_a_line_in_the_log(tmp_path, caplog):
    compare(tmp_path, "orders.csv", ORDERS)
    with caplog.at_level(logging.INFO, logger="src.sources.drift"):
        assert compare(tmp_path, "orders.csv", pa.schema({"order": "string"})) == []
    assert "no longer has the columns ['paid']" in caplog.text
    assert compare(tmp_path, "orders.csv", ORDERS) == ["paid"]


def test_a_column_without_values_takes_any_type_and_keeps_the_one_it_had(tmp_path):
    compare(tmp_path, "orders.csv", pa.schema({"paid": pa.null()}))
    compare(tmp_path, "orders.csv", pa.schema({"paid": "float64"}))
    compare(tmp_path, "orders.csv", pa.schema({"paid": pa.null()}))
    with pytest.raises(SchemaError, match="Expected double"):
        compare(tmp_path, "orders.csv", pa.schema({"paid": "string"}))


def test_ways_to_store_texts_are_one_type_and_the_order_of_columns_is_free(tmp_path):
    compare(tmp_path, "orders.csv", ORDERS)
    for texts in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        assert compare(tmp_path, "orders.csv", pa.schema({"paid": "float64", "order": texts})) == []


def test_the_column_on_ragged_rows_is_no_drift(tmp_path):
    compare(tmp_path, "orders.csv", ORDERS)
    assert compare(tmp_path, "orders.csv", ORDERS.append(pa.field("_ragged", pa.string()))) == []


@pytest.mark.parametrize(
    "content", ["", "[1]", "{", '{"orders.csv": 3}', "\0"], ids=["empty", "list", "cut", "3", "NUL"]
)
def test_a_spoilt_memory_is_told_with_what_to_delete(tmp_path, content):
    (tmp_path / SCHEMAS).write_text(content)
    with pytest.raises(ParameterError, match="delete that file"):
        compare(tmp_path, "orders.csv", ORDERS)
