"""The policy: what it picks, how likely, and that it does not pretend to know."""

import numpy as np
import pandas as pd
import pytest

from src.decide.policy import build_estimates, choose_policy
from src.errors import ParameterError

IDS = pd.Series(["anna", "bert", "cleo"])
DISCOUNTS = pd.DataFrame(
    {
        "customer_id": ["anna", "anna", "bert"],
        "action": ["share", "amount", "share"],
        "expected_discount_value": [0.20, 0.25, 0.10],
    }
)


def scores(**uplifts: tuple[float, float]) -> pd.DataFrame:
    rows = [
        (customer_id, action, value)
        for customer_id, pair in uplifts.items()
        for action, value in zip(("share", "amount"), pair, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "uplift_value"])
    return frame.assign(lower=frame["uplift_value"] - 1, upper=frame["uplift_value"] + 1)


NO_HISTORY = scores(**dict.fromkeys(IDS, (np.nan, np.nan)))
HISTORY = scores(anna=(1.0, 1.5), bert=(0.05, -2.0), cleo=(0.03, np.nan))


def policy_of(campaign, uplift_scores, exploration=0.3, control=0.4, minimum=0.05):
    estimates = build_estimates(uplift_scores, DISCOUNTS, IDS, campaign)
    return choose_policy(estimates, campaign, exploration, control, minimum)


def test_expected_profit_by_hand(campaign):
    profits = policy_of(campaign, HISTORY).profits
    assert profits.columns.tolist() == ["control", "share", "amount"]
    # anna: 1.00 - .02 - .20 and 1.50 - .03 - .25; bert: .05 - .02 - .10 and -2 - .03
    assert profits.loc["anna"].tolist() == pytest.approx([0, 0.78, 1.22])
    assert profits.loc["bert"].tolist() == pytest.approx([0, -0.07, -2.03])
    assert profits.loc["cleo"].tolist() == pytest.approx([0, 0.01, -0.03])


def test_best_arm_must_promise_more_than_nothing(campaign):
    assert policy_of(campaign, HISTORY).best_arm.to_dict() == {
        "anna": "amount",
        "bert": "control",
        "cleo": "share",
    }


def test_probabilities_by_hand(campaign):
    policy = policy_of(campaign, HISTORY)
    # .3 spread over three arms, .7 on the best
    assert policy.mode == "exploit"
    assert policy.probabilities.loc["anna"].tolist() == pytest.approx([0.1, 0.1, 0.8])
    assert policy.probabilities.loc["bert"].tolist() == pytest.approx([0.8, 0.1, 0.1])
    assert np.allclose(policy.probabilities.sum(axis=1), 1)


def test_exploration_is_raised_to_the_least_probability_and_says_so(campaign):
    policy = policy_of(campaign, HISTORY, exploration=0.0)
    assert policy.probabilities.to_numpy().min() == pytest.approx(0.05)
    assert "Raised from 0%" in policy.note


def test_without_history_all_is_exploration_and_says_so(campaign):
    policy = policy_of(campaign, NO_HISTORY)
    assert policy.mode == "explore"
    assert policy.probabilities.loc["anna"].tolist() == pytest.approx([0.4, 0.3, 0.3])
    assert policy.best_arm.eq("").all()
    assert policy.note.startswith("No randomised history yet")
    # the price of learning: a message and the discount on orders that come anyway
    assert policy.profits.loc["anna"].tolist() == pytest.approx([0, -0.22, -0.28])


def test_no_scores_at_all_are_no_history(campaign):
    policy = policy_of(campaign, NO_HISTORY.head(0))
    assert policy.mode == "explore"


def test_customer_without_estimate_is_explored_among_others(campaign):
    policy = policy_of(campaign, HISTORY[HISTORY["customer_id"].ne("bert")])
    assert policy.mode == "exploit"
    assert policy.best_arm["bert"] == ""
    assert policy.probabilities.loc["bert"].tolist() == pytest.approx([0.4, 0.3, 0.3])
    assert "1 customers without an estimate" in policy.note


def test_action_without_estimate_is_never_the_best(campaign):
    uplift_scores = scores(anna=(-1.0, np.nan), bert=(-1.0, np.nan), cleo=(-1.0, np.nan))
    assert policy_of(campaign, uplift_scores).best_arm.eq("control").all()


def test_nobody_to_decide_about(campaign):
    estimates = build_estimates(HISTORY, DISCOUNTS, IDS.head(0), campaign)
    assert choose_policy(estimates, campaign, 0.3, 0.4, 0.05).probabilities.empty


def test_version_names_the_settings(campaign):
    versions = {
        policy_of(campaign, HISTORY).version,
        policy_of(campaign, HISTORY, exploration=0.31).version,
        policy_of(campaign, NO_HISTORY).version,
    }
    assert len(versions) == 3
    assert policy_of(campaign, HISTORY).version in versions


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimum": 0.34}, "min_pscore"),
        ({"minimum": 0.0}, "min_pscore"),
        ({"exploration": 1.1}, "exploration_share"),
        ({"control": 0.04}, "control_share"),
        ({"control": 0.95}, "control_share"),
    ],
)
def test_impossible_shares_are_refused(campaign, settings, message):
    with pytest.raises(ParameterError, match=message):
        policy_of(campaign, HISTORY, **settings)


def test_row_order_changes_nothing(campaign):
    shuffled = policy_of(campaign, HISTORY.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(
        shuffled.probabilities, policy_of(campaign, HISTORY).probabilities
    )
