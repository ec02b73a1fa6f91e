import math

import pandas as pd
import pytest

from src.data.contract import check_table
from src.data.tables import TABLES
from src.features import interests as module
from src.features.interests import build_interests, with_tops
from src.features.measure import aggregate

AS_OF = "2017-09-30"


def build_breadth(interests):
    """The features of the relation of departments and the customer's largest share."""
    features = [f for f in module.FEATURES if f.relation == "department_shares"]
    relation = next(r for r in module.RELATIONS if r.name == "department_shares")
    return aggregate(relation, with_tops(interests), features)


@pytest.fixture
def interests(line, product, table):
    products = [product(name, name.upper()) for name in "abcd"] + [product("none", None)]

    def make(*lines, **settings):
        orders = [
            line("ann", f"o{i}", day, product_id, value)
            for i, (day, product_id, value) in enumerate(lines)
        ]
        return build_interests(
            table("orders", orders), table("products", products), AS_OF, **settings
        )

    return make


def test_spend_is_split_over_departments(interests):
    found = interests(
        ("2017-09-01", "a", 100),
        ("2017-09-21", "a", 200),
        ("2017-09-11", "b", 700),
        ("2017-09-11", "none", 5000),
        ("2017-09-11", "ghost", 5000),
        ("2017-10-01", "c", 5000),
    )
    assert check_table(TABLES["interests"], found) == 2
    rows = found.order_by("department").to_pandas()
    assert rows["department"].tolist() == ["A", "B"]
    assert rows["spend_value"].tolist() == [3.0, 7.0]
    assert rows["spend_share"].tolist() == [0.3, 0.7]
    assert rows["last_days"].tolist() == [9, 19]


def test_interests_fade_after_the_observation_window(interests):
    lines = [("2017-09-30", "a", 1), ("2017-09-21", "b", 1), ("2017-09-20", "c", 1)]
    found = interests(*lines, observation_days=10).to_pandas()
    assert sorted(found["department"]) == ["A", "B"]


def test_nothing_spent_is_a_share_of_zero_and_no_favourite(interests):
    found = interests(("2017-09-01", "a", 0), ("2017-09-01", "b", 0))
    assert found.to_pandas()["spend_share"].tolist() == [0, 0]
    row = build_breadth(found).to_pandas().loc[0]
    assert row["n_departments"] == 2
    assert row[["top_department", "top_department_share", "department_entropy"]].isna().all()


def test_of_equal_departments_the_first_by_name_is_the_favourite(interests):
    lines = [("2017-09-01", name, 100) for name in "dcba"]
    row = build_breadth(interests(*lines)).to_pandas().loc[0]
    assert (row["top_department"], row["top_department_share"]) == ("A", 0.25)
    assert row["department_entropy"] == pytest.approx(math.log(4), abs=4e-9)


def test_one_department_has_no_breadth(interests):
    row = build_breadth(interests(("2017-09-01", "a", 100))).to_pandas().loc[0]
    assert (row["department_entropy"], row["n_departments"]) == (0, 1)


def test_no_order_is_no_interest(interests):
    found = interests()
    assert isinstance(found.to_pandas(), pd.DataFrame)
    assert build_breadth(found).count().execute() == 0
