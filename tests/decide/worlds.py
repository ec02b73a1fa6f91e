"""Shops whose answer to every message is known, and the way of a campaign through 05 and 04d."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.decide import assignment, kept, policy, rules, spending
from src.decide.catalogue import Action, Campaign, Spending
from src.decide.compare import compare_policies
from src.decide.estimates import build_estimates
from src.decide.trial import judge_by_rounds
from src.models.design import DEMOGRAPHICS
from src.models.uplift import Uplift, fit_uplift, predict_uplift
from src.models.uplift_rounds import build_rounds

COLUMNS = ("recency_days", "monetary_value", "discount_share", "weekend_share", "items_per_order")
FLOOR, CONTROL_SHARE, LATER_RATIO = 0.05, 0.34, 0.50
COST = 1.0
"""Of a message; what the effects below are before it."""

_NOBODY = pd.DataFrame(columns=["customer_id", "action", "pscore", "stratum", "policy_version"])
_NO_SCORES = pd.DataFrame(
    columns=["customer_id", "action", "uplift_value", "lower", "upper", "draws"]
)
_NO_DISCOUNTS = pd.DataFrame(
    {"customer_id": pd.Series(dtype=str), "action": pd.Series(dtype=str),
     "expected_discount_value": pd.Series(dtype=float)}
)  # fmt: skip

Effects = Callable[[pd.DataFrame], dict[str, np.ndarray]]


def _smooth(values: pd.Series, middle: float, width: float) -> np.ndarray:
    return 1 / (1 + np.exp(-(values.to_numpy(dtype=float) - middle) / width))


def no_effect(profiles: pd.DataFrame) -> dict[str, np.ndarray]:
    """Nobody answers to anything, so every message is a loss."""
    return {"mail": np.zeros(len(profiles))}


def constant_effect(profiles: pd.DataFrame) -> dict[str, np.ndarray]:
    """Everybody gains alike, three times the cost."""
    return {"mail": np.full(len(profiles), 3.0)}


def heterogeneous(profiles: pd.DataFrame) -> dict[str, np.ndarray]:
    """Bargain hunters who are late gain much, most others nothing."""
    hunts, late = (
        _smooth(profiles["discount_share"], 0.5, 0.1),
        _smooth(profiles["recency_days"], 40, 8),
    )
    return {"mail": 9.0 * hunts * late}  # fmt: skip


def sleeping_dogs(profiles: pd.DataFrame) -> dict[str, np.ndarray]:
    """A third of the customers buy less if reminded; the others gain a little."""
    return {"mail": 3.5 - 9.0 * _smooth(profiles["weekend_share"], 0.67, 0.05)}


def several_actions(profiles: pd.DataFrame) -> dict[str, np.ndarray]:
    """Three actions, each of which is best for others, two of them with losers."""
    hunts = _smooth(profiles["discount_share"], 0.5, 0.1)
    late = _smooth(profiles["recency_days"], 50, 8)
    return {"mail": 6.0 * hunts, "gift": 8.0 * late - 2.0, "call": 5.0 - 8.0 * hunts}


def draw_profiles(n: int, rng: np.random.Generator) -> pd.DataFrame:
    """Draw customers, with spend as skewed as it is in a shop."""
    return pd.DataFrame(
        {
            "customer_id": [f"{rng.integers(2**60):x}" for _ in range(n)],
            "recency_days": rng.integers(0, 100, n),
            "monetary_value": rng.lognormal(3.0, 0.8, n),
            "discount_share": rng.random(n),
            "weekend_share": rng.random(n),
            "items_per_order": 1 + rng.poisson(4, n),
            "r_score": rng.integers(1, 6, n),
            "f_score": rng.integers(1, 6, n),
        }
    ).assign(**dict.fromkeys(DEMOGRAPHICS))


@dataclass(frozen=True)
class World:
    """A law of answers, and a campaign in it."""

    name: str
    effects: Effects
    seed: int
    spending: Spending | None = None

    @property
    def plan(self) -> Campaign:
        """The campaign, with an action for each effect."""
        names = self.effects(draw_profiles(1, np.random.default_rng(0)))
        return Campaign(
            campaign_id="spring", goal="", channel="email", margin_share=0.25, sender_name="",
            sender_address="", postal_address="", unsubscribe_url="", spending=self.spending,
            actions={
                name: Action(label=name, template="t", cost_value=COST, p_unsubscribe=0.0)
                for name in names
            },
        )  # fmt: skip


@dataclass(frozen=True)
class Campaigned:
    """What 04d learnt from a first campaign, and what 05 then decides for the next one.

    `truth` has the true profit of every arm for every customer of the next campaign.
    """

    uplift: Uplift
    kept: spending.Kept
    policies: pd.DataFrame
    promotion: object
    truth: np.ndarray
    choices: spending.Candidates


def values_of(profiles: pd.DataFrame) -> pd.DataFrame:
    """What 04c would say of the customers."""
    return profiles[["customer_id"]].assign(clv=10 * profiles["monetary_value"])


def first_campaign(world: World, n_people: int) -> pd.DataFrame:
    """05 without history, then what came of it: rows as 04d builds them."""
    rng = np.random.default_rng(world.seed)
    profiles, plan = draw_profiles(n_people, rng), world.plan
    ids, values = profiles["customer_id"], values_of(profiles)
    p_unsubscribe = pd.Series(0.0, index=list(plan.actions))
    estimates = build_estimates(_NO_SCORES, _NO_DISCOUNTS, values, p_unsubscribe, ids, plan)
    is_first = rules.is_first_in_line(profiles, values, ids)
    chosen = policy.choose_policy(estimates, plan, is_first, CONTROL_SHARE, LATER_RATIO, FLOOR)
    segments = profiles[["customer_id"]].assign(segment="all")
    strata = assignment.build_strata(ids, segments, values)
    salt = assignment.arm_salt(plan.campaign_id, world.seed)
    drawn = kept.draw_remaining(_NOBODY, chosen.probabilities, strata, salt, chosen.version)
    effects = {"control": np.zeros(n_people)} | world.effects(profiles)
    arm = pd.Index(list(effects)).get_indexer(drawn["action"])
    gained = np.column_stack(list(effects.values()))[np.arange(n_people), arm]
    # margin of two months: a quarter of a few skewed baskets, often none
    usual = 0.25 * profiles["monetary_value"] * rng.poisson(2.0, n_people)
    return profiles.assign(
        campaign_id="winter",
        exposed_date="2017-01-01",
        action=drawn["action"].to_numpy(),
        pscore=drawn["pscore"].to_numpy(),
        outcome_value=usual * rng.lognormal(-0.08, 0.4, n_people) + gained,
        has_ordered=usual > 0,
    )


def second_campaign(world: World, rows: pd.DataFrame, n_people: int, **fitting) -> Campaigned:
    """04d on the rows, then 05 for customers who were not among them."""
    plan = world.plan
    found = fit_uplift(rows, tuple(plan.actions), COLUMNS, world.seed, **fitting)
    profiles = draw_profiles(n_people, np.random.default_rng(world.seed + 1_000))
    ids, values = profiles["customer_id"], values_of(profiles)
    scores = predict_uplift(found, profiles)
    p_unsubscribe = pd.Series(0.0, index=list(plan.actions))
    estimates = build_estimates(scores, _NO_DISCOUNTS, values, p_unsubscribe, ids, plan)
    is_first = rules.is_first_in_line(profiles, values, ids)
    free = policy.choose_policy(estimates, plan, is_first, CONTROL_SHARE, LATER_RATIO, FLOOR)
    segments = profiles[["customer_id"]].assign(segment="all")
    choices = spending.build_choices(estimates, plan, profiles, segments)
    bent = spending.keep_limits(free, estimates, plan, choices, FLOOR)
    rounds = build_rounds(found, rows, world.seed)
    charges = spending.charge_actions(estimates, bent)
    promotion = judge_by_rounds(rounds, plan, charges, FLOOR, 0.10, world.seed)
    policies = compare_policies(estimates, bent.policy, profiles, plan)
    truth = np.column_stack([np.zeros(n_people), *world.effects(profiles).values()])
    truth[:, 1:] -= COST
    return Campaigned(found, bent, policies, promotion, truth, choices)
