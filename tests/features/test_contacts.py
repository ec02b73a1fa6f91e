import pytest

from src.features import build_profiles

AS_OF = "2017-09-30"


@pytest.fixture
def counts(shop, line):
    """Counts of customers with an order and these events and exposures."""

    def make(events, exposures):
        orders = [line(name, name, "2017-01-01") for name in ("ann", "bob")]
        tables = shop(orders, events=events, exposures=exposures)
        found = build_profiles(*tables, AS_OF).order_by("customer_id").to_pandas()
        return found["n_redemptions_365"].tolist(), found["n_exposures_365"].tolist()

    return make


def test_each_side_may_be_alone(counts, event, exposure):
    events = [event("ann", "2017-09-01"), event("ann", "2017-09-01")]
    assert counts(events, [exposure("bob", "c1", "2017-09-01")]) == ([2, 0], [0, 1])


def test_nothing_known_is_nobody(counts):
    assert counts([], []) == ([0, 0], [0, 0])
