"""A new policy on past rounds: replayed by hand, and let through only if surely better."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.decide.policy import EXPLOIT, EXPLORE, Policy
from src.decide.trial import (
    decide_who_decides,
    judge_by_rounds,
    leave_alone,
    replay_policies,
    replay_rounds,
)

CHARGES = pd.Series({"share": 0.5, "amount": 1.0})
FLOOR = 0.05


def rounds_of(drawn, pscore, outcome, effects, control_value=0.0, open_share=1.0) -> pd.DataFrame:
    """Effects by round and action, `share` first; NaN: the campaign had no such action."""
    n = len(drawn)
    frame = pd.DataFrame(
        {
            "campaign_id": "spring",
            "customer_id": [f"c{i:05d}" for i in range(n)],
            "drawn_action": drawn,
            "pscore": pscore,
            "outcome_value": outcome,
            "control_value": control_value,
            "open_share": open_share,
        }
    )
    long = frame.loc[np.repeat(frame.index, 2)].assign(
        action=["share", "amount"] * n, uplift_value=np.ravel(effects)
    )
    return long.dropna(subset="uplift_value")


def policy_of(mode: str, share: float) -> Policy:
    ids = pd.Index(["anna"], name="customer_id")
    arms = ["control", "share"]
    return Policy(
        mode=mode,
        version=mode,
        probabilities=pd.DataFrame([[1 - share, share]], ids, arms),
        profits=pd.DataFrame([[0.0, 1.0 if mode == EXPLOIT else -1.0]], ids, arms),
        best_arm=pd.Series(["share" if mode == EXPLOIT else ""], ids),
        note=f"note of {mode}.",
    )


RUNNING, NEW = policy_of(EXPLORE, 0.5), policy_of(EXPLOIT, 0.9)
TEN = replace(NEW, profits=pd.concat([NEW.profits] * 10))


def test_rounds_are_replayed_by_hand(campaign):
    rounds = rounds_of(
        ["share", "control", "amount"],
        [0.3, 0.4, 0.3],
        [5.0, 2.0, 4.0],
        [(2.0, 1.0), (0.2, 0.9), (0.2, np.nan)],
        control_value=[1.0, 2.0, 3.0],
    )
    replayed = replay_rounds(rounds, campaign, CHARGES, FLOOR)
    # net effects: 1.5 and 0; -.3 and -.1; -.3 and none: share, control, control
    assert replayed.action_prob.tolist() == pytest.approx([0.90, 0.90, 0.05])
    # 5 - .5 - 1, 2 - 2, 4 - 1 - 3
    assert replayed.reward.tolist() == pytest.approx([3.5, 0.0, 0.0])
    assert replayed.predicted.tolist() == pytest.approx([1.5, 0.0, 0.0])
    assert replayed.predicted_value.tolist() == pytest.approx(
        [0.9 * 1.5, 0.05 * -0.3 + 0.05 * -0.1, 0.05 * -0.3]
    )


def logged(n: int, gain: float, seed: int) -> pd.DataFrame:
    """Share gains some customers and loses others as much; the effects are known exactly."""
    rng = np.random.default_rng(seed)
    arms = np.array(["control", "share", "amount"])
    drawn = rng.choice(arms, n, p=[0.4, 0.3, 0.3])
    effect = gain * np.where(rng.random(n) < 0.5, 1.0, -1.0)
    outcome = rng.gamma(1.0, 10.0, n) + np.where(drawn == "share", effect, 0.0)
    pscore = np.where(drawn == "control", 0.4, 0.3)
    return rounds_of(drawn, pscore, outcome, np.column_stack([effect, np.zeros(n)]), 10.0)


def judged(campaign, rounds):
    return judge_by_rounds(rounds, campaign, CHARGES, FLOOR, 0.10, seed=1)


def test_a_policy_that_is_surely_better_is_promoted(campaign):
    promotion = judged(campaign, logged(6_000, 6.0, 1))
    assert promotion.verdict == "promote"
    # the policy earns .5 * (6 - .5) with its .9, less what its floor wastes; the log .3 * -1.5
    truth = 0.5 * (0.9 * 5.5 - 0.05) + 0.5 * (-0.05 * 6.5 - 0.05)
    assert promotion.candidate.lower < truth < promotion.candidate.upper


def test_a_policy_that_is_not_surely_better_gets_its_share(campaign):
    promotion = judged(campaign, logged(400, 0.6, 2))
    assert (promotion.verdict, promotion.traffic_share) == ("explore", 0.10)


def test_too_few_rounds_are_refused(campaign):
    assert judged(campaign, logged(60, 6.0, 3)).verdict == "refuse"


def test_rounds_of_other_actions_do_not_count(campaign):
    rounds = logged(400, 1.0, 4).assign(drawn_action="another", action="another")
    assert judged(campaign, rounds) is None


def test_gains_over_nobody_by_hand(campaign):
    rounds = rounds_of(["share", "control"], [0.5, 0.5], [4.0, 1.0], [(2.0, 0.0), (0.0, 0.0)])
    table = replay_policies(rounds, campaign, CHARGES, FLOOR, TEN, TEN).set_index("policy")
    assert table.loc["nobody", "replayed_value"] == 0
    # share to all: 1.5 + (3.5 - 1.5) / .5 for the first, -.5 - 1 / .5 for the second round
    assert table.loc["share to all", "replayed_value"] == pytest.approx(10 * (5.5 - 2.5) / 2)
    # the plan: the same for the first; nothing for the second, which nobody is given, too
    assert table.loc["the plan without exploring", "replayed_value"] == pytest.approx(10 * 5.5 / 2)


def test_contacts_that_are_no_rounds_count_without_gain(campaign):
    rounds = rounds_of(
        ["share", "control"], [0.5, 0.5], [4.0, 1.0], [(2.0, 0.0), (0.0, 0.0)], open_share=0.25
    )
    table = replay_policies(rounds, campaign, CHARGES, FLOOR, TEN, TEN, 0.3).set_index("policy")
    by_hand = 10 * (0.25 * 5.5 / 2 + 0.3)  # a quarter were rounds; what is given back is of all
    assert table.loc["the plan without exploring", "replayed_value"] == pytest.approx(by_hand)
    assert set(table.index) == {"nobody", "the plan without exploring", "this plan"}


@pytest.mark.slow
def test_gains_over_nobody_cover_the_truth(campaign):
    # the choice earns 5.5 or nothing by halves, the plan .9 of it less what its floor loses
    plan = 0.5 * (0.9 * 5.5 - 0.05) + 0.5 * (-0.05 * 6.5 - 0.05)
    truth = {"the plan without exploring": 2.75, "this plan": plan}
    covered = {name: [] for name in truth}
    for seed in range(200):
        table = replay_policies(logged(2_000, 6.0, seed), campaign, CHARGES, FLOOR, NEW, NEW)
        for name, value in truth.items():
            row = table.set_index("policy").loc[name]
            covered[name].append(row["replayed_lower"] <= value <= row["replayed_upper"])
    assert all(0.91 <= np.mean(inside) <= 0.985 for inside in covered.values())


def test_a_plan_that_is_not_the_new_policy_is_not_replayed_as_if_it_were(campaign):
    rounds = rounds_of(["share", "control"], [0.5, 0.5], [4.0, 1.0], [(2.0, 0.0), (0.0, 0.0)])
    table = replay_policies(rounds, campaign, CHARGES, FLOOR, RUNNING, NEW)
    assert set(table["policy"]) == {"nobody", "share to all", "amount to all", "an even draw"}


def test_a_policy_whose_actions_were_never_tried_is_not_replayed(campaign):
    rounds = rounds_of(["share", "control"], [0.5, 0.5], [4.0, 1.0], [(2.0, np.nan)] * 2)
    table = replay_policies(rounds, campaign, CHARGES, FLOOR, TEN, TEN)
    assert "amount to all" not in set(table["policy"])
    assert replay_policies(rounds.head(0), campaign, CHARGES, FLOOR, TEN, TEN).empty


@pytest.mark.parametrize(
    ("n", "gain", "share", "said"),
    [(6_000, 6.0, 0.9, "goes live"), (400, 0.6, 0.54, "on trial"), (60, 6.0, 0.5, "not used")],
    ids=["promoted", "on trial", "refused"],
)
def test_who_decides(campaign, n, gain, share, said):
    promotion = judged(campaign, logged(n, gain, {6_000: 1, 400: 2, 60: 3}[n]))
    policy = decide_who_decides(promotion, RUNNING, NEW)
    assert policy.probabilities.loc["anna", "share"] == pytest.approx(share)
    assert said in policy.note
    assert policy.profits.equals(NEW.profits)


def test_exploration_ends_once_it_was_judged_by_and_nothing_is_surely_better(campaign):
    promotion = judged(campaign, logged(400, 0.6, 2))
    alone = leave_alone(RUNNING, promotion, FLOOR)
    assert alone.probabilities.loc["anna"].tolist() == pytest.approx([0.95, 0.05])
    policy = decide_who_decides(promotion, alone, NEW)
    assert policy.probabilities.loc["anna", "share"] == pytest.approx(0.9 * 0.05 + 0.1 * 0.9)
    assert "go to control" in policy.note


def test_exploration_goes_on_while_the_log_cannot_judge(campaign):
    assert leave_alone(RUNNING, judged(campaign, logged(60, 6.0, 3)), FLOOR) is RUNNING
    assert leave_alone(RUNNING, None, FLOOR) is RUNNING


def test_a_policy_that_knows_something_is_not_put_to_rest(campaign):
    running = replace(RUNNING, mode=EXPLOIT)
    assert leave_alone(running, judged(campaign, logged(400, 0.6, 2)), FLOOR) is running


def test_better_than_a_wasteful_exploration_is_not_enough(campaign):
    """Nothing has an effect; the log wrote to 60 % at a cost, so hardly writing beats it surely."""
    verdicts = [judged(campaign, without_effect(4_000, seed)) for seed in range(40)]
    surely_above_the_log = [p.candidate.lower > p.running for p in verdicts]
    assert np.mean(surely_above_the_log) > 0.5  # of the log alone these would have gone live
    assert sum(p.verdict == "promote" for p in verdicts) <= 4  # 2.5 % of 40, and chance


def without_effect(n: int, seed: int) -> pd.DataFrame:
    """Estimates are noise about zero; outcomes do not hang on what was drawn."""
    rng = np.random.default_rng(seed)
    drawn = rng.choice(["control", "share", "amount"], n, p=[0.4, 0.3, 0.3])
    outcome = rng.gamma(4.0, 2.5, n)
    pscore = np.where(drawn == "control", 0.4, 0.3)
    return rounds_of(drawn, pscore, outcome, rng.normal(0.0, 0.6, (n, 2)), 10.0)


def test_nothing_to_judge_by_leaves_the_new_policy():
    assert decide_who_decides(None, RUNNING, NEW) is NEW


def test_a_new_policy_that_only_explores_needs_no_leave(campaign):
    promotion = judged(campaign, logged(60, 6.0, 3))
    assert decide_who_decides(promotion, NEW, RUNNING) is RUNNING
