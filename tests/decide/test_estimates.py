"""Expected profit by hand: known effects, unknown ones, and what unsubscribing costs."""

import numpy as np
import pandas as pd
import pytest

from src.decide.estimates import build_estimates, profit_draws, profit_grid, spend_grid

IDS = pd.Series(["anna", "bert"])
DISCOUNTS = pd.DataFrame(
    {
        "customer_id": ["anna", "anna"],
        "action": ["share", "amount"],
        "expected_discount_value": [0.20, 0.25],
    }
)
VALUES = pd.DataFrame({"customer_id": ["anna"], "clv": [100.0]})
P_UNSUBSCRIBE = pd.Series({"share": 0.002, "amount": 0.001})


def scores(*rows) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "draws"])
    effect = frame["draws"].map(lambda draws: np.nan if draws is None else np.mean(draws))
    return frame.assign(uplift_value=effect, lower=effect - 1, upper=effect + 1)


SCORES = scores(
    ("anna", "share", [1.0, 2.0]),
    ("anna", "amount", [0.5, 0.7]),
    ("bert", "share", None),
    ("bert", "amount", [-1.0, 1.0]),
)


def estimates_of(campaign, uplift_scores=SCORES):
    return build_estimates(uplift_scores, DISCOUNTS, VALUES, P_UNSUBSCRIBE, IDS, campaign)


def test_profit_by_hand(campaign):
    profits, is_known = profit_grid(estimates_of(campaign), campaign)
    # anna: 1.5 - .02 - .002 * .1 * 100 and .6 - .03 - .001 * .1 * 100: discounts are in the effect
    assert profits[0].tolist() == pytest.approx([0, 1.46, 0.56])
    # bert has no value to lose and no typical discount; share's effect is unknown
    assert profits[1].tolist() == pytest.approx([0, -0.02, -0.03])
    assert is_known.tolist() == [[False, True, True], [False, False, True]]


def test_without_history_the_price_of_learning_is_left(campaign):
    estimates = estimates_of(campaign, SCORES.head(0))
    assert not estimates["is_known"].any()
    # anna: a message, the discount on orders that come anyway, and the risk of losing her
    assert estimates["expected_profit_value"].tolist() == pytest.approx(
        [-0.02 - 0.20 - 0.02, -0.03 - 0.25 - 0.01, -0.02, -0.03]
    )


def test_members_see_the_same_costs(campaign):
    draws = profit_draws(estimates_of(campaign), campaign)
    assert draws.shape == (2, 2, 3)
    assert draws[0, 0].tolist() == pytest.approx([0, 1.0 - 0.04, 0.5 - 0.04])  # of anna
    assert draws[1, 0].tolist() == pytest.approx([0, 2.0 - 0.04, 0.7 - 0.04])
    assert draws[:, 1, 1].tolist() == [-np.inf, -np.inf]
    assert draws[:, 1, 2].tolist() == pytest.approx([-1.03, 0.97])


def test_members_come_as_near_to_the_estimate_as_is_asked(campaign):
    estimates = estimates_of(campaign)
    whole = profit_draws(estimates, campaign)
    half = profit_draws(estimates, campaign, exploration=0.5)
    assert half[0, 0, 1] == pytest.approx(
        (whole[0, 0, 1] + estimates.loc[0, "expected_profit_value"]) / 2
    )
    sure = profit_draws(estimates, campaign, exploration=0.0)
    assert sure[:, 0, 1].tolist() == pytest.approx([estimates.loc[0, "expected_profit_value"]] * 2)
    assert sure[:, 1, 1].tolist() == [-np.inf, -np.inf]


def test_spend_is_what_goes_out(campaign):
    spend = spend_grid(estimates_of(campaign), campaign)
    assert spend.tolist() == [pytest.approx([0, 0.22, 0.28]), pytest.approx([0, 0.02, 0.03])]
