"""What may be recommended, who bought it and when, and which product stands for it."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.window import days_after, known_by

__all__ = [
    "ItemRules",
    "build_item_days",
    "build_product_days",
    "choose_products",
    "count_purchases",
    "list_active_products",
    "list_customers",
]


@dataclass(frozen=True)
class ItemRules:
    """What may be recommended.

    An item is a kind of product: `product_type`, else `category`; else the product itself, by
    `product_name` or, where there is none, `product_id`.

    Parameters
    ----------
    excluded_departments : tuple of str
        Departments that are left out.
    excluded_words : tuple of str
        Items whose name contains one of these are left out, capitals or not.
    active_days : int, default 60
        Only items and products sold in the last so many days are recommended.
    popular_days : int, default 28
        Popularity counts the buyers of the last so many days.
    max_items : int, default 1000
        Only so many items, those with most buyers in `active_days`.
    """

    excluded_departments: tuple[str, ...] = ()
    excluded_words: tuple[str, ...] = ()
    active_days: int = 60
    popular_days: int = 28
    max_items: int = 1000


def build_product_days(orders: Table, products: Table, as_of_date: str, rules: ItemRules) -> Table:
    """List the order lines of products that may be recommended, by day.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts.
    as_of_date : str
        ISO date, the last day that is read.
    rules : ItemRules

    Returns
    -------
    ibis.Table
        One row per order line: `customer_id`, `item`, `product_id`, `order_date` (UTC). Products
        without department are left out, unless none has one.
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    days = lines.select("customer_id", "product_id", order_date=lines.ordered_at.date())
    return days.inner_join(_allowed(products, rules), "product_id").select(
        "customer_id", "item", "product_id", "order_date"
    )


def _allowed(products: Table, rules: ItemRules) -> Table:
    item = ibis.coalesce(
        products.product_type, products.category, products.product_name, products.product_id
    )
    named = products.select("product_id", "department", item=item)
    if int(products.department.count().execute()):
        kept = named.department.notnull()
        if rules.excluded_departments:
            kept &= ~named.department.isin(list(rules.excluded_departments))
        named = named.filter(kept)
    for word in rules.excluded_words:
        named = named.filter(~named.item.upper().contains(word.upper()))
    return named.select("product_id", "item")


def build_item_days(product_days: Table) -> Table:
    """List on which days each customer bought which item, whatever the product.

    Parameters
    ----------
    product_days : ibis.Table
        As from `build_product_days`.

    Returns
    -------
    ibis.Table
        One row per customer, item and day: `customer_id`, `item`, `order_date`.
    """
    return product_days.select("customer_id", "item", "order_date").distinct()


def count_purchases(item_days: Table, as_of_date: str) -> pd.DataFrame:
    """Sum up what each customer bought by one date.

    Parameters
    ----------
    item_days : ibis.Table
        As from `build_item_days`; days after `as_of_date` are left out.
    as_of_date : str
        ISO date.

    Returns
    -------
    DataFrame
        One row per customer and item: `customer_id`, `item`, `n_days` (days on which it was
        bought) and `last_days` (days since the last of them); in any order.
    """
    end = ibis.date(as_of_date)
    known = item_days.filter(item_days.order_date <= end)
    counts = known.group_by("customer_id", "item").agg(
        n_days=known.count(), last=known.order_date.max()
    )
    return counts.select(
        "customer_id", "item", "n_days", last_days=end.delta(counts.last, unit="day")
    ).to_pandas()


def choose_products(
    product_days: Table, recommended: pd.DataFrame, as_of_date: str, rules: ItemRules
) -> pd.DataFrame:
    """Name a product for each recommended item.

    The customer's own: of those sold in the last `active_days`, the one bought on most days; for
    an item new to the customer, the one with most buyers. Ties go to the lower product number.

    Parameters
    ----------
    product_days : ibis.Table
        As from `build_product_days`.
    recommended : DataFrame
        One row per customer and item: `customer_id`, `item`.
    as_of_date : str
        ISO date.
    rules : ItemRules

    Returns
    -------
    DataFrame
        `recommended`, rows in the same order, with `product_id`.
    """
    end = ibis.date(as_of_date)
    known = product_days.filter(product_days.order_date <= end)
    start = ibis.date(days_after(as_of_date, -rules.active_days))
    recent = known.filter(known.order_date > start)
    active = recent.group_by("item", "product_id").agg(n_best=recent.customer_id.nunique())
    best = _first(active, ["item"]).select("item", best_id="product_id").to_pandas()
    wanted = ibis.memtable(recommended[["customer_id", "item"]].drop_duplicates())
    mine = known.semi_join(wanted, ["customer_id", "item"]).semi_join(active, "product_id")
    mine = mine.group_by("customer_id", "item", "product_id").agg(n_best=mine.order_date.nunique())
    own = _first(mine, ["customer_id", "item"])
    own = own.select("customer_id", "item", own_id="product_id").to_pandas()
    named = recommended.merge(own, how="left", on=["customer_id", "item"]).merge(
        best, how="left", on="item", validate="many_to_one"
    )
    chosen = named["own_id"].fillna(named["best_id"])
    return recommended.assign(product_id=chosen.to_numpy())


def _first(counts: Table, keys: list[str]) -> Table:
    """Keep the row with the highest `n_best` in each group, ties to the lower product number."""
    order = [ibis.desc("n_best"), ibis.asc("product_id")]
    ranked = counts.mutate(place=ibis.row_number().over(group_by=keys, order_by=order))
    return ranked.filter(ranked.place == 0)


def list_active_products(product_days: Table, as_of_date: str, active_days: int) -> list[str]:
    """List the products sold in the last `active_days` up to a date."""
    start, end = ibis.date(days_after(as_of_date, -active_days)), ibis.date(as_of_date)
    recent = product_days.filter(
        (product_days.order_date > start) & (product_days.order_date <= end)
    )
    active = recent.select("product_id").distinct().order_by("product_id")
    return active.to_pandas()["product_id"].to_list()


def list_customers(orders: Table, as_of_date: str) -> list[str]:
    """List the customers with an order by a date."""
    known = known_by(orders, "ordered_at", as_of_date).select("customer_id").distinct()
    return known.order_by("customer_id").to_pandas()["customer_id"].to_list()
