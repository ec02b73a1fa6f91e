"""The best split against a search over all splits, and at its limits."""

import numpy as np
import pandas as pd
import pytest

from src.decide.policy import EXPLOIT, Policy
from src.decide.power import measure_spread
from src.decide.split import Split, best_split, compare_splits, planned_costs, split_sentence
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


def test_what_the_plan_costs_by_hand(campaign):
    ids = pd.Index(["anna", "bert"], name="customer_id")
    arms = ["control", "share", "amount"]
    policy = Policy(
        mode=EXPLOIT,
        version="v",
        probabilities=pd.DataFrame([[0.5, 0.5, 0.0], [0.2, 0.2, 0.6]], ids, arms),
        profits=pd.DataFrame([[0.0, 3.0, 1.0], [0.0, -1.0, -2.0]], ids, arms),
        best_arm=pd.Series(["share", "control"], ids),
        note="",
    )
    estimates = pd.DataFrame(
        {
            "cost_value": [0.1, 0.2] * 2,
            "expected_discount_value": [0.3, 0.0, 0.0, 0.0],
            "unsubscribe_loss_value": 0.1,
        }
    )
    plan, n, treated, control = planned_costs(estimates, policy, campaign, 2.0)
    assert (plan.n_treated, plan.n_control, n) == (pytest.approx(1.3), pytest.approx(0.7), 2)
    # .5 * .5 for anna; .2 * .2 and .6 * .3 for bert
    assert treated == pytest.approx((0.25 + 0.04 + 0.18) / 1.3)
    assert control == pytest.approx(1.5)  # anna's 3 and bert's nothing
    assert plan.cost_value == pytest.approx(0.47 + 0.7 * 1.5)
