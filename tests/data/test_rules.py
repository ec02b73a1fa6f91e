import datetime as dt

import pytest

from src.data.judge import judge
from src.data.rules import EVENT_TYPES, build_rules
from src.errors import ParameterError

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
    "rates_raw": {"rate_date": DAY, "currency": "USD", "rate": 0.8},
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
    ("orders_raw", {"quantity": -1.0, "ordered_at": None}, "impossible_date"),
    ("orders_raw", {"unreadable": "coupon=some"}, "unreadable_value"),
    ("orders_raw", {"line_value": None, "unreadable": "line_value=1,2,3"}, "unreadable_value"),
    ("orders_raw", {"order_id": None, "unreadable": "_ragged=o1;c1"}, "ragged_row"),
    ("orders_raw", {"currency": "USD"}, "unknown_currency"),
    ("orders_raw", {"line_value": -0.01}, "negative_value"),
    ("orders_raw", {"discount": -0.01}, "negative_value"),
    ("orders_raw", {"coupon": -0.01}, "negative_value"),
    ("products_raw", {"product_id": None}, "missing_id"),
    ("products_raw", {"list_value": -0.01}, "negative_value"),
    ("products_raw", {"list_value": INF}, "unreadable_number"),
    ("products_raw", {"unit_cost": -0.01}, "negative_value"),
    ("products_raw", {"unit_cost": INF}, "unreadable_number"),
    ("products_raw", {"unreadable": "list_value=a lot"}, "unreadable_value"),
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
    ("events_raw", {"event_at": None, "unreadable": "event_at=31.02.2024"}, "unreadable_value"),
    ("reviews_raw", {"unreadable": "_ragged=c1"}, "ragged_row"),
    ("exposures_raw", {"campaign_id": None}, "missing_id"),
    ("exposures_raw", {"action": None}, "missing_action"),
    ("exposures_raw", {"exposed_at": None}, "impossible_date"),
    ("exposures_raw", {"ended_at": dt.datetime(2099, 1, 1, tzinfo=dt.UTC)}, "impossible_date"),
    ("exposures_raw", {"ended_at": DAY - dt.timedelta(days=1)}, "ended_before_start"),
    ("exposures_raw", {"is_randomised": True}, "impossible_probability"),
    ("exposures_raw", {"is_randomised": True, "pscore": 0.0}, "impossible_probability"),
    ("exposures_raw", {"is_randomised": True, "pscore": 1.1}, "impossible_probability"),
    ("exposures_raw", {"is_randomised": True, "pscore": NAN}, "impossible_probability"),
    ("rates_raw", {"currency": " "}, "missing_id"),
    ("rates_raw", {"rate_date": None}, "missing_id"),
    ("rates_raw", {"rate": None}, "unreadable_number"),
    ("rates_raw", {"rate": INF}, "unreadable_number"),
    ("rates_raw", {"rate": 0.0}, "impossible_rate"),
    ("rates_raw", {"currency": "US\x00"}, "unreadable_text"),
    ("events_raw", {"campaign_id": "k\x00"}, "unreadable_text"),
    ("exposures_raw", {"action": "\x07"}, "unreadable_text"),
    *[(name, {"unreadable": "_ragged=a;b"}, "ragged_row") for name in SOUND],
    *[(name, {"unreadable": "x=a lot"}, "unreadable_value") for name in SOUND],
]
GOOD_ROWS = [
    ("orders_raw", {}),
    ("orders_raw", {"ordered_at": dt.datetime(2000, 1, 1, tzinfo=dt.UTC)}),
    ("orders_raw", {"ordered_at": dt.datetime(2024, 12, 31, 23, 59, tzinfo=dt.UTC)}),
    ("orders_raw", {"line_value": 0.0}),
    ("orders_raw", {"quantity": -1.0}),
    ("orders_raw", {"quantity": -1.0, "line_value": -3.5, "discount": -0.5}),
    ("orders_raw", {"quantity": 89638.0}),
    ("orders_raw", {"quantity": 0.4}),
    ("events_raw", {"event_type": " View "}),
    ("reviews_raw", {}),
    ("exposures_raw", {}),
    ("exposures_raw", {"ended_at": DAY}),
    ("exposures_raw", {"exposed_at": DAY + dt.timedelta(hours=9), "ended_at": DAY}),
    ("exposures_raw", {"is_randomised": True, "pscore": 0.5}),
]


@pytest.fixture
def judge_rows(raw_rows):
    """Name the rule that each row breaks, with the rules chosen as 02_clean chooses them."""

    def rules_of(name, rows, **chosen):
        rules = build_rules("2000-01-01", "2024-12-31", **chosen)[name]
        judged = judge(raw_rows(name, *rows), rules).order_by("source_row")
        return judged.to_pyarrow()["rule"].to_pylist()

    return rules_of


@pytest.mark.parametrize(("name", "change", "rule"), BAD_ROWS)
def test_a_poisoned_row_is_refused_by_its_rule(judge_rows, name, change, rule):
    assert judge_rows(name, [SOUND[name] | change]) == [rule]


@pytest.mark.parametrize(("name", "change"), GOOD_ROWS)
def test_an_odd_but_honest_row_is_trusted(judge_rows, name, change):
    assert judge_rows(name, [SOUND[name] | change]) == [None]


@pytest.mark.parametrize("event_type", EVENT_TYPES)
def test_every_known_event_type_is_trusted(judge_rows, event_type):
    assert judge_rows("events_raw", [SOUND["events_raw"] | {"event_type": event_type}]) == [None]


def test_the_first_broken_rule_is_named(judge_rows):
    row = SOUND["orders_raw"] | {"order_id": None, "quantity": 0.0, "line_value": -1.0}
    assert judge_rows("orders_raw", [row]) == ["missing_id"]


def test_equal_order_lines_without_a_number_are_both_kept(judge_rows):
    assert judge_rows("orders_raw", [SOUND["orders_raw"]] * 2) == [None, None]


def test_a_second_line_of_the_same_number_is_refused(judge_rows):
    first, second = (SOUND["orders_raw"] | {"line_id": line} for line in ("1", "2"))
    corrected = first | {"quantity": 5.0}
    other_order = first | {"order_id": "o2"}
    assert judge_rows("orders_raw", [first, second, corrected, other_order]) == [
        None,
        None,
        "duplicate_key",
        None,
    ]


def test_every_rule_of_every_table_is_tried_here():
    known = {
        (name, rule.name)
        for name, rules in build_rules("2000-01-01", "2024-12-31").items()
        for rule in rules
    }
    poisoned = {(name, rule) for name, _, rule in BAD_ROWS}
    # a test account and a repeat are told by other rows, so they have tests of their own below
    others = {rule for _, rule in known - poisoned}
    assert others == {"test_account", "duplicate_key", "duplicate_row"}


DEDUPE = {"rules_on": ["orders_raw.duplicate_row"]}


def test_equal_order_lines_are_refused_after_the_first_where_that_is_asked_for(judge_rows):
    row, other = SOUND["orders_raw"], SOUND["orders_raw"] | {"quantity": 3.0}
    assert judge_rows("orders_raw", [row, other, row, row], **DEDUPE) == [
        None,
        None,
        "duplicate_row",
        "duplicate_row",
    ]


def test_a_missing_store_does_not_hide_a_repeat(judge_rows):
    row, placed = SOUND["orders_raw"], SOUND["orders_raw"] | {"store_id": "s1"}
    assert judge_rows("orders_raw", [row, placed, row], **DEDUPE) == [None, None, "duplicate_row"]


def test_equal_reviews_are_refused_after_the_first_unless_that_is_switched_off(judge_rows):
    rows = [SOUND["reviews_raw"]] * 2
    assert judge_rows("reviews_raw", rows) == [None, "duplicate_row"]
    assert judge_rows("reviews_raw", rows, rules_off=["reviews_raw.duplicate_row"]) == [None, None]


def test_a_free_line_is_refused_only_where_that_is_asked_for(judge_rows):
    free = SOUND["orders_raw"] | {"line_value": 0.0}
    returned = free | {"quantity": -2.0}
    assert judge_rows("orders_raw", [free]) == [None]
    on = {"rules_on": ["orders_raw.free_line"]}
    assert judge_rows("orders_raw", [free, returned], **on) == ["free_line", None]


@pytest.mark.parametrize(
    "name", ["orders_raw", "customers_raw", "events_raw", "reviews_raw", "exposures_raw"]
)
def test_the_rows_of_a_test_account_are_refused_wherever_they_are(raw_rows, judge_rows, name):
    rows = [SOUND[name] | {"customer_id": customer} for customer in ("c1", "t1", None)]
    tests = raw_rows("customers_raw", {"customer_id": "t1"}, {"customer_id": "t1"})
    assert judge_rows(name, rows, test_accounts=tests) == [None, "test_account", "missing_id"]
    nobody = raw_rows("customers_raw")
    assert judge_rows(name, rows, test_accounts=nobody) == [None, None, "missing_id"]


def test_a_currency_is_known_from_its_first_rate_on(raw_rows, judge_rows):
    rates = raw_rows(
        "rates_raw",
        {"rate_date": DAY, "currency": "usd", "rate": 0.8},
        {"rate_date": DAY - dt.timedelta(days=9), "currency": "USD", "rate": -1.0},  # refused
    )
    last_moment = DAY - dt.timedelta(microseconds=1)
    rows = [
        SOUND["orders_raw"] | {"currency": currency, "ordered_at": at}
        for currency, at in (("USD", DAY), (" usd", DAY), ("USD", last_moment), ("CHF", DAY))
    ]
    assert judge_rows("orders_raw", [*rows, SOUND["orders_raw"]], rates=rates) == [
        None,
        None,
        "unknown_currency",
        "unknown_currency",
        None,
    ]


def test_a_refused_row_does_not_stand_for_its_repeat(judge_rows):
    empty = SOUND["products_raw"] | {"department": "\x00"}
    assert judge_rows("products_raw", [empty, SOUND["products_raw"]]) == ["unreadable_text", None]


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("products_raw", {"department": "COFFEE"}),
        ("customers_raw", {"age_band": "35-44"}),
        ("exposures_raw", {"action": "letter"}),
        ("rates_raw", {"rate": 0.9}),
    ],
)
def test_a_second_row_of_the_same_key_is_refused(judge_rows, name, change):
    rows = [SOUND[name], SOUND[name] | change]
    assert judge_rows(name, rows) == [None, "duplicate_key"]


def test_coupons_redeemed_at_once_are_no_repeats(judge_rows):
    assert judge_rows("events_raw", [SOUND["events_raw"]] * 2) == [None, None]


@pytest.mark.parametrize("name", SOUND)
def test_an_empty_table_can_be_judged(judge_rows, name):
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


@pytest.mark.parametrize("given", ["rules_on", "rules_off"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("orders_raw.fre_line", "the nearest is 'orders_raw.free_line'"),
        ("orders.free_line", "the nearest is 'orders_raw.free_line'"),
        ("§", "a name is such as 'orders_raw.free_line'"),
    ],
)
def test_an_unknown_rule_is_refused_with_the_nearest(given, name, told):
    with pytest.raises(ParameterError, match=told):
        build_rules("2000-01-01", "2024-12-31", **{given: [name]})


def test_a_rule_cannot_be_on_and_off():
    name = ["orders_raw.free_line"]
    with pytest.raises(ParameterError, match="found it in both"):
        build_rules("2000-01-01", "2024-12-31", rules_on=name, rules_off=name)


def test_a_rule_on_which_later_stages_rest_cannot_be_switched_off():
    with pytest.raises(ParameterError, match="zero_quantity; take it out: rows that break it"):
        build_rules("2000-01-01", "2024-12-31", rules_off=["orders_raw.zero_quantity"])
