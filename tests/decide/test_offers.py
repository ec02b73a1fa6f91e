"""What an offer takes off a basket, and what to expect of it."""

import ibis
import pandas as pd
import pytest

from src.decide.catalogue import Action
from src.decide.offers import expected_discounts, offer_discount

AS_OF = "2017-09-30"


@pytest.mark.parametrize(
    ("offer", "basket", "discount"),
    [
        ({"discount_share": 0.1}, 2_345, 235),  # 234.5, rounded
        ({"discount_share": 0.1, "discount_ceiling_value": 6}, 9_999, 600),
        ({"discount_value": 5, "minimum_basket_value": 40}, 4_000, 500),
        ({"discount_value": 5, "minimum_basket_value": 40}, 3_999, 0),
        ({"discount_value": 5}, 300, 300),
        ({"discount_value": 5}, 0, 0),
        ({}, 5_000, 0),
    ],
    ids=["share", "ceiling", "enough", "too little", "at most the basket", "empty", "no offer"],
)
def test_discount_by_hand(offer, basket, discount):
    action = Action(label="x", template="t", **offer)
    value = offer_discount(action, ibis.literal(basket, "int64"))
    assert value.execute() == discount


def test_expected_discount_by_hand(campaign, table_of):
    # anna's baskets: 30.00 + 10.00 in two lines, and 100.00. 10 % off: 4.00 and 6.00 (ceiling),
    # 4 % redeem: .04 * 5.00 = .20. 5 off 40: 5.00 and 5.00, 5 % redeem: .25
    orders = pd.DataFrame(
        {
            "customer_id": ["anna", "anna", "anna", "anna", "bert"],
            "order_id": ["1", "1", "2", "3", "4"],
            "ordered_at": pd.to_datetime(
                ["2017-09-30", "2017-09-30", "2017-09-01", "2017-10-01", "2015-01-01"]
            ),
            "line_value_minor": [3_000, 1_000, 10_000, 90_000, 5_000],
        }
    )
    discounts = expected_discounts(table_of(orders), campaign, AS_OF, 365)
    assert discounts["customer_id"].tolist() == ["anna", "anna"]
    assert discounts["action"].tolist() == ["amount", "share"]
    assert discounts["expected_discount_value"].tolist() == pytest.approx([0.25, 0.20])
