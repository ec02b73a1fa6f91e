import datetime as dt

import pytest

from src.data.currency import first_rate_dates
from src.data.order_lines import read_order_lines
from src.data.refunds import match_refunds, split_refunds

DAY = dt.datetime(2024, 3, 4, tzinfo=dt.UTC)


def rate(day, value, currency="USD"):
    return {"rate_date": DAY + dt.timedelta(days=day), "currency": currency, "rate": value}


def line(order, moment, currency, **others):
    return {
        "order_id": order,
        "customer_id": "c",
        "product_id": "p",
        "ordered_at": DAY + moment,
        "quantity": 1.0,
        "line_value": 10.01,
        "discount": 2.0,
        "coupon": 0.5,
        "currency": currency,
    } | others


RATES = [rate(0, 0.8), rate(3, 0.9), rate(0, 1.05, "CHF"), rate(2, 0.5, "JPY")]
SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def read(raw_rows):
    def read_lines(*rows, rates=RATES):
        table = read_order_lines(raw_rows("orders_raw", *rows), raw_rows("rates_raw", *rates))
        return table.order_by("source_row").to_pandas()

    return read_lines


def test_the_last_rate_on_or_before_the_day_of_the_order_counts(read):
    days = [dt.timedelta(0), dt.timedelta(days=3) - SECOND, dt.timedelta(days=3)]
    days.append(dt.timedelta(days=365))
    found = read(*(line(f"o{i}", moment, "USD") for i, moment in enumerate(days)))
    # 10.01 * 0.8 = 8.008 and * 0.9 = 9.009, rounded to cents after it is converted
    assert found["line_value_minor"].tolist() == [801, 801, 901, 901]
    assert found["discount_minor"].tolist() == [160, 160, 180, 180]
    assert found["coupon_minor"].tolist() == [40, 40, 45, 45]
    assert found["own_minor"].tolist() == [1001] * 4


def test_a_rate_with_a_time_of_day_holds_all_that_day(read):
    afternoon = rate(0, 0.8) | {"rate_date": DAY + dt.timedelta(hours=16)}
    found = read(line("o", dt.timedelta(hours=9), "USD"), rates=[afternoon])
    assert found["line_value_minor"].tolist() == [801]


def test_each_line_has_its_own_currency_and_none_means_the_shop_s(read):
    day = dt.timedelta(days=1)
    found = read(line("o", day, "CHF"), line("o", day, None), line("o", day, " usd "))
    assert found["line_value_minor"].tolist() == [1051, 1001, 801]  # 10.5105, 10.01, 8.008
    assert found["currency"].astype(object).where(found["currency"].notna(), None).tolist() == [
        "CHF",
        None,
        "USD",
    ]


def test_rows_are_neither_lost_nor_repeated_by_several_rates_of_a_currency(read):
    rows = [line(f"o{i}", dt.timedelta(days=i), "USD") for i in range(5)]
    assert read(*rows, *rows)["source_row"].tolist() == list(range(10))


def test_without_another_currency_no_rate_is_needed(read):
    found = read(line("o", SECOND, None), rates=[])
    assert found["line_value_minor"].tolist() == [1001]


def test_a_return_is_converted_on_its_own_day_and_matched_in_its_own_currency(raw_rows):
    rows = [
        line("o", dt.timedelta(0), "USD"),
        line("r", dt.timedelta(days=3), "USD", quantity=-1.0, line_value=-10.01),
    ]
    orders = read_order_lines(raw_rows("orders_raw", *rows), raw_rows("rates_raw", *RATES))
    lines, returns = split_refunds(orders)
    refund = match_refunds(returns, lines).to_pandas().iloc[0]
    assert refund["match"] == "inferred"
    assert refund["refund_minor"] == 901  # the order was worth 801


def test_rates_begin_with_their_first_day(raw_rows):
    assert first_rate_dates(raw_rows("rates_raw", *RATES)) == {
        "USD": "2024-03-04",
        "CHF": "2024-03-04",
        "JPY": "2024-03-06",
    }
    assert first_rate_dates(raw_rows("rates_raw")) == {}
