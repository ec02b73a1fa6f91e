import math

import pandas as pd
import pytest

from src.data.contract import check_table
from src.features import LifecycleRules, build_profiles, profiles_contract
from src.features.families import CORE

AS_OF = "2017-09-30"  # a Saturday


@pytest.fixture(scope="module")
def rows(line, product, event, exposure):
    """Ann with five orders, Bob with one free order of an unknown product, Cat in the future."""
    orders = [
        line("ann", "o1", "2017-09-30 18:00", "milk", 300, discount_minor=100),
        line("ann", "o1", "2017-09-30 18:00", "apple", 700, coupon_minor=50, line_number=2),
        line("ann", "o2", "2017-09-20 10:00", "milk", 1000),
        line("ann", "o3", "2017-09-20 23:59:59", "apple", 500, store_id="s2"),
        line("ann", "o4", "2017-08-31 16:59:59", "milk", 200),
        line("ann", "o5", "2017-04-04 09:00", "apple", 600),
        line("ann", "o6", "2017-10-01 00:00", "apple", 9999),
        line("bob", "o7", "2017-09-01 12:00", "ghost", 0, store_id=None),
        line("cat", "o8", "2017-10-02 12:00", "milk", 100),
    ]
    return {
        "orders": orders,
        "products": [product("milk", "DAIRY", "Private"), product("apple", "FRUIT")],
        "customers": [
            {"customer_id": "ann", "age_band": "65+"},
            {"customer_id": "dan", "age_band": "19-24"},
        ],
        "events": [
            event("ann", "2017-09-30 23:59:59"),
            event("ann", "2016-10-01 00:00"),  # 364 days ago: the first day of the window
            event("ann", "2016-09-30 23:59:59"),  # 365 days ago: before it
            event("ann", "2017-09-01 00:00", "view"),
            event("ann", "2017-10-01 00:00"),
        ],
        "exposures": [
            exposure("ann", "c1", "2017-09-30 00:00"),
            exposure("ann", "c2", "2017-10-01 00:00"),
            exposure("dan", "c1", "2017-09-30 00:00"),
        ],
    }


@pytest.fixture(scope="module")
def profiles(rows, shop):
    return _sorted(build_profiles(*shop(**rows), AS_OF)).set_index("customer_id")


# Ann's days ago: 0, 10, 10, 30, 179; values 10, 10, 5, 2, 6; so total 33
EXPECTED = {
    "recency_days": 0,
    "frequency": 5,
    "monetary_value": 33 / 5,
    "tenure_days": 179,
    "n_orders_30": 3,  # 0, 10, 10; the day 30 days ago is the first one outside
    "n_orders_90": 4,
    "n_orders_365": 5,
    "spend_30_value": 25.0,
    "spend_90_value": 27.0,
    "spend_365_value": 33.0,
    "spend_prior_90_value": 6.0,  # 179 days ago is the last day inside
    "items_per_order": 6 / 5,
    "gap_mean_days": 179 / 3,  # gaps 10, 20, 149
    "gap_std_days": math.sqrt(
        ((10 - 179 / 3) ** 2 + (20 - 179 / 3) ** 2 + (149 - 179 / 3) ** 2) / 2
    ),
    "overdue_ratio": 0.0,
    "discount_share": 150 / 3400,  # saved 100 + 50, of 3300 + the discount of 100
    "discounted_lines_share": 2 / 6,
    "private_brand_share": 1500 / 3300,
    "weekend_share": 1 / 5,  # o1
    "evening_share": 2 / 5,  # o1 and o3; o4 is a second early
    "n_stores": 2,
    "n_departments": 2,
    "top_department": "FRUIT",
    "top_department_share": 18 / 33,
    "department_entropy": -(15 / 33) * math.log(15 / 33) - (18 / 33) * math.log(18 / 33),
    "n_redemptions_365": 2,
    "n_exposures_365": 1,
    "lifecycle": "active",
    "age_band": "65+",
}


@pytest.mark.parametrize("column", EXPECTED)
def test_every_family_is_as_worked_out_by_hand(profiles, column):
    expected = EXPECTED[column]
    if not isinstance(expected, str):
        expected = pytest.approx(expected, abs=2e-9)
    assert profiles.loc["ann", column] == expected


def test_customer_with_one_free_order_of_an_unknown_product_has_honest_blanks(profiles):
    bob = profiles.loc["bob"]
    blanks = [
        *("gap_mean_days", "gap_std_days", "overdue_ratio", "discount_share"),
        *("private_brand_share", "top_department", "top_department_share", "department_entropy"),
        *("age_band", "kids_band"),
    ]
    assert bob[blanks].isna().all()
    zeros = ["monetary_value", "n_departments", "n_stores", "n_redemptions_365", "n_exposures_365"]
    assert (bob[zeros] == 0).all()
    assert bob["lifecycle"] == "new"  # 29 days since the first order


def test_only_customers_with_an_order_by_the_date_are_described(profiles):
    assert sorted(profiles.index) == ["ann", "bob"]


def test_columns_and_types_keep_the_contract(rows, shop):
    profiles = build_profiles(*shop(**rows), AS_OF)
    assert list(profiles.columns) == profiles_contract(CORE).column_names
    assert check_table(profiles_contract(CORE), profiles) == 2


def test_shop_without_products_people_events_or_history_is_still_described(line, shop):
    profiles = build_profiles(*shop([line("ann", "o1", "2017-09-30 18:00")]), AS_OF)
    assert check_table(profiles_contract(CORE), profiles) == 1
    assert profiles.to_pandas().loc[0, ["r_score", "f_score", "m_score"]].tolist() == [1, 1, 1]


def test_nobody_is_described_before_the_first_order(rows, shop):
    assert build_profiles(*shop(**rows), "2016-01-01").count().execute() == 0


def test_profiles_at_an_earlier_date_see_only_what_was_known(rows, shop):
    profiles = build_profiles(*shop(**rows), "2017-08-31").to_pandas().set_index("customer_id")
    assert profiles.loc["ann", ["frequency", "recency_days", "n_redemptions_365"]].tolist() == [
        *(2, 0, 2),  # o4 and o5; now the event of 2016-09-30 is inside, the latest outside
    ]
    assert list(profiles.index) == ["ann"]


def test_lifecycle_rules_are_used(rows, shop):
    rules = LifecycleRules(new_days=10)
    profiles = build_profiles(*shop(**rows), AS_OF, lifecycle_rules=rules).to_pandas()
    assert (
        profiles.set_index("customer_id").loc["bob", "lifecycle"] == "slipping"
    )  # no gap, 29 days


def _sorted(profiles) -> pd.DataFrame:
    return profiles.to_pandas().sort_values("customer_id", ignore_index=True)


def test_order_of_rows_changes_nothing(rows, shop, profiles):
    backwards = {name: list(reversed(found)) for name, found in rows.items()}
    pd.testing.assert_frame_equal(
        profiles.reset_index(),
        _sorted(build_profiles(*shop(**backwards), AS_OF)),
        check_exact=True,
    )


def test_renamed_ids_change_only_the_ids(rows, shop, profiles):
    names = {"ann": "zoe", "bob": "amy"}
    renamed = {
        name: [r | {"customer_id": names.get(r["customer_id"], "x")} for r in found]
        if name != "products"
        else found
        for name, found in rows.items()
    }
    renamed["orders"] = [r | {"order_id": f"9{r['order_id']}"} for r in renamed["orders"]]
    before = profiles.reset_index().replace(names)
    after = _sorted(build_profiles(*shop(**renamed), AS_OF))
    before = before.sort_values("customer_id", ignore_index=True)
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_rows_that_say_nothing_about_orders_change_nothing(rows, shop, profiles, event, product):
    more = rows | {
        "products": [*rows["products"], product("pear", "FRUIT")],
        "events": [*rows["events"], event("ann", "2017-09-02", "view"), event("eve", "2017-09-02")],
        "customers": [*rows["customers"], {"customer_id": "eve"}],
    }
    pd.testing.assert_frame_equal(
        profiles.reset_index(),
        _sorted(build_profiles(*shop(**more), AS_OF)),
        check_exact=True,
    )
