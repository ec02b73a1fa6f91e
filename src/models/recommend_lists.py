"""From scores to a list for each customer: product, score, and the reason in words."""

from pathlib import Path

from ibis.backends import BaseBackend
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.models.recommend import Purchases, Shelf, Target, index_purchases, recommend
from src.models.recommend_items import build_item_days, choose_products, count_purchases
from src.models.recommend_methods import Recommender, explain_item
from src.models.scoring import list_in_blocks

__all__ = ["KINDS", "build_recommendations", "count_reasons", "recommend_to_all"]

KINDS = ("you buy it often", "you bought it before", "often bought with", "popular now")
"""How the reasons begin, each a kind."""

_LATELY_DAYS = 60
_CELLS = 4_000_000


def recommend_to_all(
    engine: BaseBackend,
    customers: Table,
    product_days: Table,
    sellers: pd.DataFrame,
    model: Recommender,
    shelf: Shelf,
    as_of_date: str,
    scratch: Path,
    k: int = 5,
    target: Target = "any",
    rows_per_block: int = 0,
) -> Table:
    """List the best products of every customer, some customers at a time.

    Parameters
    ----------
    engine : ibis backend
        Where the tables are.
    customers : ibis.Table
        One row for each: `customer_id`.
    product_days : ibis.Table
        As from `src.models.recommend_items.build_product_days`.
    sellers : DataFrame
        As from `src.models.recommend_items.list_sellers`.
    model : Recommender
    shelf : Shelf
        As of `as_of_date`, with the items the model was fitted on.
    as_of_date : str
        ISO date.
    scratch : Path
        New folder for the blocks.
    k : int, default 5
        Length of the list.
    target : {"any", "new"}
    rows_per_block : int
        Customers at once; 0 takes so many that customers times items are four million.

    Returns
    -------
    ibis.Table
        One row per customer and rank: the columns of `recommendations`, and `item`.
    """

    def recommend_block(block: pd.DataFrame) -> pd.DataFrame:
        names = block["customer_id"]
        first, last = (names.iloc[0], names.iloc[-1]) if len(names) else ("", "")
        mine = product_days.filter(product_days.customer_id.between(first, last)).cache()
        counts = count_purchases(build_item_days(mine), as_of_date)
        purchases = index_purchases(counts, names.to_numpy(), shelf)
        return build_recommendations(model, purchases, mine, sellers, as_of_date, k, target)

    rows = rows_per_block or max(1, _CELLS // max(len(shelf.items), 1))
    return list_in_blocks(engine, customers, recommend_block, scratch, rows)


def build_recommendations(
    model: Recommender,
    purchases: Purchases,
    product_days: Table,
    sellers: pd.DataFrame,
    as_of_date: str,
    k: int = 5,
    target: Target = "any",
) -> pd.DataFrame:
    """List the best products of some customers.

    Parameters
    ----------
    model : Recommender
    purchases : Purchases
        Of these customers, as of `as_of_date`.
    product_days, sellers, as_of_date, k, target
        As for `recommend_to_all`; the days of these customers are enough.

    Returns
    -------
    DataFrame
        One row per customer and rank: the columns of `recommendations`, and `item`.
    """
    top, score = recommend(model, purchases, k, target)
    n_customers, length = top.shape
    rows = pd.DataFrame(
        {
            "customer_id": np.repeat(purchases.customers, length),
            "rank": np.tile(np.arange(1, length + 1), n_customers),
            "item": purchases.items[top.ravel()],
            "score": score.ravel(),
            "reason": _reasons(model, purchases, top),
        }
    )
    return choose_products(product_days, rows, sellers, as_of_date)


def _reasons(model: Recommender, purchases: Purchases, top: np.ndarray) -> list[str]:
    bought = np.take_along_axis(purchases.n_days.toarray(), top, axis=1)
    partner = _partners(model, purchases, top)
    names = [str(item).lower() for item in purchases.items]
    return [
        _reason(n_times, names[other] if other >= 0 else None)
        for n_times, other in zip(bought.ravel(), partner.ravel(), strict=True)
    ]


def _reason(n_times: float, partner: str | None) -> str:
    often, before, together, popular = KINDS
    if n_times >= 2:
        return often
    if n_times == 1:
        return before
    return f"{together} {partner}, which you bought lately" if partner else popular


def _partners(model: Recommender, purchases: Purchases, top: np.ndarray) -> np.ndarray:
    """Find what bought lately speaks most for each listed item; -1 if nothing speaks for it."""
    partner = np.full(top.shape, -1)
    if not model.is_learnt:
        return partner
    age = purchases.last_days.toarray()
    is_late = (age > 0) & (age <= _LATELY_DAYS)
    X = purchases.n_days.log1p()
    for rank in range(top.shape[1]):
        speaks = np.where(is_late, explain_item(model, X, top[:, rank]), 0.0)
        best = speaks.argmax(axis=1)
        is_for = np.take_along_axis(speaks, best[:, None], axis=1)[:, 0] > 0
        partner[:, rank] = np.where(is_for & (best != top[:, rank]), best, -1)
    return partner


def count_reasons(recommendations: Table, n_items: int = 12) -> pd.DataFrame:
    """Count how many customers get each item, and why.

    Parameters
    ----------
    recommendations : ibis.Table
        As from `recommend_to_all`.
    n_items : int, default 12
        Items shown.

    Returns
    -------
    DataFrame
        One row for each of the `n_items` most recommended items, most first; one column per
        kind of reason.
    """
    reason = recommendations.reason
    columns = {kind: reason.startswith(kind).sum() for kind in KINDS}
    counts = recommendations.group_by("item").agg(**columns).to_pandas()
    counts["total"] = counts[list(KINDS)].sum(axis=1)
    ordered = counts.sort_values(["total", "item"], ascending=[False, True])
    return ordered.head(n_items).set_index("item")[list(KINDS)]
