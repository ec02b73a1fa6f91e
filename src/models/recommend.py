"""Next products: own habits and what is bought together, against popularity and habit alone."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse

from src.errors import ParameterError
from src.models.recommend_items import ItemRules

__all__ = [
    "METHODS",
    "TARGETS",
    "Purchases",
    "Recommender",
    "best_items",
    "fit_recommender",
    "index_purchases",
    "list_pairs",
    "rank_for",
    "recommend",
    "score_items",
]

Method = Literal["popularity", "repurchase", "co_purchase"]
Target = Literal["any", "new"]

METHODS: tuple[Method, ...] = ("popularity", "repurchase", "co_purchase")
"""From the plainest to the least plain."""

TARGETS: tuple[Target, ...] = ("any", "new")
"""Whatever is bought next, or only items that are new to the customer."""

_HABIT_DAYS = 90.0
_RIDGE = 0.4
_DECIMALS = 6
_TIE = 1e-10
_LATE = 1e6


@dataclass(frozen=True)
class Purchases:
    """Who bought what, as matrices of customers and items.

    Parameters
    ----------
    customers, items : array of str
        Sorted names of rows and columns.
    n_days, last_days : sparse matrix of shape (n_customers, n_items)
        Days on which it was bought; days since the last of them, plus one.
    popularity : array of shape (n_items,), in [0, 1]
        Share of all customers who bought it lately.
    """

    customers: np.ndarray
    items: np.ndarray
    n_days: sparse.csr_matrix
    last_days: sparse.csr_matrix
    popularity: np.ndarray


@dataclass(frozen=True)
class Recommender:
    """Fitted recommender.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    weights : array of shape (n_items, n_items), or None
        How much having bought the item of the row speaks for the item of the column.
    """

    method: Method
    weights: np.ndarray | None = None


def index_purchases(purchases: pd.DataFrame, customers: np.ndarray, rules: ItemRules) -> Purchases:
    """Lay purchases out as matrices over the items that may be recommended.

    Parameters
    ----------
    purchases : DataFrame
        As from `src.models.recommend_items.count_purchases`.
    customers : array of str
        Everybody who gets a list, whether they bought anything that may be recommended or not.
    rules : ItemRules
        Which items are active, and how many at most.

    Returns
    -------
    Purchases
    """
    recent = purchases[purchases["last_days"] < rules.active_days]
    counts = recent["item"].value_counts().rename_axis("item").reset_index(name="n_buyers")
    counts = counts.sort_values(["n_buyers", "item"], ascending=[False, True])
    items = np.sort(counts["item"].head(rules.max_items).to_numpy(dtype=object))
    customers = np.sort(np.asarray(customers, dtype=object))
    known = purchases[purchases["item"].isin(items)]
    row = pd.Index(customers).get_indexer(known["customer_id"])
    column = pd.Index(items).get_indexer(known["item"])
    shape = (len(customers), len(items))
    n_days = sparse.csr_matrix((known["n_days"].to_numpy(float), (row, column)), shape)
    last = sparse.csr_matrix((known["last_days"].to_numpy(float) + 1, (row, column)), shape)
    is_late = known["last_days"].to_numpy() < rules.popular_days
    buyers = np.bincount(column[is_late], minlength=len(items))
    return Purchases(customers, items, n_days, last, buyers / max(len(customers), 1))


def fit_recommender(purchases: Purchases, method: Method) -> Recommender:
    r"""Learn what is bought together.

    ``popularity`` and ``repurchase`` have nothing to learn. ``co_purchase`` regresses each item on
    all others by ridge, without letting an item explain itself, which has the closed form

    .. math:: P = (X^\top X + \lambda I)^{-1},\qquad B_{ij} = -P_{ij} / P_{jj},\quad B_{jj} = 0

    where X is the logarithm of one plus the days on which a customer bought an item.

    References
    ----------
    .. Steck, H. (2019). Embarrassingly shallow autoencoders for sparse data. WWW.
    """
    if method not in METHODS:
        raise ParameterError(f"Expected a method among {list(METHODS)}, found {method!r}.")
    if method != "co_purchase" or not len(purchases.items):
        return Recommender(method)
    X = purchases.n_days.log1p()
    gram = (X.T @ X).toarray()
    gram[np.diag_indices_from(gram)] += _RIDGE * max(len(purchases.customers), 1)
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return Recommender(method, np.round(weights, _DECIMALS + 2))


def score_items(model: Recommender, purchases: Purchases) -> np.ndarray:
    """Score every item for every customer.

    Parameters
    ----------
    model : Recommender
    purchases : Purchases
        Of the customers to score, over the items the model was fitted on.

    Returns
    -------
    array of shape (n_customers, n_items)
        Higher is better. Popularity decides between items that nothing else tells apart, then the
        name of the item.
    """
    n_days = purchases.n_days.toarray()
    score = np.tile(purchases.popularity, (len(n_days), 1))
    if model.method == "repurchase":
        score = n_days + 0.999 * score
    elif model.weights is not None:
        fading = 0.5 ** (purchases.last_days.toarray() / _HABIT_DAYS)
        score = 0.001 * score + n_days * fading + np.log1p(n_days) @ model.weights
    return np.round(score, _DECIMALS) - _TIE * np.arange(score.shape[1])


def rank_for(target: Target, score: np.ndarray, purchases: Purchases) -> np.ndarray:
    """Give the scores to rank by: for ``new``, what a customer has bought comes last."""
    if target not in TARGETS:
        raise ParameterError(f"Expected a target among {list(TARGETS)}, found {target!r}.")
    return score - _LATE * (purchases.n_days.toarray() > 0) if target == "new" else score


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


def list_pairs(model: Recommender, purchases: Purchases, n_pairs: int = 10) -> pd.DataFrame:
    """List the items that speak most for one another.

    Returns
    -------
    DataFrame
        One row per pair: `bought`, `speaks for`, `weight`; empty unless the method is
        ``co_purchase``.
    """
    if model.weights is None:
        return pd.DataFrame({"bought": [], "speaks for": [], "weight": []})
    flat = np.argsort(-model.weights, axis=None, kind="stable")[:n_pairs]
    row, column = np.unravel_index(flat, model.weights.shape)
    return pd.DataFrame(
        {
            "bought": purchases.items[row],
            "speaks for": purchases.items[column],
            "weight": model.weights[row, column],
        }
    )
