"""The best split against a search over all splits, and at its limits."""

import numpy as np
import pytest

from src.decide.power import measure_spread
from src.decide.split import Split, best_split, compare_splits, split_sentence
from src.errors import ParameterError


def searched(n: int, treated: float, control: float, budget: float) -> float:
    """Smallest factor among all splits of up to n customers, by looking at each."""
    n_treated, n_control = np.meshgrid(np.arange(1, n), np.arange(1, n))
    is_possible = (n_treated + n_control <= n) & (
        treated * n_treated + control * n_control <= budget + 1e-9
    )
    return (1 / n_treated + 1 / n_control)[is_possible].min()


@pytest.mark.parametrize(
    ("treated", "control", "budget"),
    [(1, 1, 1e9), (4, 1, 300), (2, 0, 100), (0, 3, 90), (3, 1, 500), (1, 3, 500), (0, 0, 0)],
    ids=["free", "inside", "free control", "free contact", "both", "dear control", "nothing"],
)  # fmt: skip
def test_no_split_detects_more_for_the_money(treated, control, budget):
    split = best_split(300, treated, control, budget)
    assert split.cost_value <= budget + 1e-9
    assert split.n_treated + split.n_control <= 300 + 1e-9
    found = searched(300, treated, control, budget)
    assert split.factor <= found + 1e-12
    assert split.factor == pytest.approx(found, rel=0.02)  # whole customers cost a little


def test_nothing_to_spend_detects_nothing():
    assert best_split(100, 1.0, 1.0, 0.0).factor == np.inf
    assert best_split(0, 1.0, 0.0, 9.0).factor == np.inf


def test_a_gain_is_no_cost():
    with pytest.raises(ParameterError, match="at least 0"):
        best_split(10, -1.0, 0.0, 9.0)


def test_table_and_sentence_by_hand():
    spread = measure_spread(np.array([0.0, 20.0] * 50), np.zeros(100))
    # 90 contacted and 10 in control cost 180; so do 90 at most, and half and half would cost 100
    table = compare_splits(spread, Split(90, 10, 180.0, 1 / 90 + 1 / 10), 100, 2.0, 0.0)
    table = table.set_index("split")
    assert table.loc["best at this plan's cost", ["n_treated", "n_control"]].tolist() == [50, 50]
    ratio = table.loc["this plan", "mde_value"] / table.loc["half in control", "mde_value"]
    assert ratio == pytest.approx(np.sqrt((1 / 90 + 1 / 10) / (1 / 50 + 1 / 50)))
    assert "**50 contacted and 50 in control**" in split_sentence(table.reset_index())
    same = compare_splits(spread, Split(50, 50, 100.0, 1 / 25), 100, 2.0, 0.0)
    assert split_sentence(same).startswith("No other split")
