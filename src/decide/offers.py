"""What an offer is expected to give away on orders that come anyway."""

from ibis.expr.types import Table
import pandas as pd

from src.data.window import days_after
from src.decide.catalogue import Campaign
from src.features.offers import offer_discount, order_baskets

__all__ = ["expected_discounts", "offer_discount", "order_baskets"]


def expected_discounts(
    orders: Table, campaign: Campaign, as_of_date: str, history_days: int
) -> pd.DataFrame:
    r"""Discount that a contact is expected to give away on an order that comes anyway.

    .. math:: \bar d_{ia} = \rho_a \cdot \frac{1}{n_i} \sum_{j=1}^{n_i} d_a(v_{ij})

    with :math:`v_{ij}` the baskets of customer i in the last `history_days`, :math:`d_a` the
    offer's discount on a basket and :math:`\rho_a` its `redemption_share`.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line; nothing after `as_of_date` is read.
    campaign : Campaign
        The actions and their offers.
    as_of_date : str
        Last day whose orders count.
    history_days : int
        How far back baskets are typical.

    Returns
    -------
    DataFrame
        One row per customer with an order in the window and action: `customer_id`, `action`,
        `expected_discount_value` (shop currency per contact).
    """
    baskets = order_baskets(orders, days_after(as_of_date, -history_days), as_of_date)
    sums = {
        name: offer_discount(action, baskets["basket_minor"]).sum().cast("int64")
        for name, action in campaign.actions.items()
    }
    totals = baskets.group_by("customer_id").agg(n_baskets=baskets.count(), **sums).to_pandas()
    parts = [
        pd.DataFrame(
            {
                "customer_id": totals["customer_id"],
                "action": name,
                "expected_discount_value": action.redemption_share
                * (totals[name] / totals["n_baskets"])
                / 100.0,
            }
        )
        for name, action in campaign.actions.items()
    ]
    return pd.concat(parts).sort_values(["customer_id", "action"], ignore_index=True)
