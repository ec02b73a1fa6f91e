"""Rows of a hostile export: each is refused by name or read rightly; none reaches 03 by mistake."""

import json

import pytest

from src.data.ingest import read_raw_tables
from src.data.rules import build_rules
from src.engine import connect
from src.features import build_profiles
from tests.cleaning import clean_shop

HEADER = "order;line;buyer;sku;at;pieces;paid;cut;money\n"
SOUND = {
    "order": "o{n}",
    "line": "1",
    "buyer": "anna",
    "sku": "11",
    "at": "01.03.2024 10:00",
    "pieces": "2",
    "paid": "1.234,50",
    "cut": "0,50",
    "money": "EUR",
}
N_SOUND = 80
LONG = "x" * 100_000

ROWS = {  # what is wrong | what stands in the row | the rule that refuses it, None: it is fine
    "iso date among others": ({"at": "2024-03-01"}, None),
    "iso time with offset": ({"at": "2024-03-01T10:00:00+02:00"}, None),
    "month first": ({"at": "03/25/2024"}, "unreadable_value"),
    "date in words": ({"at": "1 March 2024"}, "unreadable_value"),
    "year of two digits": ({"at": "01.03.24"}, "unreadable_value"),
    "seconds of the epoch": ({"at": "1709283600"}, "unreadable_value"),
    "spreadsheet's day number": ({"at": "45352"}, "unreadable_value"),
    "30 February": ({"at": "30.02.2024"}, "unreadable_value"),
    "no date": ({"at": ""}, "impossible_date"),
    "tomorrow's date": ({"at": "01.03.2031"}, "impossible_date"),
    "date of another age": ({"at": "01.03.1024"}, "impossible_date"),
    "thousands and decimals": ({"paid": "12.345.678,90"}, None),
    "decimal point": ({"paid": "12.50"}, "unreadable_value"),
    "sign of currency": ({"paid": "12,50 €"}, "unreadable_value"),
    "infinite amount": ({"paid": "inf"}, "unreadable_value"),
    "not a number": ({"paid": "NaN"}, "unreadable_value"),
    "formula": ({"paid": "=1+1"}, "unreadable_value"),
    "amount beyond counting": ({"paid": "9" * 20}, "unreadable_number"),
    "no amount": ({"paid": ""}, "unreadable_number"),
    "negative amount": ({"paid": "-1,00"}, "negative_value"),
    "negative discount": ({"cut": "-0,50"}, "negative_value"),
    "words for pieces": ({"pieces": "two"}, "unreadable_value"),
    "no pieces": ({"pieces": "0"}, "zero_quantity"),
    "missing pieces": ({"pieces": ""}, "unreadable_number"),
    "digits of another script": ({"pieces": "٢"}, "unreadable_value"),
    "currency without a rate": ({"money": "XAU"}, "unknown_currency"),
    "currency in words": ({"money": "Dollar"}, "unknown_currency"),
    "currency with a rate": ({"money": "USD"}, None),
    "currency before its first rate": ({"money": "USD", "at": "01.01.2024"}, "unknown_currency"),
    "no order number": ({"order": " "}, "missing_id"),
    "no customer": ({"buyer": ""}, "missing_id"),
    "customer said to be missing": ({"buyer": "Unknown"}, "missing_id"),
    "no product": ({"sku": ""}, "missing_id"),
    "NUL byte": ({"sku": "1\x001"}, "unreadable_text"),
    "escape sequence": ({"sku": "\x1b[31m11"}, "unreadable_text"),
    "very long product number": ({"sku": LONG}, None),
    "markup": ({"sku": "<script>alert(1)</script>"}, None),
    "end of a query": ({"sku": '"1\'; DROP TABLE orders; --"'}, None),
    "line break in quotes": ({"sku": '"1\n1"'}, None),
    "quotes in quotes": ({"sku": '"1""1"'}, None),
    "text from right to left": ({"sku": "\u202e11"}, None),
    "line number twice": ({"order": "o1", "sku": "12"}, "duplicate_key"),
    "too few fields": ("o900;1;anna;11", "ragged_row"),
    "too many fields": ("o901;1;anna;11;01.03.2024;1;1,00;0;EUR;more", "ragged_row"),
}


@pytest.fixture(scope="module")
def text():
    rows = [";".join(SOUND.values()).format(n=n) for n in range(N_SOUND)]
    for n, (changes, _) in enumerate(ROWS.values()):
        row = SOUND | {"order": f"h{n}"} | changes if isinstance(changes, dict) else changes
        rows.append(row if isinstance(row, str) else ";".join(row.values()))
    return HEADER + "\n".join(rows) + "\n"


@pytest.fixture
def tables(text, fields, landed_shop, tmp_path):
    """Raw and clean tables of the hostile export."""
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "hostile.csv").write_bytes(text.encode())
    (tmp_path / "files" / "rates.csv").write_text("day,code,rate\n2024-02-01,USD,0.90\n")
    columns = fields["tables"]["orders_raw"]["columns"] | {"line_id": "line", "currency": "money"}
    fields["tables"]["orders_raw"] = {
        "file": "hostile.csv",
        "columns": columns | {"discount": "cut"},
    }
    fields["tables"]["rates_raw"] = {
        "file": "rates.csv",
        "numbers": "point",
        "columns": {"rate_date": "day", "currency": "code", "rate": "rate"},
    }
    fields |= {"times": ["iso", "dmy"], "numbers": "comma", "missing": ["unknown"]}
    raw = read_raw_tables(connect(), *landed_shop(fields), b"k" * 32)
    raw["orders_raw"] = raw["orders_raw"].cache()
    rules = build_rules("2000-01-01", "2024-12-31", rates=raw["rates_raw"])
    return clean_shop(raw, rules)


def test_every_hostile_row_is_refused_by_its_rule_or_read_rightly(tables):
    refused = tables["rejected"].to_pandas().query("source_table == 'orders_raw'")
    found = refused.set_index("source_row")["rule"].to_dict()
    expected = {N_SOUND + n: rule for n, (_, rule) in enumerate(ROWS.values()) if rule is not None}
    names = {N_SOUND + n: name for n, name in enumerate(ROWS)}
    assert {names.get(row, row): rule for row, rule in found.items()} == {
        names[row]: rule for row, rule in expected.items()
    }
    assert refused["row"].map(json.loads).map(len).nunique() == 1  # whole rows, as sound JSON


def test_no_bad_row_reaches_the_profiles(tables):
    n_fine = sum(rule is None for _, rule in ROWS.values())
    orders = tables["orders"].to_pandas()
    assert len(orders) == N_SOUND + n_fine
    by_order = orders.set_index("order_id")
    position = {name: f"h{n}" for n, name in enumerate(ROWS)}
    thousands = by_order.loc[position["thousands and decimals"]]
    assert thousands["line_value_minor"] == 1_234_567_890
    assert by_order.loc[position["currency with a rate"], "line_value_minor"] == 111_105  # x 0.90
    assert by_order.loc[position["line break in quotes"], "product_id"] == "1\n1"
    assert by_order.loc[position["quotes in quotes"], "product_id"] == '1"1'
    others = (tables[name] for name in ("products", "customers", "events", "exposures"))
    profiles = build_profiles(tables["orders"], *others, "2024-12-31").to_pandas()
    assert profiles["frequency"].tolist() == [N_SOUND + n_fine]
