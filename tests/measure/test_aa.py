"""1,000 campaigns in which nobody was contacted, and 400 with the effect called detectable.

Each goes through the functions that the notebooks call, in their order. 05: `build_eligibility`,
`draw_holdout`, `expected_discounts`, `build_estimates`, `choose_policy`, `build_strata`,
`draw_remaining`, `build_decisions`, and `past_spread`, `treated_factor`, `detectable_effect` for
what it prints. 08: `build_outcomes`, `sample_ratio_p_value`, `campaign_lift`, `choose_verdict`.
Only the ledger is left out; each campaign has a salt of its own.
"""

from dataclasses import dataclass
import functools
import json
import logging

import numpy as np
import pandas as pd
import pytest

from src.decide import assignment, eligibility, explain, kept, offers, policy, power, rules
from src.decide.estimates import build_estimates
from src.decide.unsubscribes import estimate_unsubscribes
from src.engine import connect
from src.measure import outcomes, results, sample_ratio, verdict
from src.rehearsal.effect import add_known_effect
from src.root import PROJECT_ROOT
from tests.measure.shop import AS_OF, DAYS, PLAN, Shop, events_table, make_shop, orders_table

logger = logging.getLogger(__name__)

N_CUSTOMERS = 1_500
N_SHOPS = 50
HOLDOUT_SHARE, CONTROL_SHARE, LATER_RATIO, MIN_PSCORE = 0.10, 0.34, 0.50, 0.05
NOTHING_SENT = pd.DataFrame(columns=["action", "n_sent", "n_unsubscribed"])
NO_SCORES = pd.DataFrame(
    columns=["customer_id", "action", "uplift_value", "lower", "upper", "draws"]
)
NOBODY = pd.DataFrame(columns=["customer_id", "action", "pscore", "stratum", "policy_version"])


@dataclass(frozen=True)
class Planned:
    """A shop's campaign up to the draw, which is all that differs between two of them."""

    shop: Shop
    eligible: pd.DataFrame
    is_holdout: np.ndarray
    chosen: policy.Policy
    strata: pd.Series
    mde: float


@functools.cache
def engine():
    return connect()


@functools.cache
def plan(seed: int) -> Planned:
    """05 up to the draw, of an invented shop."""
    return plan_shop(make_shop(N_CUSTOMERS, seed), f"shop {seed}")


def plan_shop(shop: Shop, holdout_salt: str) -> Planned:
    """05 up to the draw."""
    orders = orders_table(engine(), shop.orders)
    contacts = shop.ids.to_frame().assign(is_contactable=True, reason="")
    eligible = eligibility.build_eligibility(shop.profiles, contacts, 365)
    is_holdout = assignment.draw_holdout(shop.ids, HOLDOUT_SHARE, holdout_salt)
    ids = shop.ids[eligible["is_eligible"] & ~is_holdout]
    estimates = build_estimates(
        NO_SCORES,
        offers.expected_discounts(orders, PLAN, AS_OF, 365),
        shop.values,
        estimate_unsubscribes(NOTHING_SENT, PLAN),
        ids,
        PLAN,
    )
    is_first = rules.is_first_in_line(shop.profiles, shop.values, ids)
    chosen = policy.choose_policy(estimates, PLAN, is_first, CONTROL_SHARE, LATER_RATIO, MIN_PSCORE)
    spread = power.past_spread(orders, ids, AS_OF, DAYS, PLAN.margin_share)
    p_control = chosen.probabilities["control"].to_numpy()
    factor = power.treated_factor(p_control, spread.expected_square)
    return Planned(
        shop,
        eligible,
        is_holdout,
        chosen,
        assignment.build_strata(ids, shop.segments, shop.values),
        power.detectable_effect(spread.residual_std_value, factor),
    )


def decide(planned: Planned, seed: int) -> pd.DataFrame:
    """05 from the draw on."""
    salt = assignment.arm_salt(PLAN.campaign_id, seed)
    drawn = kept.draw_remaining(
        NOBODY, planned.chosen.probabilities, planned.strata, salt, planned.chosen.version
    )
    return explain.build_decisions(
        planned.eligible, planned.is_holdout, drawn, planned.chosen, PLAN
    )


def judge(orders: pd.DataFrame, decisions: pd.DataFrame) -> tuple[str, float]:
    """08 up to the verdict; also the estimate."""
    tables = orders_table(engine(), orders), events_table(engine())
    customers = outcomes.build_outcomes(*tables, decisions, PLAN, AS_OF, DAYS)
    srm = sample_ratio.sample_ratio_p_value(customers["action"], customers["pscore"], PLAN.arms)
    lift = results.campaign_lift(customers, 0.95)
    answer = verdict.choose_verdict(lift, srm, customers["n_orders"].sum())
    return answer.verdict, lift.estimate


def campaigns(n: int, first_seed: int):
    """So many campaigns, spread evenly over the shops."""
    for k in range(n):
        planned = plan(k % N_SHOPS)
        yield k, planned, decide(planned, first_seed + k)


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_1000_campaigns_in_which_nobody_was_contacted_find_something_in_one_of_twenty():
    answers = [judge(one.shop.orders, decisions) for _, one, decisions in campaigns(1_000, 0)]
    found = np.mean([answer != verdict.CANNOT_TELL for answer, _ in answers])
    gains = np.mean([answer == verdict.GAIN for answer, _ in answers])
    estimates = np.array([estimate for _, estimate in answers])
    logger.info("found %.3f, of them gains %.3f; mean %.3f", found, gains, estimates.mean())
    assert 0.036 <= found <= 0.064
    assert abs(estimates.mean()) < 3 * estimates.std() / np.sqrt(len(estimates))


@pytest.mark.long
@pytest.mark.timeout(1_200)
def test_the_effect_that_05_calls_detectable_is_found_four_times_in_five():
    found = []
    for k, one, decisions in campaigns(400, 50_000):
        revenue = one.mde / PLAN.margin_share  # an order from each person contacted
        richer, _ = add_known_effect(one.shop.orders, decisions, revenue, k, AS_OF, DAYS, 1.0)
        found.append(judge(richer, decisions)[0] == verdict.GAIN)
    logger.info("power %.3f", np.mean(found))
    assert 0.76 <= np.mean(found) <= 0.84


def test_the_chain_is_the_one_of_the_notebooks():
    calls = {
        "05_decide": ("build_eligibility", "draw_holdout", "expected_discounts", "build_estimates",
                      "is_first_in_line", "choose_policy", "build_strata", "draw_remaining",
                      "build_decisions", "past_spread", "treated_factor", "detectable_effect"),
        "08_measure": ("build_outcomes", "sample_ratio_p_value", "campaign_lift",
                       "choose_verdict"),
    }  # fmt: skip
    for name, functions in calls.items():
        cells = json.loads((PROJECT_ROOT / f"notebooks/{name}.ipynb").read_text())["cells"]
        code = "".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
        missing = [function for function in functions if f"{function}(" not in code]
        assert not missing, f"{name} no longer calls {missing}"
