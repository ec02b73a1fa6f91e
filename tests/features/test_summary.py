import pytest

from src.features import build_interests, build_profiles, build_tags, summary
from src.features.tags import TagRule

AS_OF = "2017-09-30"


@pytest.fixture(scope="module")
def rows(line, product, event):
    """Four customers who spent 50, 30, 20 and 0, the last half a year ago."""
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
    return shop(**rows)


@pytest.fixture(scope="module")
def profiles(tables):
    return build_profiles(*tables, AS_OF).cache()


def test_concentration_adds_up_from_the_best(profiles):
    curve = summary.estimate_concentration(profiles)
    assert curve["percentile"].tolist() == [0, 25, 50, 75]
    assert curve["customer_share"].tolist() == [0.25, 0.5, 0.75, 1.0]
    assert curve["spend_share"].tolist() == [0.5, 0.8, 1.0, 1.0]


@pytest.mark.parametrize(
    ("top", "share"), [(0.0, 0.0), (0.2, 0.4), (0.25, 0.5), (0.375, 0.65), (1.0, 1.0)]
)
def test_top_share_is_read_off_the_curve(profiles, top, share):
    found = summary.top_spend_share(summary.estimate_concentration(profiles), top)
    assert found == pytest.approx(share, abs=1e-12)


def test_how_few_bring_half_is_read_off_the_curve(profiles):
    curve = summary.estimate_concentration(profiles)  # ann alone brings half
    assert summary.describe_concentration(curve) == (
        "The best 25% of customers bring 50% of the spend of 365 days."
    )


def test_nobody_spent_anything(line, shop):
    profiles = build_profiles(*shop([line("ann", "o1", "2017-09-01", value=0)]), AS_OF)
    curve = summary.estimate_concentration(profiles)
    assert summary.top_spend_share(curve) == 0
    assert summary.describe_concentration(curve).startswith("**No curve:**")


def test_stages_of_life_are_all_there_in_order(profiles):
    counts = summary.count_lifecycle(profiles)
    assert counts["lifecycle"].tolist() == ["new", "active", "slipping", "lapsed"]
    assert counts["n_customers"].tolist() == [3, 0, 0, 1]
    assert counts["spend_share"].tolist() == [1.0, 0, 0, 0]


def test_grid_shares_add_up(profiles):
    grid = summary.count_rfm_grid(profiles)
    assert grid["customer_share"].sum() == pytest.approx(1, abs=1e-12)
    assert grid["spend_share"].sum() == pytest.approx(1, abs=1e-12)


def test_departments_are_ranked_by_spend(tables):
    interests = build_interests(*tables[:2], AS_OF)
    found = summary.summarise_departments(interests, n_customers=4)
    assert found["department"].tolist() == ["DAIRY", "FRUIT"]
    assert found["spend_share"].tolist() == [0.75, 0.25]
    assert found["customer_share"].tolist() == [0.5, 0.5]


def test_tags_of_nobody_are_counted_too(profiles):
    rules = tuple(
        TagRule(name=name, meaning="m", rule=rule, owner="o")
        for name, rule in {"none": "frequency > 9", "all": "frequency > 0"}.items()
    )
    counts = summary.count_tags(build_tags(profiles, rules, AS_OF).tags, rules, n_customers=4)
    assert counts["tag"].tolist() == ["all", "none"]
    assert counts["n_customers"].tolist() == [4, 0]
    assert counts["customer_share"].tolist() == [1.0, 0.0]


def test_base_has_quartiles(profiles):
    base = summary.summarise_base(profiles)
    # frequencies 1 1 1 2
    assert base.loc["orders so far"].tolist() == [4, 1, 1, 1.25]


def test_base_says_for_how_many_a_measure_is_known(profiles):
    base = summary.summarise_base(profiles)
    assert base.columns.tolist() == ["customers", "25 %", "median", "75 %"]
    assert base.loc["mean days between orders", "customers"] == 0  # nobody came on two days
    assert base.loc["days since the last order", "customers"] == 4
