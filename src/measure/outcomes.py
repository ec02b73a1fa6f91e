"""What became of every customer of the experiment: by assignment, never by click."""

import logging

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, parse_date
from src.decide.catalogue import NONE, Campaign
from src.decide.history import window_totals
from src.features.offers import redeemed_by_offer
from src.measure.refunds import kept_orders, refund_totals
from src.metrics.profit import profit_minor

__all__ = ["build_outcomes", "last_day", "matured_days", "redeemed_discounts"]

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


def last_day(as_of_date: str, days: int) -> str:
    """Last ISO date of a window of so many days; the as-of date itself if it has none."""
    return days_after(as_of_date, days)


def build_outcomes(
    orders: Table,
    events: Table,
    decisions: pd.DataFrame,
    campaign: Campaign,
    as_of_date: str,
    days: int,
    refunds: Table | None = None,
    losses: pd.DataFrame | None = None,
) -> pd.DataFrame:
    r"""Revenue, orders and profit after the as-of date, and the same before it.

    .. math:: \pi = \operatorname{round}(m (R + D)) - D - (F - R_0) - L - c

    with :math:`R` the revenue and :math:`D` the campaign's discounts on what was **kept**,
    :math:`F` the money paid back for returns of what had been sold for :math:`R_0`, :math:`L`
    the value lost with a permission taken back and :math:`c` the cost of the message. A return
    counts for the order that it takes back, however late it comes: read again, the same window
    may have another profit.

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
    refunds : ibis.Table, optional
        One row per returned line; without, nothing came back.
    losses : DataFrame, optional
        From `read_losses`; without, nobody left.

    Returns
    -------
    DataFrame
        One row per customer of the experiment, by `customer_id`: `action`, `pscore`,
        `is_treated`, `revenue_minor` (kept), `discount_minor`, `n_refunds`, `refund_minor`,
        `loss_minor`, `margin_minor` (margin minus discount and what returns cost beyond;
        integer cents), `cost_value`, flags `is_unsubscribed`, `is_complaint`, `has_refund`, and
        as floats of the outcome window `profit_value`, `revenue_value`, `n_orders`, `is_buyer`,
        each with its `before_` twin. The window before is as it was on the as-of date, returns
        not taken off: what came back later may be the campaign's doing.
    """
    inside = decisions.loc[decisions["action"].ne(NONE), ["customer_id", "action", "pscore"]]
    inside = inside.sort_values("customer_id", ignore_index=True)
    ids, last_date = inside["customer_id"], last_day(as_of_date, days)
    kept = orders if refunds is None else kept_orders(orders, refunds)
    after = window_totals(kept, ids, as_of_date, last_date)
    before = window_totals(orders, ids, days_after(as_of_date, -days), as_of_date)
    costs = {name: action.cost_value for name, action in campaign.actions.items()}
    discounts = redeemed_discounts(kept, events, inside, campaign, as_of_date, last_date)
    back = _refunds(orders, refunds, ids, as_of_date, last_date)
    margin = profit_minor(after["revenue_minor"].to_numpy(), discounts, campaign.margin_share)
    logger.info("build_outcomes: %d decided → %d in the experiment", len(decisions), len(inside))
    outcomes = inside.assign(
        is_treated=inside["action"].isin(costs),
        revenue_minor=after["revenue_minor"],
        discount_minor=discounts,
        n_refunds=back["n_refunds"],
        refund_minor=back["refund_minor"],
        has_refund=back["n_refunds"].gt(0),
        margin_minor=margin - (back["refund_minor"] - back["returned_minor"]).to_numpy(),
        cost_value=inside["action"].map(costs).fillna(0.0).astype(float),
        **_losses(losses, ids),
    )
    earned = (outcomes["margin_minor"] - outcomes["loss_minor"]) / 100.0
    profit = earned - outcomes["cost_value"]
    nothing = np.zeros(len(ids), dtype=np.int64)
    earlier = profit_minor(before["revenue_minor"].to_numpy(), nothing, campaign.margin_share)
    return outcomes.assign(
        **_metrics(after, profit.to_numpy(), ""), **_metrics(before, earlier / 100.0, "before_")
    )


def _refunds(
    orders: Table, refunds: Table | None, ids: pd.Series, after_date: str, last_date: str
) -> pd.DataFrame:
    if refunds is None:
        names = ["n_refunds", "refund_minor", "returned_minor"]
        return pd.DataFrame(0, index=range(len(ids)), columns=names, dtype="int64")
    return refund_totals(orders, refunds, ids, after_date, last_date)


def _losses(losses: pd.DataFrame | None, ids: pd.Series) -> dict[str, np.ndarray]:
    names = ["is_unsubscribed", "is_complaint", "loss_minor"]
    if losses is None:
        return {name: np.zeros(len(ids), bool if name[:2] == "is" else np.int64) for name in names}
    found = losses.set_index("customer_id").reindex(ids)
    return {
        name: found[name].fillna(0).to_numpy(dtype=bool if name[:2] == "is" else np.int64)
        for name in names
    }


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
