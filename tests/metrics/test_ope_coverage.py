"""How often the intervals of each estimator contain a truth that is known."""

from functools import partial

import numpy as np
import pytest
from scipy.special import softmax

from src.metrics.ope import policy_rewards
from src.metrics.ope_intervals import Rounds, bootstrap_values, influence_interval
from src.models.reward import cross_fit_linear, fold_of_rounds, make_refit

N_ROUNDS, N_RESAMPLES, N_REPETITIONS = 400, 400, 1000
REWARDS = np.array([[1.0, 0.5, 0.0], [1.3, -0.5, 1.0], [0.4, 1.0, 1.0]])  # intercept, slopes
LOGGED, VALUED = np.array([[0.8, 0.0], [0.0, 0.8], [0.4, 0.4]]), np.array([[0, 1], [1, 0], [1, 1]])
SWITCH = 3.0  # about every tenth round has a greater weight

pytestmark = pytest.mark.slow


def _policies(x):
    """Shares of three actions when logging, at least .1 each, and of the policy to be valued."""
    behavior = 0.7 * softmax(x @ LOGGED.T, axis=1) + 0.1
    evaluation = 0.9 * softmax(x @ VALUED.T, axis=1) + 0.1 / 3
    return behavior, evaluation


def _expected(x):
    return np.column_stack([np.ones(len(x)), x]) @ REWARDS.T


def _true_value():
    x = np.random.default_rng(0).normal(size=(2_000_000, 2))
    return float((_policies(x)[1] * _expected(x)).sum(axis=1).mean())


def _draw_rounds(seed):
    """Rounds with a cross-fitted linear model, and the function that fits it anew."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N_ROUNDS, 2))
    behavior, evaluation = _policies(x)
    action = (rng.random((N_ROUNDS, 1)) > behavior.cumsum(axis=1)[:, :2]).sum(axis=1)
    rounds = np.arange(N_ROUNDS)
    noise = rng.exponential(1.0, N_ROUNDS) - 1  # skewed, as amounts of money are
    reward = _expected(x)[rounds, action] + (0.5 + 0.5 * action) * noise
    fold = fold_of_rounds(N_ROUNDS, 2, seed)
    fit = partial(cross_fit_linear, x, action, reward, 3, fold)
    told = policy_rewards(fit(), evaluation, action)
    refit = make_refit(lambda counts: fit(counts=counts), evaluation, action)
    return Rounds(reward, behavior[rounds, action], *told), refit


def test_intervals_contain_the_truth_in_93_to_97_percent():
    truth = _true_value()
    hits = {}
    for seed in range(N_REPETITIONS):
        rounds, refit = _draw_rounds(seed)
        fixed = ["ips", "snips", "dr", "sndr"]
        found = bootstrap_values(rounds, seed, fixed, n_resamples=N_RESAMPLES)
        found |= bootstrap_values(
            rounds, seed, ["dm", "switch_dr"], SWITCH, N_RESAMPLES, refit=refit
        )
        found |= {f"{name}, quick": influence_interval(rounds, name) for name in fixed}
        for name, interval in found.items():
            hits.setdefault(name, []).append(interval.lower <= truth <= interval.upper)
    covered = {name: float(np.mean(of)) for name, of in hits.items()}
    print(covered)  # noqa: T201
    for name, share in covered.items():
        assert 0.93 <= share <= 0.97, f"{name}: {share:.3f}"


def test_a_model_taken_as_given_makes_the_direct_method_too_sure():
    truth = _true_value()
    hits = []
    for seed in range(200):
        rounds, _ = _draw_rounds(seed)
        interval = bootstrap_values(rounds, seed, ["dm"], n_resamples=200)["dm"]
        hits.append(interval.lower <= truth <= interval.upper)
    assert np.mean(hits) < 0.93
