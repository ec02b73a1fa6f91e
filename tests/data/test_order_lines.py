"""Order lines read from raw rows are the same whatever order the rows come in."""

import datetime as dt

import pytest

from src.data.clean import clean_orders
from src.data.order_lines import number_lines, read_order_lines

NOON = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)


def line(product, **others):
    return {
        "order_id": "o",
        "customer_id": "c",
        "product_id": product,
        "ordered_at": NOON,
        "quantity": 1.0,
        "line_value": 1.0,
    } | others


@pytest.fixture
def orders(raw_rows):
    def clean(*rows):
        read = read_order_lines(raw_rows("orders_raw", *rows), raw_rows("rates_raw"))
        return clean_orders(number_lines(read), 100).order_by(["order_id", "line_number"])

    return clean


def test_the_shop_s_line_numbers_lead_and_nine_is_before_ten(orders):
    rows = [line("a", line_id="10"), line("b", line_id="9"), line("c", line_id=None)]
    assert orders(*rows).to_pandas()["product_id"].tolist() == ["b", "a", "c"]


DIFFERENT = [
    line("b"),
    line("a", ordered_at=NOON + dt.timedelta(hours=1)),
    line("a", quantity=2.0),
    line("a", line_value=2.0),
    line("a", discount=0.5),
    line("a", store_id="s"),
    line("a"),
    line("a"),
]


def test_the_order_of_rows_changes_no_canonical_row(orders):
    expected = orders(*DIFFERENT).to_pandas()
    assert expected["line_number"].tolist() == list(range(1, 9))
    turns = [DIFFERENT[turn:] + DIFFERENT[:turn] for turn in range(1, 8)]
    for rows in [*turns, DIFFERENT[::-1]]:
        assert orders(*rows).to_pandas().equals(expected)


def test_numbers_begin_anew_in_each_order(orders):
    rows = [line("a", order_id=order) for order in ("o1", "o2", "o1")]
    found = orders(*rows).to_pandas()
    assert list(zip(found["order_id"], found["line_number"], strict=True)) == [
        ("o1", 1),
        ("o1", 2),
        ("o2", 1),
    ]


def test_a_weighed_quantity_counts_each_begun_unit(orders):
    weights = (0.4, 1.0, 1.2, 2.0)
    found = orders(*(line(str(i), quantity=weight) for i, weight in enumerate(weights)))
    assert found.to_pandas()["quantity"].tolist() == [1, 1, 2, 2]


def test_amounts_are_whole_cents_and_a_missing_one_is_none(orders):
    found = orders(line("a", line_value=1.1), line("b", line_value=2.2, discount=0.5, coupon=0.25))
    table = found.to_pandas()
    assert table["line_value_minor"].tolist() == [110, 220]
    assert table["discount_minor"].tolist() == [0, 50]
    assert table["coupon_minor"].tolist() == [0, 25]
    assert table["is_discounted"].tolist() == [False, True]
