import pandas as pd

from src.campaign.content import (
    build_merge_values,
    choose_departments,
    choose_products,
    describe_offers,
    drop_unmessaged,
)
from src.campaign.wording import Wording

PRODUCTS = pd.DataFrame(
    {
        "product_id": ["1", "2", "3", "4"],
        "department": ["GROCERY", "GROCERY", "DRUG GM", "GROCERY"],
        "category": ["MILK", "MILK", "CIGARETTES", "TEAS"],
        "product_type": ["WHITE MILK", "WHITE MILK", "CIGARETTES", "GREEN TEA"],
        "product_name": [None, None, None, "SENCHA LOOSE"],
    }
)


def recommend(*product_ids, customer_id="c1"):
    ranks = range(1, len(product_ids) + 1)
    return pd.DataFrame({"customer_id": customer_id, "rank": ranks, "product_id": product_ids})


def test_only_actions_get_a_message():
    decisions = pd.DataFrame(
        {"customer_id": ["d", "c", "b", "a"], "action": ["x", "control", "none", "x"]}
    )
    assert list(drop_unmessaged(decisions)["customer_id"]) == ["a", "d"]


def test_last_day_is_valid_days_after_the_as_of_date(campaign):
    # 2017-09-30 + 28 days = 2017-10-28
    offers = describe_offers(campaign, "2017-09-30", 28, "USD")
    assert {offer.valid_until.isoformat() for offer in offers.values()} == {"2017-10-28"}


def test_products_follow_the_rank_skip_the_hidden_and_never_repeat_a_name(wording):
    # 1 and 2 have the same name, 3 is never named: white milk, then green tea
    listed = choose_products(recommend("1", "2", "3", "4"), PRODUCTS, wording, 3)
    assert [item["name"] for item in listed["c1"]] == ["White milk", "Green tea"]
    assert listed["c1"][0] == {"name": "White milk", "department": "grocery", "initial": "W"}


def test_products_stop_at_the_number_asked_for_whatever_the_row_order(wording):
    recommendations = recommend("4", "1").iloc[::-1]
    listed = choose_products(recommendations, PRODUCTS, wording, 1)
    assert [item["name"] for item in listed["c1"]] == ["Green tea"]


def test_no_recommendations_give_no_products(wording):
    assert choose_products(recommend().astype({"product_id": "str"}), PRODUCTS, wording, 3) == {}


def test_hidden_or_missing_department_gives_way_to_the_next(wording):
    profiles = pd.DataFrame(
        {"customer_id": ["a", "b", "c", "d"], "top_department": ["FUEL", "PRODUCE", None, "FUEL"]}
    )
    interests = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "c", "d"],
            "department": ["FUEL", "DELI", "MEAT", "SPIRITS", "FUEL"],
            "spend_value": [90.0, 5.0, 5.0, 3.0, 1.0],  # deli and meat tie: by name
        }
    )
    assert choose_departments(profiles, interests, wording).to_dict() == {
        "a": "deli",
        "b": "produce",
    }


def test_a_product_without_type_and_category_goes_by_its_name():
    bare = PRODUCTS.assign(category=None, product_type=None, department=None)
    assert [
        product["name"] for product in choose_products(recommend("4"), bare, Wording(), 3)["c1"]
    ] == ["Sencha loose"]
    assert choose_products(recommend("1"), bare, Wording(), 3) == {}


def test_values_from_data_cannot_carry_markers_or_lines(campaign, offers):
    products = choose_products(
        recommend("1"),
        PRODUCTS.head(1).assign(product_type="⟦FIRST_NAME⟧\nMILK"),
        Wording(),
        3,
    )["c1"]
    values = build_merge_values(
        campaign, offers["ten_percent"], "a⟦unsubscribe_url⟧", products, "u"
    )
    assert values["department"] == "aunsubscribe_url"
    assert "⟦" not in products[0]["name"]
    assert values["first_name"] == "⟦first_name⟧"
    assert values["valid_day"] == "October 28"
