"""Ways to make a list: two plain ones, and three that learn what is bought together."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from scipy import sparse
from threadpoolctl import threadpool_limits

from src.errors import ParameterError
from src.models.recommend_als import explain_factors, fit_factors, place_customers

__all__ = [
    "BASELINES",
    "METHODS",
    "Recommender",
    "explain_item",
    "fit_recommender",
    "list_pairs",
    "score_together",
]

Method = Literal["popularity", "repurchase", "item_item", "item_ridge", "als"]

METHODS: tuple[Method, ...] = ("popularity", "repurchase", "item_item", "item_ridge", "als")
"""From the plainest to the least plain."""

BASELINES: tuple[Method, ...] = ("popularity", "repurchase")
"""What the others have to beat; they learn nothing."""

_RIDGE = 0.4
_N_NEIGHBOURS = 50
_DECIMALS = 8


@dataclass(frozen=True)
class Recommender:
    """Fitted recommender.

    Parameters
    ----------
    method : str
        One of `METHODS`.
    weights : array of shape (n_items, n_items), or None
        How much having bought the item of the row speaks for the item of the column.
    factors : array of shape (n_items, n_factors), or None
        Vectors of the items, for ``als``.
    """

    method: Method
    weights: np.ndarray | None = None
    factors: np.ndarray | None = None

    @property
    def is_learnt(self) -> bool:
        """Whether it knows what is bought together."""
        return self.weights is not None or self.factors is not None


def fit_recommender(n_days: sparse.csr_matrix, method: Method, seed: int = 0) -> Recommender:
    r"""Learn what is bought together from X, the logarithm of one plus the days of purchase.

    ``popularity`` and ``repurchase`` have nothing to learn. ``item_item`` takes the cosine of who
    bought what, for each item j of its 50 nearest i, as weights that add up to 1:

    .. math:: s_{ij} = \frac{n_{ij}}{\sqrt{n_i n_j}},\qquad B_{ij} = s_{ij} / \sum_i s_{ij}

    ``item_ridge`` regresses each item on all others, without letting an item explain itself:

    .. math:: P = (X^\top X + \lambda I)^{-1},\qquad B_{ij} = -P_{ij} / P_{jj},\quad B_{jj} = 0

    ``als`` is that of `src.models.recommend_als`.

    Parameters
    ----------
    n_days : sparse matrix of shape (n_customers, n_items)
        Days on which it was bought.
    method : str
        One of `METHODS`.
    seed : int, default 0
        Of the start of ``als``.

    References
    ----------
    .. Deshpande, M. and Karypis, G. (2004). Item-based top-N recommendation algorithms.
       ACM TOIS 22.
    .. Steck, H. (2019). Embarrassingly shallow autoencoders for sparse data. WWW.
    """
    if method not in METHODS:
        raise ParameterError(f"Expected a method among {list(METHODS)}, found {method!r}.")
    if method in BASELINES or not n_days.shape[1]:
        return Recommender(method)
    if method == "als":
        factors = fit_factors(n_days.log1p(), seed)
        return Recommender(method, factors=np.round(factors, _DECIMALS))
    with threadpool_limits(1):
        weights = _cosines(n_days) if method == "item_item" else _ridge(n_days)
    return Recommender(method, np.round(weights, _DECIMALS))


def _cosines(n_days: sparse.csr_matrix) -> np.ndarray:
    bought = n_days.sign()
    together = (bought.T @ bought).toarray()
    n_buyers = np.maximum(np.diag(together), 1.0)
    cosine = together / np.sqrt(np.outer(n_buyers, n_buyers))
    np.fill_diagonal(cosine, 0.0)
    if len(cosine) > _N_NEIGHBOURS:
        least = -np.partition(-cosine, _N_NEIGHBOURS - 1, axis=0)[_N_NEIGHBOURS - 1]
        cosine[cosine < least] = 0.0
    return cosine / np.maximum(cosine.sum(axis=0), 1e-12)


def _ridge(n_days: sparse.csr_matrix) -> np.ndarray:
    X = n_days.log1p()
    gram = (X.T @ X).toarray()
    gram[np.diag_indices_from(gram)] += _RIDGE * max(n_days.shape[0], 1)
    inverse = np.linalg.inv(gram)
    weights = -inverse / np.diag(inverse)
    np.fill_diagonal(weights, 0.0)
    return weights


def score_together(model: Recommender, X: sparse.csr_matrix) -> np.ndarray:
    """Score each item by what else was bought: shape (n_customers, n_items), dense."""
    with threadpool_limits(1):
        if model.factors is not None:
            return place_customers(model.factors, X) @ model.factors.T
        return X @ model.weights


def explain_item(model: Recommender, X: sparse.csr_matrix, listed: np.ndarray) -> np.ndarray:
    """Say how much each bought item speaks for the one listed for each customer.

    Parameters
    ----------
    model : Recommender
        That has learnt something.
    X : sparse matrix of shape (n_customers, n_items)
        Logarithm of one plus the days of purchase.
    listed : array of shape (n_customers,), of int

    Returns
    -------
    array of shape (n_customers, n_items)
    """
    if model.factors is not None:
        return explain_factors(model.factors, X, listed)
    return X.toarray() * model.weights[:, listed].T


def list_pairs(model: Recommender, items: np.ndarray, n_pairs: int = 10) -> pd.DataFrame:
    """List the items that speak most for one another.

    Returns
    -------
    DataFrame
        One row per pair: `bought`, `speaks for`, `weight`; empty where the method has no weights.
    """
    if model.weights is None:
        return pd.DataFrame({"bought": [], "speaks for": [], "weight": []})
    flat = np.argsort(-model.weights, axis=None, kind="stable")[:n_pairs]
    row, column = np.unravel_index(flat, model.weights.shape)
    weight = model.weights[row, column]
    return pd.DataFrame({"bought": items[row], "speaks for": items[column], "weight": weight})
