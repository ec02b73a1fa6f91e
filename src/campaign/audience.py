"""Who gets a message and who does not, counted for the people who sign off on it."""

from collections.abc import Mapping

import pandas as pd

from src.campaign.offers import Offer
from src.decide.catalogue import CONTROL, NONE, Action, Campaign

__all__ = ["count_audience", "count_exclusions", "describe_gaps", "tabulate_offers"]

NO_SEGMENT = "no segment"


def count_audience(
    decisions: pd.DataFrame, segments: pd.DataFrame, campaign: Campaign
) -> pd.DataFrame:
    """Count customers per segment and arm.

    Parameters
    ----------
    decisions : DataFrame
        One row per customer: `customer_id`, `action`.
    segments : DataFrame
        One row per customer: `segment`; customers without one are counted apart.
    campaign : Campaign
        Gives the arms in their order.

    Returns
    -------
    DataFrame
        One row per segment, most customers first; one column per action, then `control` and
        `none`.
    """
    named = decisions.merge(segments[["customer_id", "segment"]], on="customer_id", how="left")
    counts = pd.crosstab(
        named["segment"].fillna(NO_SEGMENT).astype(str), named["action"].astype(str)
    )
    arms = [*campaign.actions, CONTROL, NONE]
    counts = counts.reindex(columns=arms, fill_value=0).rename_axis(columns=None)
    order = counts.sum(axis="columns").to_frame("n").reset_index()
    order = order.sort_values(["n", "segment"], ascending=[False, True])["segment"]
    return counts.loc[order].rename_axis("segment")


def count_exclusions(decisions: pd.DataFrame, n_reasons: int = 10) -> pd.DataFrame:
    """Count the customers without a message by the reason 05 gave, most frequent first."""
    left_out = decisions[decisions["action"].isin([CONTROL, NONE])]
    counts = left_out.groupby(["action", "reason"]).size().reset_index(name="customers")
    counts = counts.sort_values(["customers", "action", "reason"], ascending=[False, True, True])
    rest = counts.iloc[n_reasons:]
    if len(rest):
        row = {"action": "", "reason": f"{len(rest)} more", "customers": rest["customers"].sum()}
        counts = pd.concat([counts.iloc[:n_reasons], pd.DataFrame([row])])
    return counts.reset_index(drop=True)


def tabulate_offers(campaign: Campaign, offers: Mapping[str, Offer]) -> pd.DataFrame:
    """Put what each action promises and costs side by side, one column per action."""
    return pd.DataFrame(
        {
            name: {
                "in the campaign file": action.label,
                "headline": offers[name].headline or "none",
                "saves at most": offers[name].limit or _saving(action),
                "from a basket of": offers[name].minimum or "any value",
                "last day": offers[name].valid_until.isoformat(),
                "template": action.template,
                "cost of one message": f"{action.cost_value:.2f}",
                "redemption expected": f"{action.redemption_share:.0%}",
            }
            for name, action in campaign.actions.items()
        }
    )


def _saving(action: Action) -> str:
    return "no limit" if action.discount_share else "the amount itself"


def describe_gaps(
    messaged: pd.DataFrame,
    departments: Mapping[str, str],
    products: Mapping[str, list[dict[str, str]]],
    n_products: int,
) -> str:
    """Say in words which messages lack something personal, and what they say instead."""
    customers = list(messaged["customer_id"])
    if not customers:
        return "**No message is planned**: 05 drew control for everybody, or nobody is eligible."
    n_listed = [min(len(products.get(customer, [])), n_products) for customer in customers]
    n_without = sum(customer not in departments for customer in customers)
    gaps = [
        f"{sum(n == 0 for n in n_listed):,} name no product and leave the list out",
        f"{sum(0 < n < n_products for n in n_listed):,} name fewer than {n_products}",
        f"{n_without:,} go to customers without a department that can be named; where the offer "
        "asks for one, they choose it",
    ]
    found = [gap for gap in gaps if not gap.startswith("0 ")]
    if not found:
        return (
            f"Each of the {len(customers):,} messages names a department and {n_products} products."
        )
    return f"Of {len(customers):,} messages, " + "; ".join(found) + "."
