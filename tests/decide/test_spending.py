"""Budgets hold for what the policy does, exploration included, and cost as little as can be."""

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import linprog

from src.decide.catalogue import Action, Spending
from src.decide.estimates import build_estimates, spend_grid
from src.decide.policy import choose_policy
from src.decide.spending import build_choices, keep_limits, limits_left, say_prices
from src.errors import ParameterError

N, N_MEMBERS, FLOOR = 400, 20, 0.05
IDS = pd.Series([f"c{i:03d}" for i in range(N)])
SEGMENTS = pd.DataFrame({"customer_id": IDS, "segment": np.where(np.arange(N) % 4, "many", "few")})
PROFILES = pd.DataFrame({"customer_id": IDS, "age_band": np.where(np.arange(N) % 3, "old", None)})
ACTIONS = {
    "note": Action(label="a note", template="t", cost_value=1.0),
    "gift": Action(label="a gift", template="t", cost_value=4.0),
}


@pytest.fixture(scope="module")
def plan(campaign):
    return campaign.model_copy(update={"actions": ACTIONS})


def estimates_of(plan, is_known=True, noise=1.0) -> pd.DataFrame:
    """Few customers gain from a gift, many a little from a note; members disagree."""
    rng = np.random.default_rng(3)
    effect = np.column_stack([rng.normal(1.5, 1.0, N), rng.normal(2.0, 4.0, N)])
    draws = effect[:, :, None] + noise * rng.normal(size=(N, 2, N_MEMBERS))
    scores = pd.DataFrame(
        {
            "customer_id": np.repeat(IDS.to_numpy(), 2),
            "action": ["note", "gift"] * N,
            "draws": list(draws.reshape(2 * N, N_MEMBERS)),
        }
    )
    effect = scores["draws"].map(np.mean)
    scores = scores.assign(uplift_value=effect, lower=effect - 2, upper=effect + 2)
    discounts = pd.DataFrame(columns=["customer_id", "action", "expected_discount_value"])
    values = pd.DataFrame({"customer_id": IDS, "clv": 0.0})
    return build_estimates(
        scores if is_known else scores.head(0),
        discounts.astype({"expected_discount_value": float}),
        values,
        pd.Series(0.0, index=list(plan.actions)),
        IDS,
        plan,
    )


def decided(plan, spending, is_known=True, noise=1.0):
    plan = plan.model_copy(update={"spending": spending})
    estimates = estimates_of(plan, is_known, noise)
    is_first = np.arange(N) % 2 == 0
    free = choose_policy(estimates, plan, is_first, 0.34, 0.5, FLOOR)
    choices = build_choices(estimates, plan, PROFILES, SEGMENTS)
    kept = keep_limits(free, estimates, plan, choices, FLOOR)
    return free, kept.policy, kept.allocation, spend_grid(estimates, plan)


def spent(policy, spend) -> float:
    return float((policy.probabilities.to_numpy() * spend).sum())


def test_without_limits_nothing_changes(plan):
    free, kept, allocation, _ = decided(plan, None)
    assert kept is free
    assert allocation is None
    assert "nothing has a price" in say_prices(allocation)


@pytest.mark.parametrize("budget", [150.0, 300.0, 600.0])
@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_expected_spend_stays_within_the_budget_and_every_arm_possible(plan, budget, is_known):
    free, kept, _, spend = decided(plan, Spending(total_budget=budget), is_known)
    assert spent(kept, spend) <= budget + 1e-6
    assert kept.probabilities.to_numpy().min() >= FLOOR - 1e-12
    assert np.allclose(kept.probabilities.sum(axis=1), 1)
    if spent(free, spend) > budget:
        assert spent(kept, spend) > 0.95 * budget  # what there is is used


def test_a_budget_that_does_not_bind_changes_no_probability(plan):
    free, kept, allocation, _ = decided(plan, Spending(total_budget=5_000.0))
    assert np.allclose(kept.probabilities, free.probabilities)
    assert "brings nothing" in say_prices(allocation)


def test_where_members_agree_the_plan_is_the_best_the_money_buys(plan):
    budget = 500.0
    _, kept, allocation, spend = decided(plan, Spending(total_budget=budget), noise=0.0)
    profits = kept.profits.to_numpy()[:, 1:]
    # linear program over all probabilities with the floor, by HiGHS
    cost, k = spend[:, 1:], 3
    left = 1 - (k - 1) * FLOOR - FLOOR
    found = linprog(
        -profits.ravel(),
        A_ub=np.vstack([cost.ravel(), np.kron(np.eye(N), np.ones(2))]),
        b_ub=np.r_[(budget - FLOOR * cost.sum()) / left, np.ones(N)],
        bounds=(0, 1),
    )
    best = FLOOR * profits.sum() + left * -found.fun
    planned = float((kept.probabilities.to_numpy()[:, 1:] * profits).sum())
    assert planned <= best + 1e-6
    assert planned == pytest.approx(best, rel=0.01)
    assert allocation.limits["price"].iloc[0] == pytest.approx(-found.ineqlin.marginals[0], rel=0.1)


def test_capacities_hold_by_action_and_channel(plan):
    spending = Spending(capacities={"gift": 60, "email": 150})
    _, kept, _, _ = decided(plan, spending)
    expected = kept.probabilities.sum()
    assert expected["gift"] <= 60 + 1e-6
    assert expected[["note", "gift"]].sum() <= 150 + 1e-6


@pytest.mark.parametrize("is_known", [True, False], ids=["known", "unknown"])
def test_least_shares_hold_beside_a_budget(plan, is_known):
    spending = Spending(total_budget=450.0, min_shares={"few": 0.7})
    _, kept, _, spend = decided(plan, spending, is_known)
    is_few = SEGMENTS["segment"].eq("few").to_numpy()
    assert 1 - kept.probabilities["control"].to_numpy()[is_few].mean() >= 0.7 - 1e-6
    assert 0.5 * 450 < spent(kept, spend) <= 450 + 1e-6


def test_fairness_holds_between_groups(plan):
    spending = Spending(total_budget=300.0, fairness_floor=0.95, fairness_by="age_band")
    _, kept, _, spend = decided(plan, spending)
    assert spent(kept, spend) > 0.9 * 300
    contacted = 1 - kept.probabilities["control"].to_numpy()
    is_old = PROFILES["age_band"].eq("old").to_numpy()
    for group in (is_old, ~is_old):
        assert contacted[group].mean() >= 0.95 * contacted.mean() - 1e-6


def test_what_is_left_of_the_limits_by_hand(plan):
    estimates = estimates_of(plan)
    choices = build_choices(estimates, plan, PROFILES, SEGMENTS)
    spending = Spending(
        total_budget=270.0, channel_budgets={"email": 185.0}, capacities={"gift": 105},
        min_shares={"few": 0.44, "many": 0.05},
    )  # fmt: skip
    limits = limits_left(spending, choices, 0.05)
    # the floor spends .05 * 400 * (1 + 4) = 100 and gives .05 * 400 = 20 gifts; 85 % is free
    assert limits.total_budget == pytest.approx(200.0)
    assert limits.channel_budgets["email"] == pytest.approx(100.0)
    assert limits.capacities["gift"] == pytest.approx(100.0)
    assert limits.min_shares["few"] == pytest.approx((0.44 - 0.10) / 0.85)
    assert limits.min_shares["many"] == 0.0


def test_a_budget_that_cannot_pay_for_learning_is_refused(plan):
    with pytest.raises(ParameterError, match=r"spending.total_budget to pay for .* takes 100.00"):
        decided(plan, Spending(total_budget=99.0))


def test_an_unknown_column_of_groups_is_refused(plan):
    with pytest.raises(ParameterError, match="fairness_by"):
        decided(plan, Spending(fairness_floor=0.5, fairness_by="shoe_size"))


def test_prices_are_said_in_words(plan):
    _, _, allocation, _ = decided(plan, Spending(total_budget=300.0))
    assert "one more unit of money in total brings" in say_prices(allocation)


def test_the_version_knows_the_limits(plan):
    free, kept, _, _ = decided(plan, Spending(total_budget=300.0))
    assert kept.version != free.version
    assert kept.best_arm.isin(["control", "note", "gift"]).all()


def test_a_limit_on_what_is_not_there_is_refused(plan):
    with pytest.raises(ParameterError, match="'fax'"):
        decided(plan, Spending(channel_budgets={"fax": 10.0}))
