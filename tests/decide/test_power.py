"""What can be detected: by hand, from the past only, and true in simulation."""

import numpy as np
import pandas as pd
import pytest

from src.decide.history import weekly_revenue, window_totals
from src.decide.power import (
    arm_factor,
    detectable_by_share,
    detectable_by_weeks,
    detectable_effect,
    measure_spread,
    past_spread,
    realized_factor,
    share_of_mean,
    treated_factor,
)

AS_OF = "2017-09-30"
IDS = pd.Series(["bert", "anna", "nobody"])


@pytest.fixture(scope="module")
def orders(table_of):
    rows = [
        ("anna", "1", "2017-09-30 23:59", 1_000),
        ("anna", "1", "2017-09-30 23:59", 500),
        ("anna", "2", "2017-09-24 00:00", 300),  # first day of the last week
        ("anna", "3", "2017-09-23 23:59", 200),  # the week before
        ("bert", "4", "2017-09-20 12:00", 700),
        ("bert", "5", "2017-10-01 00:00", 90_000),  # the future
    ]
    frame = pd.DataFrame(
        rows, columns=["customer_id", "order_id", "ordered_at", "line_value_minor"]
    )
    return table_of(frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"])))


def test_window_totals_by_hand(orders):
    totals = window_totals(orders, IDS, "2017-09-23", AS_OF)
    assert totals["customer_id"].tolist() == ["bert", "anna", "nobody"]
    assert totals["n_orders"].tolist() == [0, 2, 0]
    assert totals["revenue_minor"].tolist() == [0, 1_800, 0]


def test_weekly_revenue_by_hand(orders):
    assert weekly_revenue(orders, IDS, AS_OF, 2).tolist() == [[0, 700], [1_800, 200], [0, 0]]


def test_past_spread_reads_nothing_after_the_as_of_date(orders):
    # a quarter of 0, 18.00, 0 in the last week: 0, 4.50, 0
    spread = past_spread(orders, IDS, AS_OF, 7, 0.25)
    assert spread.mean_value == pytest.approx(1.5)
    assert spread.std_value == pytest.approx(np.std([0, 4.5, 0], ddof=1))


def test_spread_after_the_past_by_hand():
    # correlation of (0, 1, 2) with itself is 1, with (1, 0, 1) it is 0
    outcome = np.array([0.0, 1.0, 2.0])
    assert measure_spread(outcome, outcome).residual_std_value == pytest.approx(0.0)
    assert measure_spread(outcome, np.array([1.0, 0, 1])).residual_std_value == pytest.approx(1.0)
    assert measure_spread(outcome, np.zeros(3)).explained_share == 0


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_customers_detect_nothing(n):
    spread = measure_spread(np.ones(n), np.ones(n))
    assert np.isnan(detectable_effect(spread.residual_std_value, 1.0))
    assert spread.n_customers == n


def test_share_of_a_mean_of_nothing_is_unknown():
    assert np.isnan(share_of_mean(1.0, measure_spread(np.zeros(5), np.zeros(5))))


def test_spread_that_goes_with_the_probability_counts_where_it_is():
    # two customers contacted half of the time who scatter by 3, two more often who scatter by 1
    p_control, square = np.array([0.5, 0.5, 0.2, 0.2]), np.array([9.0, 9.0, 1.0, 1.0])
    # contacted .5, .5, .8, .8 = 2.6; (.5 + .5) * 9 * 2 + (.8 + 3.2) * 1 * 2 = 26; mean 5
    assert treated_factor(p_control, square) == pytest.approx(26 / 2.6**2 / 5)
    assert treated_factor(p_control, np.full(4, 7.0)) == pytest.approx(treated_factor(p_control))
    assert treated_factor(p_control, np.zeros(4)) == treated_factor(p_control)


def test_realized_spread_counts_where_the_weights_are():
    weight, is_treated = np.array([1.0, 1.0, 3.0, 1.0]), np.array([True, True, False, False])
    # treated: (1 + 1) / 4; control: (9 * 4 + 2) / 16; mean of the squares 2
    expected = (0.5 + 38 / 16) / 2
    assert realized_factor(weight, is_treated, np.array([1.0, 1, 4, 2])) == pytest.approx(expected)
    assert np.isnan(realized_factor(weight, np.ones(4, dtype=bool)))


def test_who_spends_much_is_expected_to_scatter_much():
    rng = np.random.default_rng(1)
    level = rng.gamma(1.0, 10.0, 20_000)  # spread in proportion to what is usually spent
    before, now, later = level * rng.gamma(4.0, 0.25, (3, 20_000))
    square = measure_spread(now, before).expected_square
    slope = np.polyfit(now, later, 1)
    found = (later - np.polyval(slope, now)) ** 2
    thirds = np.argsort(np.argsort(now)) * 3 // len(now)
    for third in range(3):
        assert square[thirds == third].mean() == pytest.approx(
            found[thirds == third].mean(), rel=0.15
        )


def test_factors_of_equal_probabilities_are_sizes():
    # 100 customers, control .2: 1/80 + 1/20; one of two equal arms of .4: 1/40 + 1/20
    p_control = np.full(100, 0.2)
    assert treated_factor(p_control) == pytest.approx(1 / 80 + 1 / 20)
    assert arm_factor(np.full(100, 0.4), p_control) == pytest.approx(1 / 40 + 1 / 20)
    is_treated = np.arange(100) < 80
    assert realized_factor(np.ones(100), is_treated) == pytest.approx(1 / 80 + 1 / 20)
    assert np.isnan(realized_factor(np.ones(3), np.ones(3, dtype=bool)))


def test_unequal_probabilities_cost_precision():
    even = treated_factor(np.full(100, 0.5))
    assert treated_factor(np.repeat([0.1, 0.9], 50)) > even


def test_curves_fall_and_lie_in_order(orders):
    spread = measure_spread(np.array([1.0, 5, 9, 4]), np.array([2.0, 4, 9, 3]))
    curve = detectable_by_share(spread, 1_000)
    assert curve.loc[curve["raw_share"].idxmin(), "contacted_share"] == pytest.approx(0.5)
    assert (curve["adjusted_share"] <= curve["raw_share"]).all()
    weeks = detectable_by_weeks(orders, IDS, AS_OF, 0.1, 2)
    assert weeks["n_weeks"].tolist() == [1, 2]


@pytest.mark.slow
def test_detectable_effect_is_found_four_times_in_five():
    """The whole plan in simulation: past, draw, outcome with an effect, adjusted interval."""
    from src.measure.lift import estimate_lift  # the one test that needs both ends

    n, p_control = 800, np.full(800, 0.34)
    rng = np.random.default_rng(1)
    found = []
    for _ in range(1_500):
        past, before, after = rng.lognormal(3.5, 0.6, n) * rng.lognormal(0, 0.4, (3, n))
        spread = measure_spread(before, past)
        effect = detectable_effect(spread.residual_std_value, treated_factor(p_control))
        treated = rng.random(n) >= p_control
        lift = estimate_lift(after + effect * treated, treated, np.ones(n), before)
        found.append(lift.lower > 0)
    assert np.mean(found) == pytest.approx(0.80, abs=0.04)
