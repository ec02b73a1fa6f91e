"""Effect estimates against hand-worked cases, limits, invariants and known truths."""

from dataclasses import astuple
import functools

import numpy as np
import pytest
from scipy import stats

from src.decide.assignment import draw
from src.errors import ParameterError
from src.measure.lift import (
    effect_on_all_weights,
    effect_on_treated_weights,
    estimate_lift,
)


def shop(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Profit of two windows like a grocer's: many zeros, a long tail, customers stay alike."""
    rng = np.random.default_rng(seed)
    level = rng.lognormal(3.5, 0.9, n)
    windows = level * rng.lognormal(0, 0.45, (2, n)) * (rng.random((2, n)) < 0.9)
    return windows[1], windows[0]


def test_difference_of_means_by_hand():
    # means 4 and 1; variances of the means 2/2 = 1 and 2/2 = 1, so the error is sqrt(2)
    outcome = np.array([3.0, 5.0, 0.0, 2.0])
    lift = estimate_lift(outcome, np.array([True, True, False, False]), np.ones(4))
    assert lift.estimate == 3.0
    assert lift.standard_error == pytest.approx(np.sqrt(2.0))
    # Welch: (1 + 1)^2 / (1/1 + 1/1) = 2 degrees of freedom, t = 4.302653
    assert lift.upper == pytest.approx(3.0 + 4.302653 * np.sqrt(2.0), rel=1e-6)
    assert (lift.n_treated, lift.n_control, lift.variance_reduction) == (2, 2, 0.0)


def test_equal_probabilities_are_welchs_test():
    outcome, _ = shop(400, 1)
    is_treated = np.arange(400) % 3 > 0
    pscore = np.where(is_treated, 2 / 3, 1 / 3)
    welch = stats.ttest_ind(outcome[is_treated], outcome[~is_treated], equal_var=False)
    expected = (*welch.confidence_interval(0.95),)
    for weight in (
        effect_on_all_weights(pscore),
        effect_on_treated_weights(pscore, is_treated),
    ):
        lift = estimate_lift(outcome, is_treated, weight)
        assert (lift.lower, lift.upper) == pytest.approx(expected, rel=1e-12)


def test_hajek_weights_by_hand():
    # treated 1/p = 2, 4: (2*1 + 4*4) / 6 = 3; control 1/p = 1, 3: (1*0 + 3*4) / 4 = 3
    outcome = np.array([1.0, 4.0, 0.0, 4.0])
    is_treated = np.array([True, True, False, False])
    weight = effect_on_all_weights(np.array([1 / 2, 1 / 4, 1.0, 1 / 3]))
    assert estimate_lift(outcome, is_treated, weight).estimate == pytest.approx(0.0)


def test_control_is_weighted_to_look_like_the_treated():
    # odds of treatment of the two controls: .8/.2 = 4 and .2/.8 = .25
    weight = effect_on_treated_weights(
        np.array([0.8, 0.2, 0.2, 0.8]), np.array([True, True, False, False])
    )
    assert weight == pytest.approx([1, 1, 4, 0.25])


def test_covariate_by_hand():
    # y = 2x + 10 for treated and 2x for control: theta = 2, effect 10, nothing left over
    covariate = np.array([1.0, 2.0, 3.0, 2.0, 3.0, 7.0])
    is_treated = np.array([True] * 3 + [False] * 3)
    lift = estimate_lift(2 * covariate + 10 * is_treated, is_treated, np.ones(6), covariate)
    assert lift.estimate == pytest.approx(10.0)
    assert lift.standard_error == pytest.approx(0.0, abs=1e-6)
    assert lift.variance_reduction == pytest.approx(1.0)


def test_useless_covariate_is_left_out():
    outcome, is_treated = np.array([1.0, 2.0, 6.0, 3.0, 4.0, 9.0]), np.arange(6) < 3
    plain = estimate_lift(outcome, is_treated, np.ones(6))
    same_for_all = estimate_lift(outcome, is_treated, np.ones(6), np.full(6, 7.0))
    assert same_for_all.estimate == plain.estimate
    # one slope was asked for, none was found: 4 degrees of freedom became 3
    assert same_for_all.standard_error == pytest.approx(plain.standard_error * np.sqrt(4 / 3))


@pytest.mark.parametrize(
    ("is_treated", "sizes"),
    [
        (np.array([True, True, True]), (3, 0)),
        (np.array([False, False, False]), (0, 3)),
        (np.array([True, False, False]), (1, 2)),
        (np.zeros(0, dtype=bool), (0, 0)),
    ],
    ids=["no control", "nobody treated", "one treated", "nobody"],
)
def test_too_few_customers_give_no_estimate(is_treated, sizes):
    n = len(is_treated)
    lift = estimate_lift(np.arange(n, dtype=float), is_treated, np.ones(n))
    assert not lift.is_known
    assert np.isnan(lift.estimate)
    assert (lift.n_treated, lift.n_control) == sizes


def test_all_zero_outcomes_have_no_spread():
    lift = estimate_lift(np.zeros(8), np.arange(8) < 4, np.ones(8), np.arange(8.0))
    assert (lift.estimate, lift.lower, lift.upper, lift.standard_error) == (0, 0, 0, 0)


@pytest.mark.parametrize("weight", [np.array([1.0, np.inf, 1, 1]), np.array([1.0, -1, 1, 1])])
def test_impossible_weights_are_refused(weight):
    with pytest.raises(ParameterError, match="finite weights"):
        estimate_lift(np.ones(4), np.array([True, False, True, False]), weight)


def test_row_order_and_shifts_change_nothing():
    outcome, covariate = shop(300, 2)
    rng = np.random.default_rng(3)
    is_treated, pscore = rng.random(300) < 0.6, rng.uniform(0.3, 0.7, 300)
    before = outcome.copy()
    lift = estimate_lift(outcome, is_treated, 1 / pscore, covariate)
    order = rng.permutation(300)
    shuffled = estimate_lift(outcome[order], is_treated[order], 1 / pscore[order], covariate[order])
    assert astuple(shuffled) == pytest.approx(astuple(lift), rel=1e-10)
    moved = estimate_lift(outcome + 50, is_treated, 7 / pscore, covariate - 20)
    assert astuple(moved)[:4] == pytest.approx(astuple(lift)[:4], rel=1e-9)
    assert (outcome == before).all()


N, N_DRAWS = 1_200, 1_000


@functools.cache
def draws() -> np.ndarray:
    """The numbers by which 05 would draw arms, for fresh salts; a row per campaign."""
    customer_ids = [f"customer-{i}" for i in range(N)]
    return np.array([draw(customer_ids, f"salt {k}") for k in range(N_DRAWS)])


def even_assignments() -> np.ndarray:
    """Who is treated if everybody is control with probability .34."""
    return draws() >= 0.34


def uneven_assignments() -> tuple[np.ndarray, np.ndarray]:
    """The same with a policy's probabilities: control .15 or .70, by customer."""
    p_control = np.where(np.arange(N) % 5 < 3, 0.15, 0.70)
    return draws() >= p_control, p_control


@pytest.mark.slow
def test_1000_a_a_campaigns_find_something_five_times_in_a_hundred():
    outcome, covariate = shop(N, 4)
    lifts = [
        estimate_lift(outcome, treated, np.ones(N), covariate) for treated in even_assignments()
    ]
    found = np.mean([lift.lower > 0 or lift.upper < 0 for lift in lifts])
    assert 0.036 <= found <= 0.064
    assert abs(np.mean([lift.estimate for lift in lifts])) < 0.1 * lifts[0].standard_error


@pytest.mark.slow
def test_1000_a_a_campaigns_of_an_uneven_policy_find_as_little():
    outcome, covariate = shop(N, 5)
    is_treated, p_control = uneven_assignments()
    found = []
    for treated in is_treated:
        pscore = np.where(treated, 1 - p_control, p_control)
        lift = estimate_lift(
            outcome, treated, effect_on_treated_weights(pscore, treated), covariate
        )
        found.append(lift.lower > 0 or lift.upper < 0)
    assert 0.036 <= np.mean(found) <= 0.064


@pytest.mark.slow
def test_intervals_cover_a_known_effect():
    # the effect grows with the customer, so the treated gain more than the average customer
    outcome, covariate = shop(N, 6)
    gain = 2.0 + 0.1 * covariate
    is_treated, p_control = uneven_assignments()
    covered = []
    for treated in is_treated:
        pscore = np.where(treated, 1 - p_control, p_control)
        weight = effect_on_treated_weights(pscore, treated)
        lift = estimate_lift(outcome + gain * treated, treated, weight, covariate)
        covered.append(lift.lower <= gain[treated].mean() <= lift.upper)
    assert 0.93 <= np.mean(covered) <= 0.985  # the truth moves with the draw: never narrower


@pytest.mark.slow
def test_intervals_cover_a_constant_effect_in_93_to_97_percent():
    outcome, covariate = shop(N, 7)
    covered = [
        lift.lower <= 5.0 <= lift.upper
        for treated in even_assignments()
        for lift in [estimate_lift(outcome + 5.0 * treated, treated, np.ones(N), covariate)]
    ]
    assert 0.93 <= np.mean(covered) <= 0.97


@pytest.mark.slow
def test_adjusting_narrows_by_the_root_of_what_is_not_explained():
    outcome, covariate = shop(N, 8)
    expected = np.sqrt(1 - np.corrcoef(outcome, covariate)[0, 1] ** 2)
    ratios = [
        estimate_lift(outcome, treated, np.ones(N), covariate).standard_error
        / estimate_lift(outcome, treated, np.ones(N)).standard_error
        for treated in even_assignments()[:100]
    ]
    assert np.mean(ratios) == pytest.approx(expected, rel=0.10)


@pytest.mark.slow
def test_error_shrinks_with_the_root_of_n():
    errors = []
    for n in (500, 8_000):
        outcome, covariate = shop(n, 9)
        errors.append(
            estimate_lift(outcome, np.arange(n) % 2 == 0, np.ones(n), covariate).standard_error
        )
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.35)
