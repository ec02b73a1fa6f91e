"""Every learner finds a known effect again."""

import importlib.util

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

from src.metrics.uplift_heterogeneity import effect_scores
from src.models.uplift_contacts import build_contacts, fit_features
from src.models.uplift_learners import FOREST, LEARNERS, available_learners, expected_outcomes
from src.models.uplift_regressions import Ridge
from tests.models.uplift_worlds import (
    COLUMNS,
    constant,
    draw_world,
    linear,
    mixed,
    nothing,
    sleeping_dogs,
)

WORLDS = {
    "none": ({"mail": nothing}, 0.0),
    "constant": ({"mail": constant}, 0.0),
    "linear": ({"mail": linear}, 0.0),
    "sleeping dogs": ({"mail": sleeping_dogs}, 1.731),
    "two actions": ({"mail": linear, "call": mixed}, 1.237),
}
"""Effects, and how far the best straight line misses them, as root mean squared error.

A step of -6 above .8 has variance 36 * .16 = 5.76 and covariance -6 * (.18 - .1) with a uniform
feature of variance 1/12, so the line leaves 5.76 - .48^2 * 12 = 1.731^2. A step of 7 above .5 it
misses by 1.75, a line by nothing: over both actions, 1.75 / sqrt(2) = 1.237.
"""
ESTIMATION = 0.4
"""Twice what four coefficients per arm miss by, with noise of 4 on 8/3 to 4 thousand customers."""
LARGEST_SHARE = 0.5
"""Trees have no such limit: they must miss by less than half of the spread of the effects."""
LEAST_NOISE = 1.0
"""And where effects do not differ, by less than a quarter of the noise of one outcome."""

needs_forest = pytest.mark.skipif(
    importlib.util.find_spec("econml") is None, reason="the extra econml is not installed"
)
NAMES = [*LEARNERS, pytest.param(FOREST, marks=needs_forest)]


def world(n_customers, seed, effects, shares=()):
    rows, truth = draw_world(n_customers, seed, effects, shares)
    X = fit_features(rows, COLUMNS).transform(rows)
    return build_contacts(rows, tuple(effects), X), truth.to_numpy()


def error(learner, n_customers, effects, seed=1):
    """Root mean squared error of the effects of fresh customers."""
    contacts, _ = world(n_customers, seed, effects)
    fresh, truth = world(4000, 99, effects)
    found = available_learners()[learner]().fit(contacts, seed).predict(fresh.X)
    return float(np.sqrt(((found - truth) ** 2).mean()))


def spread_of(effects):
    """Root mean squared error of the true mean effects."""
    return float(np.sqrt(world(4000, 99, effects)[1].var(axis=0).mean()))


@pytest.mark.slow
@pytest.mark.parametrize("learner", [name for name in LEARNERS if name.endswith("linear")])
@pytest.mark.parametrize("name", WORLDS)
def test_linear_learners_find_the_best_line(name, learner):
    effects, limit = WORLDS[name]
    assert error(learner, 8000, effects) < np.hypot(limit, ESTIMATION)


@pytest.mark.slow
@pytest.mark.parametrize(
    "learner",
    [*(n for n in LEARNERS if n.endswith("trees")), pytest.param(FOREST, marks=needs_forest)],
)
@pytest.mark.parametrize("name", WORLDS)
def test_trees_find_effects_of_any_shape(name, learner):
    effects, _ = WORLDS[name]
    assert error(learner, 8000, effects) < max(LARGEST_SHARE * spread_of(effects), LEAST_NOISE)


@pytest.mark.slow
@pytest.mark.parametrize("learner", NAMES)
def test_more_customers_make_the_error_smaller(learner):
    few, many = (error(learner, n, {"mail": linear, "call": constant}) for n in (1000, 16_000))
    assert many < 0.75 * few


@pytest.mark.parametrize("learner", NAMES)
def test_uneven_draws_that_depend_on_the_customer_do_not_mislead(learner):
    # the dearest customers are treated nine times in ten, and spend most anyway
    rows, _ = draw_world(6000, 3, {"mail": constant})
    p = np.where(rows["monetary_value"] > 30, 0.9, 0.1)
    is_treated = np.random.default_rng(4).random(6000) < p
    gained = 1.5 * (is_treated.astype(float) - (rows["action"] == "mail"))
    rows["outcome_value"] += gained
    rows["action"] = np.where(is_treated, "mail", "control")
    rows["pscore"] = np.where(is_treated, p, 1 - p)
    X = fit_features(rows, COLUMNS).transform(rows)
    contacts = build_contacts(rows, ("mail",), X)
    found = available_learners()[learner]().fit(contacts, 1).predict(X)
    assert found.mean() == pytest.approx(1.5, abs=0.5)


@pytest.mark.parametrize("learner", NAMES)
def test_the_level_of_a_campaign_is_no_effect(learner):
    # the action was tried only in a season in which everybody spends 40 more
    spring, _ = draw_world(1500, 5, {"mail": constant})
    other, _ = draw_world(1500, 6, {"call": constant})
    spring["outcome_value"] += 40
    rows = pd.concat([spring, other.assign(campaign_id="autumn")], ignore_index=True)
    X = fit_features(rows, COLUMNS).transform(rows)
    contacts = build_contacts(rows, ("mail", "call"), X)
    found = available_learners()[learner]().fit(contacts, 1).predict(X)
    assert found.mean(axis=0) == pytest.approx([1.5, 1.5], abs=0.8)


@pytest.mark.parametrize("learner", NAMES)
def test_two_fits_with_one_seed_agree_to_the_byte(learner):
    contacts, _ = world(600, 7, {"mail": mixed, "call": constant})
    first, second = (
        available_learners()[learner]().fit(contacts, 3).predict(contacts.X) for _ in range(2)
    )
    assert (first == second).all()


@pytest.mark.slow
def test_scores_with_known_probabilities_are_unbiased():
    # 200 experiments, drawn unevenly; regressions of the outcome are far too plain for `mixed`
    errors = []
    for seed in range(200):
        contacts, truth = world(400, seed, {"mail": mixed, "call": linear}, (0.6, 0.1, 0.3))
        fold = contacts.fold_of(2, np.random.default_rng(seed))
        expected = expected_outcomes(contacts, fold, Ridge, seed)
        scores = effect_scores(contacts.centered(), contacts.arm, contacts.pscore, expected)
        errors.append((scores - truth).mean(axis=0))
    errors = np.array(errors)
    standard_error = errors.std(axis=0, ddof=1) / np.sqrt(len(errors))
    assert (np.abs(errors.mean(axis=0)) < 3 * standard_error).all()


class TestRidge:
    def test_without_noise_it_is_the_line(self):
        rng = np.random.default_rng(1)
        X = rng.normal(size=(500, 3))
        y = X @ [1.0, -2.0, 0.5] + 7
        fitted = Ridge().fit(X, y, np.ones(500))
        assert fitted.coef_ == pytest.approx([1.0, -2.0, 0.5], rel=2e-3)
        assert fitted.intercept_ == pytest.approx(7, rel=2e-3)

    def test_weights_stand_for_repeated_rows(self):
        rng = np.random.default_rng(2)
        X, y = rng.normal(size=(200, 2)), rng.normal(size=200)
        y += 3 * X[:, 0]
        times = rng.integers(1, 4, 200)
        ours = Ridge().fit(X, y, times.astype(float))
        theirs = LinearRegression().fit(np.repeat(X, times, axis=0), np.repeat(y, times))
        assert ours.coef_ == pytest.approx(theirs.coef_, abs=0.05)

    def test_noise_is_drawn_in_to_the_mean(self):
        rng = np.random.default_rng(3)
        X, y = rng.normal(size=(60, 40)), rng.normal(size=60)
        plain = LinearRegression().fit(X, y)
        assert np.linalg.norm(Ridge().fit(X, y, np.ones(60)).coef_) < 0.3 * np.linalg.norm(
            plain.coef_
        )

    def test_a_feature_that_does_not_vary_says_nothing(self):
        X = np.column_stack([np.ones(50), np.arange(50.0)])
        fitted = Ridge().fit(X, np.arange(50.0), np.ones(50))
        assert fitted.coef_[0] == pytest.approx(0.0, abs=1e-9)
