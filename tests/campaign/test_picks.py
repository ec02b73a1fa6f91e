"""Which products a message shows, and what it says of them."""

import datetime as dt

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from src.campaign.content import choose_products
from src.campaign.forecast import tabulate_forecast
from src.campaign.picks import find_earlier_prices, pick_by_source, pick_for_actions
from src.campaign.products import Hosts, is_on_hosts, product_phrases
from src.campaign.wording import Wording
from src.decide.catalogue import Action, Campaign

AS_OF = "2017-09-30"
TIME = pa.timestamp("us", "UTC")


def plan(**sources):
    actions = {
        name: Action(label=name, template="cart", products_from=source)
        for name, source in sources.items()
    }
    return Campaign(
        campaign_id="x",
        goal="x",
        margin_share=0.25,
        sender_name="x",
        sender_address="a@example.com",
        postal_address="x",
        unsubscribe_url="https://x.example/",
        actions=actions,
    )


def table(columns, *rows):
    """A table of rows; what ends in `_at` is a time in UTC."""
    values = {name: [row[i] for row in rows] for i, name in enumerate(columns)}
    arrays = {
        name: pa.array([dt.datetime.fromisoformat(text) for text in texts], TIME)
        if name.endswith("_at")
        else pa.array(texts)
        for name, texts in values.items()
    }
    return ibis.memtable(pa.table(arrays))


ORDERS = table(
    ["customer_id", "product_id", "ordered_at", "quantity", "line_value_minor", "is_outlier"],
    ("anna", "tea", "2017-09-01 10:00", 2, 800, False),  # 4.00 a piece
    ("anna", "tea", "2017-09-20 10:00", 1, 300, False),  # 3.00
    ("anna", "milk", "2017-09-20 10:00", 1, 150, False),
    ("anna", "milk", "2017-09-20 12:00", 1, 140, False),  # the same day again
    ("anna", "rye", "2017-09-29 10:00", 1, 250, False),
    ("anna", "rye", "2017-09-10 10:00", 1, 250, False),
    ("anna", "rye", "2017-10-02 10:00", 1, 50, False),  # after the as-of date
    ("bert", "tea", "2017-09-05 10:00", 1, 1, True),  # an outlier
    ("bert", "ham", "2017-07-01 10:00", 1, 100, False),  # longer ago than 30 days
)
EVENTS = table(
    ["customer_id", "product_id", "event_type", "event_at"],
    ("anna", "cake", "cart", "2017-09-28 10:00"),
    ("anna", "milk", "cart", "2017-09-19 10:00"),  # ordered since
    ("anna", "tea", "cart", "2017-09-29 10:00"),  # ordered before, put in again
    ("anna", "jam", "view", "2017-09-29 10:00"),
    ("bert", "cake", "cart", "2017-08-01 10:00"),  # too long ago
    ("bert", "cake", "cart", "2017-10-01 10:00"),  # after the as-of date
)
LISTS = table(
    ["customer_id", "rank", "product_id", "reason", "score"], ("anna", 1, "jam", "popular now", 0.5)
)


def test_cart_holds_what_was_not_ordered_since_the_latest_first():
    found = pick_by_source(plan(a="cart"), LISTS, ORDERS, EVENTS, AS_OF)
    assert list(found) == ["cart"]
    rows = found["cart"]
    assert rows[["customer_id", "rank", "product_id"]].to_numpy().tolist() == [
        ["anna", 1, "tea"],
        ["anna", 2, "cake"],
    ]


def test_bought_again_counts_days_and_nothing_after_the_as_of_date():
    rows = pick_by_source(plan(a="bought"), LISTS, ORDERS, EVENTS, AS_OF)["bought"]
    # tea and rye on two days each, rye later; milk on one day only
    assert rows[["rank", "product_id"]].to_numpy().tolist() == [[1, "rye"], [2, "tea"]]
    assert set(rows["reason"]) == {"you buy it often"}


def test_each_customer_gets_what_their_action_asks_for():
    campaign = plan(a="cart", b="recommendations", c="none")
    messaged = pd.DataFrame({"customer_id": list("xyzw"), "action": ["a", "b", "c", "a"]})
    lists = {"cart": {"x": [{"name": "Tea"}]}, "recommendations": {"y": [{"name": "Jam"}], "z": []}}
    lists["recommendations"]["z"] = [{"name": "Ham"}]
    assert pick_for_actions(messaged, campaign, lists) == {
        "x": [{"name": "Tea"}],
        "y": [{"name": "Jam"}],
    }
    assert set(pick_by_source(campaign, LISTS, ORDERS, EVENTS, AS_OF)) == {
        "cart",
        "recommendations",
    }


def test_earlier_price_is_the_lowest_of_thirty_days():
    found = find_earlier_prices(ORDERS, AS_OF)
    assert found.to_dict() == pytest.approx({"milk": 1.4, "rye": 2.5, "tea": 3.0})


def test_price_picture_link_and_reason_are_shown_only_where_they_hold():
    products = pd.DataFrame(
        {
            "product_id": ["1", "2", "3"],
            "department": "DELI",
            "category": None,
            "product_type": None,
            "product_name": ["Tea", "Ham", "Rye"],
            "list_value": [2.5, 0.0, 2.0],
            "earlier_value": [3.0, 9.0, 2.001],
            "image_url": ["https://img.example/1.png", "http://img.example/2.png", None],
            "product_url": ["https://shop.example@evil.example/", "https://shop.example/2", None],
        }
    )
    ranks = pd.DataFrame(
        {
            "customer_id": "c",
            "rank": [1, 2, 3],
            "product_id": ["1", "2", "3"],
            "reason": ["often bought with ham, which you bought lately", "popular now", ""],
        }
    )
    hosts = Hosts(["shop.example"], ["img.example"])
    tea, ham, rye = choose_products(ranks, products, Wording(), 3, hosts, "USD")["c"]
    assert tea == {
        "name": "Tea",
        "department": "deli",
        "initial": "T",
        "price": "$2.50",
        "was_price": "$3",
        "image_url": "https://img.example/1.png",
        "reason": "together",
    }
    assert ham == {
        "name": "Ham",
        "department": "deli",
        "initial": "H",
        "product_url": "https://shop.example/2",
        "reason": "popular",
    }
    assert rye == {"name": "Rye", "department": "deli", "initial": "R", "price": "$2"}
    bare = choose_products(ranks, products, Wording(), 1)["c"][0]
    assert set(bare) == {"name", "department", "initial", "reason"}


@pytest.mark.parametrize(
    "address",
    [
        "http://shop.example/",
        "https://evil.example/",
        "https://shop.example.evil.example/",
        "https://shop.example@evil.example/",
        "https://shop.example:8443/",
        "https://shop.example\\@evil.example/",
        'https://shop.example/"onload="x',
        "https://shop.example/ a",
        "https://shop.example/\n",
        "https://ѕhop.example/",
        "javascript:alert(1)//https://shop.example/",
        "//shop.example/",
        "https://[shop.example/",
        "",
        None,
        float("nan"),
    ],
)
def test_address_elsewhere_is_not_used(address):
    assert not is_on_hosts(address, ["shop.example"])
    assert is_on_hosts("https://shop.example:443/a?b=c", ["shop.example"])


def test_price_is_the_datas_word_only_beside_its_product():
    tea = {"name": "Tea", "department": "deli", "initial": "T", "price": "$5", "was_price": "$6"}
    phrases = product_phrases(tea, "en")
    assert "Tea $5 was $6" in phrases
    assert "$5" not in phrases
    assert "Tea $5 原价 $6" in product_phrases(tea, "zh")


RESULTS = {
    "planned_profit": 1200.0,
    "planned_profit_lower": -300.0,
    "planned_profit_upper": 2700.5,
    "expected_message_cost": 2.5,
    "expected_discount": 10.0,
    "n_treated": 1170,
    "n_control": 600,
    "mde_per_customer": 1.234,
    "mde_share": 0.0823,
}


def test_forecast_comes_with_its_interval_and_what_can_be_told():
    answers = tabulate_forecast(RESULTS, "USD")["answer"]
    assert answers.iloc[0] == "$1,200 (95 %: −$300 to $2,700.50)"
    assert answers.iloc[3] == "1,170 and 600"
    assert answers.iloc[4] == "$1.23 per customer, 8% of profit"


def test_forecast_without_knowledge_is_no_number_alone():
    unknown = {"planned_profit": -18.4, "planned_profit_lower": None, "planned_profit_upper": None}
    answers = tabulate_forecast(RESULTS | unknown | {"mde_share": None}, "USD")["answer"]
    assert answers.iloc[0].startswith("not known before the first campaign; $18.40 is paid")
    assert answers.iloc[4] == "$1.23 per customer"
