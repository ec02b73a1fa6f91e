"""What became of every customer of the experiment: by assignment, never by click."""

import logging

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, parse_date
from src.decide.catalogue import NONE, Campaign
from src.decide.history import window_totals
from src.features.offers import redeemed_by_offer
from src.metrics.profit import profit_minor

__all__ = ["build_outcomes", "matured_days", "redeemed_discounts"]

logger = logging.getLogger(__name__)


def matured_days(orders: Table, as_of_date: str, outcome_days: int) -> int:
    """Days of the outcome window that the orders cover; at most `outcome_days`, at least 0.

    The last day with any order stands for the last day known.
    """
    last = orders["ordered_at"].max().date().execute()
    if pd.isna(last):
        return 0
    known = (pd.Timestamp(last).date() - parse_date(as_of_date)).days
    return int(np.clip(known, 0, outcome_days))


def build_outcomes(
    orders: Table,
    events: Table,
    decisions: pd.DataFrame,
    campaign: Campaign,
    as_of_date: str,
    days: int,
) -> pd.DataFrame:
    """Revenue, orders and profit after the as-of date, and the same before it.

    Intention to treat: a customer counts for the arm drawn in 05, and the cost of a message for
    everyone assigned one, whether or not it arrived.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line.
    events : ibis.Table
        One row per event; redemptions of this campaign's offers are found by its name.
    decisions : DataFrame
        One row per customer: `customer_id`, `action`, `pscore`; action `none` is outside.
    campaign : Campaign
        Margin, costs and offers.
    as_of_date : str
        The outcome window starts on the next day, the window before ends on it.
    days : int
        Length of both windows.

    Returns
    -------
    DataFrame
        One row per customer of the experiment, by `customer_id`: `action`, `pscore`,
        `is_treated`, `revenue_minor`, `discount_minor`, `margin_minor` (margin minus discount;
        integer cents), `cost_value`, and as floats of the outcome window `profit_value`,
        `revenue_value`, `n_orders`, `is_buyer`, each with its `before_` twin.
    """
    inside = decisions.loc[decisions["action"].ne(NONE), ["customer_id", "action", "pscore"]]
    inside = inside.sort_values("customer_id", ignore_index=True)
    ids, last_date = inside["customer_id"], days_after(as_of_date, days)
    after = window_totals(orders, ids, as_of_date, last_date)
    before = window_totals(orders, ids, days_after(as_of_date, -days), as_of_date)
    costs = {name: action.cost_value for name, action in campaign.actions.items()}
    discounts = redeemed_discounts(orders, events, inside, campaign, as_of_date, last_date)
    logger.info("build_outcomes: %d decided → %d in the experiment", len(decisions), len(inside))
    outcomes = inside.assign(
        is_treated=inside["action"].isin(costs),
        revenue_minor=after["revenue_minor"],
        discount_minor=discounts,
        margin_minor=profit_minor(
            after["revenue_minor"].to_numpy(), discounts, campaign.margin_share
        ),
        cost_value=inside["action"].map(costs).fillna(0.0).astype(float),
    )
    profit = outcomes["margin_minor"] / 100.0 - outcomes["cost_value"]
    nothing = np.zeros(len(ids), dtype=np.int64)
    earlier = profit_minor(before["revenue_minor"].to_numpy(), nothing, campaign.margin_share)
    return outcomes.assign(
        **_metrics(after, profit.to_numpy(), ""), **_metrics(before, earlier / 100.0, "before_")
    )


def _metrics(totals: pd.DataFrame, profit: np.ndarray, prefix: str) -> dict[str, np.ndarray]:
    return {
        f"{prefix}profit_value": profit,
        f"{prefix}revenue_value": totals["revenue_minor"].to_numpy() / 100.0,
        f"{prefix}n_orders": totals["n_orders"].to_numpy(dtype=float),
        f"{prefix}is_buyer": totals["n_orders"].gt(0).to_numpy(dtype=float),
    }


def redeemed_discounts(
    orders: Table,
    events: Table,
    assigned: pd.DataFrame,
    campaign: Campaign,
    after_date: str,
    last_date: str,
) -> np.ndarray:
    """Discount that each customer took from this campaign's offers, integer cents.

    A redemption is an event `coupon_redeemed` with the campaign's name. It is worth the offer's
    discount on the customer's largest basket of that day; if several actions exist and the
    customer was assigned none of them, the dearest.

    Returns
    -------
    array of int, in the order of `assigned`
    """
    totals = redeemed_by_offer(
        orders, events, campaign.campaign_id, campaign.actions, after_date, last_date
    )
    table = totals.reindex(assigned["customer_id"]).fillna(0)
    table["control"] = table.max(axis=1)
    column = table.columns.get_indexer(assigned["action"])
    return table.to_numpy()[np.arange(len(table)), column].astype(np.int64)
