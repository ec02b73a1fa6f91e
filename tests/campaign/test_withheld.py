"""Nobody is offered what they returned, or bought a moment ago."""

from dataclasses import replace
import datetime as dt

import ibis
import pandas as pd
import pyarrow as pa
import pytest

from src.campaign.checks import check_messages
from src.campaign.withheld import find_withheld, leave_out, name_withheld
from src.campaign.wording import Wording
from tests.campaign.check_cases import build


def moments(*days):
    return [dt.datetime(2024, month, day, 12, tzinfo=dt.UTC) for month, day in days]


def lines(customers, products, days, column):
    columns = {"customer_id": customers, "product_id": products, column: moments(*days)}
    return ibis.memtable(pa.table(columns))


@pytest.fixture
def withheld():
    orders = lines(
        ["a", "a", "a", "b", "c"],
        ["tea", "mug", "pot", "tea", None],
        [(3, 31), (3, 1), (4, 2), (3, 25), (3, 31)],
        "ordered_at",
    )
    refunds = lines(
        ["a", "b", "a"], ["mug", "pot", "tea"], [(3, 20), (4, 3), (3, 30)], "refunded_at"
    )
    found = find_withheld(orders, refunds, "2024-03-31")
    return found.order_by(["customer_id", "product_id"]).to_pandas()


def test_bought_within_a_week_or_returned_within_a_year(withheld):
    # a: tea bought today and returned, mug returned, pot only bought later; b: tea on the
    # first of the seven days; c: no product is named
    assert withheld.values.tolist() == [
        ["a", "mug", "returned"],
        ["a", "tea", "returned"],
        ["b", "tea", "bought"],
    ]


def test_names_are_those_that_a_message_would_show(withheld):
    products = pd.DataFrame(
        {
            "product_id": ["tea", "mug", "other"],
            "department": ["TEA", "HOME", "TEA"],
            "category": [None, None, None],
            "product_type": ["GREEN TEA", "MUG", "CHAI"],
            "product_name": [None, None, None],
        }
    )
    named = name_withheld(withheld, products, Wording())
    assert named == {"a": ("Mug", "Green tea"), "b": ("Green tea",)}
    listed = {
        "a": [{"name": "Mug"}, {"name": "Chai"}],
        "b": [{"name": "Green tea"}],
        "c": [{"name": "Mug"}],
    }
    assert leave_out(listed, named) == {"a": [{"name": "Chai"}], "c": [{"name": "Mug"}]}


def test_nothing_withheld_leaves_all():
    empty = pd.DataFrame({"customer_id": [], "product_id": []})
    products = pd.DataFrame(
        columns=["product_id", "department", "category", "product_type", "product_name"]
    )
    assert name_withheld(empty, products, Wording()) == {}
    assert leave_out({"a": [{"name": "Mug"}]}, {}) == {"a": [{"name": "Mug"}]}


@pytest.mark.parametrize(
    ("kept_back", "n_faulty"), [("Green", 0), ("Green tea", 1)], ids=["part of another", "listed"]
)
def test_a_product_is_not_taken_for_another_whose_name_holds_its_own(kept_back, n_faulty):
    messages, facts = build("en", "email")
    summary, _ = check_messages(messages, replace(facts, withheld={"c1": (kept_back,)}))
    assert summary.set_index("check").loc["withheld", "n_faulty"] == n_faulty
