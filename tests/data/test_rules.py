import datetime as dt

import ibis
import pyarrow as pa
import pytest

from src.data.rules import EVENT_TYPES, build_rules, judge
from src.errors import ParameterError

UTC_TIME = pa.timestamp("us", "UTC")
TYPES = {
    "quantity": pa.float64(),
    "line_value": pa.float64(),
    "discount": pa.float64(),
    "coupon": pa.float64(),
    "rating": pa.float64(),
    "pscore": pa.float64(),
    "is_randomised": pa.bool_(),
    **dict.fromkeys(("ordered_at", "event_at", "reviewed_at", "exposed_at", "ended_at"), UTC_TIME),
}
DAY = dt.datetime(2024, 3, 1, tzinfo=dt.UTC)
SOUND = {
    "orders_raw": {
        "order_id": "o1",
        "customer_id": "c1",
        "product_id": "p1",
        "store_id": None,
        "ordered_at": DAY,
        "quantity": 2.0,
        "line_value": 3.5,
        "discount": None,
        "coupon": 0.0,
    },
    "products_raw": {"product_id": "p1", "department": "TEA"},
    "customers_raw": {"customer_id": "c1", "age_band": None},
    "events_raw": {
        "customer_id": "c1",
        "event_type": "view",
        "event_at": DAY,
        "product_id": None,
        "campaign_id": None,
    },
    "reviews_raw": {
        "customer_id": "c1",
        "product_id": "p1",
        "reviewed_at": DAY,
        "rating": None,
        "review_text": "fine\nreally",
    },
    "exposures_raw": {
        "customer_id": "c1",
        "campaign_id": "k1",
        "exposed_at": DAY,
        "ended_at": None,
        "action": "leaflet",
        "is_randomised": None,
        "pscore": None,
    },
}
NAN, INF = float("nan"), float("inf")
BAD_ROWS = [
    ("orders_raw", {"order_id": None}, "missing_id"),
    ("orders_raw", {"customer_id": None}, "missing_id"),
    ("orders_raw", {"product_id": " "}, "missing_id"),
    ("orders_raw", {"order_id": "o\x001"}, "unreadable_text"),
    ("orders_raw", {"store_id": "\x07"}, "unreadable_text"),
    ("orders_raw", {"line_value": NAN}, "unreadable_number"),
    ("orders_raw", {"line_value": INF}, "unreadable_number"),
    ("orders_raw", {"line_value": None}, "unreadable_number"),
    ("orders_raw", {"discount": -INF}, "unreadable_number"),
    ("orders_raw", {"quantity": NAN}, "unreadable_number"),
    ("orders_raw", {"quantity": 1e15}, "unreadable_number"),
    ("orders_raw", {"ordered_at": None}, "impossible_date"),
    ("orders_raw", {"ordered_at": dt.datetime(1999, 12, 31, 23, tzinfo=dt.UTC)}, "impossible_date"),
    ("orders_raw", {"ordered_at": dt.datetime(2025, 1, 1, tzinfo=dt.UTC)}, "impossible_date"),
    ("orders_raw", {"quantity": 0.0}, "zero_quantity"),
    ("orders_raw", {"quantity": -1.0}, "negative_quantity"),
    ("orders_raw", {"line_value": -0.01}, "negative_value"),
    ("orders_raw", {"discount": -0.01}, "negative_value"),
    ("orders_raw", {"coupon": -0.01}, "negative_value"),
    ("products_raw", {"product_id": None}, "missing_id"),
    ("products_raw", {"department": "T\x00A"}, "unreadable_text"),
    ("customers_raw", {"customer_id": None}, "missing_id"),
    ("customers_raw", {"age_band": "\x00"}, "unreadable_text"),
    ("events_raw", {"customer_id": None}, "missing_id"),
    ("events_raw", {"event_type": "teleport"}, "unknown_event_type"),
    ("events_raw", {"event_type": None}, "unknown_event_type"),
    ("events_raw", {"event_at": None}, "impossible_date"),
    ("reviews_raw", {"customer_id": None}, "missing_id"),
    ("reviews_raw", {"review_text": None}, "missing_text"),
    ("reviews_raw", {"review_text": "   "}, "missing_text"),
    ("reviews_raw", {"review_text": "nul\x00"}, "unreadable_text"),
    ("reviews_raw", {"rating": NAN}, "unreadable_number"),
    ("reviews_raw", {"reviewed_at": None}, "impossible_date"),
    ("exposures_raw", {"campaign_id": None}, "missing_id"),
    ("exposures_raw", {"action": None}, "missing_action"),
    ("exposures_raw", {"exposed_at": None}, "impossible_date"),
    ("exposures_raw", {"ended_at": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)}, "impossible_date"),
    ("exposures_raw", {"ended_at": DAY - dt.timedelta(days=1)}, "ended_before_start"),
    ("exposures_raw", {"is_randomised": True}, "impossible_probability"),
    ("exposures_raw", {"is_randomised": True, "pscore": 0.0}, "impossible_probability"),
    ("exposures_raw", {"is_randomised": True, "pscore": 1.1}, "impossible_probability"),
    ("exposures_raw", {"is_randomised": True, "pscore": NAN}, "impossible_probability"),
]
GOOD_ROWS = [
    ("orders_raw", {}),
    ("orders_raw", {"ordered_at": dt.datetime(2000, 1, 1, tzinfo=dt.UTC)}),
    ("orders_raw", {"ordered_at": dt.datetime(2024, 12, 31, 23, 59, tzinfo=dt.UTC)}),
    ("orders_raw", {"line_value": 0.0}),
    ("orders_raw", {"quantity": 89638.0}),
    ("orders_raw", {"quantity": 0.4}),
    ("events_raw", {"event_type": " View "}),
    ("reviews_raw", {}),
    ("exposures_raw", {}),
    ("exposures_raw", {"ended_at": DAY}),
    ("exposures_raw", {"exposed_at": DAY + dt.timedelta(hours=9), "ended_at": DAY}),
    ("exposures_raw", {"is_randomised": True, "pscore": 0.5}),
]


def judge_rows(name, rows):
    columns = {
        column: pa.array([row[column] for row in rows], TYPES.get(column, pa.string()))
        for column in SOUND[name]
    }
    raw = ibis.memtable(pa.table({"source_row": list(range(len(rows))), **columns}))
    judged = judge(raw, build_rules("2000-01-01", "2024-12-31")[name]).order_by("source_row")
    return judged.to_pyarrow()["rule"].to_pylist()


@pytest.mark.parametrize(("name", "change", "rule"), BAD_ROWS)
def test_a_poisoned_row_is_refused_by_its_rule(name, change, rule):
    assert judge_rows(name, [SOUND[name] | change]) == [rule]


@pytest.mark.parametrize(("name", "change"), GOOD_ROWS)
def test_an_odd_but_honest_row_is_trusted(name, change):
    assert judge_rows(name, [SOUND[name] | change]) == [None]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_known_event_type_is_trusted(event_type):
    assert judge_rows("events_raw", [SOUND["events_raw"] | {"event_type": event_type}]) == [None]


def test_the_first_broken_rule_is_named():
    row = SOUND["orders_raw"] | {"order_id": None, "quantity": 0.0, "line_value": -1.0}
    assert judge_rows("orders_raw", [row]) == ["missing_id"]


def test_a_repeated_order_line_is_refused_after_the_first():
    row, other = SOUND["orders_raw"], SOUND["orders_raw"] | {"quantity": 3.0}
    assert judge_rows("orders_raw", [row, other, row, row]) == [
        None,
        None,
        "duplicate_row",
        "duplicate_row",
    ]


def test_a_missing_store_does_not_hide_a_repeat():
    row, placed = SOUND["orders_raw"], SOUND["orders_raw"] | {"store_id": "s1"}
    assert judge_rows("orders_raw", [row, placed, row]) == [None, None, "duplicate_row"]


def test_a_refused_row_does_not_stand_for_its_repeat():
    empty = SOUND["products_raw"] | {"department": "\x00"}
    assert judge_rows("products_raw", [empty, SOUND["products_raw"]]) == ["unreadable_text", None]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("products_raw", {"department": "COFFEE"}),
        ("customers_raw", {"age_band": "35-44"}),
        ("exposures_raw", {"action": "letter"}),
    ],
)
def test_a_second_row_of_the_same_key_is_refused(name, change):
    rows = [SOUND[name], SOUND[name] | change]
    assert judge_rows(name, rows) == [None, "duplicate_key"]


def test_coupons_redeemed_at_once_are_no_repeats():
    assert judge_rows("events_raw", [SOUND["events_raw"]] * 2) == [None, None]


@pytest.mark.parametrize("name", SOUND)
def test_an_empty_table_can_be_judged(name):
    assert judge_rows(name, []) == []


@pytest.mark.parametrize(
    ("first", "last", "told"),
    [
        ("2024-01-01", "2023-01-01", "found 2024-01-01 after 2023-01-01"),
        ("2024-1-1", "2025-01-01", "found '2024-1-1'"),
    ],
)
def test_impossible_limits_are_refused(first, last, told):
    with pytest.raises(ParameterError, match=told):
        build_rules(first, last)
