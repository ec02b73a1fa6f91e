import ibis
import numpy as np
import pandas as pd
import pytest

from src.features import build_interests, summary
from src.features.portrait import interest_map

AS_OF = "2017-09-30"


@pytest.fixture(scope="module")
def products(product):
    return [product("milk", "DAIRY"), product("apple", "FRUIT"), product("rose", "FLOWERS")]


def build(shop, orders, products, **settings):
    tables = shop(orders, products)
    interests = build_interests(*tables[:2], AS_OF)
    n = int(tables[0].customer_id.nunique().execute())
    departments = summary.summarise_departments(interests, n)
    return interest_map.build_interest_map(interests, departments, n, **settings)


@pytest.fixture(scope="module")
def found(shop, line, products):
    """Spend of 100: 50 dairy, 30 fruit, 20 flowers; who is above that share favours it."""
    day = "2017-09-01 10:00"
    baskets = {
        "ann": {"milk": 2000},  # dairy
        "bob": {"milk": 2000, "apple": 500},  # dairy (80 %)
        "cat": {"milk": 500, "apple": 1300, "rose": 1000},  # fruit (46 %) and flowers (36 %)
        "dan": {"milk": 500, "apple": 1200, "rose": 1000},  # fruit (44 %) and flowers (37 %)
    }
    orders = [
        line(who, f"o-{who}", day, product_id, value, line_number=k)
        for who, basket in baskets.items()
        for k, (product_id, value) in enumerate(basket.items(), start=1)
    ]
    future = line("eve", "o9", "2017-10-01 00:00", "rose", 999_999)
    return build(shop, [*orders, future], products)


def test_departments_carry_reach_spend_and_favour(found):
    departments = found.departments.set_index("department")
    assert departments["spend_share"].to_dict() == {"DAIRY": 0.5, "FRUIT": 0.3, "FLOWERS": 0.2}
    assert departments["n_favouring"].to_dict() == {"DAIRY": 2, "FRUIT": 2, "FLOWERS": 2}
    assert departments.loc["FRUIT", "customer_share"] == pytest.approx(3 / 5)


def test_neighbours_are_alike(found):
    names = found.departments["department"].tolist()
    assert names[1] in {"FRUIT", "FLOWERS"}
    assert names.index("DAIRY") in {0, 2}
    assert found.lift.index.tolist() == found.surprise.columns.tolist() == names


def test_lift_is_that_worked_out_by_hand(found):
    # five customers have ever ordered, so 2 of 5 both, expected 2/5 * 2/5
    assert found.lift.loc["FRUIT", "FLOWERS"] == pytest.approx(0.4 / 0.16)
    assert found.lift.loc["FRUIT", "DAIRY"] == 0


def test_pairs_beyond_chance_are_ranked():
    names = ["a", "b", "c"]
    lift = pd.DataFrame([[np.nan, 2, 3], [2, np.nan, 1], [3, 1, np.nan]], names, names)
    z = pd.DataFrame([[0, 9, 4], [9, 0, 2.9], [4, 2.9, 0]], names, names)
    pairs = interest_map.rank_pairs(lift, z)
    assert pairs.to_numpy().tolist() == [["a", "b", 2.0, 9.0], ["a", "c", 3.0, 4.0]]


def test_chance_is_called_chance(found):
    text = interest_map.describe_interest_map(found)
    assert text == "No two departments are favoured together more often than chance would have it."


def test_order_does_not_depend_on_the_order_of_rows(engine):
    rng = np.random.default_rng(3)
    spend = rng.gamma(0.7, 50.0, (400, 6)).round(2)
    rows = pd.DataFrame(
        [(f"c{i:03}", f"d{j}", spend[i, j]) for i in range(400) for j in range(6) if spend[i, j]],
        columns=["customer_id", "department", "spend_value"],
    )
    rows["spend_share"] = rows["spend_value"] / rows.groupby("customer_id")[
        "spend_value"
    ].transform("sum")
    maps = []
    for name, some in (("straight", rows), ("turned", rows[::-1])):
        interests = engine.create_table(f"interests_{name}", ibis.memtable(some), temp=True)
        departments = summary.summarise_departments(interests, 400)
        maps.append(interest_map.build_interest_map(interests, departments, 400, max_departments=5))
    assert maps[0].departments.equals(maps[1].departments)
    assert maps[0].lift.equals(maps[1].lift)
    assert len(maps[0].departments) == 5


@pytest.mark.parametrize("n_known", [0, 1])
def test_fewer_than_two_departments_are_no_map(shop, line, products, n_known):
    orders = [line("ann", "o1", "2017-09-01 10:00", "milk")]
    found = build(shop, orders, products[:n_known])
    assert found.is_empty
    assert interest_map.describe_interest_map(found).startswith("**No interest map:**")


def test_one_customer_favours_nothing(shop, line, products):
    orders = [
        line("ann", "o1", "2017-09-01 10:00", product_id, line_number=k)
        for k, product_id in enumerate(("milk", "apple"), start=1)
    ]
    found = build(shop, orders, products)
    assert found.is_empty  # the shop's shares are this customer's
