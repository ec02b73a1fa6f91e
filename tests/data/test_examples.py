"""Refused rows to look at: the first of each rule, and nothing of a person."""

import ibis

from src.data import clean
from src.data.examples import show_first, show_refused
from src.data.rules import build_rules
from tests.data.test_rules import SOUND

LINE = SOUND["orders_raw"]


def refused(raw_rows, **tables):
    raw = {name: raw_rows(name, *rows) for name, rows in tables.items()}
    rules = build_rules("2000-01-01", "2024-12-31")
    return clean.collect_rejected(clean.judge_tables(raw, rules), rules)


def test_the_first_rows_of_each_rule_are_shown_with_their_numbers(raw_rows):
    lines = [LINE | {"quantity": 0.0}] * 3 + [LINE, LINE | {"customer_id": None}]
    products = [{"product_id": "p", "list_value": -1.0}]
    shown = show_refused(refused(raw_rows, orders_raw=lines, products_raw=products))
    zero = "ordered_at 2024-03-01 00:00:00+00, quantity 0, line_value 3.5, coupon 0"
    assert shown.values.tolist() == [
        ["orders_raw", "missing_id", 4, zero.replace("quantity 0", "quantity 2")
         + "; empty or unreadable: customer_id"],
        ["orders_raw", "zero_quantity", 0, zero],
        ["orders_raw", "zero_quantity", 1, zero],
        ["products_raw", "negative_value", 0, "list_value -1"],
    ]  # fmt: skip
    assert len(show_refused(refused(raw_rows, orders_raw=lines), n_each=3)) == 4


def test_no_text_of_a_refused_row_is_shown(raw_rows):
    told = "ann@web.de"
    texts = {name: told for name in ("order_id", "product_id", "store_id", "currency")}
    notes = [f"paid={told}; x={told}", f"_ragged={told}"]
    lines = [LINE | texts | {"unreadable": note, "line_value": None} for note in notes]
    reviews = [SOUND["reviews_raw"] | {"review_text": told, "rating": float("inf")}]
    shown = show_refused(refused(raw_rows, orders_raw=lines, reviews_raw=reviews))
    assert len(shown) == 3
    assert told not in shown.to_csv()
    assert "empty or unreadable: line_value" in shown["what stands there"][0]


def test_first_rows_are_those_that_could_be_read_whole(raw_rows):
    rows = [LINE | {"product_id": "ann@web.de", "unreadable": "_ragged=3 fields"}, *[LINE] * 4]
    shown = show_first(raw_rows("orders_raw", *rows))
    assert shown["source_row"].tolist() == [1, 2, 3]
    assert "unreadable" not in shown
    assert "ann" not in shown.to_csv()


def test_nothing_refused_is_an_empty_table(raw_rows):
    rejected = refused(raw_rows, orders_raw=[LINE])
    shown = show_refused(rejected)
    assert shown.columns.tolist() == ["source_table", "rule", "source_row", "what stands there"]
    assert shown.empty
    assert isinstance(rejected, ibis.expr.types.Table)
