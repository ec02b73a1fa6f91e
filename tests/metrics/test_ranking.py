import numpy as np
import pytest

from src.errors import ParameterError
from src.metrics.ranking import coverage, ndcg_at_k, precision_at_k, recall_at_k

IS_HIT = np.array([[True, False, True], [False, False, False], [True, True, True]])
N_RELEVANT = np.array([4, 2, 3])


def test_recall_by_hand():
    assert recall_at_k(IS_HIT, N_RELEVANT) == pytest.approx([2 / 4, 0, 1])


def test_precision_by_hand():
    assert precision_at_k(IS_HIT, N_RELEVANT) == pytest.approx([2 / 3, 0, 1])


def test_ndcg_by_hand():
    # hits at 1 and 3: 1 + 1/log2(4) = 1.5; a perfect three: 1 + 1/log2(3) + 1/2
    perfect = 1 + 1 / np.log2(3) + 0.5
    assert ndcg_at_k(IS_HIT, N_RELEVANT) == pytest.approx([1.5 / perfect, 0, 1])


def test_a_perfect_short_list_has_ndcg_one_though_recall_cannot():
    is_hit, n_relevant = np.array([[True, True]]), np.array([10])
    assert ndcg_at_k(is_hit, n_relevant) == pytest.approx([1.0])
    assert recall_at_k(is_hit, n_relevant) == pytest.approx([0.2])


def test_a_hit_counts_more_the_higher_it_stands():
    first, last = np.array([[True, False]]), np.array([[False, True]])
    assert ndcg_at_k(first, np.array([1]))[0] > ndcg_at_k(last, np.array([1]))[0]


@pytest.mark.parametrize("metric", [recall_at_k, precision_at_k, ndcg_at_k])
def test_who_bought_nothing_says_nothing(metric):
    assert np.isnan(metric(np.array([[False, False]]), np.array([0]))).all()


def test_coverage_of_one_list_for_all():
    assert coverage(np.array([[0, 1], [1, 0]]), n_items=10) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("is_hit", "n_relevant", "found"),
    [
        (np.array([True]), np.array([1]), "one row of hits"),
        (np.array([[True, True]]), np.array([1]), "count each item once"),
        (np.array([[True]]), np.array([1, 1]), "one row of hits"),
    ],
    ids=["flat", "too many hits", "lengths"],
)
def test_bad_input_is_refused(is_hit, n_relevant, found):
    with pytest.raises(ParameterError, match=found):
        recall_at_k(is_hit, n_relevant)


def test_coverage_needs_items():
    with pytest.raises(ParameterError, match="at least one item"):
        coverage(np.array([[0]]), n_items=0)
