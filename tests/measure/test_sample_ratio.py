"""The check of arm sizes: right by hand, quiet when all is well, loud when the split is broken."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.measure.sample_ratio import balance_before, sample_ratio_p_value, sample_ratio_table

ARMS = ("control", "a", "b")


def drawn(sizes: dict[str, int], pscores: dict[str, float]) -> tuple[pd.Series, pd.Series]:
    action = pd.Series(np.repeat(list(sizes), list(sizes.values())))
    return action, action.map(pscores)


def uneven(n: int, seed: int) -> tuple[pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    kinds = np.array([[0.1, 0.8, 0.1], [0.5, 0.25, 0.25]])
    shares = kinds[(rng.random(n) < 0.5).astype(int)]
    arm = (rng.random(n)[:, None] >= shares.cumsum(axis=1)[:, :-1]).sum(axis=1)
    return pd.Series(np.array(ARMS)[arm]), pd.Series(shares[np.arange(n), arm])


def test_chi_square_by_hand():
    # 100 planned 50 / 30 / 20: (5^2)/50 + (5^2)/30 + 0 = 0.5 + 0.8333 = 1.3333, 2 degrees
    action, pscore = drawn({"control": 45, "a": 35, "b": 20}, {"control": 0.5, "a": 0.3, "b": 0.2})
    assert sample_ratio_p_value(action, pscore, ARMS) == pytest.approx(np.exp(-4 / 6))
    table = sample_ratio_table(action, pscore, ARMS)
    assert table["n_planned"].tolist() == pytest.approx([50, 30, 20])
    assert table["n_found"].tolist() == [45, 35, 20]


def test_perfect_split_has_p_value_one():
    action, pscore = drawn(
        {"control": 34, "a": 33, "b": 33}, {"control": 0.34, "a": 0.33, "b": 0.33}
    )
    assert sample_ratio_p_value(action, pscore, ARMS) == pytest.approx(1.0)


def test_empty_arm_is_seen():
    action, pscore = drawn({"control": 50, "a": 50}, {"control": 0.34, "a": 0.33})
    # 100 planned 34 / 33 / 33, found 50 / 50 / 0
    expected = stats.chisquare([50, 50, 0], [34, 33, 33]).pvalue
    assert sample_ratio_p_value(action, pscore, ARMS) == pytest.approx(expected)


def test_empty_arm_of_an_uneven_policy_is_seen():
    action, pscore = uneven(2_000, 1)
    kept = action.ne("b")
    assert sample_ratio_p_value(action[kept], pscore[kept], ARMS) < 1e-6


def test_nobody_gives_no_p_value():
    nobody = pd.Series([], dtype="str"), pd.Series([], dtype=float)
    assert np.isnan(sample_ratio_p_value(*nobody, ARMS))


def test_row_order_changes_nothing():
    action, pscore = uneven(500, 2)
    order = np.random.default_rng(3).permutation(500)
    shuffled = sample_ratio_p_value(
        action[order].reset_index(drop=True), pscore[order].reset_index(drop=True), ARMS
    )
    assert shuffled == pytest.approx(sample_ratio_p_value(action, pscore, ARMS), rel=1e-9)


@pytest.mark.slow
def test_one_percent_lost_from_one_arm_is_caught():
    n = 1_500_000
    rng = np.random.default_rng(4)
    action = pd.Series(np.array(ARMS)[rng.choice(3, n, p=[0.34, 0.33, 0.33])])
    pscore = action.map({"control": 0.34, "a": 0.33, "b": 0.33})
    assert sample_ratio_p_value(action, pscore, ARMS) > 0.001
    kept = ~(action.eq("a") & (rng.random(n) < 0.01))
    assert sample_ratio_p_value(action[kept], pscore[kept], ARMS) < 0.001


@pytest.mark.slow
def test_p_values_of_an_uneven_policy_are_uniform():
    p_values = [sample_ratio_p_value(*uneven(2_000, seed), ARMS) for seed in range(300)]
    assert stats.kstest(p_values, "uniform").pvalue > 0.01
    assert np.mean(np.array(p_values) < 0.05) == pytest.approx(0.05, abs=0.035)


def test_uneven_policy_with_a_tenth_of_an_arm_lost_is_caught():
    action, pscore = uneven(40_000, 5)
    kept = ~(action.eq("a") & (np.random.default_rng(6).random(40_000) < 0.1))
    assert sample_ratio_p_value(action[kept], pscore[kept], ARMS) < 0.001


def test_balance_by_hand():
    # arm a: 3 against 1; arm b: 1 against 1
    outcomes = pd.DataFrame(
        {
            "action": ["control", "control", "a", "a", "b", "b"],
            "pscore": 1 / 3,
            "before_profit_value": [0.0, 2.0, 2.0, 4.0, 1.0, 1.0],
        }
    )
    balance = balance_before(outcomes, ARMS, 0.95).set_index("arm")
    assert balance["difference_value"].tolist() == [2.0, 0.0]
    assert (balance["lower"] < 0).all()
    assert (balance["upper"] > 0).all()
