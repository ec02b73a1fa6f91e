import numpy as np
import pytest

from src.models.design import purchase_columns
from src.models.purchase_search import SEARCHED, search_settings
from src.models.purchase_settings import PurchaseSettings, list_entries
from src.models.splits import HAS_ORDERED

ENTRIES = list_entries(purchase_columns(175), PurchaseSettings(n_trees=10, seed=1))


@pytest.fixture(scope="module")
def train(draw_customers):
    return draw_customers(300, seed=9)


def labels(train):
    return train[HAS_ORDERED].to_numpy(dtype=float)


def found(searches):
    return [(one.entry, one.n_trials, one.given_loss, one.best_loss) for one in searches]


def test_a_search_is_the_same_again_and_never_worse_than_given(train):
    searches = search_settings(ENTRIES, train, labels(train), 60, 6, seed=4)
    assert [one.entry.kind for one in searches] == [
        entry.kind for entry in ENTRIES if entry.kind in SEARCHED
    ]
    assert found(searches) == found(search_settings(ENTRIES, train, labels(train), 60, 6, seed=4))
    for one in searches:
        assert (one.n_trials, one.is_time_up) == (6, False)
        assert one.best_loss <= one.given_loss
        assert one.entry.is_searched == (one.best_loss < one.given_loss)


def test_a_penalty_that_was_far_off_is_found(train):
    poor = list_entries(purchase_columns(175), PurchaseSettings(l2_strength=1e7))
    chosen = [entry for entry in poor if entry.kind == "logistic_regression"]
    (search,) = search_settings(chosen, train, labels(train), 60, 10, seed=1)
    # with such a penalty every customer gets about the rate of all
    rate = labels(train).mean()
    assert search.given_loss == pytest.approx(
        -(rate * np.log(rate) + (1 - rate) * np.log(1 - rate)), abs=0.02
    )
    assert search.best_loss < search.given_loss - 0.05
    assert search.entry.settings["l2_strength"] < 1e4


def test_no_time_tries_nothing_and_little_time_says_so(train):
    assert search_settings(ENTRIES, train, labels(train), 0, 6, seed=4) == []
    searches = search_settings(ENTRIES, train, labels(train), 1e-9, 6, seed=4)
    assert [(one.n_trials, one.is_time_up) for one in searches] == [(1, True)] * len(SEARCHED)
    assert not any(one.entry.is_searched for one in searches)


def test_the_order_of_rows_does_not_move_a_customer_to_another_part(train):
    shuffled = train.sample(frac=1, random_state=3)
    chosen = [entry for entry in ENTRIES if entry.kind == "decision_tree"]
    first = search_settings(chosen, train, labels(train), 60, 3, seed=1)[0]
    second = search_settings(chosen, shuffled, labels(shuffled), 60, 3, seed=1)[0]
    assert second.given_loss == pytest.approx(first.given_loss, rel=1e-9)
