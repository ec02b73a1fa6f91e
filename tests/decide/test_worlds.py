"""Campaigns in shops whose answers are known: what 04d and 05 make of 20,000 observed persons."""

from dataclasses import replace
import functools

import numpy as np
import pandas as pd
import pytest

from src.decide.budget import choose_within_budget
from src.decide.catalogue import Spending
from src.decide.compare import SURE_PLAN
from src.models.uplift import CONSTANT_EFFECT
from tests.decide.worlds import (
    COST,
    FLOOR,
    Campaigned,
    World,
    constant_effect,
    first_campaign,
    heterogeneous,
    no_effect,
    second_campaign,
    several_actions,
    sleeping_dogs,
)

N = 20_000
BUDGET = Spending(total_budget=0.3 * N * COST)
WORLDS = {
    "none": World("none", no_effect, 1, BUDGET),
    "constant": World("constant", constant_effect, 2, BUDGET),
    "heterogeneous": World("heterogeneous", heterogeneous, 3, BUDGET),
    "sleeping dogs": World("sleeping dogs", sleeping_dogs, 4, BUDGET),
    "several actions": World("several actions", several_actions, 5, BUDGET),
}
VARIED = ("heterogeneous", "sleeping dogs", "several actions")

pytestmark = [pytest.mark.long, pytest.mark.timeout(1_200), pytest.mark.xdist_group("worlds")]


@functools.cache
def campaigned(name: str) -> Campaigned:
    world = WORLDS[name]
    return second_campaign(world, first_campaign(world, N), N, n_repeats=1, n_members=25)


def choice_profit(done: Campaigned) -> float:
    """True profit of the choice within the budget, exploration left out."""
    arms = done.kept.policy.probabilities.columns
    chosen = arms.get_indexer(done.kept.policy.best_arm)
    return float(done.truth[np.arange(N), chosen].sum())


def plan_profit(done: Campaigned) -> float:
    """True profit expected of the plan, exploration included."""
    return float((done.kept.policy.probabilities.to_numpy() * done.truth).sum())


def oracle_profit(done: Campaigned) -> float:
    """What the same money earns if every customer's answer is known."""
    known = replace(done.choices, profit=done.truth[:, 1:])
    return choose_within_budget(known, done.kept.limits).profit_value


def constant_profit(done: Campaigned) -> float:
    """What the money earns with the best action for as many, whoever they are, as it pays for."""
    n_paid = min(N, done.kept.limits.total_budget / COST)
    return float(max(0.0, n_paid * done.truth.mean(axis=0).max()))


def interval_of(done: Campaigned) -> pd.Series:
    return done.policies.set_index("policy").loc[SURE_PLAN, ["lower", "upper"]]


@pytest.mark.parametrize("name", ["none", "constant"])
def test_where_customers_are_alike_none_is_said_to_differ(name):
    done = campaigned(name)
    assert [model.basis for model in done.uplift.models] == [CONSTANT_EFFECT]
    shares = done.kept.policy.probabilities
    assert np.ptp(shares["control"]) < 1e-9 or name == "constant"  # a budget ranks nobody either


def test_where_nothing_works_nobody_is_chosen():
    done = campaigned("none")
    assert done.kept.policy.best_arm.eq("control").all()
    assert choice_profit(done) == 0.0
    assert done.kept.policy.probabilities["mail"].max() <= FLOOR + 0.03  # of the draws
    assert done.promotion.verdict in ("promote", "explore")


def test_where_all_answer_alike_the_money_is_spent():
    done = campaigned("constant")
    assert choice_profit(done) == pytest.approx(oracle_profit(done), rel=0.001)


@pytest.mark.parametrize("name", VARIED)
def test_differences_are_found(name):
    assert any(model.basis != CONSTANT_EFFECT for model in campaigned(name).uplift.models)


@pytest.mark.parametrize("name", VARIED)
def test_the_choice_earns_nine_tenths_of_the_oracle(name):
    done = campaigned(name)
    assert choice_profit(done) >= 0.90 * oracle_profit(done)


@pytest.mark.parametrize("name", WORLDS)
def test_never_worse_than_the_best_constant_action_by_more_than_the_interval(name):
    done = campaigned(name)
    lower, upper = interval_of(done)
    assert choice_profit(done) >= constant_profit(done) - (upper - lower) / 2


@pytest.mark.parametrize("name", WORLDS)
def test_the_plan_keeps_its_budget_and_its_floor(name):
    done = campaigned(name)
    shares = done.kept.policy.probabilities.to_numpy()
    assert COST * shares[:, 1:].sum() <= BUDGET.total_budget + 1e-6
    assert shares.min() >= FLOOR - 1e-12


@pytest.mark.parametrize("name", VARIED)
def test_past_rounds_promote_what_is_better(name):
    done = campaigned(name)
    assert done.promotion.verdict == "promote"
    assert plan_profit(done) > 0
