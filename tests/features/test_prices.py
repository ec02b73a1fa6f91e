import pandas as pd
import pytest

from src.features import prices as module
from src.features.measure import aggregate
from src.features.prices import build_lines

AS_OF = "2017-09-30"


@pytest.fixture
def prices(line, product, table):
    products = [product("own", "A", "Private"), product("big", "A"), product("odd", "A", None)]

    def make(*lines):
        orders = [
            line("ann", "o1", "2017-09-01", line_number=i + 1, **row) for i, row in enumerate(lines)
        ]
        lines = build_lines(table("orders", orders), table("products", products), AS_OF)
        found = aggregate(module.RELATIONS[0], lines, module.FEATURES)
        return found.to_pandas().loc[0]

    return make


def test_own_discount_raises_the_undiscounted_price_and_a_coupon_does_not(prices):
    # the shelf says 10; the shop cuts 2 and a maker's coupon pays 3: the shop receives 8,
    # the customer pays 5 and saves 5 of 10
    row = prices({"value": 800, "discount_minor": 200, "coupon_minor": 300})
    assert row["discount_share"] == 0.5


def test_full_price_has_no_discount(prices):
    row = prices({"value": 800}, {"value": 5})
    assert (row["discount_share"], row["discounted_lines_share"]) == (0, 0)


def test_everything_given_away_is_a_full_discount(prices):
    assert prices({"value": 0, "discount_minor": 500})["discount_share"] == 1


def test_coupon_above_its_line_is_capped(prices):
    assert prices({"value": 100, "coupon_minor": 150})["discount_share"] == 1


def test_free_lines_have_no_share(prices):
    assert pd.isna(prices({"value": 0})["discount_share"])


def test_private_brand_counts_only_spend_with_a_known_brand(prices):
    row = prices(
        {"product_id": "own", "value": 100},
        {"product_id": "big", "value": 300},
        {"product_id": "odd", "value": 5000},
        {"product_id": "ghost", "value": 5000},
    )
    assert row["private_brand_share"] == 0.25


def test_unknown_brands_only_have_no_share(prices):
    assert pd.isna(prices({"product_id": "ghost", "value": 5000})["private_brand_share"])
