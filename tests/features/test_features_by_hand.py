"""Every feature of the catalogue, for three customers, with numbers worked out by hand."""

import math

import pandas as pd
import pytest

from src.data.contract import check_table
from src.features import build_profiles, profiles_contract
from src.features.families import BUILT_IN

AS_OF = "2017-09-30"  # a Saturday


@pytest.fixture(scope="module")
def rows(line, product, event, exposure):
    """Ann with six orders and everything else, Bob with one free order, Cat with one."""
    orders = [
        # days ago in brackets
        line("ann", "o1", "2017-09-30 18:00", "milk", 300, discount_minor=100),  # Saturday [0]
        line("ann", "o1", "2017-09-30 18:00", "apple", 700, coupon_minor=50)
        | {"line_number": 2, "quantity": 2},
        line("ann", "o2", "2017-09-26 10:00", "milk", 1000, quantity=2),  # Tuesday [4]
        line("ann", "o3", "2017-09-20 23:59:59", "cheese", 500, store_id="s2"),  # Wednesday [10]
        line("ann", "o4", "2017-08-31 16:59:59", "milk", 200),  # Thursday [30]
        line("ann", "o5", "2017-04-04 09:00", "apple", 600),  # Tuesday [179]
        line("ann", "o6", "2016-09-01 12:00", "apple", 400, store_id="s2"),  # Thursday [394]
        line("ann", "o9", "2017-10-01 00:00", "apple", 9999),
        line("bob", "o7", "2017-09-01 12:00", "ghost", 0, store_id=None),  # Friday [29]
        line("cat", "o8", "2017-09-15 08:00", "milk", 500),  # Friday [15]
    ]
    products = [
        product("milk", "DAIRY", "Private") | {"category": "MILK", "unit_cost_value": 2.0},
        product("cheese", "DAIRY", "Alp") | {"category": "CHEESE"},
        product("apple", "FRUIT") | {"category": "APPLES", "unit_cost_value": 3.105},
    ]
    people = {
        "customer_id": "ann",
        "age_band": "65+",
        "income_band": "50-74K",
        "home_ownership": "Owner",
        "marital_status": "Married",
        "household_size": "2",
        "household_composition": "2 Adults",
        "kids_band": "0",
        "country": "CH",
        "region": "Bern",
        "city": "Thun",
    }
    return {
        "orders": orders,
        "products": products,
        "customers": [people],
        "events": _events(event),
        "exposures": [
            exposure("ann", "k1", "2017-09-20"),  # [10]
            exposure("ann", "k2", "2017-07-02"),  # [90]: outside 90
            exposure("ann", "k0", "2016-10-01"),  # [364]: the first day of 365
            exposure("ann", "k9", "2016-09-30"),  # [365]: before it
            exposure("ann", "k8", "2017-10-01"),
            exposure("bob", "k1", "2017-09-30"),
        ],
    }


def _events(event):
    def visit(customer, at, kind, session=None, **other):
        return event(customer, at, kind) | {"session_id": session, "is_bot": False} | other

    def bot(customer, at, kind, **other):
        return event(customer, at, kind) | {"is_bot": True} | other

    return [
        visit("ann", "2017-09-30 09:00", "view", "v1"),  # [0], ordered that day
        visit("ann", "2017-09-30 09:01", "view", "v1"),
        visit("ann", "2017-09-30 09:02", "cart", "v1"),
        visit("ann", "2017-09-26 08:00", "click", campaign_id="k1"),  # [4], ordered that day
        visit("ann", "2017-09-19 12:00", "favourite", "v2"),  # [11], ordered the next day
        visit("ann", "2017-09-19 12:01", "cart", "v2"),
        visit("ann", "2017-09-10 12:00", "cart"),  # [20], no order
        visit("ann", "2017-08-01 12:00", "view", "v4"),  # [60], no order
        visit("ann", "2017-07-01 12:00", "click", campaign_id="k2"),  # [91], before the contact
        visit("ann", "2017-10-01 00:00", "view", "v5"),
        bot("ann", "2017-09-25 12:00", "click", campaign_id="k1"),
        bot("ann", "2017-09-05 12:00", "view"),
        bot("ann", "2017-09-05 12:00", "view"),
        bot("cat", "2017-09-14 12:00", "view"),
        event("ann", "2017-09-30 23:59:59") | {"campaign_id": "k1"},  # [0]
        event("ann", "2017-08-15 12:00") | {"campaign_id": "k1"},  # [46]
        event("ann", "2016-10-01 00:00") | {"campaign_id": "k2"},  # [364]
        event("ann", "2016-09-30 23:59") | {"campaign_id": "k3"},  # [365]
    ]


def _refund(customer, number, at, minor):
    known = {"refund_id": number, "line_number": 1, "customer_id": customer, "product_id": "milk"}
    return known | {"refunded_at": at, "quantity": 1, "refund_minor": minor, "match": "none"}


def _review(customer, number, at, rating):
    known = {"review_id": number, "customer_id": customer, "reviewed_at": at, "review_text": "-"}
    return known | {"rating": rating}


def _score(customer, number, at, p_positive, *aspects):
    known = {"review_id": number, "customer_id": customer, "reviewed_at": at}
    return known | {"p_positive": p_positive} | {f"is_about_{name}": True for name in aspects}


@pytest.fixture(scope="module")
def others(table):
    rows = {
        "refunds": [
            _refund("ann", "f1", "2017-09-29", 500),  # [1]
            _refund("ann", "f2", "2017-07-02", 100),  # [90]: outside 90
            _refund("ann", "f3", "2017-10-01", 9000),
            _refund("cat", "f4", "2017-09-30", 600),  # more than ever spent
        ],
        "reviews": [
            _review("ann", "1", "2017-09-30", 5.0),
            _review("ann", "2", "2017-07-02", 2.0),
            _review("ann", "3", "2016-09-30", 4.0),  # [365]: outside
            _review("ann", "4", "2017-10-01", 1.0),
        ],
        "review_scores": [
            _score("ann", "1", "2017-09-30", 0.9, "delivery"),
            _score("ann", "2", "2017-07-02", 0.2, "delivery", "price"),  # [90]: before the last 90
            _score("ann", "3", "2016-09-30", 0.4, "price"),
            _score("ann", "5", "2017-09-29", None, "quality"),  # could not be scored
            _score("ann", "4", "2017-10-01", 0.0, "delivery", "price", "quality", "service"),
            _score("bob", "6", "2017-09-29", 0.1, "service"),
            _score("cat", "7", "2017-09-29", 0.8, "quality"),
        ],
    }
    return {name: table(name, found) for name, found in rows.items()}


def _spread(*gaps):
    mean = sum(gaps) / len(gaps)
    return math.sqrt(sum((gap - mean) ** 2 for gap in gaps) / (len(gaps) - 1))


def _entropy(*values):
    return -sum(v / sum(values) * math.log(v / sum(values)) for v in values)


# Orders of Ann are worth 10, 10, 5, 2, 6 and 4, together 37, on 0, 4, 10, 30, 179 and 394 days ago
# feature: what it is for Ann, Bob and Cat
EXPECTED = {
    "recency_days": (0, 29, 15),
    "frequency": (6, 1, 1),
    "monetary_value": (37 / 6, 0, 5),
    "tenure_days": (394, 29, 15),
    # 2, 0 and 1 of 3 came longer ago: 1 + floor(10 / 3), 1, 1 + floor(5 / 3)
    "r_score": (4, 1, 2),
    "f_score": (4, 1, 1),
    "m_score": (4, 1, 2),
    "n_orders_7": (2, 0, 0),
    "n_orders_30": (3, 1, 1),
    "n_orders_90": (4, 1, 1),
    "n_orders_365": (5, 1, 1),
    "spend_7_value": (20, 0, 0),
    "spend_30_value": (25, 0, 5),
    "spend_90_value": (27, 0, 5),
    "spend_365_value": (33, 0, 5),
    "spend_prior_90_value": (6, 0, 0),
    "n_items_7": (3, 0, 0),
    "n_items_30": (4, 1, 1),
    "n_items_90": (5, 1, 1),
    "n_items_365": (6, 1, 1),
    "gap_mean_days": (394 / 5, None, None),
    "gap_std_days": (_spread(215, 149, 20, 6, 4), None, None),
    "overdue_ratio": (0, None, None),
    "next_order_days": (394 / 5, None, None),
    "lifecycle": ("active", "new", "new"),
    "weekend_share": (1 / 6, 0, 0),
    "evening_share": (2 / 6, 0, 0),  # 18:00 and 23:59:59; 16:59:59 is a second early
    "favourite_weekday": ("Tuesday", "Friday", "Friday"),  # two, as on Thursday, which is later
    "favourite_weekday_share": (2 / 6, 1, 1),
    "items_per_order": (7 / 6, 1, 1),
    "max_items_per_order": (2, 1, 1),
    "max_order_value": (10, 0, 5),
    "single_item_share": (5 / 6, 1, 1),
    "discount_share": (150 / 3800, None, 0),  # saved 100 + 50, of 3700 + the discount of 100
    "discounted_lines_share": (2 / 7, 0, 0),
    "discount_share_7": (150 / 2100, None, None),
    "discount_share_30": (150 / 2600, None, 0),
    "discount_share_90": (150 / 2800, None, 0),
    "discount_share_365": (150 / 3400, None, 0),
    "private_brand_share": (15 / 37, None, 1),  # milk for 3 + 10 + 2
    "coupon_lines_share": (1 / 7, 0, 0),
    "coupons_365_value": (0.5, 0, 0),
    # a milk costs the shop 2.00 and an apple 3.105, so two 6.21 and one 3.105, which is 3.11 in
    # cents; a cheese is not known. Ann's lines leave 1.00 and 0.79 [0], 6.00 [4], 0.00 [30],
    # 2.89 [179] and 0.89 [394]
    "margin_7_value": (7.79, None, 0),
    "margin_30_value": (7.79, None, 3),
    "margin_90_value": (7.79, None, 3),
    "margin_365_value": (10.68, None, 3),
    "margin_ratio": (11.57 / 32, None, 3 / 5),
    "refund_7_value": (5, 0, 6),
    "refund_30_value": (5, 0, 6),
    "refund_90_value": (5, 0, 6),
    "refund_365_value": (6, 0, 6),
    "net_spend_7_value": (15, 0, -6),
    "net_spend_30_value": (20, 0, -1),
    "net_spend_90_value": (22, 0, -1),
    "net_spend_365_value": (27, 0, -1),
    "refund_share_7": (5 / 20, None, None),
    "refund_share_30": (5 / 25, None, 1),  # 6 of 5: an earlier order came back as well
    "refund_share_90": (5 / 27, None, 1),
    "refund_share_365": (6 / 33, None, 1),
    "n_refunds_365": (2, 0, 1),
    # a milk costs 2000 / 5 = 400 on average, a cheese 500, an apple 1700 / 4 = 425;
    # Ann's 4 milks, a cheese and 4 apples cost 1600 + 500 + 1700 on average, and her 3700
    "price_level": (3700 / 3800, None, 500 / 400),
    "n_departments": (2, 0, 1),
    "top_department": ("DAIRY", None, "DAIRY"),
    "top_department_share": (20 / 37, None, 1),
    "department_entropy": (_entropy(20, 17), None, 0),
    "second_department": ("FRUIT", None, None),
    "second_department_share": (17 / 37, None, None),
    "n_categories": (3, 0, 1),
    "top_category": ("APPLES", None, "MILK"),
    "top_category_share": (17 / 37, None, 1),
    "category_entropy": (_entropy(15, 17, 5), None, 0),
    "n_brands": (3, 0, 1),
    "top_brand": ("National", None, "Private"),
    "top_brand_share": (17 / 37, None, 1),
    "brand_entropy": (_entropy(15, 17, 5), None, 0),
    # Ann began with fruit 394 days ago and came to dairy 30 days ago; Cat began with dairy
    "n_new_departments_90": (1, 0, 0),
    "newest_department": ("DAIRY", None, None),
    "newest_department_days": (30, None, None),
    "n_views_30": (2, 0, 0),
    "n_favourites_30": (1, 0, 0),
    "n_carts_30": (3, 0, 0),
    "n_sessions_30": (4, 0, 0),  # v1, v2, and what has no session on two days
    "n_visit_days_30": (4, 0, 0),
    "n_open_cart_days_30": (1, 0, 0),
    "n_views_365": (3, 0, 0),
    "n_favourites_365": (1, 0, 0),
    "n_carts_365": (3, 0, 0),
    "n_sessions_365": (6, 0, 0),
    "n_visit_days_365": (6, 0, 0),
    "n_open_cart_days_365": (1, 0, 0),
    "last_seen_days": (0, None, None),
    "conversion_share_365": (3 / 6, None, None),  # 0, 4 and 11 of 0, 4, 11, 20, 60 and 91
    "n_bot_events_365": (3, 0, 1),
    "n_redemptions_30": (1, 0, 0),
    "n_redemptions_90": (2, 0, 0),
    "n_redemptions_365": (3, 0, 0),
    "n_redeemed_campaigns_365": (2, 0, 0),
    "last_redemption_days": (0, None, None),
    "n_exposures_30": (1, 1, 0),
    "n_exposures_90": (1, 1, 0),
    "n_exposures_365": (3, 1, 0),
    "last_exposure_days": (10, 0, None),
    "n_campaign_clicks_30": (1, 0, 0),
    "n_campaign_clicks_90": (1, 0, 0),
    "n_campaign_clicks_365": (2, 0, 0),
    "n_bot_clicks_365": (1, 0, 0),
    "answered_share_365": (1 / 3, 0, None),  # k1; the click on k2 came before the contact
    "n_reviews_365": (2, 0, 0),
    "rating_mean": (11 / 3, None, None),
    "sentiment_mean": ((0.9 + 0.2 + 0.4) / 3, 0.1, 0.8),
    "sentiment_trend": (0.9 - (0.2 + 0.4) / 2, None, None),
    "negative_reviews_share": (2 / 3, 1, 0),
    "negative_delivery_share": (1 / 2, None, None),
    "negative_price_share": (2 / 2, None, None),
    "negative_quality_share": (None, None, 0),
    "negative_service_share": (None, 1, None),
    "n_stores": (2, 0, 1),
    "favourite_store": ("s1", None, "s1"),
    "favourite_store_share": (4 / 6, None, 1),
    "country": ("CH", None, None),
    "region": ("Bern", None, None),
    "city": ("Thun", None, None),
    "age_band": ("65+", None, None),
    "income_band": ("50-74K", None, None),
    "home_ownership": ("Owner", None, None),
    "marital_status": ("Married", None, None),
    "household_size": ("2", None, None),
    "household_composition": ("2 Adults", None, None),
    "kids_band": ("0", None, None),
}


@pytest.fixture(scope="module")
def profiles(rows, others, shop):
    return build_profiles(*shop(**rows), AS_OF, features=BUILT_IN, others=others).cache()


def test_every_feature_of_the_catalogue_is_here():
    assert sorted(EXPECTED) == sorted(BUILT_IN.names)


@pytest.mark.parametrize("name", EXPECTED)
def test_feature_is_as_worked_out_by_hand(profiles, name):
    found = profiles.order_by("customer_id")[name].to_pyarrow().to_pylist()
    expected = [
        pytest.approx(value, rel=1e-12, abs=2e-9) if isinstance(value, float) else value
        for value in EXPECTED[name]
    ]
    assert found == expected


def test_every_feature_says_something_of_somebody():
    silent = [name for name, values in EXPECTED.items() if not any(v is not None for v in values)]
    assert silent == []


def test_profiles_keep_the_contract_made_from_the_catalogue(profiles):
    contract = profiles_contract(BUILT_IN)
    assert profiles.columns == tuple(contract.column_names)
    assert check_table(contract, profiles) == 3


def test_without_anything_but_orders_features_are_0_or_empty_as_declared(shop, line):
    tables = shop([line("ann", "o1", "2017-09-30", value=0, store_id=None)])
    bare = build_profiles(*tables, AS_OF, features=BUILT_IN).to_pandas().loc[0]
    for one in BUILT_IN.features:
        if set(BUILT_IN.inputs_of(one.name)) <= {"orders"} or one.is_derived:
            assert one.is_nullable or not pd.isna(bare[one.name]), one.name
        elif one.relation != "lines" and one.fill is not None:
            assert bare[one.name] == one.fill, one.name
        elif one.relation != "lines":
            assert pd.isna(bare[one.name]), one.name
