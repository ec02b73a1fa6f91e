"""Decisions in words: the table itself, its reasons, the alternatives, ten customers."""

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL, NONE, Campaign
from src.decide.policy import EXPLORE, Policy

__all__ = [
    "build_decisions",
    "count_by_group",
    "design_sentence",
    "explain_customers",
    "summarize_decisions",
]

HOLDOUT_REASON = "holdout: never contacted by any campaign"
EXPLORE_REASON = "explores: no policy has proven itself yet"
KEEP_LEARNING_REASON = "explores: drawn against the policy to keep learning"
KEPT_REASON = "drawn before by another policy, and kept"


def build_decisions(
    eligibility: pd.DataFrame,
    is_holdout: np.ndarray,
    assigned: pd.DataFrame,
    policy: Policy,
    campaign: Campaign,
) -> pd.DataFrame:
    """Put eligibility, holdout, draw and reason together, one row per customer.

    Parameters
    ----------
    eligibility : DataFrame
        From `build_eligibility`: `customer_id`, `is_eligible`, `reason`.
    is_holdout : array of bool
        From `draw_holdout`, same order.
    assigned : DataFrame
        From `src.decide.kept.draw_remaining`, the customers of the experiment: `customer_id`,
        `action`, `pscore`, `stratum`, `policy_version`.
    policy : Policy
        What the draw was made by.
    campaign : Campaign
        Gives the campaign's name.

    Returns
    -------
    DataFrame
        As in the contract of `decisions`.
    """
    decisions = eligibility.drop(columns="grounds").assign(
        campaign_id=campaign.campaign_id, is_holdout=is_holdout
    )
    drawn = assigned.assign(**_drawn_columns(assigned, policy))
    decisions = decisions.merge(
        drawn, on="customer_id", how="left", validate="one_to_one", suffixes=("", "_drawn")
    )
    decisions["action"] = decisions["action"].fillna(NONE)
    decisions["is_exploration"] = decisions["is_exploration"].eq(True)
    outside = np.where(
        decisions["is_eligible"], HOLDOUT_REASON, "not eligible: " + decisions["reason"]
    )
    decisions["reason"] = decisions["reason_drawn"].fillna(pd.Series(outside))
    return decisions.drop(columns="reason_drawn")


def _drawn_columns(assigned: pd.DataFrame, policy: Policy) -> dict[str, np.ndarray]:
    """Give expected profit, exploration and reason of each drawn arm."""
    customer_ids = assigned["customer_id"]
    profits = policy.profits.loc[customer_ids]
    column = profits.columns.get_indexer(assigned["action"])
    profit = profits.to_numpy()[np.arange(len(profits)), column]
    best_arm = policy.best_arm.loc[customer_ids].to_numpy()
    reasons = [
        _reason(arm, best, value) if version == policy.version else KEPT_REASON
        for arm, best, value, version in zip(
            assigned["action"], best_arm, profit, assigned["policy_version"], strict=True
        )
    ]
    return {
        "expected_profit_value": profit,
        "is_exploration": assigned["action"].to_numpy() != best_arm,
        "reason": np.array(reasons, dtype=object),
    }


def _reason(arm: str, best_arm: str, profit: float) -> str:
    if not best_arm:
        return EXPLORE_REASON
    if arm != best_arm:
        return KEEP_LEARNING_REASON
    return (
        "no action is expected to pay" if arm == CONTROL else f"best expected profit {profit:.2f}"
    )


def count_by_group(decisions: pd.DataFrame, segments: pd.DataFrame, arms: tuple) -> pd.DataFrame:
    """Count customers by segment and what happens to them.

    Returns
    -------
    DataFrame
        Row per segment, largest last; columns `not eligible`, `holdout`, then the arms.
    """
    labels = decisions["action"].mask(decisions["action"].eq(NONE), "holdout")
    labels = labels.mask(~decisions["is_eligible"], "not eligible")
    segment = (
        decisions[["customer_id"]].merge(segments, on="customer_id", how="left")["segment"]
    ).fillna("no segment")
    counts = pd.crosstab(segment.to_numpy(), labels.to_numpy())
    counts = counts.reindex(columns=["not eligible", "holdout", *arms], fill_value=0)
    order = counts.assign(size=counts.sum(axis=1), name=counts.index).sort_values(["size", "name"])
    return counts.loc[order.index]


def explain_customers(
    decisions: pd.DataFrame, scores: pd.DataFrame, policy: Policy, n_customers: int = 10
) -> pd.DataFrame:
    """Pick customers of every kind of decision, with what was known about each.

    Parameters
    ----------
    decisions : DataFrame
        The table of this stage.
    scores : DataFrame
        `customer_id` and the columns to show beside each decision.
    policy : Policy
        What the draw was made by.
    n_customers : int, default 10
        How many; kinds of decisions take turns.

    Returns
    -------
    DataFrame
        One row per customer; the pseudonym is cut to its first eight characters, and `could_get`
        gives every arm's expected profit and probability.
    """
    kind = decisions["reason"].str.replace(r" -?[\d.]+$", "", regex=True)  # whatever the amount
    turn = decisions.groupby(["action", kind]).cumcount()
    picked = decisions.assign(turn=turn).sort_values(["turn", "action", "reason", "customer_id"])
    picked = picked.head(n_customers).merge(scores, on="customer_id", how="left")
    shown = [column for column in scores.columns if column != "customer_id"]
    picked["could_get"] = [_could_get(one, policy) for one in picked["customer_id"]]
    table = picked[["customer_id", *shown, "could_get", "action", "pscore", "reason"]].sort_values(
        ["action", "customer_id"], ignore_index=True
    )
    return table.assign(customer_id=table["customer_id"].str[:8])


def _could_get(customer_id: str, policy: Policy) -> str:
    """List the arms of one customer; empty outside the experiment."""
    if customer_id not in policy.profits.index:
        return ""
    profits, shares = policy.profits.loc[customer_id], policy.probabilities.loc[customer_id]
    return "; ".join(f"{arm} {profits[arm]:+.2f} ({shares[arm]:.0%})" for arm in profits.index)


def design_sentence(mde: float, mde_share: float, plausible_share: float, mode: str) -> str:
    """Say what the experiment can detect, and warn if a good campaign could go unseen."""
    if not np.isfinite(mde):
        return (
            "**Cannot tell:** too few customers or no spend so far, so no effect, however large, "
            "can be told from chance."
        )
    share = f" ({mde_share:.1%} of a customer's usual profit)" if np.isfinite(mde_share) else ""
    text = (
        "The smallest true effect that this split finds four times in five is "
        f"**{mde:.2f} per contacted customer**{share}, in shop currency."
    )
    if np.isfinite(mde_share) and mde_share <= plausible_share:
        return text + f" A lift of {plausible_share:.0%} would be seen."
    warning = (
        f" **Warning:** a lift of {plausible_share:.0%} would be good news and would most likely "
        "end as *cannot tell*."
    )
    learn = " What is learned still counts: campaigns can be read together later." * (
        mode == EXPLORE
    )
    return text + warning + learn


def summarize_decisions(
    decisions: pd.DataFrame, estimates: pd.DataFrame, campaign: Campaign
) -> dict[str, float]:
    """Count and add up for the record; money is over the customers assigned an action.

    Returns
    -------
    dict
        `n_customers`, `n_eligible`, `n_holdout` (all that are held out, eligible or not),
        `n_treated`, `n_control`, `n_<action>`, `n_exploration`, and in shop currency
        `expected_profit`, `expected_message_cost`, `expected_discount`.
    """
    n_by_arm = decisions["action"].value_counts()
    drawn = decisions.merge(estimates, on=["customer_id", "action"], suffixes=("", "_estimated"))
    return {
        "n_customers": len(decisions),
        "n_eligible": int(decisions["is_eligible"].sum()),
        "n_holdout": int(decisions["is_holdout"].sum()),
        "n_treated": len(drawn),
        **{f"n_{arm}": int(n_by_arm.get(arm, 0)) for arm in campaign.arms},
        "n_exploration": int(decisions["is_exploration"].sum()),
        "expected_profit": float(drawn["expected_profit_value"].sum()),
        "expected_message_cost": float(drawn["cost_value"].sum()),
        "expected_discount": float(drawn["expected_discount_value"].sum()),
    }
