"""What others would have earned, by hand."""

import numpy as np
import pandas as pd
import pytest

from src.rehearsal.rivals import rival_profits

# control, ten, five: a hunter, a sleeping dog, one who does not care, a lesser hunter
EFFECTS = np.array([[0.0, 4.0, 1.0], [0.0, -3.0, -2.0], [0.0, -0.1, -0.1], [0.0, 1.0, 2.0]])
PROFILES = pd.DataFrame(
    {
        "customer_id": ["a", "b", "c", "d"],
        "r_score": [1, 5, 4, 2],
        "f_score": [2, 5, 3, 5],  # d alone is often and late
        "m_score": [2, 5, 3, 1],
    }
)
VALUES = pd.Series([10.0, 90.0, 20.0, 30.0])


def test_two_letters_among_four_customers():
    found = rival_profits(EFFECTS, 2, PROFILES, VALUES)
    assert found["oracle"] == 4.0 + 2.0
    assert found["nobody"] == 0.0
    assert found["everybody"] == pytest.approx(0.5 * (4.0 - 3.0 - 0.1 + 1.0))
    assert found["random"] == pytest.approx(0.5 * (2.5 - 2.5 - 0.1 + 1.5))
    assert found["rfm"] == max(1.0 - 3.0, 2.0 - 2.0)  # d, then b of the best scores


def test_the_oracle_leaves_alone_whom_nothing_is_earned_by():
    found = rival_profits(EFFECTS, 4, PROFILES, VALUES)
    assert found["oracle"] == 6.0
    assert found["everybody"] == pytest.approx(1.9)


def test_where_nothing_works_the_oracle_writes_to_nobody():
    found = rival_profits(np.array([[0.0, -0.05]] * 4), 2, PROFILES, VALUES)
    assert found["oracle"] == 0.0
    assert found["everybody"] == found["random"] == found["rfm"] == pytest.approx(-0.1)


def test_a_budget_beyond_everybody_is_everybody():
    assert rival_profits(EFFECTS, 9, PROFILES, VALUES) == rival_profits(
        EFFECTS, 4, PROFILES, VALUES
    )


def test_an_empty_experiment_earns_nothing():
    found = rival_profits(EFFECTS[:0], 2, PROFILES[:0], VALUES[:0])
    assert set(found.values()) == {0.0}
