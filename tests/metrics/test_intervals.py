import numpy as np
import pytest

from src.errors import ParameterError
from src.metrics.classification import auc
from src.metrics.intervals import (
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_mean,
    wilson_interval,
)


def test_wilson_interval_by_hand():
    # 8 of 10, z = 1.96: middle (.8 + .19207) / 1.38415 = .71674, half .22659
    interval = wilson_interval(8, 10)
    assert (interval.lower, interval.upper) == pytest.approx((0.4902, 0.9433), abs=1e-4)


@pytest.mark.parametrize(("n_yes", "end"), [(0, "upper"), (12, "lower")])
def test_wilson_interval_has_width_where_nobody_or_everybody_did(n_yes, end):
    interval = wilson_interval(n_yes, 12)
    assert interval.lower <= interval.estimate <= interval.upper
    assert 0 < getattr(interval, end) < 1


def test_bootstrap_of_a_constant_has_no_width():
    interval = bootstrap_mean(np.full(20, 3.0), seed=1)
    assert (interval.estimate, interval.lower, interval.upper) == (3.0, 3.0, 3.0)


def test_same_seed_gives_the_same_interval():
    values = np.random.default_rng(0).normal(size=50)
    assert bootstrap_mean(values, seed=4) == bootstrap_mean(values, seed=4)
    assert bootstrap_mean(values, seed=4) != bootstrap_mean(values, seed=5)


def test_mean_at_once_agrees_with_the_general_bootstrap():
    values = np.random.default_rng(2).normal(size=300)
    once = bootstrap_mean(values, seed=1, n_resamples=4000)
    general = bootstrap_interval(np.mean, values, seed=2, n_resamples=4000)
    # both ends are about 1.96 / sqrt(300) = 0.113 away; noise of the ends is about 0.003
    assert (once.lower, once.upper) == pytest.approx((general.lower, general.upper), abs=0.015)


def test_paired_difference_is_narrower_than_its_parts():
    rng = np.random.default_rng(3)
    hardness = rng.normal(size=400)
    first, second = hardness + 0.2, hardness + rng.normal(scale=0.05, size=400)
    difference = bootstrap_difference(first, second, seed=1)
    alone = bootstrap_mean(first, seed=1)
    assert difference.estimate == pytest.approx(first.mean() - second.mean())
    assert difference.lower > 0
    assert difference.upper - difference.lower < 0.2 * (alone.upper - alone.lower)


def test_rows_of_all_arrays_are_drawn_together():
    x = np.arange(30.0)
    interval = bootstrap_interval(lambda a, b: float(np.abs(a - b).max()), x, x, seed=1)
    assert interval.upper == 0


def test_draws_without_a_value_are_left_out():
    y, p = np.array([0, 0, 0, 0, 1]), np.array([0.1, 0.2, 0.3, 0.4, 0.9])
    interval = bootstrap_interval(auc, y, p, seed=1, n_resamples=200)
    assert (interval.lower, interval.upper) == (1.0, 1.0)
    one_class = bootstrap_interval(auc, np.zeros(5), p, seed=1, n_resamples=20)
    assert np.isnan(one_class.estimate)
    assert np.isnan(one_class.upper)


@pytest.mark.slow
def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(11)
    covered = 0
    for repetition in range(300):
        interval = bootstrap_mean(rng.exponential(size=200), seed=repetition, n_resamples=400)
        covered += interval.lower <= 1.0 <= interval.upper
    # 95 % of 300 is 285; standard error 3.8, and a skewed law costs a little
    assert 268 <= covered <= 297


@pytest.mark.parametrize("level", [0, 1, 95])
def test_level_outside_0_and_1_is_refused(level):
    with pytest.raises(ParameterError, match="level"):
        bootstrap_mean(np.ones(3), seed=1, level=level)


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(ParameterError, match="equal length"):
        bootstrap_interval(np.dot, np.ones(3), np.ones(2), seed=1)
    with pytest.raises(ParameterError, match="paired"):
        bootstrap_difference(np.ones(3), np.ones(2), seed=1)
    with pytest.raises(ParameterError, match="equal length"):
        bootstrap_mean(np.empty(0), seed=1)
