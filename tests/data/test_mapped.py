import datetime as dt

import ibis
import pandas as pd
import pytest

from src.data.ingest import read_raw_tables
from src.data.mapped import map_table
from src.engine import connect
from src.sources.config import Source
from src.sources.header import RAGGED

KEY = b"k" * 32
TEXTS = {
    "order": ["o1", "o1", "o2", "o3"],
    "buyer": ["anna", "anna", "berta", "clara"],
    "sku": ["11", "12", "11", "99"],
    "at": ["1.3.2024 10:00", "1.3.2024 10:00", "31.2.2024", "soon"],
    "pieces": ["1", "2", "three", ""],
    "paid": ["1,10", "1.002,20", "3,30", "n/a"],
    "cut": ["", "0,50", "x", "0"],
    "card": ["", "0,25", "", "0"],
}


@pytest.fixture
def orders(fields, landed_shop):
    """Order lines as read from texts, with a changed mapping; a frame in the source's order."""

    def read(columns=None, texts=TEXTS, currency="EUR", **settings):
        fields["currency"] = currency
        fields["tables"]["orders_raw"] |= {"times": ["dmy"], "numbers": "comma"} | settings
        fields["tables"]["orders_raw"]["columns"] |= columns or {}
        tables = read_raw_tables(connect(), *landed_shop(fields, sales=texts), KEY)
        return tables["orders_raw"].order_by("source_row").to_pandas()

    return read


def test_texts_are_read_in_the_forms_of_their_table(orders):
    found = orders()
    assert found["ordered_at"].dt.hour.tolist()[:2] == [10, 10]
    assert found["line_value"].tolist()[:3] == [1.1, 1002.2, 3.3]
    assert found["discount"].tolist() == [0.0, 0.75, 0.0, 0.0]


def test_amounts_beside_their_sign_are_read_and_others_kept_aside(orders):
    texts = TEXTS | {"paid": ["1,10 €", "€ 1.002,20", "$3,30", "4"]}
    found = orders(texts=texts, amount_signs=["€"])
    assert found["line_value"].fillna(-1).tolist() == [1.1, 1002.2, -1, 4.0]
    assert "paid=$3,30" in found["unreadable"][2]


def test_what_cannot_be_read_is_kept_with_its_column(orders):
    notes = orders(missing=["n/a"])["unreadable"]
    assert notes.isna().tolist() == [True, True, False, False]
    assert notes[2] == "at=31.2.2024; pieces=three; cut=x"
    assert notes[3] == "at=soon"  # a blank and a word for missing are no fault of reading


def test_a_very_long_text_is_kept_in_part(orders):
    texts = TEXTS | {"pieces": ["1", "2", "9" * 5000, "1"]}
    assert len(orders(texts=texts)["unreadable"][2]) < 300


def test_pieces_times_price_make_the_value_of_a_line(orders):
    texts = TEXTS | {"pieces": ["1", "2", "3", "x"], "paid": ["1,10", "0,5", "", "2"]}
    found = orders({"line_value": {"product": ["pieces", "paid"]}}, texts)
    assert found["line_value"].fillna(-1).tolist() == [1.1, 1.0, -1, -1]
    assert found["unreadable"][3].endswith("pieces=x")


def test_cents_are_scaled_to_the_shops_unit(orders):
    texts = TEXTS | {"paid": ["110", "220", "330", "440"]}
    found = orders({"line_value": {"column": "paid", "scale": 0.01}}, texts)
    assert found["line_value"].tolist() == pytest.approx([1.1, 2.2, 3.3, 4.4])


def test_values_can_be_renamed_and_others_stay(orders):
    found = orders({"store_id": {"column": "buyer", "names": {"anna": "web"}}})
    assert found["store_id"].tolist() == ["web", "web", "berta", "clara"]


def test_rows_without_an_id_take_their_number(fields, landed_shop):
    fields["tables"]["customers_raw"] = {
        "file": "people",
        "columns": {"customer_id": {"row": True}, "age_band": "age"},
    }
    people = {"age": ["old", "old", "old"]}  # equal rows are still three people
    tables = read_raw_tables(connect(), *landed_shop(fields, people=people), KEY)
    assert tables["customers_raw"].to_pandas()["customer_id"].nunique() == 3


def test_the_shops_own_currency_needs_no_name(orders):
    texts = TEXTS | {"money": ["eur", " EUR ", "usd", ""]}
    found = orders({"currency": "money"}, texts)
    assert found["currency"].fillna("own").tolist() == ["own", "own", "USD", "own"]


def test_a_product_list_is_made_from_order_lines_whatever_their_order(fields, landed_shop):
    fields["tables"]["products_raw"] = {
        "file": "sales",
        "one_per": "product_id",
        "columns": {"product_id": "sku", "product_name": "buyer"},
    }
    lines = {
        "order": ["o1", "o2", "o3", "o4"],
        "buyer": ["tea", "Tea", "coffee", "nothing"],
        "sku": [11, 11, 12, None],
        "at": [dt.datetime(2024, 3, 1)] * 4,
        "pieces": [1] * 4,
        "paid": [1.0] * 4,
        "cut": [0.0] * 4,
        "card": [0.0] * 4,
    }
    names = []
    for files in (lines, {name: values[::-1] for name, values in lines.items()}):
        raw = read_raw_tables(connect(), *landed_shop(fields, sales=files), KEY)["products_raw"]
        frame = raw.order_by("product_id").to_pandas()
        names.append(dict(zip(frame["product_id"], frame["product_name"], strict=True)))
    assert names[0] == names[1] == {11: "Tea", 12: "coffee"}


def test_of_several_names_of_a_product_the_commonest_counts(fields, landed_shop):
    fields["tables"]["products_raw"] = {
        "file": "sales",
        "one_per": "product_id",
        "columns": {"product_id": "sku", "product_name": "buyer"},
    }
    lines = {
        "order": ["o1", "o2", "o3"],
        "buyer": ["MISSING", "Tea", "Tea"],
        "sku": [11, 11, 11],
        "at": [dt.datetime(2024, 3, 1)] * 3,
        "pieces": [1] * 3,
        "paid": [1.0] * 3,
        "cut": [0.0] * 3,
        "card": [0.0] * 3,
    }
    raw = read_raw_tables(connect(), *landed_shop(fields, sales=lines), KEY)["products_raw"]
    assert raw.to_pandas()["product_name"].tolist() == ["Tea"]


def test_a_row_with_the_wrong_number_of_fields_is_told(fields):
    fields["tables"]["orders_raw"] |= {"times": ["dmy"], "numbers": "comma"}
    ragged = [None, None, None, "5 fields instead of 7"]
    rows = ibis.memtable(
        pd.DataFrame(TEXTS | {RAGGED: ragged}).assign(source_row=range(4)),
        schema={name: "string" for name in (*TEXTS, RAGGED)} | {"source_row": "int64"},
    )
    raw = map_table(rows, Source.model_validate(fields, strict=True), "orders_raw")
    notes = connect().to_pandas(raw.order_by("source_row"))["unreadable"]
    assert notes.isna()[0]
    assert notes[3].startswith("_ragged=5 fields instead of 7; at=soon")
