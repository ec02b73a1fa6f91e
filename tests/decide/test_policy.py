"""The policy: what it picks, how likely, and that it does not pretend to know."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.decide.catalogue import Action
from src.decide.estimates import build_estimates
from src.decide.policy import blend_policies, choose_policy, floors_of
from src.errors import ParameterError

IDS = pd.Series(["anna", "bert", "cleo"])
NO_DISCOUNTS = pd.DataFrame(columns=["customer_id", "action", "expected_discount_value"]).astype(
    {"customer_id": "str", "action": "str", "expected_discount_value": float}
)
NO_VALUES = pd.DataFrame({"customer_id": ["anna"], "clv": [0.0]})
IS_FIRST = np.array([True, False, True])


def scores(**draws_of: tuple) -> pd.DataFrame:
    """Effects as four members see them: for each customer a list for `share`, one for `amount`."""
    rows = [
        (customer_id, action, draws)
        for customer_id, pair in draws_of.items()
        for action, draws in zip(("share", "amount"), pair, strict=True)
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "draws"])
    effect = frame["draws"].map(lambda draws: np.nan if draws is None else np.mean(draws))
    return frame.assign(uplift_value=effect, lower=effect - 1, upper=effect + 1)


NO_HISTORY = scores(**dict.fromkeys(IDS, (None, None)))
HISTORY = scores(
    anna=([1.02, 1.02, 1.02, 0.0], [0.03, 0.03, 2.03, 0.03]),
    bert=([-1.0, -1.0, -1.0, -1.0], [-2.0, -2.0, 0.5, -2.0]),
    cleo=([0.5, 0.5, 0.5, 0.5], None),
)


def policy_of(
    campaign, uplift_scores, control=0.4, ratio=0.5, minimum=0.05, ids=IDS, exploration=1.0
):
    p_unsubscribe = pd.Series(0.0, index=list(campaign.actions))
    estimates = build_estimates(
        uplift_scores, NO_DISCOUNTS, NO_VALUES, p_unsubscribe, ids, campaign
    )
    is_first = IS_FIRST[: len(ids)]
    return choose_policy(estimates, campaign, is_first, control, ratio, minimum, exploration)


def test_best_arm_must_promise_more_than_nothing(campaign):
    assert policy_of(campaign, HISTORY).best_arm.to_dict() == {
        "anna": "share",  # .765 - .02 is more than .53 - .03
        "bert": "control",
        "cleo": "share",
    }


def test_probabilities_are_shares_of_members_with_a_floor(campaign):
    policy = policy_of(campaign, HISTORY)
    assert policy.mode == "exploit"
    # anna: share is best for two members, amount for one; in the last both lose or earn nothing:
    # share costs .02, amount nets 0, which is no more than control
    assert policy.probabilities.loc["anna"].tolist() == pytest.approx(
        [0.05 + 0.85 / 4, 0.05 + 0.85 * 2 / 4, 0.05 + 0.85 / 4]
    )
    assert policy.probabilities.loc["bert"].tolist() == pytest.approx(
        [0.05 + 0.85 * 3 / 4, 0.05, 0.05 + 0.85 / 4]
    )
    assert policy.probabilities.loc["cleo"].tolist() == pytest.approx([0.05, 0.90, 0.05])
    assert np.allclose(policy.probabilities.sum(axis=1), 1)


def test_members_are_read_jointly_over_actions(campaign):
    # both actions have the same draws, in opposite order: each is best for half of the members
    mixed = scores(anna=([1.0, 3.0], [3.01, 1.01]))
    shares = policy_of(campaign, mixed, ids=IDS.head(1)).probabilities.loc["anna"]
    assert shares.tolist() == pytest.approx([0.05, 0.475, 0.475])


def test_one_effect_for_all_treats_all_or_nobody(campaign):
    all_alike = scores(**dict.fromkeys(IDS, ([0.5] * 4, [-0.5] * 4)))
    assert policy_of(campaign, all_alike).best_arm.eq("share").all()
    harmful = scores(**dict.fromkeys(IDS, ([-0.5] * 4, [-0.5] * 4)))
    policy = policy_of(campaign, harmful)
    assert policy.best_arm.eq("control").all()
    assert policy.probabilities["control"].to_numpy() == pytest.approx([0.9] * 3)


def test_without_history_all_is_exploration_and_says_so(campaign):
    policy = policy_of(campaign, NO_HISTORY)
    assert policy.mode == "explore"
    # those first in line are contacted with .6, the others half as often
    assert policy.probabilities.loc["anna"].tolist() == pytest.approx([0.4, 0.3, 0.3])
    assert policy.probabilities.loc["bert"].tolist() == pytest.approx([0.7, 0.15, 0.15])
    assert policy.best_arm.eq("").all()
    assert policy.note.startswith("No randomised history yet")


def test_no_scores_at_all_are_no_history(campaign):
    assert policy_of(campaign, NO_HISTORY.head(0)).mode == "explore"


def test_customer_without_estimate_is_explored_among_others(campaign):
    policy = policy_of(campaign, HISTORY[HISTORY["customer_id"].ne("bert")])
    assert policy.mode == "exploit"
    assert policy.best_arm["bert"] == ""
    assert policy.probabilities.loc["bert"].tolist() == pytest.approx([0.7, 0.15, 0.15])
    assert "1 customers without an estimate" in policy.note


def test_action_without_estimate_is_never_the_best(campaign):
    uplift_scores = scores(**dict.fromkeys(IDS, ([-1.0], None)))
    policy = policy_of(campaign, uplift_scores)
    assert policy.best_arm.eq("control").all()
    assert policy.probabilities["amount"].to_numpy() == pytest.approx([0.05] * 3)


def test_hours_are_arms_like_any_other(campaign):
    hours = {
        f"at_{hour}": Action(label=f"The same at {hour}", template="t") for hour in (8, 12, 18, 21)
    }
    plan = campaign.model_copy(update={"actions": hours})
    best = {"anna": 2, "bert": 0, "cleo": 3}
    rows = [
        (customer, name, [1.0 + (k == best[customer])] * 2)
        for customer in IDS
        for k, name in enumerate(hours)
    ]
    frame = pd.DataFrame(rows, columns=["customer_id", "action", "draws"])
    frame = frame.assign(uplift_value=frame["draws"].str[0], lower=0.0, upper=3.0)
    policy = policy_of(plan, frame)
    assert policy.best_arm.tolist() == ["at_18", "at_8", "at_21"]
    assert policy.probabilities.to_numpy().max(axis=1) == pytest.approx([0.8] * 3)


def test_nobody_to_decide_about(campaign):
    assert policy_of(campaign, HISTORY, ids=IDS.head(0)).probabilities.empty


def test_version_names_settings_and_estimates(campaign):
    versions = [
        policy_of(campaign, HISTORY).version,
        policy_of(campaign, HISTORY, minimum=0.06).version,
        policy_of(campaign, NO_HISTORY).version,
        policy_of(campaign, HISTORY.assign(uplift_value=HISTORY["uplift_value"] + 1)).version,
    ]
    assert len(set(versions)) == 4
    assert policy_of(campaign, HISTORY).version == versions[0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"minimum": 0.34}, "min_pscore"),
        ({"minimum": 0.0}, "min_pscore"),
        ({"control": 0.04}, "control_share"),
        ({"control": 0.85}, "control_share"),  # leaves .15 / 2 * .5 to an action
        ({"ratio": 0.0}, "later_ratio"),
        ({"ratio": 1.1}, "later_ratio"),
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


def test_a_new_policy_on_trial_decides_for_its_share(campaign):
    running, new = policy_of(campaign, NO_HISTORY), policy_of(campaign, HISTORY)
    trial = blend_policies(running, new, 0.1, "On trial.")
    expected = 0.9 * running.probabilities + 0.1 * new.probabilities
    pd.testing.assert_frame_equal(trial.probabilities, expected)
    assert trial.best_arm.equals(running.best_arm)
    assert trial.profits.equals(new.profits)
    assert trial.note == "On trial."
    assert blend_policies(replace(running, version="x"), new, 0.1, "").version != trial.version


def test_control_may_be_kept_likelier_than_the_actions(campaign):
    floors = floors_of(campaign.arms, 0.01, 0.2)
    shares = policy_of(campaign, HISTORY, minimum=floors).probabilities
    assert shares.loc["cleo"].tolist() == pytest.approx([0.2, 0.01 + 0.78, 0.01])  # sure of one
    assert np.allclose(shares.sum(axis=1), 1)


@pytest.mark.parametrize("exploration", [-0.1, 1.1])
def test_exploration_is_a_share(campaign, exploration):
    with pytest.raises(ParameterError, match="exploration from 0 to 1"):
        policy_of(campaign, HISTORY, exploration=exploration)
