"""What an offer takes off a basket, and what the redeemed offers of a campaign took off."""

from collections.abc import Mapping
from typing import Protocol

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.window import within

__all__ = ["Offer", "offer_discount", "order_baskets", "redeemed_by_day", "redeemed_by_offer"]


class Offer(Protocol):
    """What an offer promises: shares are of the basket, values in shop currency."""

    discount_share: float
    discount_ceiling_value: float | None
    discount_value: float
    minimum_basket_value: float


def order_baskets(orders: Table, after_date: str, last_date: str) -> Table:
    """Value of each order of a window: `customer_id`, `order_id`, `ordered_at`, `basket_minor`."""
    lines = within(orders, "ordered_at", after_date, last_date)
    return lines.group_by(["customer_id", "order_id"]).agg(
        ordered_at=lines["ordered_at"].min(),
        basket_minor=lines["line_value_minor"].sum().cast("int64"),
    )


def offer_discount(offer: Offer, basket_minor: ibis.Value) -> ibis.Value:
    """Discount in integer cents if the offer were redeemed on a basket of that many cents.

    A share is cut at its ceiling, an amount at the basket itself; under the minimum basket
    the offer is worth nothing.
    """
    share = (basket_minor * offer.discount_share).round().cast("int64")
    if offer.discount_ceiling_value is not None:
        share = ibis.least(share, _minor(offer.discount_ceiling_value))
    discount = ibis.least(share + _minor(offer.discount_value), basket_minor)
    is_enough = basket_minor >= _minor(offer.minimum_basket_value)
    return ibis.ifelse(is_enough, discount, 0).cast("int64")


def redeemed_by_offer(
    orders: Table,
    events: Table,
    campaign_id: str,
    offers: Mapping[str, Offer],
    after_date: str,
    last_date: str,
) -> pd.DataFrame:
    """Discount that customers took from a campaign's offers in a window.

    A redemption is an event `coupon_redeemed` with the campaign's name. It is worth the offer's
    discount on the customer's largest basket of that day.

    Parameters
    ----------
    orders, events : ibis.Table
        As in their contracts.
    campaign_id : str
        Whose redemptions count.
    offers : mapping of str to Offer
        By action.
    after_date, last_date : str
        The window opens after the first day and closes at the end of the last.

    Returns
    -------
    DataFrame
        One row per customer who redeemed (index `customer_id`), one column per action: integer
        cents, had it been that action's offer.
    """
    worth = _redemptions(orders, events, campaign_id, offers, after_date, last_date)
    totals = worth.group_by("customer_id").agg(
        **{name: ibis._[name].sum().cast("int64") for name in offers}
    )
    return totals.to_pandas().set_index("customer_id")


def redeemed_by_day(
    orders: Table,
    events: Table,
    campaign_id: str,
    offers: Mapping[str, Offer],
    after_date: str,
    last_date: str,
) -> pd.DataFrame:
    """Give the same by day.

    Returns
    -------
    DataFrame
        One row per redemption: `customer_id`, `day`, and one column per action, integer cents.
    """
    worth = _redemptions(orders, events, campaign_id, offers, after_date, last_date)
    return worth.to_pandas()


def _redemptions(
    orders: Table,
    events: Table,
    campaign_id: str,
    offers: Mapping[str, Offer],
    after_date: str,
    last_date: str,
) -> Table:
    redeemed = within(events, "event_at", after_date, last_date)
    redeemed = redeemed.filter(
        (redeemed["campaign_id"] == campaign_id) & (redeemed["event_type"] == "coupon_redeemed")
    )
    redeemed = redeemed.select("customer_id", day=redeemed["event_at"].date())
    largest = order_baskets(orders, after_date, last_date)
    largest = largest.mutate(day=largest["ordered_at"].date())
    largest = largest.group_by(["customer_id", "day"]).agg(basket_minor=ibis._.basket_minor.max())
    baskets = redeemed.join(largest, ["customer_id", "day"])
    worth = {name: offer_discount(offer, baskets["basket_minor"]) for name, offer in offers.items()}
    return baskets.select("customer_id", "day", **worth)


def _minor(value: float) -> int:
    return round(value * 100)
