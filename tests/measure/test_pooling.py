"""Pooled and shrunken effects: published figures, known truth, limits."""

import numpy as np
import pytest

from src.errors import ParameterError
from src.measure.pooling import pool_effects, shrink_effects

# Trials of BCG against tuberculosis (Colditz et al. 1994): cases and others, vaccinated and not
BCG = np.array(
    [
        (4, 119, 11, 128), (6, 300, 29, 274), (3, 228, 11, 209), (62, 13536, 248, 12619),
        (33, 5036, 47, 5761), (180, 1361, 372, 1079), (8, 2537, 10, 619),
        (505, 87886, 499, 87892), (29, 7470, 45, 7232), (17, 1699, 65, 1600),
        (186, 50448, 141, 27197), (5, 2493, 3, 2338), (27, 16886, 29, 17825),
    ]
)  # fmt: skip
SCHOOLS = [28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18]


def test_the_bcg_trials_are_those_that_metafor_prints():
    # Viechtbauer (2010), Journal of Statistical Software 36(3), section 3: REML
    a, b, c, d = BCG.T
    risk = np.log(a / (a + b)) - np.log(c / (c + d))
    error = np.sqrt(1 / a - 1 / (a + b) + 1 / c - 1 / (c + d))
    found = pool_effects(risk, error, is_adjusted=False)
    assert found.mean == pytest.approx(-0.7145, abs=5e-5)
    assert found.standard_error == pytest.approx(0.1798, abs=5e-5)
    assert (found.lower, found.upper) == pytest.approx((-1.0669, -0.3622), abs=5e-5)
    assert found.tau**2 == pytest.approx(0.3132, abs=5e-5)
    assert found.i_squared == pytest.approx(0.9222, abs=5e-5)
    wide = pool_effects(risk, error)
    assert wide.lower < found.lower < found.upper < wide.upper


def test_the_order_does_not_matter_and_one_effect_is_itself():
    found = pool_effects(*SCHOOLS)
    assert pool_effects(*(one[::-1] for one in SCHOOLS)).mean == pytest.approx(found.mean)
    alone = pool_effects([3.0], [2.0])
    assert (alone.mean, alone.standard_error, alone.tau) == (3.0, 2.0, 0.0)
    assert (alone.lower, alone.upper) == pytest.approx((3 - 3.92, 3 + 3.92), abs=1e-3)


def test_effects_that_are_known_well_stay_and_those_that_are_not_become_one():
    y = np.array([-9.0, -3.0, 0.0, 4.0, 8.0, 11.0])
    assert shrink_effects(y, np.full(6, 1e-6))[:, 0] == pytest.approx(y, abs=1e-6)
    vague = shrink_effects(y / 100, np.full(6, 50.0))
    assert np.ptp(vague[:, 0]) < np.ptp(y / 100) / 2
    few = shrink_effects(y[:4], np.ones(4))
    assert few[:, 0] == pytest.approx(y[:4])


@pytest.mark.parametrize("tau", [0.0, 0.5, 2.0])
def test_intervals_of_shrunken_effects_cover_also_that_of_the_largest(tau):
    rng = np.random.default_rng(4)
    inside, of_largest, plain_largest, gained = [], [], [], []
    for _ in range(1_500):
        s = rng.uniform(0.6, 1.6, 8)
        truth = 1.0 + tau * rng.standard_normal(8)
        y = truth + s * rng.standard_normal(8)
        found = shrink_effects(y, s)
        is_in = (found[:, 1] <= truth) & (truth <= found[:, 2])
        inside.append(is_in.mean())
        of_largest.append(is_in[np.argmax(found[:, 0])])
        top = np.argmax(y)
        plain_largest.append(abs(y[top] - truth[top]) <= 1.96 * s[top])
        gained.append(((found[:, 0] - truth) ** 2).mean() / ((y - truth) ** 2).mean())
    assert np.mean(inside) >= 0.94
    assert np.mean(of_largest) >= 0.93
    assert np.mean(gained) < 1
    if tau == 0.0:
        assert np.mean(plain_largest) < 0.90  # the winner's curse, without shrinking


@pytest.mark.parametrize("n_effects", [3, 10])
@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_the_interval_of_the_mean_covers_with_few_effects(n_effects, tau):
    rng = np.random.default_rng(8)
    covered = []
    for _ in range(2_000):
        s = rng.uniform(0.5, 1.5, n_effects)
        found = pool_effects(2 + np.hypot(tau, s) * rng.standard_normal(n_effects), s)
        covered.append(found.lower <= 2 <= found.upper)
    assert np.mean(covered) >= 0.93


@pytest.mark.parametrize(
    ("y", "s"), [([], []), ([1.0], [0.0]), ([1.0, 2.0], [1.0]), ([np.nan], [1.0])]
)
def test_what_is_no_effect_is_refused(y, s):
    with pytest.raises(ParameterError, match="at least one effect"):
        pool_effects(y, s)
