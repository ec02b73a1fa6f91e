import ibis
import pytest

from src.features.measure import aggregate
from src.features.windows import FEATURES, RELATIONS, build_baskets, value_of

AS_OF = "2017-09-30"


@pytest.mark.parametrize(
    ("ordered_at", "days_ago", "is_weekend", "is_evening"),
    [
        ("2017-09-30 23:59:59.999999", 0, True, True),  # Saturday
        ("2017-09-30 00:00:00", 0, True, False),
        ("2017-09-29 23:59:59", 1, False, True),  # Friday
        ("2017-10-01 00:00:00+02:00", 0, True, True),  # 22:00 UTC on Saturday
        ("2017-09-24 16:59:59", 6, True, False),  # Sunday
        ("2017-09-25 17:00:00", 5, False, True),  # Monday
    ],
)
def test_days_and_hours_are_those_of_utc(line, table, ordered_at, days_ago, is_weekend, is_evening):
    baskets = build_baskets(table("orders", [line("ann", "o1", ordered_at)]), AS_OF).to_pandas()
    found = baskets.loc[0, ["days_ago", "is_weekend", "is_evening"]].tolist()
    assert found == [days_ago, is_weekend, is_evening]


def test_lines_of_one_order_are_one_basket(line, table):
    orders = [
        line("ann", "o1", "2017-09-30 10:00", value=150),
        line("ann", "o1", "2017-09-30 10:00", value=250, line_number=2),
        line("ann", "o2", "2017-09-30 11:00", value=1),
    ]
    baskets = build_baskets(table("orders", orders), AS_OF).order_by("order_id").to_pandas()
    assert baskets["value_minor"].tolist() == [400, 1]
    assert baskets["n_lines"].tolist() == [2, 1]


@pytest.mark.parametrize(
    ("days_ago", "inside"),
    [
        (29, ["n_orders_30", "n_orders_90", "n_orders_365"]),
        (30, ["n_orders_90", "n_orders_365"]),
        (89, ["n_orders_90", "n_orders_365"]),
        (90, ["n_orders_365", "spend_prior_90_value"]),
        (179, ["n_orders_365", "spend_prior_90_value"]),
        (180, ["n_orders_365"]),
        (364, ["n_orders_365"]),
        (365, []),
    ],
)
def test_windows_end_where_they_say(line, table, days_ago, inside):
    day = f"{(ibis.date(AS_OF) - ibis.interval(days=days_ago)).execute():%Y-%m-%d}"
    baskets = build_baskets(table("orders", [line("ann", "o1", f"{day} 00:00")]), AS_OF)
    found = aggregate(RELATIONS[0], baskets, FEATURES)
    row = found.to_pandas().loc[0]
    names = ["n_orders_30", "n_orders_90", "n_orders_365", "spend_prior_90_value"]
    assert [name for name in names if row[name] > 0] == inside


def test_equal_ratios_are_equal_floats(engine):
    # 333 cents over 1 order and 999 over 3 are the same mean; dividing twice may differ by an ulp
    sums = ibis.memtable({"minor": [333, 999, 1998], "n": [1, 3, 6]})
    assert engine.execute(value_of(sums.minor, sums.n)).nunique() == 1
