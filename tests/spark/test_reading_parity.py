"""Notebook 01 on Spark: texts become the same numbers, times and flags, ids the same pseudonyms."""

import dataclasses
from itertools import cycle, islice

import pandas as pd
import pytest

from src.data.ingest import distinct_customers, pseudonymise, read_raw_tables
from src.engine import read_numbered
from tests.data.test_reading import NUMBERS, OFFSETS, TIMES
from tests.spark.frames import assert_same

pytestmark = [pytest.mark.xdist_group("run"), pytest.mark.timeout(1200)]  # one cluster for all
KEY = b"k" * 32
CLOCKS = [  # of Berlin: winter, summer, the hours that are skipped and shown twice, and the ends
    *("2024-01-15 12:00", "15.7.2024 12:00:00.25", "2024-03-31 01:59", "2024-03-31 02:30"),
    *("2024-03-31 03:00", "2024-10-27 02:30", "2024-10-27 03:00", "1970-01-01", "2060-07-01"),
    *("1582-10-10", "9999-12-31 23:59:59.999999", "2024-07-01 12:00 +05:45", "999999999999"),
]
AWKWARD = [  # Java ends a line where others do not, and knows other blanks, digits and cases
    *("12\u2028", "2024-03-01\u0085", "2024-03-01\n", "\u00a012", "12\u3000", "1\t2", "\x1f12"),
    *("１２", "1e400", "-1e-99", "1e99", "+0", "-0", "1d", "1f", "0x1p3", "9" * 40, "1_000"),
    *("2024-03-01 10:00:00.1234567", "infinity", "now", "today", "epoch", "2024-02-30Z"),
    *("$5", "-$ 1,234.50", "12 EUR", "Fr. 1.20", "$5$", "1$2", "-$-5", "£5", "$", "US$5", "Fr5"),
    *("2024-03-01 10:00:00 Europe/Berlin", "12:30", "T12:30", "İ", "ß", "\\", "'", "$1"),
]
TEXTS = [
    *(text for text, *_ in (*TIMES.values(), *NUMBERS.values(), *OFFSETS.values())),
    *CLOCKS,
    *AWKWARD,
    None,
]
FLAGS = ["Yes", "0", " t ", "FALSE", "ja", "", None, "İ", "n/a", "\u00a01"]
BUYERS = ["anna", " anna ", "berta", "clara", None, "", "12", "\u00a0dora", "Ä\u2028", "é"]


def filled(values: list) -> list:
    return list(islice(cycle(values), len(TEXTS)))


SALES = {
    "order": [f"o{number // 3}" for number in range(len(TEXTS))],
    "buyer": filled(BUYERS),
    "sku": filled([11.0, 12.5, None, float("nan"), float("-inf"), 1e300, -0.0]),
    "at": TEXTS,
    "pieces": TEXTS,
    "paid": TEXTS[::-1],
    "card": filled([1, None, 999]),
    "count": filled([0.1, None]),
    "flag": filled(FLAGS),
    "gone": filled([None, None, "x"]),
    "money": filled(["EUR", "usd ", None, "é"]),
}
GOODS = {"sku": [12, 11, 11, None], "dept": ["TEA", "b", "a", "x"], "list": ["1.5", "x", "2", "3"]}
MORE = {"sku": [11, 12], "brand": ["é", None]}
TABLES = {
    "orders_raw": {
        "file": "sales",
        "times": ["iso", "dmy", "unix"],
        "numbers": "comma",
        "time_zone": "Europe/Berlin",
        "missing": ["n/a", "999", "-0"],
        "columns": {
            "order_id": "order",
            "customer_id": "buyer",
            "product_id": "sku",
            "ordered_at": "at",
            "quantity": "pieces",
            "line_value": {"product": ["pieces", "card"]},
            "discount": ["card", "count"],
            "coupon": {"column": "card", "scale": 0.01},
            "currency": "money",
            "store_id": {"column": "buyer", "names": {"anna": "web"}},
        },
    },
    "exposures_raw": {
        "file": "sales",
        "times": ["unix_ms", "ymd", "mdy"],
        "amount_signs": ["$", "EUR", "Fr."],
        "columns": {
            "customer_id": "buyer",
            "campaign_id": {"value": "k1"},
            "exposed_at": "at",
            "action": {"value": "leaflet"},
            "is_randomised": "flag",
            "pscore": "paid",
        },
    },
    "products_raw": {
        "file": "goods",
        "one_per": "product_id",
        "columns": {"product_id": "sku", "department": "dept", "list_value": "list"},
    },
    "customers_raw": {
        "file": "goods",
        "lookup": {"file": "more", "key": "sku"},
        "columns": {"customer_id": {"row": True}, "age_band": "sku", "income_band": "brand"},
    },
}


def read(engine, source, landed) -> dict[str, pd.DataFrame]:
    tables = read_raw_tables(engine, source, landed, KEY, merged={"clara": "anna"})
    known = {name: tables[name] for name in source.tables}
    rows = read_numbered(engine, landed["orders_raw"].files).rename(customer_id="buyer")
    few = pseudonymise({"few": rows.select("source_row", "customer_id")}, KEY, max_customers=3)
    frames = {name: table.to_pandas() for name, table in (known | few).items()}
    return frames | {"customers": distinct_customers(known).to_frame()}


def test_every_text_is_read_the_same(engines, fields, landed_shop):
    fields["tables"] = TABLES
    source, landed = landed_shop(fields, sales=SALES, goods=GOODS, more=MORE)
    versions = dataclasses.replace(landed["exposures_raw"], key=("buyer", "flag"), deleted="gone")
    landed |= {"exposures_raw": versions}
    ours, theirs = (read(engine, source, landed) for engine in engines)
    assert ours["orders_raw"]["ordered_at"].notna().sum() > 30
    assert ours["orders_raw"]["unreadable"].notna().sum() > 40
    assert 0 < len(ours["exposures_raw"]) < len(TEXTS)
    assert ours["few"]["customer_id"].nunique() == 3
    assert ours["customers"]["customer_id"].nunique() == 10  # six buyers, four rows of goods
    for name, frame in ours.items():
        assert_same(name, frame, theirs[name])
