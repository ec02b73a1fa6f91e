"""A shop's own features: an installed package, found by its metadata."""

import importlib
import re
import sys
import textwrap

import pytest

from src.data.contract import check_table
from src.errors import MarketingError
from src.features import build_profiles, choose_features, profiles_contract, read_catalogue
from src.features.dictionary import feature_page
from src.features.families import BUILT_IN, CORE_NAMES

AS_OF = "2017-09-30"

GOOD = """
    import ibis
    from src.features.catalogue import Feature, feature
    from src.features.relations import Relation
    from src.data.columns import count
    from src.data.window import known_by

    def receipts(orders, setting):
        known = known_by(orders, "ordered_at", setting.as_of_date)
        return known.group_by("customer_id", "order_id").agg(n_pieces=known.quantity.sum())

    RECEIPTS = Relation("receipts", "one row per order", ("orders",), receipts, is_complete=True)

    @feature("max_discount_value", family="toy", relation="lines", type="float64",
             meaning="Largest discount on one order line.", unit="shop currency")
    def max_discount(lines):
        return lines.discount_minor.max() / 100

    @feature("spend_rank", family="toy", relation="peers", type="int64",
             meaning="Place by mean order value, from 0.", uses=("monetary_value",))
    def spend_rank(peers):
        return ibis.row_number().over(order_by=peers.monetary_value.desc())

    @feature("is_first", family="toy", relation="profile", type="boolean",
             meaning="Whether nobody spends more in an order.", uses=("spend_rank",))
    def is_first(profile):
        return profile.spend_rank == 0

    COUNTS = [
        Feature.of(count(f"n_orders_of_{n}", f"Orders of {n} pieces or more.", "orders"), "toy",
                   "receipts", lambda receipts, n=n: receipts.count(where=receipts.n_pieces >= n))
        for n in (2, 5)
    ]
"""


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Lay a package into a folder of sys.path, with the metadata an installer writes."""

    def make(source, name="toy-shop", target="toy_shop_features"):
        (tmp_path / "toy_shop_features.py").write_text(textwrap.dedent(source), encoding="utf-8")
        info = tmp_path / f"{name.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[campanile.features]\ntoy = {target}\n")
        (info / "RECORD").write_text("")

    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield make
    sys.modules.pop("toy_shop_features", None)


@pytest.fixture
def tables(line, shop):
    orders = [
        line("ann", "o1", "2017-09-30", value=500, discount_minor=120, quantity=5),
        line("ann", "o2", "2017-09-01", value=500, discount_minor=80, quantity=1),
        line("ann", "o3", "2017-10-01", value=500, discount_minor=999, quantity=9),
        line("bob", "o4", "2017-09-30", value=900, quantity=2),
    ]
    return shop(orders)


def test_installed_features_join_the_catalogue_the_contract_and_the_page(install, tables):
    install(GOOD)
    names = ["max_discount_value", "spend_rank", "is_first", "n_orders_of_2", "n_orders_of_5"]
    catalogue = read_catalogue()
    assert catalogue.names == [*BUILT_IN.names, *names]
    features = choose_features("toy")
    assert set(features.names) == {*CORE_NAMES, *names}
    profiles = build_profiles(*tables, AS_OF, features=features)
    assert check_table(profiles_contract(features), profiles) == 2
    found = profiles.order_by("customer_id").select(names).to_pandas()
    assert found["max_discount_value"].tolist() == [1.2, 0.0]
    assert found["spend_rank"].tolist() == [1, 0]
    assert found["is_first"].tolist() == [False, True]
    assert found["n_orders_of_2"].tolist() == [1, 1]
    assert found["n_orders_of_5"].tolist() == [1, 0]
    page = feature_page()
    assert "Largest discount on one order line. (package toy-shop)" in page
    assert "| `receipts` | one row per order | orders |" in page


def test_without_a_package_there_are_campaniles_features_only():
    assert read_catalogue() is BUILT_IN


HEAD = "from src.features.catalogue import feature\n"


def own(body, name="toy", **fields):
    """Source of one feature."""
    fields = {"family": "toy", "relation": "lines", "type": "int64", "meaning": "M."} | fields
    given = ", ".join(f"{key}={value!r}" for key, value in fields.items())
    return f"{HEAD}\n@feature({name!r}, {given})\ndef build(table):\n    {body}\n"


# what is wrong | the module | telling part of the sentence
BROKEN_AT_READING = {
    "cannot be imported": (
        "import no_such_module",
        "the features in toy_shop_features of the package toy-shop, found ModuleNotFoundError",
    ),
    "breaks on import": ("1 / 0", "package toy-shop, found ZeroDivisionError: division by zero"),
    "has none": ("X = 1", "Expected features in toy_shop_features of the package toy-shop"),
    "name of a built-in": (
        own("return 1", name="frequency"),
        "feature 'frequency' of the package toy-shop to have a name of its own, found one that "
        "Campanile has as well",
    ),
    "name with a blank": (own("return 1", name="my feature"), "'my feature' of the package toy"),
    "reserved name": (own("return 1", name="customer_id"), "'customer_id' of the package toy-shop"),
    "unknown relation": (
        own("return 1", relation="line"),
        "feature 'toy' of the package toy-shop to have a relation of",
    ),
    "unknown type": (own("return 1", type="int"), "to have a type of"),
    "derived of nothing": (own("return 1", relation="profile"), "features to follow from"),
    "derived of the unknown": (
        own("return 1", relation="profile", uses=("frequenzy",)),
        "known features in `uses`, found ['frequenzy']",
    ),
    "neither filled nor nullable": (
        own("return 1", relation="contacts"),
        "a fill for customers without a row in 'contacts'",
    ),
    "filled and nullable": (own("return 1", fill=0, is_nullable=True), "either a fill or"),
    "of itself": (
        own("return 1", relation="profile", uses=("toy",)),
        "no feature to follow from itself, found toy -> toy",
    ),
}


@pytest.mark.parametrize("case", BROKEN_AT_READING)
def test_a_wrong_declaration_is_one_sentence_that_names_package_and_feature(install, case):
    source, telling = BROKEN_AT_READING[case]
    install(source)
    with pytest.raises(MarketingError, match=re.escape(telling)) as refusal:
        read_catalogue()
    assert "\n" not in str(refusal.value)


BROKEN_AT_BUILDING = {
    "raises": (
        own("return table.no_such_column.sum()"),
        "feature 'toy' of the package toy-shop to be computed, found AttributeError",
    ),
    "no value": (own("return 1"), "to be one value per customer, found int"),
    "not aggregated": (own("return table.quantity"), "found a value per row; aggregate it"),
    "another type": (own("return table.quantity.mean()"), "to be int64, found float64"),
    "undeclared": (
        own("return table.recency_days", relation="profile", uses=("frequency",)),
        "to follow from ['frequency'], found ['recency_days']",
    ),
}


@pytest.mark.parametrize("case", BROKEN_AT_BUILDING)
def test_a_wrong_function_is_one_sentence_that_names_package_and_feature(install, tables, case):
    source, telling = BROKEN_AT_BUILDING[case]
    install(source)
    with pytest.raises(MarketingError, match=re.escape(telling)) as refusal:
        build_profiles(*tables, AS_OF, features=choose_features("toy"))
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("1 / 0", "found ZeroDivisionError: division by zero"),
        ("orders.count()", "found IntegerScalar, no table"),
        ("orders.select('order_id')", "found no column customer_id"),
        ("orders.no_such_column", "found AttributeError"),
    ],
)
def test_a_wrong_relation_is_one_sentence_that_names_it_and_its_package(
    install, tables, body, found
):
    source = own("return table.count()", relation="toys", is_nullable=True)
    install(
        f"from src.features.relations import Relation\n{source}\n"
        f"TOYS = Relation('toys', 'one row', ('orders',), lambda orders, setting: {body})\n"
    )
    telling = f"relation 'toys' of the package toy-shop to be a table with customer_id, {found}"
    with pytest.raises(MarketingError, match=re.escape(telling)) as refusal:
        build_profiles(*tables, AS_OF, features=choose_features("toy"))
    assert "\n" not in str(refusal.value)


def test_an_entry_point_names_a_module(install):
    install("FEATURES = ()", target="toy_shop_features:FEATURES")
    with pytest.raises(MarketingError, match="of the package toy-shop to name a module"):
        read_catalogue()
