import datetime as dt
from decimal import Decimal
import json

import ibis
import pyarrow as pa
import pytest

from src.data.values import as_cents, as_id, as_text, end_of_last_day, has_control, row_json


def _read(values, read, kind=None):
    table = ibis.memtable(pa.table({"x": pa.array(values, kind)}))
    return table.select(y=read(table["x"])).to_pyarrow()["y"].to_pylist()


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ([12, None], ["12", None]),
        ([12.0, float("nan"), float("inf"), None], ["12", None, None, None]),
        ([12.5, 12.4, -3.0, 1e300], ["12.5", "12.4", "-3", "1e+300"]),
        ([" 012 ", "", "  ", None], ["012", None, None, None]),
    ],
    ids=["whole", "float", "fraction", "text"],
)
def test_ids_read_alike_however_they_are_stored(values, ids):
    assert _read(values, as_id) == ids


def test_blank_text_is_missing():
    assert _read(["  tea ", " ", "", None], as_text) == ["tea", None, None, None]


def test_amounts_become_whole_cents():
    # 1.1 + 2.2 is 3.3000000000000003; half a cent rounds up
    assert _read([1.10, 1.1 + 2.2, 0.29, 0.125, None], as_cents) == [110, 330, 29, 13, 0]


def test_decimal_amounts_become_whole_cents():
    assert _read([Decimal("1.25")], as_cents, pa.decimal128(10, 2)) == [125]


@pytest.mark.parametrize(
    ("text", "is_bad"),
    [("tea", False), ("a\nb\tc", False), ("中文 ☕", False), ("a\x00b", True), ("\x1b[1m", True)],
)
def test_control_characters_are_seen(text, is_bad):
    assert _read([text], has_control) == [is_bad]


def test_a_day_ends_with_its_last_microsecond_and_a_time_with_itself():
    day = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
    morning, last = day.replace(hour=10), dt.datetime(2024, 3, 1, 23, 59, 59, 999999, dt.UTC)
    kind = pa.timestamp("us", "UTC")
    assert _read([day, morning, None], end_of_last_day, kind) == [last, morning, None]


def test_row_json_can_be_read_back_whatever_the_text():
    row = {
        "text": 'say "tea"\\now\nor\tnever',
        "poison": "a\x00b",
        "n": 3,
        "is_new": True,
        "amount": 1.5,
        "none": None,
        "not_finite": float("inf"),
    }
    table = ibis.memtable(pa.Table.from_pylist([row]))
    text = table.select(y=row_json(table, list(row))).to_pyarrow()["y"][0].as_py()
    assert json.loads(text) == row | {"poison": "a\ufffdb", "not_finite": "inf"}
