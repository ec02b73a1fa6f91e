import pandas as pd
import pytest

from src.features import build_profiles, choose_features
from src.features.coverage import (
    build_coverage,
    cover_features,
    describe_coverage,
    drop_silent,
    find_empty,
    list_features,
)
from src.features.families import BUILT_IN, CORE, CORE_NAMES
from src.features.relations import INPUTS

AS_OF = "2017-09-30"
SILENT = ("refunds", "reviews", "review_scores")


@pytest.fixture(scope="module")
def rows(line, product, event):
    """Four customers, of whom one is known by age; one spent nothing and came half a year ago."""
    orders = [
        line("ann", "o1", "2017-09-30 10:00", "milk", 5000),
        line("bob", "o2", "2017-09-29 10:00", "milk", 2500),
        line("bob", "o3", "2017-09-29 11:00", "apple", 500),
        line("cat", "o4", "2017-09-01 10:00", "apple", 2000),
        line("dan", "o5", "2017-03-01 10:00", "ghost", 0),
    ]
    return {
        "orders": orders,
        "products": [product("milk", "DAIRY"), product("apple", "FRUIT")],
        "customers": [{"customer_id": "ann", "age_band": "65+"}],
        "events": [event("ann", "2017-10-05")],
    }


@pytest.fixture(scope="module")
def tables(rows, shop):
    return dict(zip(INPUTS, shop(**rows), strict=False))


@pytest.fixture(scope="module")
def families(tables):
    """Coverage by family of everything that is left once the silent features are dropped."""

    def make(**more):
        given = tables | more
        empty = find_empty(given, AS_OF)
        features = drop_silent(BUILT_IN, empty)
        others = {name: given[name] for name in SILENT if name in given}
        main = [given[name] for name in tables]
        profiles = build_profiles(*main, AS_OF, features=features, others=others)
        return build_coverage(profiles, features, BUILT_IN, empty)

    return make


def test_an_input_is_empty_that_is_missing_or_speaks_of_the_future_only(tables):
    def empty_inputs(as_of_date):
        return tuple(name for name in find_empty(tables, as_of_date) if name in INPUTS)

    assert empty_inputs(AS_OF) == ("events", "exposures", *SILENT)
    assert empty_inputs("2017-10-05") == ("exposures", *SILENT)
    assert empty_inputs("2017-02-28") == ("orders", "events", "exposures", *SILENT)


def test_events_of_another_kind_are_no_visits(tables):
    # the one event by then is a coupon: no visit, no campaign named
    empty = find_empty(tables, "2017-10-05")
    assert {"visit_days", "campaign_events", "answers", "contacts"} <= set(empty)
    assert "redemptions" not in empty
    left = drop_silent(BUILT_IN, empty)
    assert {one.family for one in BUILT_IN.features} - {one.family for one in left.features} == {
        *("returns", "behaviour", "text"),
    }
    assert "n_views_30" not in left.names
    assert "n_redemptions_30" in left.names


def test_features_without_an_input_are_dropped_but_the_core_stays():
    left = drop_silent(BUILT_IN, ("events", "exposures", *SILENT))
    assert set(CORE_NAMES) <= set(left.names)
    dropped = set(BUILT_IN.names) - set(left.names)
    assert {BUILT_IN[name].family for name in dropped} == {
        *("returns", "behaviour", "coupons", "engagement", "text"),
    }
    assert {"net_spend_30_value", "answered_share_365", "rating_mean"} <= dropped
    assert "coupon_lines_share" in left.names  # its orders are there
    assert drop_silent(BUILT_IN, ()).names == BUILT_IN.names


def test_coverage_of_a_family_counts_customers_of_whom_it_says_something(families):
    found = families().set_index("family")
    assert found["n_customers"].to_dict() == {
        "rfm": 4,
        "windows": 4,  # dan ordered half a year ago
        "rhythm": 0,  # nobody came on two days
        "lifecycle": 4,
        "times": 4,
        "baskets": 4,
        "discounts": 0,
        "brands": 3,  # dan bought an unknown product
        "coupons": 0,
        "margin": 0,  # no product has a cost
        "returns": 0,
        "price_level": 0,  # no product has a category
        "interests": 3,
        "behaviour": 0,
        "engagement": 0,
        "text": 0,
        "places": 4,
        "demographics": 1,
    }
    assert found.loc["demographics", "customer_share"] == 0.25
    assert found.loc[["returns", "behaviour", "text"], "n_features"].tolist() == [0, 0, 0]
    assert set(found.index[found["is_empty"]]) == {
        *("rhythm", "discounts", "coupons", "margin", "returns", "price_level"),
        *("behaviour", "engagement", "text"),
    }


def test_a_source_that_speaks_of_nobody_described_is_not_empty(families, event, table):
    events = table("events", [event("eve", "2016-01-01", "view")])
    found = families(events=events).set_index("family")
    assert found.loc["behaviour", ["n_features", "n_customers", "is_empty"]].tolist() == [
        *(15, 0, False),
    ]


def test_coverage_of_a_feature_counts_what_is_there_and_no_count_or_sum_of_0(tables):
    profiles = build_profiles(*tables.values(), AS_OF, features=choose_features("windows"))
    features = choose_features("windows")
    found = cover_features(profiles, features).set_index("feature")
    assert list(found.index) == features.names
    counts = {
        "frequency": 4,
        "recency_days": 4,  # 0 of ann, who ordered today, is an answer
        "n_orders_7": 2,
        "spend_30_value": 3,
        "spend_365_value": 3,
        "top_department": 3,
        "age_band": 1,
        "kids_band": 0,
    }
    assert found.loc[list(counts), "n_customers"].to_dict() == counts
    assert found.loc["n_orders_7", "customer_share"] == 0.5
    assert found.loc["n_orders_7", "meaning"] == "Orders in the last 7 days."


def test_nobody_is_no_share(tables):
    profiles = build_profiles(*tables.values(), "2016-01-01")
    coverage = build_coverage(profiles, CORE, CORE, SILENT)
    assert (coverage[["n_customers", "customer_share"]] == 0).all(axis=None)


def test_what_is_left_out_is_said(families):
    told = "discounts, coupons, margin, returns, price_level, behaviour, engagement, text. "
    assert f":** rhythm, {told}" in describe_coverage(families())


def test_full_coverage_leaves_nothing_out():
    coverage = pd.DataFrame({"family": ["a"], "is_empty": [False]})
    assert describe_coverage(coverage).startswith("Nothing is left out")


def test_every_feature_is_listed_with_its_share():
    rows = [("rfm", "frequency", 1.0), ("text", "n_reviews_365", 0.254), ("rfm", "tenure_days", 0)]
    coverage = pd.DataFrame(rows, columns=["family", "feature", "customer_share"])
    assert list_features(coverage).splitlines()[2:] == [
        "| rfm | `frequency` 100%, `tenure_days` 0% |",
        "| text | `n_reviews_365` 25% |",
    ]
