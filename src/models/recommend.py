"""Next products: purchases as matrices, scores by each method, and the best of each customer."""

from dataclasses import dataclass
from typing import Literal

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd
from scipy import sparse

from src.data.window import days_after
from src.errors import ParameterError
from src.models.recommend_items import ItemRules
from src.models.recommend_methods import Recommender, score_together

__all__ = [
    "TARGETS",
    "Purchases",
    "Shelf",
    "Target",
    "best_items",
    "build_shelf",
    "index_purchases",
    "rank_for",
    "recommend",
    "score_items",
]

Target = Literal["any", "new"]

TARGETS: tuple[Target, ...] = ("any", "new")
"""Whatever is bought next, or only items that are new to the customer."""

_DECIMALS = 6
_TIE = 1e-10
_LATE = 1e6


@dataclass(frozen=True)
class Shelf:
    """What may be recommended on a date.

    Parameters
    ----------
    items : array of str
        Sorted names.
    popularity : array of shape (n_items,), in [0, 1]
        Share of all customers who bought it lately.
    rest_days : int
        An item bought in the last so many days rests.
    """

    items: np.ndarray
    popularity: np.ndarray
    rest_days: int = 0


@dataclass(frozen=True)
class Purchases:
    """Who bought what, as matrices of customers and items.

    Parameters
    ----------
    customers : array of str
        Sorted names of the rows.
    shelf : Shelf
        Its items are the columns.
    n_days, last_days, faded_days : sparse matrix of shape (n_customers, n_items)
        Days on which it was bought; days since the last of them, plus one; those days, each
        counting less the longer ago it was.
    """

    customers: np.ndarray
    shelf: Shelf
    n_days: sparse.csr_matrix
    last_days: sparse.csr_matrix
    faded_days: sparse.csr_matrix

    @property
    def items(self) -> np.ndarray:
        """Names of the columns."""
        return self.shelf.items


def build_shelf(item_days: Table, n_customers: int, as_of_date: str, rules: ItemRules) -> Shelf:
    """Find the items that may be recommended, and how popular each is.

    Parameters
    ----------
    item_days : ibis.Table
        As from `src.models.recommend_items.build_item_days`, of all customers.
    n_customers : int
        All customers, whether they bought anything that may be recommended or not.
    as_of_date : str
        ISO date; later days are left out.
    rules : ItemRules
        Which items are active, and how many at most.
    """
    start = ibis.date(days_after(as_of_date, -rules.active_days))
    recent = item_days.filter(
        (item_days.order_date > start) & (item_days.order_date <= ibis.date(as_of_date))
    )
    is_late = recent.order_date > ibis.date(days_after(as_of_date, -rules.popular_days))
    counts = recent.group_by("item").agg(
        n_buyers=recent.customer_id.nunique(), n_late=recent.customer_id.nunique(where=is_late)
    )
    most = counts.order_by([ibis.desc("n_buyers"), "item"]).limit(rules.max_items).to_pandas()
    most = most.sort_values("item")
    popularity = most["n_late"].to_numpy(float) / max(n_customers, 1)
    return Shelf(most["item"].to_numpy(dtype=object), popularity, rules.rest_days)


def index_purchases(purchases: pd.DataFrame, customers: np.ndarray, shelf: Shelf) -> Purchases:
    """Lay purchases out as matrices over the items of a shelf.

    Parameters
    ----------
    purchases : DataFrame
        As from `src.models.recommend_items.count_purchases`.
    customers : array of str
        Who gets a row, whether they bought anything that may be recommended or not.
    shelf : Shelf

    Returns
    -------
    Purchases
    """
    customers = np.sort(np.asarray(customers, dtype=object))
    row = pd.Index(customers).get_indexer(purchases["customer_id"])
    column = pd.Index(shelf.items).get_indexer(purchases["item"])
    known = (row >= 0) & (column >= 0)
    shape, at = (len(customers), len(shelf.items)), (row[known], column[known])
    counts = purchases[["n_days", "last_days", "faded_days"]].to_numpy(float)[known]
    counts[:, 1] += 1
    matrices = (sparse.csr_matrix((column, at), shape) for column in counts.T)
    return Purchases(customers, shelf, *matrices)


def score_items(model: Recommender, purchases: Purchases) -> np.ndarray:
    """Score every item for every customer.

    Parameters
    ----------
    model : Recommender
    purchases : Purchases
        Of the customers to score, over the items the model was fitted on. The answer is dense, so
        give some customers at a time.

    Returns
    -------
    array of shape (n_customers, n_items)
        Higher is better. Popularity decides between items that nothing else tells apart, then the
        name of the item.
    """
    score = np.tile(purchases.shelf.popularity, (len(purchases.customers), 1))
    if model.method == "repurchase":
        score = purchases.n_days.toarray() + 0.999 * score
    elif model.is_learnt:
        together = score_together(model, purchases.n_days.log1p())
        score = 0.001 * score + purchases.faded_days.toarray() + together
    return np.round(score, _DECIMALS) - _TIE * np.arange(score.shape[1])


def rank_for(target: Target, score: np.ndarray, purchases: Purchases) -> np.ndarray:
    """Give the scores to rank by: items that rest, and for ``new`` all bought before, come last."""
    if target not in TARGETS:
        raise ParameterError(f"Expected a target among {list(TARGETS)}, found {target!r}.")
    days = purchases.last_days.toarray()
    late = days > 0 if target == "new" else (days > 0) & (days <= purchases.shelf.rest_days)
    return score - _LATE * late


def recommend(
    model: Recommender, purchases: Purchases, k: int = 5, target: Target = "any"
) -> tuple[np.ndarray, np.ndarray]:
    """Choose the best items of each customer.

    Parameters
    ----------
    model, purchases
        As in `score_items`.
    k : int, default 5
        How many; fewer only if there are fewer items.
    target : {"any", "new"}
        ``new`` names an item that the customer has bought only where no other is left.

    Returns
    -------
    items : array of shape (n_customers, k), of int
        Columns of `purchases.items`, best first.
    score : array of shape (n_customers, k)
        Their scores.
    """
    score = score_items(model, purchases)
    items = best_items(rank_for(target, score, purchases), k)
    return items, np.round(np.take_along_axis(score, items, axis=1), _DECIMALS)


def best_items(score: np.ndarray, k: int) -> np.ndarray:
    """Columns of the `k` highest scores of each row, best first."""
    k = min(k, score.shape[1])
    if not k:
        return np.empty((len(score), 0), dtype=int)
    top = np.argpartition(-score, k - 1, axis=1)[:, :k]
    order = np.argsort(-np.take_along_axis(score, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)
