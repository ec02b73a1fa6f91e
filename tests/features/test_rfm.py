import pandas as pd
import pytest

from src.features.rfm import score


@pytest.fixture
def scores(engine):
    def make(recency, frequency, monetary, n_bins=5):
        rfm = engine.create_table(
            "rfm",
            pd.DataFrame(
                {
                    "customer_id": [f"c{i}" for i in range(len(recency))],
                    "recency_days": recency,
                    "frequency": frequency,
                    "monetary_value": monetary,
                }
            ),
            overwrite=True,
        )
        scored = rfm.mutate(
            r_score=score(-rfm.recency_days, n_bins),
            f_score=score(rfm.frequency, n_bins),
            m_score=score(rfm.monetary_value, n_bins),
        )
        return scored.order_by("customer_id").to_pandas()

    return make


def test_five_different_customers_get_five_scores_and_recency_is_reversed(scores):
    found = scores([0, 1, 2, 3, 4], [1, 2, 3, 4, 5], [5.0, 4.0, 3.0, 2.0, 1.0])
    assert found["r_score"].tolist() == [5, 4, 3, 2, 1]
    assert found["f_score"].tolist() == [1, 2, 3, 4, 5]
    assert found["m_score"].tolist() == [5, 4, 3, 2, 1]


def test_score_is_the_share_strictly_worse(scores):
    # frequencies 1 1 1 2 9: none below 1; 3 of 5 below 2: 1 + floor(3); 4 of 5 below 9
    found = scores([0] * 5, [1, 1, 1, 2, 9], [1.0] * 5)
    assert found["f_score"].tolist() == [1, 1, 1, 4, 5]


@pytest.mark.parametrize("n", [1, 2, 7])
def test_all_equal_share_the_lowest_bin(scores, n):
    found = scores([3] * n, [2] * n, [1.5] * n)
    assert (found[["r_score", "f_score", "m_score"]] == 1).all(axis=None)


def test_three_customers_leave_bins_empty(scores):
    # 0, 1 and 2 of 3 below: 1, 1 + floor(5 / 3), 1 + floor(10 / 3)
    assert scores([9, 5, 1], [1, 2, 3], [1.0, 2.0, 3.0])["f_score"].tolist() == [1, 2, 4]


def test_bins_are_even_for_many_different_values(scores):
    found = scores(list(range(100)), list(range(100)), [float(i) for i in range(100)])
    for name in ("r_score", "f_score", "m_score"):
        assert found[name].value_counts().to_dict() == dict.fromkeys(range(1, 6), 20)


def test_number_of_bins_can_be_chosen(scores):
    assert scores([1, 2], [1, 2], [1.0, 2.0], n_bins=2)["f_score"].tolist() == [1, 2]
