"""Which products a message may show: recommended, left in the cart, or bought again and again."""

from collections.abc import Mapping

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.window import days_after, end_of_day, within
from src.decide.catalogue import Campaign

__all__ = ["find_earlier_prices", "pick_by_source", "pick_for_actions"]

CART_DAYS = 30
BOUGHT_DAYS = 365
PRICE_DAYS = 30
_OFTEN = "you buy it often"


def pick_by_source(
    campaign: Campaign, recommendations: Table, orders: Table, events: Table, as_of_date: str
) -> dict[str, pd.DataFrame]:
    """List products per customer for each way in which the campaign's actions pick them.

    Parameters
    ----------
    campaign : Campaign
        Says which of `recommendations`, `cart` and `bought` are asked for.
    recommendations : ibis.Table
        One row per customer and rank: `product_id`, `reason`.
    orders : ibis.Table
        One row per order line.
    events : ibis.Table
        One row per event; those of the type `cart` count.
    as_of_date : str
        Nothing after it is read.

    Returns
    -------
    dict of str to DataFrame
        By source: `customer_id`, `rank`, `product_id`, `reason`.
    """
    lists = {
        "recommendations": lambda: recommendations,
        "cart": lambda: _left_in_cart(orders, events, as_of_date),
        "bought": lambda: _bought_again(orders, as_of_date),
    }
    asked = {action.products_from for action in campaign.actions.values()}
    columns = ["customer_id", "rank", "product_id", "reason"]
    return {
        source: build().select(columns).order_by(["customer_id", "rank"]).to_pandas()
        for source, build in lists.items()
        if source in asked
    }


def pick_for_actions(
    messaged: pd.DataFrame,
    campaign: Campaign,
    lists: Mapping[str, Mapping[str, list[dict[str, str]]]],
) -> dict[str, list[dict[str, str]]]:
    """Give each customer the products that their action asks for.

    Parameters
    ----------
    messaged : DataFrame
        One row per customer with a message: `customer_id`, `action`.
    campaign : Campaign
        Whose actions name a source.
    lists : mapping of str to mapping
        Products to name by source and customer.
    """
    chosen = {}
    for row in messaged[["customer_id", "action"]].itertuples(index=False):
        source = campaign.actions[row.action].products_from
        products = lists.get(source, {}).get(row.customer_id)
        if products:
            chosen[row.customer_id] = products
    return chosen


def find_earlier_prices(orders: Table, as_of_date: str) -> pd.Series:
    """Find the lowest price per piece at which each product was sold in the last 30 days.

    Only this may be called an earlier price beside a lower one (Directive 98/6/EC, article 6a).

    Parameters
    ----------
    orders : ibis.Table
        One row per order line: what was received, and for how many pieces.
    as_of_date : str
        Last of the days.

    Returns
    -------
    Series of float
        By `product_id`, shop currency; products without a sale are absent.
    """
    lines = within(orders, "ordered_at", days_after(as_of_date, -PRICE_DAYS), as_of_date)
    lines = lines.filter(~lines["is_outlier"] & lines["product_id"].notnull())
    price = lines["line_value_minor"] / lines["quantity"] / 100.0
    found = lines.group_by("product_id").agg(earlier_value=price.min())
    return found.order_by("product_id").to_pandas().set_index("product_id")["earlier_value"]


def _left_in_cart(orders: Table, events: Table, as_of_date: str) -> Table:
    """Give what lies in carts and has not been ordered since, the latest first."""
    after = days_after(as_of_date, -CART_DAYS)
    carts = within(events, "event_at", after, as_of_date)
    carts = carts.filter((carts["event_type"] == "cart") & carts["product_id"].notnull())
    carts = carts.group_by(["customer_id", "product_id"]).agg(put_at=carts["event_at"].max())
    bought = within(orders, "ordered_at", after, as_of_date)
    bought = bought.group_by(["customer_id", "product_id"]).agg(paid_at=bought["ordered_at"].max())
    both = carts.left_join(bought, ["customer_id", "product_id"])
    is_open = both["paid_at"].isnull() | (both["paid_at"] < both["put_at"])
    left = both.filter(is_open).select("customer_id", "product_id", "put_at")
    return _ranked(left, [left["put_at"].desc(), left["product_id"]], ibis.literal(""))


def _bought_again(orders: Table, as_of_date: str) -> Table:
    """Give what was bought on two days or more, the most frequent first."""
    lines = within(orders, "ordered_at", days_after(as_of_date, -BOUGHT_DAYS), as_of_date)
    lines = lines.filter(lines["product_id"].notnull())
    counts = lines.group_by(["customer_id", "product_id"]).agg(
        n_days=lines["ordered_at"].date().nunique(), last_at=lines["ordered_at"].max()
    )
    counts = counts.filter((counts["n_days"] >= 2) & (counts["last_at"] <= end_of_day(as_of_date)))
    order = [counts["n_days"].desc(), counts["last_at"].desc(), counts["product_id"]]
    return _ranked(counts, order, ibis.literal(_OFTEN))


def _ranked(table: Table, order: list[ibis.Value], reason: ibis.Value) -> Table:
    window = ibis.window(group_by="customer_id", order_by=order)
    rank = (ibis.row_number().over(window) + 1).cast("int64")
    return table.mutate(rank=rank, reason=reason)
