"""Ways to treat everybody of the experiment, side by side on one axis of expected profit."""

import numpy as np
import pandas as pd

from src.decide.catalogue import Campaign
from src.decide.estimates import profit_draws
from src.decide.policy import Policy
from src.decide.rules import is_late_regular

__all__ = ["PLAN", "SURE_PLAN", "compare_policies", "plan_sentence", "record_plan"]

PLAN = "this plan"
SURE_PLAN = "the plan without exploring"

_Z_95 = 1.96


def compare_policies(
    estimates: pd.DataFrame, policy: Policy, profiles: pd.DataFrame, campaign: Campaign
) -> pd.DataFrame:
    r"""Set the plan's expected profit beside nobody, everybody, an even draw, and a rule.

    The rule is a marketer's: the best constant action to frequent buyers who are late
    (`src.decide.rules.is_late_regular`). A policy with probabilities :math:`w_{ia}` is expected
    to earn :math:`\sum_{ia} w_{ia} \hat\pi_{ia}`, and its interval is that sum plus and minus 1.96
    standard deviations of the same sum over the members of the ensemble, each of which sees all
    customers at once. It is not corrected for the choice of the best among noisy estimates.

    Returns
    -------
    DataFrame
        One row per policy: `policy`, `n_contacted` (expected), `expected_profit_value`, `lower`,
        `upper` (shop currency, over all customers of the experiment; ends null if unknown).
    """
    shares = _policies(policy, profiles, list(campaign.actions))
    profits = policy.profits[list(campaign.actions)].to_numpy()
    members = None
    if estimates["is_known"].any():
        members = profit_draws(estimates, campaign)[:, :, 1:]
    rows = []
    for name, weights in shares.items():
        total = float((weights * profits).sum())
        rows.append((name, weights.sum(), total, *_ends(total, weights, members)))
    columns = ["policy", "n_contacted", "expected_profit_value", "lower", "upper"]
    return pd.DataFrame(rows, columns=columns)


def _policies(policy: Policy, profiles: pd.DataFrame, actions: list[str]) -> dict[str, np.ndarray]:
    """Probability of each action for each customer, by policy."""
    customer_ids = policy.profits.index
    n, one = len(customer_ids), np.eye(len(actions))
    constant = int(policy.profits[actions].sum().to_numpy().argmax()) if n else 0
    is_late = is_late_regular(profiles, customer_ids)
    shares = {
        "nobody": np.zeros((n, len(actions))),
        **{f"{name} to all": np.tile(one[k], (n, 1)) for k, name in enumerate(actions)},
        "an even draw": np.full((n, len(actions)), 1 / (len(actions) + 1)),
        f"{actions[constant]} to late regulars": is_late[:, None] * one[constant],
    }
    if policy.best_arm.ne("").any():
        best = policy.best_arm.to_numpy()[:, None] == np.array(actions, dtype=object)[None, :]
        shares[SURE_PLAN] = best.astype(float)
    return shares | {PLAN: policy.probabilities[actions].to_numpy()}


def _ends(total: float, weights: np.ndarray, members: np.ndarray | None) -> tuple[float, float]:
    if not weights.any():
        return 0.0, 0.0
    if members is None:
        return np.nan, np.nan
    sums = np.where(weights > 0, weights * members, 0.0).sum(axis=(1, 2))
    if not np.isfinite(sums).all():  # somebody contacted has no estimate
        return np.nan, np.nan
    half = _Z_95 * float(sums.std(ddof=1))
    return total - half, total + half


def record_plan(policies: pd.DataFrame) -> dict[str, float]:
    """Name the plan's profit, expected and replayed, and its ends, in shop currency."""
    plan = policies.set_index("policy").loc[PLAN]
    return {
        "planned_profit": float(plan["expected_profit_value"]),
        "planned_profit_lower": float(plan["lower"]),
        "planned_profit_upper": float(plan["upper"]),
        **{name: float(plan[name]) for name in plan.index if name.startswith("replayed_")},
    }


def plan_sentence(policies: pd.DataFrame) -> str:
    """Say what the plan is expected to earn, with its interval and the best plain alternative."""
    table = policies.set_index("policy")
    plan, plain = table.loc[PLAN], table.drop(index=[PLAN, SURE_PLAN], errors="ignore")
    if not np.isfinite(plan["lower"]):
        return (
            "Nothing is known of the effects, so the plan is not expected to earn: it costs about "
            f"**{-plan['expected_profit_value']:,.2f}** if messages change nothing, and that is "
            "the price of learning."
        )
    best = plain["expected_profit_value"].idxmax()
    return (
        f"The plan is expected to earn {_range(plan, 'expected_profit_value', '')} from "
        f"{plan['n_contacted']:,.0f} contacts; the best of the plain alternatives, *{best}*, "
        f"{_range(plain.loc[best], 'expected_profit_value', '')}. " + _replayed(plan)
    )


def _range(row: pd.Series, value: str, prefix: str) -> str:
    lower, upper = row[f"{prefix}lower"], row[f"{prefix}upper"]
    return f"**{row[value]:,.0f}** (95% interval {lower:,.0f} to {upper:,.0f}, shop currency)"


def _replayed(plan: pd.Series) -> str:
    if not np.isfinite(plan.get("replayed_value", np.nan)):
        return "Past rounds cannot show what it would have earned."
    return (
        "Replayed on past rounds, with effects learnt from other customers, it would have earned "
        f"{_range(plan, 'replayed_value', 'replayed_')} from as many: the figure to rely on where "
        "the two differ, for the first is flattered by the choice of the best."
    )
