import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from src.errors import ParameterError
from src.metrics.classification import auc, brier_score, log_loss, rank_table
from src.metrics.intervals import bootstrap_difference
from src.metrics.resampled import (
    MEASURES,
    compare_measures,
    draw_counts,
    drawn_auc,
    drawn_brier,
    drawn_calibration_slope,
    drawn_lift,
    drawn_log_loss,
)


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.05, 0.95, 300)
    y = (rng.random(300) < truth).astype(float)
    p = np.round(expit(1.5 * logit(truth)), 2)  # rounded: there are ties
    return y, np.clip(p, 0.01, 0.99)


def test_counts_are_draws_of_n_customers():
    blocks = list(draw_counts(50, seed=1, n_resamples=30))
    counts = np.concatenate(blocks)
    assert counts.shape == (30, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.max() > 1
    again = np.concatenate(list(draw_counts(50, seed=1, n_resamples=30)))
    assert again.tolist() == counts.tolist()


def test_counting_rows_is_drawing_rows(drawn):
    y, p = drawn
    counts = next(draw_counts(300, seed=2, n_resamples=3))
    for row, count in enumerate(counts):
        index = np.repeat(np.arange(300), count.astype(int))
        assert drawn_auc(y, p, counts)[row] == pytest.approx(auc(y[index], p[index]))
        assert drawn_brier(y, p, counts)[row] == pytest.approx(brier_score(y[index], p[index]))
        assert drawn_log_loss(y, p, counts)[row] == pytest.approx(log_loss(y[index], p[index]))
        top = rank_table(y[index], p[index])["lift"].iloc[0]
        assert drawn_lift(y, p, counts)[row] == pytest.approx(top, abs=0.02)
        line = LogisticRegression(C=np.inf, tol=1e-10).fit(logit(p[index])[:, None], y[index])
        slope = drawn_calibration_slope(y, p, counts)[row]
        assert slope == pytest.approx(line.coef_[0, 0], abs=1e-6)


def test_a_slope_tells_too_bold_from_too_shy():
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.05, 0.95, 20_000)
    y = (rng.random(20_000) < truth).astype(float)
    once = np.ones((1, 20_000))
    for stretch in (0.5, 1.0, 2.0):
        p = expit(stretch * logit(truth))
        # the log-odds were stretched by this much, so the slope undoes it
        assert drawn_calibration_slope(y, p, once)[0] == pytest.approx(1 / stretch, rel=0.05)


def test_lift_by_hand_with_a_tie_at_the_cut():
    y = np.array([1, 0, 1, 0, 0])
    p = np.array([0.9, 0.5, 0.5, 0.5, 0.1])
    # top 2 of 5: the first, and one of three at .5 with 1/3 orders: (1 + 1/3) / 2 over 2/5
    assert drawn_lift(y, p, np.ones((1, 5)), share=0.4)[0] == pytest.approx((4 / 3 / 2) / 0.4)


@pytest.mark.parametrize("measure", ["auc", "calibration_slope"])
def test_one_class_has_no_order(measure):
    y, p = np.ones(4), np.array([0.1, 0.2, 0.3, 0.4])
    assert np.isnan(MEASURES[measure][0](y, p, np.ones((1, 4)))).all()


def test_one_rate_for_all_has_no_slope_and_lift_1():
    y, p = np.array([1.0, 0.0, 1.0, 0.0]), np.full(4, 0.5)
    assert np.isnan(drawn_calibration_slope(y, p, np.ones((1, 4)))[0])
    assert drawn_lift(y, p, np.ones((1, 4)))[0] == pytest.approx(1.0)


def test_a_lead_is_paired_and_above_zero_where_better(drawn):
    y, p = drawn
    worse = np.full(300, y.mean())
    table = compare_measures(y, {"rate": worse, "model": p}, "rate", seed=1, n_resamples=300)
    found = table.set_index(["candidate", "measure"])
    ours = found.loc[("model", "log_loss")]
    losses = [-(y * np.log(q) + (1 - y) * np.log1p(-q)) for q in (worse, p)]
    theirs = bootstrap_difference(*losses, seed=5, n_resamples=4000)
    assert ours["lead"] == pytest.approx(theirs.estimate)
    # 300 against 4,000 draws: the ends agree to about a tenth of the width
    width = theirs.upper - theirs.lower
    assert ours["lead_lower"] == pytest.approx(theirs.lower, abs=0.1 * width)
    assert ours["lead_upper"] == pytest.approx(theirs.upper, abs=0.1 * width)
    assert (found.loc["model"].drop("calibration_slope")["lead_lower"] > 0).all()
    assert (found.loc["rate"].drop("calibration_slope")[["lead", "lead_upper"]] == 0).all().all()


def test_a_missing_baseline_is_refused(drawn):
    with pytest.raises(ParameterError, match="baseline 'rule' among"):
        compare_measures(drawn[0], {"model": drawn[1]}, "rule", seed=1)
