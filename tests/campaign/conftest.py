"""A campaign, its offers and one message of each action."""

import pandas as pd
import pytest

from src.campaign.content import describe_offers
from src.campaign.message import gather_facts
from src.campaign.render import render_messages
from src.campaign.templates import load_arms
from src.campaign.wording import read_wording
from src.decide.catalogue import read_campaign

SHOP_URL = "https://shop.example.com/"
PRODUCTS = [
    {"name": "Ice, crushed or cubed", "department": "grocery", "initial": "I"},
    {"name": "Milk", "department": "grocery", "initial": "M"},
    {"name": "Pita or pocket breads", "department": "bakery", "initial": "P"},
]


@pytest.fixture(scope="session")
def campaign():
    return read_campaign("params/campaigns/autumn_coupon.yaml")


@pytest.fixture(scope="session")
def wording():
    return read_wording("params/wording/grocery_en.yaml")


@pytest.fixture(scope="session")
def offers(campaign):
    return describe_offers(campaign, "2017-09-30", 28, "USD")


@pytest.fixture(scope="session")
def compiled(campaign):
    return load_arms(campaign)


@pytest.fixture(scope="session")
def facts(campaign, offers, wording):
    departments, products = {"c1": "produce", "c2": "deli"}, {"c1": PRODUCTS, "c2": PRODUCTS[:1]}
    return gather_facts(campaign, offers, departments, products, ["shop.example.com"], wording)


@pytest.fixture
def messages(campaign, offers, compiled):
    """c1 gets ten_percent, c2 five_dollars, c3 ten_percent without anything of their own."""
    decisions = pd.DataFrame(
        {
            "customer_id": ["c1", "c2", "c3"],
            "action": ["ten_percent", "five_dollars", "ten_percent"],
        }
    )
    departments, products = {"c1": "produce", "c2": "deli"}, {"c1": PRODUCTS, "c2": PRODUCTS[:1]}
    return render_messages(
        decisions, campaign, compiled, offers, departments, products, SHOP_URL
    ).set_index("customer_id", drop=False)
