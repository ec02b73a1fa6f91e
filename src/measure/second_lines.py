"""What stands below the headline: other readings of the same campaign, in words and numbers."""

from collections.abc import Mapping
import math

import pandas as pd

from src.decide.catalogue import Campaign
from src.measure.complier import ComplierEffect, complier_effect
from src.measure.delivery import is_delivered
from src.measure.lift import LEVEL, Lift, effect_on_treated_weights
from src.measure.past import PastView
from src.measure.results import campaign_lift

__all__ = [
    "crossing_sentence",
    "describe_campaign",
    "promise_sentence",
    "reached_effect",
    "summarize",
    "tabulate",
]


def reached_effect(outcomes: pd.DataFrame, send_log: pd.DataFrame, level: float) -> ComplierEffect:
    """Effect on profit of those whom a message reached.

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`.
    send_log : DataFrame
        One row per message and attempt: `customer_id`, `state`.
    level : float
    """
    is_treated = outcomes["is_treated"].to_numpy()
    return complier_effect(
        outcomes["profit_value"].to_numpy(),
        is_delivered(outcomes, send_log).to_numpy(),
        is_treated,
        effect_on_treated_weights(outcomes["pscore"].to_numpy(), is_treated),
        outcomes["before_profit_value"].to_numpy(),
        level,
    )


def tabulate(
    lift: Lift, sequential: Lift, complier: ComplierEffect, shared: PastView | None
) -> pd.DataFrame:
    """Set the readings below each other, profit per customer in shop currency."""
    rows = {
        "of the draw, read once": (lift.estimate, lift.lower, lift.upper),
        "of the draw, read every day": (sequential.estimate, sequential.lower, sequential.upper),
        "of a message that arrived": (complier.estimate, complier.lower, complier.upper),
    }
    if shared is not None:
        pooled = shared.pooled
        name = f"mean of {pooled.n_effects} earlier campaigns"
        rows[name] = (pooled.mean, pooled.lower, pooled.upper)
        rows["of the draw, by their help"] = (shared.estimate, shared.lower, shared.upper)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["estimate", "lower", "upper"])


def summarize(
    sequential: Lift, complier: ComplierEffect, shared: PastView | None
) -> dict[str, float | int | None]:
    """Name the numbers for the record; totals are over the treated, shop currency."""
    return {
        "seq_lower": sequential.n_treated * sequential.lower,
        "seq_upper": sequential.n_treated * sequential.upper,
        "cace_per_customer": complier.estimate,
        "cace_lower": complier.lower,
        "cace_upper": complier.upper,
        "n_past_campaigns": shared.pooled.n_effects if shared else 0,
        "pooled_per_customer": shared.estimate if shared else math.nan,
        "pooled_lower": shared.lower if shared else math.nan,
        "pooled_upper": shared.upper if shared else math.nan,
    }


def describe_campaign(outcomes: pd.DataFrame, campaign: Campaign) -> dict[str, float | str]:
    """Name what the card and other tools need to know of the campaign.

    Returns
    -------
    dict
        `campaign_id`, `goal`, `channel` (several joined by +), `spend_value` (messages and
        redeemed discounts of the treated) and `incremental_revenue` with `revenue_lower`,
        `revenue_upper`: totals over the treated, shop currency, at 95 %.
    """
    treated = outcomes[outcomes["is_treated"]]
    spend = treated["cost_value"].sum() + treated["discount_minor"].sum() / 100
    lift = campaign_lift(outcomes, LEVEL, "revenue_value")
    ends = (lift.estimate, lift.lower, lift.upper)
    names = "incremental_revenue", "revenue_lower", "revenue_upper"
    return {
        "campaign_id": campaign.campaign_id,
        "goal": campaign.goal,
        "channel": "+".join(campaign.channels),
        "spend_value": float(spend),
        **{name: lift.n_treated * end for name, end in zip(names, ends, strict=True)},
    }


def crossing_sentence(crossings: Mapping[str, int], lift: Lift) -> str:
    """Say what blurs the comparison, if anything does."""
    if crossings["n_two_arms"]:
        return (
            f"**{crossings['n_two_arms']:,} customers got a message of an arm that is not "
            "theirs.** They count for the arm they drew; find out how it happened."
        )
    others = crossings["n_other_treated"], crossings["n_other_control"]
    if not any(others):
        return "Nobody got a message of another arm, or of another campaign in these weeks."
    shares = [
        n / max(of, 1) for n, of in zip(others, (lift.n_treated, lift.n_control), strict=True)
    ]
    return (
        f"Other campaigns wrote to {others[0]:,} of the treated ({shares[0]:.0%}) and "
        f"{others[1]:,} of control ({shares[1]:.0%}) in these weeks. The draw makes both alike in "
        "that, so it blurs the comparison without bending it."
    )


def promise_sentence(groups: pd.DataFrame) -> str:
    """Say whether customers did as 04d predicted."""
    if groups.empty:
        return (
            "04d predicted no effects, or the same for all, so there is nothing to compare them by."
        )
    inside = groups["predicted_value"].between(groups["lower"], groups["upper"]).sum()
    first, last = groups.iloc[0], groups.iloc[-1]
    is_right = last["realised_value"] > first["realised_value"]
    order = "more" if is_right else "no more"
    return (
        f"Of {len(groups)} groups by predicted effect, {inside} did what was predicted, give or "
        f"take chance; those of whom most was expected brought {order} than those of whom least "
        "was."
    )
