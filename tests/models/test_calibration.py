import numpy as np
import pytest
from scipy.special import expit, logit

from src.metrics.classification import log_loss
from src.models.calibration import METHODS, cross_calibrate, fit_calibration


def test_platt_recovers_a_known_distortion():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.05, 0.95, 20_000)
    raw = expit(2 * logit(truth) - 0.5)
    found = fit_calibration(rng.random(20_000) < truth, raw, "platt")
    # truth = line of slope 1/2 and intercept 1/4 in log-odds
    assert (found.slope, found.intercept) == pytest.approx((0.5, 0.25), abs=0.04)
    assert np.abs(found.predict(raw) - truth).max() < 0.02


def test_isotonic_by_hand_stays_off_0_and_1():
    raw, y = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1])
    # the middle two are pooled to 1/2; the ends are kept 1 / (4 + 2) off 0 and 1
    assert fit_calibration(y, raw, "isotonic").predict(raw) == pytest.approx(
        [1 / 6, 0.5, 0.5, 5 / 6]
    )


@pytest.mark.parametrize("method", METHODS)
def test_calibration_never_turns_the_order_round(method):
    rng = np.random.default_rng(2)
    raw = rng.random(200)
    rates = fit_calibration(rng.random(200) < 1 - raw, raw, method).predict(np.linspace(0, 1, 50))
    assert (np.diff(rates) >= 0).all()


def test_calibration_that_does_not_help_is_not_chosen():
    rng = np.random.default_rng(4)
    raw = rng.uniform(0.05, 0.95, 4000)
    y = (rng.random(4000) < raw).astype(float)
    calibration, crossed = cross_calibrate(y, raw, np.arange(4000) % 5)
    assert calibration.method in ("none", "platt")
    assert log_loss(y, crossed) <= log_loss(y, raw) + 1e-12


def test_a_calibration_knows_whether_it_is_flat():
    rng = np.random.default_rng(5)
    raw = rng.random(300)
    # what happens falls as the probability rises: the best rising line is level
    y = (rng.random(300) < 1 - raw).astype(float)
    assert fit_calibration(y, raw, "platt").is_flat
    assert not fit_calibration(1 - y, raw, "platt").is_flat
    assert not fit_calibration(1 - y, raw, "isotonic").is_flat
