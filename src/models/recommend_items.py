"""What may be recommended, who bought it and when, and which product stands for it."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.window import days_after, known_by, within

__all__ = [
    "ItemRules",
    "build_item_days",
    "build_product_days",
    "choose_products",
    "count_purchases",
    "known_customers",
    "list_active_products",
    "list_sellers",
    "list_thin_products",
    "sum_up_days",
]

_HABIT_DAYS = 90.0


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
    rest_days : int, default 0
        An item bought in the last so many days is named only where no other is left.
    unavailable : tuple of str
        Product numbers that are left out, such as what the shop knows to be sold out. What it
        does not know is told by sales: see `active_days`.
    min_margin_share : float, default 0
        Products that lately earned less than this share of what the shop received for them are
        left out; those without a known cost stay.
    """

    excluded_departments: tuple[str, ...] = ()
    excluded_words: tuple[str, ...] = ()
    active_days: int = 60
    popular_days: int = 28
    max_items: int = 1000
    rest_days: int = 0
    unavailable: tuple[str, ...] = ()
    min_margin_share: float = 0.0


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
    thin = list_thin_products(orders, products, as_of_date, rules)
    allowed = _allowed(products, rules)
    for left_out in (list(rules.unavailable), thin):
        if left_out:
            allowed = allowed.filter(~allowed.product_id.isin(left_out))
    return days.inner_join(allowed, "product_id").select(
        "customer_id", "item", "product_id", "order_date"
    )


def list_thin_products(
    orders: Table, products: Table, as_of_date: str, rules: ItemRules
) -> list[str]:
    """List the products that lately earned too little.

    Parameters
    ----------
    orders, products : ibis.Table
        As in their contracts; `unit_cost_value` tells the cost of a piece.
    as_of_date : str
        ISO date, the last day that is read.
    rules : ItemRules
        Its `active_days` say what is lately, its `min_margin_share` what is too little.
    """
    costs = products.filter(products.unit_cost_value.notnull())
    costs = costs.select("product_id", "unit_cost_value")
    recent = within(orders, "ordered_at", days_after(as_of_date, -rules.active_days), as_of_date)
    lines = recent.inner_join(costs, "product_id")
    sums = lines.group_by("product_id").agg(
        received=lines.line_value_minor.sum(),
        cost=(lines.unit_cost_value * lines.quantity * 100).sum(),
    )
    thin = sums.filter(sums.received - sums.cost < rules.min_margin_share * sums.received)
    return thin.order_by("product_id").to_pandas()["product_id"].to_list()


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
        bought), `last_days` (days since the last of them) and `faded_days` (those days, each
        halved for every 90 days since); in any order.
    """
    end = ibis.date(as_of_date)
    known = item_days.filter(item_days.order_date <= end)
    return sum_up_days(known.mutate(age_days=end.delta(known.order_date, unit="day")))


def sum_up_days(aged: Table) -> pd.DataFrame:
    """Sum up days of purchase whose `age_days` is known, as `count_purchases` does."""
    return (
        aged.group_by("customer_id", "item")
        .agg(
            n_days=aged.count(),
            last_days=aged.age_days.min(),
            faded_days=(ibis.literal(0.5) ** (aged.age_days / _HABIT_DAYS)).sum(),
        )
        .to_pandas()
    )


def list_sellers(product_days: Table, as_of_date: str, rules: ItemRules) -> pd.DataFrame:
    """List the products sold in the last `active_days`, the best seller of each item first.

    Parameters
    ----------
    product_days : ibis.Table
        As from `build_product_days`.
    as_of_date : str
        ISO date.
    rules : ItemRules

    Returns
    -------
    DataFrame
        One row per product: `item`, `product_id`, `n_buyers`; within an item those with most
        buyers first, then the lower product number.
    """
    start = days_after(as_of_date, -rules.active_days)
    recent = _between(product_days, start, as_of_date)
    active = recent.group_by("item", "product_id").agg(n_buyers=recent.customer_id.nunique())
    order = ["item", ibis.desc("n_buyers"), "product_id"]
    return active.order_by(order).to_pandas()


def choose_products(
    product_days: Table, recommended: pd.DataFrame, sellers: pd.DataFrame, as_of_date: str
) -> pd.DataFrame:
    """Name a product for each recommended item.

    The customer's own: of those still sold, the one bought on most days; for an item new to the
    customer, the one with most buyers. Ties go to the lower product number.

    Parameters
    ----------
    product_days : ibis.Table
        As from `build_product_days`; of these customers is enough.
    recommended : DataFrame
        One row per customer and item: `customer_id`, `item`.
    sellers : DataFrame
        As from `list_sellers`.
    as_of_date : str
        ISO date.

    Returns
    -------
    DataFrame
        `recommended`, rows in the same order, with `product_id`.
    """
    known = product_days.filter(product_days.order_date <= ibis.date(as_of_date))
    wanted = ibis.memtable(recommended[["customer_id", "item"]].drop_duplicates())
    mine = known.semi_join(wanted, ["customer_id", "item"])
    mine = mine.semi_join(ibis.memtable(sellers[["product_id"]]), "product_id")
    mine = mine.group_by("customer_id", "item", "product_id").agg(n_best=mine.order_date.nunique())
    own = _first(mine, ["customer_id", "item"])
    own = own.select("customer_id", "item", own_id="product_id").to_pandas()
    best = sellers.drop_duplicates("item").rename(columns={"product_id": "best_id"})
    named = recommended.merge(own, how="left", on=["customer_id", "item"]).merge(
        best[["item", "best_id"]], how="left", on="item", validate="many_to_one"
    )
    chosen = named["own_id"].fillna(named["best_id"])
    return recommended.assign(product_id=chosen.to_numpy())


def _first(counts: Table, keys: list[str]) -> Table:
    """Keep the row with the highest `n_best` in each group, ties to the lower product number."""
    order = [ibis.desc("n_best"), ibis.asc("product_id")]
    ranked = counts.mutate(place=ibis.row_number().over(group_by=keys, order_by=order))
    return ranked.filter(ranked.place == 0)


def _between(days: Table, after_date: str, last_date: str) -> Table:
    """Keep the days after one date up to another."""
    start, end = ibis.date(after_date), ibis.date(last_date)
    return days.filter((days.order_date > start) & (days.order_date <= end))


def list_active_products(product_days: Table, as_of_date: str, active_days: int) -> list[str]:
    """List the products sold in the last `active_days` up to a date."""
    recent = _between(product_days, days_after(as_of_date, -active_days), as_of_date)
    active = recent.select("product_id").distinct().order_by("product_id")
    return active.to_pandas()["product_id"].to_list()


def known_customers(orders: Table, as_of_date: str) -> Table:
    """Find the customers with an order by a date: one row each, `customer_id`."""
    return known_by(orders, "ordered_at", as_of_date).select("customer_id").distinct()
