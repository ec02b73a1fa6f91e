"""Choices of features, and what they need."""

import re

import pytest

from src.data.columns import count
from src.errors import ParameterError
from src.features import build_profiles, choose_features, profiles_contract
from src.features.catalogue import PROFILE, Catalogue, Feature
from src.features.dictionary import feature_page
from src.features.families import BUILT_IN, CORE, CORE_NAMES
from src.features.relations import Relation
from src.models.design import DEMOGRAPHICS, LOGGED, purchase_columns
from src.root import PROJECT_ROOT

AS_OF = "2017-09-30"


def of(name, relation="baskets", uses=()):
    return Feature.of(count(name, "M."), "f", relation, lambda t: t.count(), uses=uses)


def relation(name, *needs):
    return Relation(name, "one row", needs, lambda *_: None, is_complete=True)


def test_the_core_is_what_the_models_were_made_with():
    assert CORE.names == [name for name in BUILT_IN.names if name in CORE_NAMES]
    assert len(CORE.names) == len(CORE_NAMES) == 38


def test_models_learn_from_the_core_only():
    used = {*purchase_columns(10_000), *DEMOGRAPHICS, *LOGGED}
    assert used <= set(CORE_NAMES)


def test_relations_that_nobody_needs_are_not_built(line, shop):
    def refuse(*tables):
        raise AssertionError("this relation is not needed")

    core_relations = {one.name for one in CORE.relations}
    assert core_relations.isdisjoint(
        {"visit_days", "category_baskets", "sentiments", "returns", "first_purchases"}
    )
    others = tuple(
        one if one.name in core_relations else Relation(one.name, one.rows, one.needs, refuse)
        for one in BUILT_IN.relations
    )
    known = Catalogue(CORE.features, others).choose(CORE_NAMES)
    tables = shop([line("ann", "o1", "2017-09-30")])
    assert build_profiles(*tables, AS_OF, features=known).count().execute() == 1


def test_a_choice_brings_what_its_features_follow_from():
    chosen = BUILT_IN.choose(["lifecycle", "refund_share_30"])
    assert set(chosen.names) == {
        *("lifecycle", "recency_days", "tenure_days", "overdue_ratio", "gap_mean_days"),
        *("refund_share_30", "spend_30_value", "refund_30_value"),
    }
    assert {one.name for one in chosen.relations} == {"baskets", "gaps", "returns"}


def test_what_is_dropped_takes_along_what_follows_from_it():
    left = BUILT_IN.without(["refund_30_value"])
    assert set(BUILT_IN.names) - set(left.names) == {
        *("refund_30_value", "refund_share_30", "net_spend_30_value"),
    }


@pytest.mark.parametrize(
    ("name", "tables"),
    [
        ("recency_days", ("orders",)),
        ("price_level", ("orders", "products")),
        ("conversion_share_365", ("orders", "events")),
        ("answered_share_365", ("events", "exposures")),
        ("refund_share_30", ("orders", "refunds")),
        ("lifecycle", ("orders",)),
        ("age_band", ("customers",)),
    ],
)
def test_tables_of_a_feature_follow_from_its_relation(name, tables):
    assert BUILT_IN.inputs_of(name) == tables


def test_families_are_chosen_by_name_and_the_core_is_always_there():
    chosen = choose_features("price_level, core")
    assert set(chosen.names) == {*CORE_NAMES, "price_level"}
    assert choose_features("all") is BUILT_IN
    assert set(choose_features("times").names) > set(CORE_NAMES)


@pytest.mark.parametrize("families", ["prise_level", "core, prise_level", "", " , "])
def test_unknown_families_are_refused(families):
    with pytest.raises(ParameterError, match=r"Expected families among .*'price_level'"):
        choose_features(families)


# what is wrong | features | relations | telling part
BROKEN = {
    "two of one name": ([of("a"), of("a")], [], "'a' to have a name of its own"),
    "unknown relation": ([of("a", "basket")], [], "'a' to have a relation of ['baskets'"),
    "two relations of one name": ([], [relation("baskets")], "found ['baskets'] twice"),
    "relation named as a table": ([], [relation("orders")], "found ['orders'] twice"),
    "relation of the unknown": ([], [relation("r", "basket")], "'r' to need tables of"),
    "relation of itself": ([], [relation("r", "s"), relation("s", "r")], "no relation to need"),
    "feature of itself": (
        [of("a", PROFILE, ("b",)), of("b", PROFILE, ("a",))],
        [],
        "no feature to follow from itself",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_wrong_catalogue_is_refused(case):
    features, relations, telling = BROKEN[case]
    with pytest.raises(ParameterError, match=re.escape(telling)):
        Catalogue(tuple(features), (relation("baskets", "orders"), *relations))


def test_the_contract_holds_what_units_promise():
    contract = profiles_contract(CORE)
    assert contract.column_names == ["customer_id", "as_of_date", *CORE.names]
    for truth in (
        "tenure_days >= recency_days",
        "n_orders_90 >= n_orders_30",
        "r_score BETWEEN 1 AND 5",
        "weekend_share BETWEEN 0 AND 1",
        "frequency >= 0",
    ):
        assert truth in contract.truths
    assert "n_orders_30 >= n_orders_7" not in contract.truths
    assert "n_orders_30 >= n_orders_7" in profiles_contract(BUILT_IN).truths


def test_every_feature_is_explained():
    for one in BUILT_IN.features:
        assert one.meaning.endswith("."), one.name
        is_counted = one.type in ("int64", "float64")
        assert bool(one.unit) == is_counted, one.name
        assert one.window_days is None or one.window_days > 0, one.name
    assert len({(one.family, one.meaning) for one in BUILT_IN.features}) > 0.9 * len(BUILT_IN.names)


def test_the_page_of_features_is_in_step():
    found = (PROJECT_ROOT / "docs/features.md").read_text(encoding="utf-8")
    assert found == feature_page(BUILT_IN), "run `make dictionary`"


def test_the_page_names_every_feature_once_and_every_relation():
    page = feature_page(BUILT_IN)
    for name in BUILT_IN.names:
        assert len(re.findall(rf"^\| (\*\*)?`{name}`", page, re.MULTILINE)) == 1, name
    for one in BUILT_IN.relations:
        assert f"| `{one.name}` | {one.rows} |" in page
