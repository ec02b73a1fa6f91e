import gzip

import numpy as np
import pandas as pd
import pytest

from src.errors import ParameterError
from src.metrics.uplift import auuc, qini_coefficient, qini_curve, uplift_at_k, uplift_curve

# Six customers, best ranked first:  treated y=4 | control y=1 | treated y=2 | control y=2 |
# treated y=0 | control y=3
OUTCOME = np.array([4.0, 1.0, 2.0, 2.0, 0.0, 3.0])
IS_TREATED = np.array([1, 0, 1, 0, 1, 0])
UPLIFT = np.array([6.0, 5.0, 4.0, 3.0, 2.0, 1.0])


def test_uplift_curve_by_hand():
    # n=2: 4-1=3; n=3: 3-1=2; n=4: 3-1.5=1.5; n=5: 2-1.5=.5; n=6: 2-2=0; each times n/6
    share, gain = uplift_curve(OUTCOME, IS_TREATED, UPLIFT)
    assert share == pytest.approx(np.arange(7) / 6)
    assert gain == pytest.approx([0, 0, 3 * 2 / 6, 2 * 3 / 6, 1.5 * 4 / 6, 0.5 * 5 / 6, 0])


def test_qini_curve_by_hand():
    # Y_t - Y_c N_t/N_c: 4; 4-1*1/1=3; 6-1*2/1=4; 6-3*2/2=3; 6-3*3/2=1.5; 6-6*3/3=0; over 3
    _, gain = qini_curve(OUTCOME, IS_TREATED, UPLIFT)
    assert gain == pytest.approx(np.array([0, 4, 3, 4, 3, 1.5, 0]) / 3)


def test_areas_by_hand():
    # trapezoids of width 1/6; both curves end at 0, so the random line is 0 as well
    assert auuc(OUTCOME, IS_TREATED, UPLIFT) == pytest.approx((1 + 1 + 1 + 2.5 / 6) / 6)
    assert qini_coefficient(OUTCOME, IS_TREATED, UPLIFT) == pytest.approx(15.5 / 3 / 6)


def test_uplift_at_k_by_hand():
    assert uplift_at_k(OUTCOME, IS_TREATED, UPLIFT, k=0.5) == pytest.approx(3 - 1)
    assert uplift_at_k(OUTCOME, IS_TREATED, UPLIFT, k=1.0) == pytest.approx(0)


def test_ties_at_the_border_count_in_part():
    # all tie: any share has the mean effect of all
    flat = np.zeros(6)
    for k in (0.1, 0.5, 1.0):
        assert uplift_at_k(OUTCOME + IS_TREATED, IS_TREATED, flat, k) == pytest.approx(1.0)


def test_a_ranking_that_knows_nothing_has_qini_zero_and_half_the_effect():
    outcome = OUTCOME + 2 * IS_TREATED
    assert qini_coefficient(outcome, IS_TREATED, np.ones(6)) == pytest.approx(0)
    assert auuc(outcome, IS_TREATED, np.ones(6)) == pytest.approx(1.0)


def test_the_order_of_rows_changes_nothing():
    rng = np.random.default_rng(3)
    outcome, treated = rng.normal(size=200), rng.integers(0, 2, 200)
    uplift = rng.integers(0, 5, 200).astype(float)  # many ties
    order = rng.permutation(200)
    for metric in (auuc, qini_coefficient, uplift_at_k):
        first = metric(outcome, treated, uplift)
        assert metric(outcome[order], treated[order], uplift[order]) == pytest.approx(first)


def test_reversing_the_ranking_reverses_the_qini_coefficient():
    rng = np.random.default_rng(4)
    uplift = rng.normal(size=4000)
    treated = rng.integers(0, 2, 4000)
    outcome = uplift * treated + rng.normal(size=4000)
    good = qini_coefficient(outcome, treated, uplift)
    assert good > 0.1
    assert qini_coefficient(outcome, treated, -uplift) == pytest.approx(-good, abs=0.05)


def test_weights_stand_for_repeated_customers():
    weight = np.array([2.0, 1, 1, 3, 1, 1])
    index = np.repeat(np.arange(6), weight.astype(int))
    _, weighted = qini_curve(OUTCOME, IS_TREATED, UPLIFT, weight)
    _, repeated = qini_curve(OUTCOME[index], IS_TREATED[index], UPLIFT[index])
    assert weighted == pytest.approx(repeated)


def test_weights_mend_an_uneven_draw():
    # half the customers spend 10 and are treated nine times in ten; the effect is 1 for all
    rng = np.random.default_rng(5)
    rich = rng.random(40_000) < 0.5
    p_treated = np.where(rich, 0.9, 0.1)
    treated = rng.random(40_000) < p_treated
    outcome = 10.0 * rich + treated
    weight = 1 / np.where(treated, p_treated, 1 - p_treated)
    flat = np.zeros(40_000)
    assert uplift_at_k(outcome, treated, flat, 1.0) > 5
    assert uplift_at_k(outcome, treated, flat, 1.0, weight) == pytest.approx(1.0, abs=0.2)


def test_arguments_stay_as_they_are():
    before = [OUTCOME.copy(), IS_TREATED.copy(), UPLIFT.copy()]
    qini_coefficient(OUTCOME, IS_TREATED, UPLIFT)
    for old, new in zip(before, (OUTCOME, IS_TREATED, UPLIFT), strict=True):
        assert (old == new).all()


@pytest.mark.parametrize(
    ("outcome", "treated", "uplift", "found"),
    [
        ([1.0, 2.0], [1, 1], [0.0, 1.0], "2 treated of 2"),
        ([1.0, 2.0], [0, 0], [0.0, 1.0], "0 treated of 2"),
        ([1.0, 2.0, 3.0], [1, 0], [0.0, 1.0], "one length"),
        ([1.0, np.nan], [1, 0], [0.0, 1.0], "finite"),
    ],
    ids=["no control", "no treated", "lengths", "missing"],
)
def test_bad_input_is_refused(outcome, treated, uplift, found):
    with pytest.raises(ParameterError, match=found):
        auuc(np.array(outcome), np.array(treated), np.array(uplift))


@pytest.mark.parametrize("k", [0.0, 1.1])
def test_a_share_outside_0_and_1_is_refused(k):
    with pytest.raises(ParameterError, match="share k"):
        uplift_at_k(OUTCOME, IS_TREATED, UPLIFT, k)


@pytest.fixture(scope="module")
def visits(shared_data):
    with gzip.open(shared_data / "hillstrom.csv.gz", "rt") as file:
        return pd.read_csv(file)


class TestHillstrom:
    """A randomised e-mail test of 64,000 customers with published arm means."""

    @pytest.mark.parametrize(
        ("arm", "column", "effect"),
        [
            ("Mens E-Mail", "visit", 0.1828 - 0.1062),
            ("Womens E-Mail", "visit", 0.1514 - 0.1062),
            ("Mens E-Mail", "spend", 1.423 - 0.653),
            ("Womens E-Mail", "spend", 1.077 - 0.653),
        ],
    )
    def test_every_curve_ends_at_the_published_effect(self, visits, arm, column, effect):
        pair = visits[visits["segment"].isin([arm, "No E-Mail"])]
        arrays = pair[column].to_numpy(), (pair["segment"] == arm).to_numpy(), pair["recency"]
        for curve in (uplift_curve, qini_curve):
            assert curve(*arrays)[1][-1] == pytest.approx(effect, abs=1e-3)

    def test_who_bought_womens_goods_answers_the_womens_mail(self, visits):
        arm = "Womens E-Mail"
        pair = visits[visits["segment"].isin([arm, "No E-Mail"])]
        outcome, treated = pair["visit"].to_numpy(), (pair["segment"] == arm).to_numpy()
        informed = qini_coefficient(outcome, treated, pair["womens"].to_numpy())
        noise = np.random.default_rng(0).random(len(pair))
        assert informed > 0.005
        assert abs(qini_coefficient(outcome, treated, noise)) < 0.003
