"""The published figures of the Open Bandit Pipeline on the small Open Bandit Dataset."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold

from src.metrics.ope import ips, policy_rewards, snips
from src.metrics.ope_intervals import ESTIMATORS, Rounds, round_values
from src.metrics.ope_overlap import check_overlap
from src.metrics.ope_tuning import choose_max_weight
from src.models.reward import cross_fit_model
from tests.metrics.open_bandit import SEED, read_open_bandit

PUBLISHED = {"dm": 0.156876, "dr": 0.292464, "sndr": 0.302407, "switch_dr": 0.258410}
CAPS = (10, 50, 100, 500, 1000, 5000, 10000, np.inf)  # those of the published Switch-DR


@pytest.fixture(scope="module")
def logged(shared_data):
    return read_open_bandit(shared_data)


def test_values_as_published(logged):
    prob = logged.policy[np.arange(len(logged.action)), logged.action]
    value = ips(logged.reward, logged.pscore, prob)
    assert round(value, 8) == 0.00455288
    assert round(value / logged.reward.mean(), 6) == 1.198126
    assert round(snips(logged.reward, logged.pscore, prob), 6) == 0.004776
    assert logged.truth == 0.0042


def test_the_random_policy_overlaps_with_what_is_valued(logged):
    prob = logged.policy[np.arange(len(logged.action)), logged.action]
    overlap = check_overlap(logged.pscore, prob)
    assert overlap.is_answerable
    assert 1000 < overlap.ess < 2500


@pytest.mark.slow
def test_errors_over_thirty_draws_are_no_worse_than_published(shared_data):
    logged = read_open_bandit(shared_data, n_simulations=1_000_000)
    errors = {name: [] for name in ESTIMATORS}
    for seed in range(30):
        drawn = np.random.RandomState(seed).choice(10_000, size=10_000)
        rounds = _rounds(logged, drawn, _published_folds())
        values = round_values(rounds)
        cap = choose_max_weight(rounds, "switch_dr", CAPS).max_weight
        values |= round_values(rounds, ["switch_dr"], cap)
        for name, value in values.items():
            errors[name].append(abs(value - logged.truth) / logged.truth)
    found = {name: float(np.mean(of)) for name, of in errors.items()}
    print({name: round(error, 4) for name, error in found.items()})  # noqa: T201
    for name, bar in PUBLISHED.items():
        assert found[name] <= bar, name
    assert round(found["ips"], 6) == 0.311082
    assert round(found["snips"], 6) == 0.311795


def _published_folds():
    fold = np.empty(10_000, dtype=int)
    for number, (_, held_out) in enumerate(KFold(3, shuffle=True, random_state=SEED).split(fold)):
        fold[held_out] = number
    return fold


def _rounds(logged, drawn, fold):
    """Rounds drawn with replacement, with a logistic regression for each place on the page."""
    action, reward = logged.action[drawn], logged.reward[drawn]
    expected = cross_fit_model(
        LogisticRegression(C=100, max_iter=10_000),
        logged.features[drawn],
        action,
        reward,
        logged.item_features,
        fold,
        logged.place[drawn],
    )
    told = policy_rewards(expected, logged.policy[drawn], action)
    return Rounds(reward, logged.pscore[drawn], *told)
