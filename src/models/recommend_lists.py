"""From scores to a list for each customer: product, score, and the reason in words."""

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.models.recommend import Purchases, Recommender, Target, recommend
from src.models.recommend_items import ItemRules, choose_products

__all__ = ["KINDS", "build_recommendations", "count_reasons"]

KINDS = ("you buy it often", "you bought it before", "often bought with", "popular now")
"""How the reasons begin, each a kind."""

_LATELY_DAYS = 60


def build_recommendations(
    model: Recommender,
    purchases: Purchases,
    product_days: Table,
    as_of_date: str,
    rules: ItemRules,
    k: int = 5,
    target: Target = "any",
) -> pd.DataFrame:
    """List the best products of each customer.

    Parameters
    ----------
    model : Recommender
    purchases : Purchases
        As of `as_of_date`.
    product_days : ibis.Table
        As from `src.models.recommend_items.build_product_days`.
    as_of_date : str
        ISO date.
    rules : ItemRules
    k : int, default 5
        Length of the list.
    target : {"any", "new"}

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
    return choose_products(product_days, rows, as_of_date, rules)


def _reasons(model: Recommender, purchases: Purchases, top: np.ndarray) -> list[str]:
    n_days = purchases.n_days.toarray()
    bought = np.take_along_axis(n_days, top, axis=1)
    partner = _partners(model, purchases, n_days, top)
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


def _partners(
    model: Recommender, purchases: Purchases, n_days: np.ndarray, top: np.ndarray
) -> np.ndarray:
    """Find what bought lately speaks most for each listed item; -1 if nothing speaks for it."""
    if model.weights is None:
        return np.full(top.shape, -1)
    age = purchases.last_days.toarray()
    lately = np.log1p(n_days) * ((age > 0) & (age <= _LATELY_DAYS))
    partner = np.empty(top.shape, dtype=int)
    for rank in range(top.shape[1]):
        speaks = lately * model.weights[:, top[:, rank]].T
        best = speaks.argmax(axis=1)
        is_for = np.take_along_axis(speaks, best[:, None], axis=1)[:, 0] > 0
        partner[:, rank] = np.where(is_for, best, -1)
    return partner


def count_reasons(recommendations: pd.DataFrame, n_items: int = 12) -> pd.DataFrame:
    """Count how many customers get each item, and why.

    Returns
    -------
    DataFrame
        One row for each of the `n_items` most recommended items, most first; one column per
        kind of reason.
    """
    kind = recommendations["reason"].map(
        lambda reason: next(kind for kind in KINDS if reason.startswith(kind))
    )
    counts = pd.crosstab(recommendations["item"], kind).reindex(columns=KINDS, fill_value=0)
    counts["total"] = counts.sum(axis=1)
    counts = counts.rename_axis("item").reset_index()
    ordered = counts.sort_values(["total", "item"], ascending=[False, True])
    return ordered.head(n_items).set_index("item").drop(columns="total")
