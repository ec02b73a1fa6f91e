"""Products that a customer must not be offered: returned, or bought just now."""

from collections.abc import Mapping, Sequence

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.campaign.placeholders import plain
from src.campaign.wording import Wording, name_product
from src.data.window import days_after, within

__all__ = ["find_withheld", "leave_out", "name_withheld"]

BOUGHT_DAYS = 7
RETURNED_DAYS = 365


def find_withheld(
    orders: Table,
    refunds: Table,
    as_of_date: str,
    bought_days: int = BOUGHT_DAYS,
    returned_days: int = RETURNED_DAYS,
) -> Table:
    """List what each customer bought or returned lately.

    Parameters
    ----------
    orders, refunds : ibis.Table
        One row per order line, and per line returned.
    as_of_date : str
        Nothing after it is read.
    bought_days, returned_days : int
        How far back a purchase or a return counts.

    Returns
    -------
    ibis.Table
        One row per `customer_id` and `product_id`, with the `reason`: `returned` before `bought`.
    """
    bought = within(orders, "ordered_at", days_after(as_of_date, -bought_days), as_of_date)
    returned = within(refunds, "refunded_at", days_after(as_of_date, -returned_days), as_of_date)
    parts = [
        table.filter(table["product_id"].notnull())
        .select("customer_id", "product_id", reason=ibis.literal(reason))
        .distinct()
        for table, reason in ((bought, "bought"), (returned, "returned"))
    ]
    both = parts[0].union(parts[1])
    return both.group_by(["customer_id", "product_id"]).agg(reason=both["reason"].max())


def name_withheld(
    withheld: pd.DataFrame, products: pd.DataFrame, wording: Wording
) -> dict[str, tuple[str, ...]]:
    """Give the names under which a message would show what is withheld, by customer.

    Parameters
    ----------
    withheld : DataFrame
        One row per `customer_id` and `product_id`.
    products : DataFrame
        One row per product: `product_id`, `department`, `category`, `product_type`,
        `product_name`.
    wording : Wording
        Names of products.
    """
    products = products[products["product_id"].isin(withheld["product_id"])]
    has_kind = products["product_type"].notna() | products["category"].notna()
    kinds = products["product_type"].where(has_kind, products["product_name"])
    names = {
        row.product_id: plain(name_product(row.department, row.category, kind, wording))
        for row, kind in zip(products.itertuples(), kinds, strict=True)
    }
    found: dict[str, dict[str, None]] = {}
    for row in withheld[["customer_id", "product_id"]].itertuples(index=False):
        if names.get(row.product_id):
            found.setdefault(row.customer_id, {})[names[row.product_id]] = None
    return {customer_id: tuple(named) for customer_id, named in found.items()}


def leave_out(
    products: Mapping[str, list[dict[str, str]]], withheld: Mapping[str, Sequence[str]]
) -> dict[str, list[dict[str, str]]]:
    """Take what is withheld out of each customer's list, by name: two sorts of one name are one.

    Examples
    --------
    >>> leave_out({"c1": [{"name": "Tea"}, {"name": "Milk"}]}, {"c1": ["Tea"]})
    {'c1': [{'name': 'Milk'}]}
    """
    kept = {
        customer_id: [one for one in listed if one["name"] not in withheld.get(customer_id, ())]
        for customer_id, listed in products.items()
    }
    return {customer_id: listed for customer_id, listed in kept.items() if listed}
