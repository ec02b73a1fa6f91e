import numpy as np
import pandas as pd
import pytest

from src.models.class_values import fit_class_values
from src.models.spend_checks import check_spend
from src.models.value_words import describe_spend


def btyd_of(early, late, n_early=2, n_late=2, frequency=None):
    """Customers with a mean value of an order day in each half."""
    early, late = np.broadcast_arrays(np.asarray(early, float), np.asarray(late, float))
    n_early, n_late = (np.broadcast_to(n, early.shape).astype(float) for n in (n_early, n_late))
    n_days = n_early + n_late
    return pd.DataFrame(
        {
            "n_days": n_days,
            "btyd_frequency": n_days - 1 if frequency is None else frequency,
            "mean_day_value": (early * n_early + late * n_late) / n_days,
            "n_late_days": n_late,
            "mean_late_value": np.where(n_late > 0, late, 0.0),
        }
    )


def test_drift_by_hand():
    # half the customers x 1.1, half x 1.21: geometric mean 1.1^1.5; log ratios ln 1.1 and 2 ln 1.1
    early = np.full(40, 10.0)
    late = np.where(np.arange(40) % 2, 11.0, 12.1)
    drift = check_spend(btyd_of(early, late)).drift
    assert drift.estimate == pytest.approx(1.1**1.5)
    spread = np.log(1.1) * 0.5 * np.sqrt(40 / 39) / np.sqrt(40)
    assert drift.lower == pytest.approx(1.1**1.5 * np.exp(-1.959964 * spread), rel=1e-6)
    assert drift.n == 40


@pytest.mark.parametrize(
    ("factor", "noise", "has_drifted"),
    [
        (1.3, 0.2, True),
        (0.7, 0.2, True),
        (1.02, 0.01, False),
        (1.15, 3.0, False),
        (1.0, 0.2, False),
    ],
    ids=["up", "down", "sure but small", "large but unsure", "none"],
)
def test_drift_must_be_sure_and_large(factor, noise, has_drifted):
    rng = np.random.default_rng(0)
    early = rng.gamma(5, 4, 60)
    checks = check_spend(btyd_of(early, early * factor * np.exp(noise * rng.normal(size=60))))
    assert checks.has_drifted is has_drifted


def test_customers_of_one_half_only_say_nothing_of_drift():
    only_late = btyd_of(np.full(50, 10.0), np.full(50, 20.0), n_early=0)
    assert check_spend(only_late).drift is None
    assert "Too few" in describe_spend(check_spend(only_late), None)


def test_value_that_goes_with_frequency_is_seen():
    rng = np.random.default_rng(1)
    frequency = rng.integers(1, 50, 500)
    value = frequency + rng.normal(0, 10, 500) + 50
    bound = check_spend(btyd_of(value, value, frequency=frequency))
    free = check_spend(btyd_of(rng.permutation(value), value, frequency=frequency[::-1]))
    assert bound.is_correlated
    assert bound.correlation.lower < bound.correlation.estimate < bound.correlation.upper
    assert not bound.hold
    assert not free.is_correlated


def test_the_interval_of_the_correlation_covers_as_often_as_it_says():
    rng = np.random.default_rng(2)
    n_covered = 0
    for _ in range(400):
        frequency, value = rng.permutation(80) + 1, rng.gamma(4, 5, 80)
        found = check_spend(btyd_of(value, value, frequency=frequency)).correlation
        n_covered += found.lower <= 0 <= found.upper
    assert 0.92 <= n_covered / 400 <= 0.98  # three standard errors around .95: .917 to .983


def test_equal_spend_has_no_correlation_and_no_drift():
    checks = check_spend(btyd_of(np.full(200, 10.0), 10.0, frequency=np.arange(200) + 1))
    assert checks.correlation is None
    assert checks.drift.estimate == pytest.approx(1)
    assert checks.hold


def test_class_means_by_hand():
    # 30 customers with 2 days (late: 1 at 10), 30 with 5 (late: 4 at 20), 5 with 9 (late: 8 at 50)
    # the five are too few for a class of their own: 4 and above (30*4*20 + 5*8*50) / 160 = 27.5
    parts = [
        btyd_of(np.full(30, 1.0), 10.0, 1, 1),
        btyd_of(np.full(30, 1.0), 20.0, 1, 4),
        btyd_of(np.full(5, 1.0), 50.0, 1, 8),
    ]
    values = fit_class_values(pd.concat(parts))
    assert values.floors == (1, 2, 4)
    assert values.order_value(np.array([2, 5, 9]), np.zeros(3)).tolist() == [10.0, 27.5, 27.5]


def test_class_means_use_the_later_half_only():
    first, second = (fit_class_values(btyd_of(np.full(50, early), 10.0)) for early in (1.0, 99.0))
    assert first == second
