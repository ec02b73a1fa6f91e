"""Effect on those whom the message reached."""

import math

import numpy as np
import pytest

from src.measure.complier import complier_effect
from src.measure.lift import estimate_lift


def draw(rng, n, reached_share, effect, noise=1.0):
    is_treated = rng.random(n) < 0.6
    would_be = rng.random(n) < reached_share
    before = rng.standard_normal(n)
    outcome = before + 2.0 * would_be + noise * rng.standard_normal(n)  # who is reachable buys more
    is_reached = would_be & is_treated
    return outcome + effect * is_reached, is_reached, is_treated, before


def test_reached_by_all_is_the_effect_of_the_draw():
    rng = np.random.default_rng(1)
    outcome, _, is_treated, before = draw(rng, 500, 1.0, 3.0)
    found = complier_effect(outcome, is_treated, is_treated, np.ones(500), before)
    lift = estimate_lift(outcome, is_treated, np.ones(500), before)
    assert (found.estimate, found.lower, found.upper) == pytest.approx(
        (lift.estimate, lift.lower, lift.upper)
    )
    assert found.reached_share == 1.0


@pytest.mark.parametrize("reached_share", [0.9, 0.4])
def test_a_known_effect_is_covered_although_the_reachable_differ(reached_share):
    rng = np.random.default_rng(2)
    covered, naive = [], []
    for _ in range(1_500):
        outcome, is_reached, is_treated, before = draw(rng, 600, reached_share, 1.5)
        found = complier_effect(outcome, is_reached, is_treated, np.ones(600), before)
        covered.append(found.lower <= 1.5 <= found.upper)
        naive.append(outcome[is_reached].mean() - outcome[~is_reached].mean())
    assert 0.93 <= np.mean(covered) <= 0.97
    assert np.mean(naive) > 1.5 + 0.15  # comparing the reached with the others does not do


def test_where_hardly_anybody_was_reached_there_are_no_ends():
    rng = np.random.default_rng(3)
    covered = []
    for _ in range(600):
        outcome, is_reached, is_treated, _ = draw(rng, 200, 0.01, 1.5)
        found = complier_effect(outcome, is_reached, is_treated, np.ones(200))
        unbounded = math.isnan(found.lower)
        covered.append(unbounded or found.lower <= 1.5 <= found.upper)
    assert np.mean(covered) >= 0.93


def test_nobody_reached_is_not_an_effect_of_zero():
    nobody = np.zeros(8, dtype=bool)
    found = complier_effect(np.arange(8.0), nobody, np.arange(8) < 4, np.ones(8))
    assert math.isnan(found.estimate)
    assert not found.is_bounded
