"""Decisions as a table and in words."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from src.data.tables import table_contract
from src.decide import plots
from src.decide.compare import compare_policies, plan_sentence
from src.decide.estimates import build_estimates
from src.decide.explain import (
    build_decisions,
    count_by_group,
    design_sentence,
    explain_customers,
    summarize_decisions,
)
from src.decide.policy import choose_policy
from src.decide.power import detectable_by_share, measure_spread

IDS = pd.Series(["anna", "bert", "cleo", "dora"])
ELIGIBILITY = pd.DataFrame(
    {
        "customer_id": [*IDS, "emil", "fran"],
        "is_eligible": [True] * 5 + [False],
        "reason": [""] * 5 + ["no consent"],
        "grounds": ["may be contacted, ordered 9 days before"] * 5 + [""],
    }
)
VALUES = pd.DataFrame({"customer_id": IDS, "clv": 0.0})
IS_HOLDOUT = np.array([False] * 4 + [True, True])
PROFILES = pd.DataFrame(
    {"customer_id": ELIGIBILITY["customer_id"], "r_score": [3, 4, 3, 1, 1, 1], "f_score": [4] * 6}
)
DISCOUNTS = pd.DataFrame(columns=["customer_id", "action", "expected_discount_value"]).astype(
    {"customer_id": "str", "action": "str", "expected_discount_value": float}
)
SEGMENTS = pd.DataFrame({"customer_id": ["anna", "bert", "emil"], "segment": ["x", "y", "x"]})


def estimates_of(campaign, is_known: bool) -> pd.DataFrame:
    share, amount = [1.02, -1.0, 0.52, -1.0], [0.03, -1.0, 2.03, -1.0]
    scores = pd.DataFrame(
        {
            "customer_id": np.repeat(IDS.to_numpy(), 2),
            "action": ["share", "amount"] * 4,
            "uplift_value": np.ravel(np.column_stack([share, amount])),
        }
    )
    effect = scores["uplift_value"]
    draws = [[one - 0.5, one, one + 0.5] for one in effect]  # members move all customers at once
    scores = scores.assign(lower=effect - 1, upper=effect + 1, draws=draws)
    p_unsubscribe = pd.Series(0.0, index=list(campaign.actions))
    return build_estimates(
        scores if is_known else scores.head(0), DISCOUNTS, VALUES, p_unsubscribe, IDS, campaign
    )


def decided(campaign, is_known: bool, arms: list[str]) -> tuple[pd.DataFrame, ...]:
    estimates = estimates_of(campaign, is_known)
    policy = choose_policy(estimates, campaign, np.array([True] * 4), 0.34, 0.5, 0.05)
    assigned = pd.DataFrame({"customer_id": IDS, "action": arms, "pscore": 0.3}).assign(
        pscores="{}", stratum="all", policy_version=policy.version
    )
    decisions = build_decisions(ELIGIBILITY, IS_HOLDOUT, assigned, policy, campaign)
    return decisions, estimates, policy


def test_reasons_by_hand(campaign):
    decisions, _, _ = decided(campaign, True, ["share", "control", "share", "share"])
    assert decisions["reason"].tolist() == [
        "best expected profit 1.00",  # anna: 1.02 - .02 of the message
        "no action is expected to pay",  # bert
        "explores: drawn against the policy to keep learning",  # cleo: amount would be best
        "explores: drawn against the policy to keep learning",  # dora: nothing would be
        "holdout: never contacted by any campaign",
        "not eligible: no consent",
    ]
    assert decisions["expected_profit_value"].tolist()[:4] == pytest.approx([1.0, 0, 0.5, -1.02])
    assert decisions["expected_profit_value"].isna().tolist()[4:] == [True, True]
    assert decisions["is_exploration"].tolist() == [False, False, True, True, False, False]


def test_table_keeps_its_contract(campaign):
    decisions, _, _ = decided(campaign, True, ["share", "control", "share", "share"])
    assert set(table_contract("decisions").column_names) == set(decisions.columns)
    assert decisions["action"].tolist()[4:] == ["none", "none"]
    assert decisions["pscore"].isna().tolist() == [False] * 4 + [True] * 2


def test_without_history_every_drawn_arm_explores(campaign):
    decisions, _, _ = decided(campaign, False, ["share", "control", "share", "amount"])
    assert decisions["reason"].head(4).eq("explores: no policy has proven itself yet").all()
    assert decisions["is_exploration"].tolist() == [True] * 4 + [False] * 2


def test_policies_by_hand(campaign):
    _, estimates, policy = decided(campaign, True, ["share"] * 4)
    table = compare_policies(estimates, policy, PROFILES, campaign).set_index("policy")
    # net of messages: share 1, -1.02, .5, -1.02 = -.54; amount 0, -1.03, 2, -1.03 = -.06
    assert table.loc["nobody", "expected_profit_value"] == 0
    assert table.loc["share to all", "expected_profit_value"] == pytest.approx(-0.54)
    assert table.loc["amount to all", "expected_profit_value"] == pytest.approx(-0.06)
    assert table.loc["an even draw", "expected_profit_value"] == pytest.approx(-0.2)
    # late regulars: anna, cleo and dora
    assert table.loc["amount to late regulars", "expected_profit_value"] == pytest.approx(0.97)
    assert table.loc["amount to late regulars", "n_contacted"] == 3
    # members move all of the three by half at once: a deviation of 1.5
    assert table.loc["amount to late regulars", "lower"] == pytest.approx(0.97 - 1.96 * 1.5)
    # the best of each: share for anna, amount for cleo, nothing for the others
    assert table.loc["the plan without exploring", "expected_profit_value"] == pytest.approx(3.0)
    # every member agrees, so .05 + .85 on the best and .05 on each other arm:
    # .9 * (1 + 2) + .05 * (0 + -2.05 + .5 + -2.05), amount being worth 0 to anna
    assert table.loc["this plan", "expected_profit_value"] == pytest.approx(2.52)
    assert "**3** (95% interval" in plan_sentence(table.reset_index())


def test_unknown_effects_have_no_interval(campaign):
    _, estimates, policy = decided(campaign, False, ["share"] * 4)
    table = compare_policies(estimates, policy, PROFILES, campaign).set_index("policy")
    assert table.loc["nobody", "lower"] == 0
    assert np.isnan(table.loc["this plan", "lower"])
    assert "price of learning" in plan_sentence(table.reset_index())
    assert "the plan without exploring" not in table.index


def test_arms_of_another_policy_are_kept_and_said_to_be(campaign):
    _, _, policy = decided(campaign, True, ["share"] * 4)
    assigned = pd.DataFrame({"customer_id": IDS, "action": "share", "pscore": 0.3}).assign(
        stratum="all", policy_version=[policy.version, "before", policy.version, "before"]
    )
    decisions = build_decisions(ELIGIBILITY, IS_HOLDOUT, assigned, policy, campaign)
    kept = decisions["reason"].eq("drawn before by another policy, and kept")
    assert kept.tolist() == [False, True, False, True, False, False]


def test_counts_add_up(campaign):
    decisions, estimates, _ = decided(campaign, True, ["share", "control", "share", "amount"])
    counts = count_by_group(decisions, SEGMENTS, campaign.arms)
    assert counts.to_numpy().sum() == 6
    assert counts.loc["x"].to_dict() == {
        "not eligible": 0, "holdout": 1, "control": 0, "share": 1, "amount": 0,
    }  # fmt: skip
    assert counts.loc["no segment", "not eligible"] == 1
    summary = summarize_decisions(decisions, estimates, campaign)
    assert (summary["n_treated"], summary["n_control"], summary["n_holdout"]) == (3, 1, 2)
    assert (summary["n_share"], summary["n_amount"], summary["n_eligible"]) == (2, 1, 5)
    assert summary["expected_message_cost"] == pytest.approx(0.07)
    assert summary["expected_profit"] == pytest.approx(1.0 + 0.5 - 1.03)


def test_explained_customers_are_of_every_kind_and_cut(campaign):
    decisions, _, policy = decided(campaign, True, ["share", "control", "share", "share"])
    long = policy.profits.index + "-0123456789"
    policy = replace(
        policy,
        profits=policy.profits.set_axis(long),
        probabilities=policy.probabilities.set_axis(long),
    )
    decisions["customer_id"] = decisions["customer_id"] + "-0123456789"
    scores = decisions[["customer_id"]].assign(clv=1.0)
    table = explain_customers(decisions, scores, policy, 5)
    assert len(table) == 5
    assert table["reason"].nunique() == 5
    assert table["customer_id"].str.len().eq(8).all()
    could = table.set_index("customer_id")["could_get"]
    assert could["anna-012"] == "control +0.00 (5%); share +1.00 (90%); amount +0.00 (5%)"
    assert could["emil-012"] == ""


def test_kinds_take_turns_whatever_their_amount(campaign):
    decisions, _, policy = decided(campaign, True, ["share", "control", "amount", "control"])
    many = pd.concat([decisions] * 3, ignore_index=True)
    many["reason"] = [
        f"best expected profit {i}.25" if reason.startswith("best") else reason
        for i, reason in enumerate(many["reason"])
    ]
    table = explain_customers(many, decisions[["customer_id"]].assign(clv=1.0), policy, 5)
    assert table["action"].value_counts().to_dict() == {
        "none": 2,
        "share": 1,
        "amount": 1,
        "control": 1,
    }


@pytest.mark.parametrize(
    ("mde", "share", "expected"),
    [
        (2.0, 0.04, "A lift of 5% would be seen"),
        (2.0, 0.06, "Warning"),
        (np.nan, np.nan, "Cannot tell"),
        (2.0, np.nan, "Warning"),
    ],
)
def test_design_sentence_warns(mde, share, expected):
    assert expected in design_sentence(mde, share, 0.05, "explore")


def test_figures_are_drawn_even_for_nobody(campaign):
    decisions, estimates, policy = decided(campaign, False, ["share"] * 4)
    counts = count_by_group(decisions, SEGMENTS, campaign.arms)
    assert plots.plot_counts(counts).get_title(loc="left") == (
        "4 of 6 customers are written to; 3 segments have no control"
    )
    policies = compare_policies(estimates, policy, PROFILES, campaign)
    policies = policies.assign(replayed_value=np.nan, replayed_lower=np.nan, replayed_upper=np.nan)
    assert "Nothing is known" in plots.plot_policies(policies, True).get_title(loc="left")
    empty = measure_spread(np.zeros(0), np.zeros(0))
    curve = detectable_by_share(empty, 0)
    weeks = pd.DataFrame({"n_weeks": [1], "raw_share": [np.nan], "adjusted_share": [np.nan]})
    plots.plot_design(curve, weeks, 0.0, np.nan, 0.05).canvas.draw()
