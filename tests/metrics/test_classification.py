import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from src.errors import ParameterError
from src.metrics.classification import (
    auc,
    brier_score,
    calibration_table,
    expected_calibration_error,
    log_loss,
    rank_table,
)


def test_log_loss_by_hand():
    # -(ln 0.8 + ln 0.6) / 2 = (0.22314 + 0.51083) / 2
    assert log_loss(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(0.366985, abs=1e-6)


def test_brier_score_by_hand():
    # (0.2^2 + 0.4^2) / 2
    assert brier_score(np.array([1, 0]), np.array([0.8, 0.4])) == pytest.approx(0.1)


def test_auc_by_hand_with_a_tie():
    # pairs (yes, no): (.9, .5) 1, (.9, .1) 1, (.5, .5) 1/2, (.5, .1) 1: 3.5 of 4
    y, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.5, 0.5, 0.1])
    assert auc(y, p) == pytest.approx(0.875)


def test_auc_agrees_with_scikit_learn_where_ties_abound():
    rng = np.random.default_rng(7)
    y, p = rng.integers(0, 2, 400), rng.integers(0, 6, 400) / 5
    assert auc(y, p) == pytest.approx(roc_auc_score(y, p), abs=1e-12)


def test_perfect_probabilities_lose_nothing():
    y = np.array([0.0, 1.0, 1.0])
    assert log_loss(y, y) == pytest.approx(0, abs=1e-12)
    assert brier_score(y, y) == 0
    assert auc(y, y) == 1


def test_certainty_that_is_wrong_costs_much_but_not_everything():
    assert log_loss(np.array([1]), np.array([0.0])) == pytest.approx(-np.log(1e-15), rel=1e-6)


def test_random_order_has_an_auc_near_one_half():
    rng = np.random.default_rng(1)
    # standard error of the AUC of 10,000 random rows is about 0.006
    assert auc(rng.integers(0, 2, 10_000), rng.random(10_000)) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("only", [0, 1])
def test_auc_of_one_class_is_unknown(only):
    assert np.isnan(auc(np.full(5, only), np.linspace(0, 1, 5)))


def test_calibration_table_by_hand():
    # two bins of two: p .1 .2 with one yes, p .7 .9 with two
    y, p = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.7, 0.9])
    table = calibration_table(y, p, n_bins=2)
    assert table["n"].tolist() == [2, 2]
    assert table["p_mean"].tolist() == pytest.approx([0.15, 0.8])
    assert table["rate"].tolist() == pytest.approx([0.5, 1.0])
    # |.15 - .5| / 2 + |.8 - 1| / 2
    assert expected_calibration_error(y, p, n_bins=2) == pytest.approx(0.275)


def test_equal_probabilities_share_a_bin():
    table = calibration_table(np.array([0, 1, 1, 0]), np.full(4, 0.5), n_bins=10)
    assert table["n"].tolist() == [4]
    assert expected_calibration_error(np.array([0, 1, 1, 0]), np.full(4, 0.5)) == 0


def test_calibration_bins_hold_every_customer_once():
    rng = np.random.default_rng(3)
    y, p = rng.integers(0, 2, 103), rng.integers(0, 30, 103) / 29
    assert calibration_table(y, p)["n"].sum() == 103


def test_rank_table_by_hand():
    # likeliest half: outcomes 1 1, other half: 1 0; rate of all 3/4
    y, p = np.array([0, 1, 1, 1]), np.array([0.1, 0.2, 0.7, 0.9])
    table = rank_table(y, p, n_bins=2)
    assert table["rate"].tolist() == pytest.approx([1.0, 0.5])
    assert table["lift"].tolist() == pytest.approx([4 / 3, 2 / 3])


def test_ties_in_rank_count_with_their_mean_outcome():
    table = rank_table(np.array([1, 0, 1, 0]), np.full(4, 0.3), n_bins=2)
    assert table["rate"].tolist() == pytest.approx([0.5, 0.5])


def test_row_order_changes_nothing():
    rng = np.random.default_rng(5)
    y, p = rng.integers(0, 2, 60), rng.integers(0, 9, 60) / 8
    order = rng.permutation(60)
    assert auc(y, p) == auc(y[order], p[order])
    assert calibration_table(y, p)["n"].equals(calibration_table(y[order], p[order])["n"])
    assert rank_table(y, p)["rate"].to_numpy() == pytest.approx(
        rank_table(y[order], p[order])["rate"].to_numpy()
    )


@pytest.mark.parametrize(
    ("y", "p", "match"),
    [
        ([0, 1], [0.5], "one length"),
        ([], [], "one length"),
        ([0, 2], [0.5, 0.5], "0 or 1"),
        ([0, 1], [0.5, 1.5], "0 to 1"),
        ([0, 1], [0.5, np.nan], "missing"),
    ],
    ids=["shape", "empty", "label", "range", "nan"],
)
def test_bad_input_is_refused(y, p, match):
    with pytest.raises(ParameterError, match=match):
        log_loss(np.array(y), np.array(p))
