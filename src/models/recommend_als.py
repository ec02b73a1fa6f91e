"""Implicit ALS: tastes of customers and items as short vectors, learnt from what was bought."""

import numpy as np
from scipy import sparse
from threadpoolctl import threadpool_limits

__all__ = ["explain_factors", "fit_factors", "place_customers"]

_CONFIDENCE = 2.0
_RIDGE = 5.0
_START = 0.1
_BLOCK = 4096


def fit_factors(
    X: sparse.csr_matrix, seed: int, n_factors: int = 24, n_sweeps: int = 8
) -> np.ndarray:
    r"""Learn the vectors of items.

    Whether a customer bought an item at all, :math:`p_{ui} \in \{0, 1\}`, is to be the product of
    two vectors, and the more often it was bought, the more it counts:

    .. math:: \min_{x, y} \sum_{u, i} c_{ui} (p_{ui} - x_u^\top y_i)^2
              + \lambda \Big(\sum_u \|x_u\|^2 + \sum_i \|y_i\|^2\Big),
              \qquad c_{ui} = 1 + \alpha\, r_{ui}

    With one side held, the other has a closed form; the two take turns.

    Parameters
    ----------
    X : sparse matrix of shape (n_customers, n_items)
        :math:`r_{ui}`: the logarithm of one plus the days on which it was bought.
    seed : int
        Of the vectors that it starts from.
    n_factors : int, default 24
        Length of a vector, at most the number of items.
    n_sweeps : int, default 8
        Times both sides take their turn.

    Returns
    -------
    array of shape (n_items, n_factors)

    References
    ----------
    .. Hu, Y., Koren, Y. and Volinsky, C. (2008). Collaborative filtering for implicit feedback
       datasets. ICDM.
    """
    X = sparse.csr_matrix(X)
    turned = sparse.csr_matrix(X.T)
    n_factors = min(n_factors, X.shape[1])
    items = np.random.default_rng(seed).normal(0.0, _START, (X.shape[1], n_factors))
    with threadpool_limits(1):
        for _ in range(n_sweeps):
            customers = place_customers(items, X)
            items = place_customers(customers, turned)
    return items


def place_customers(items: np.ndarray, X: sparse.csr_matrix) -> np.ndarray:
    r"""Find the vector of each customer, given those of the items (or the other way round).

    .. math:: x_u = (Y^\top C_u Y + \lambda I)^{-1} Y^\top C_u p_u

    Parameters
    ----------
    items : array of shape (n_items, n_factors)
    X : sparse matrix of shape (n_customers, n_items)
        As for `fit_factors`.

    Returns
    -------
    array of shape (n_customers, n_factors)
    """
    placed = np.empty((X.shape[0], items.shape[1]))
    for start in range(0, X.shape[0], _BLOCK):
        rows = X[start : start + _BLOCK]
        known = rows.sign() + _CONFIDENCE * rows
        placed[start : start + _BLOCK] = np.linalg.solve(
            _normal(items, rows), (known @ items)[:, :, None]
        )[:, :, 0]
    return placed


def _normal(items: np.ndarray, X: sparse.csr_matrix) -> np.ndarray:
    """Lay out the normal equations of each customer: shape (n_customers, f, f)."""
    f = items.shape[1]
    outer = (items[:, :, None] * items[:, None, :]).reshape(len(items), f * f)
    shared = items.T @ items + _RIDGE * np.eye(f)
    return shared + (_CONFIDENCE * (X @ outer)).reshape(-1, f, f)


def explain_factors(items: np.ndarray, X: sparse.csr_matrix, listed: np.ndarray) -> np.ndarray:
    r"""Say how much each bought item speaks for a listed one; the parts add up to the score.

    .. math:: x_u^\top y_i = \sum_{j: r_{uj} > 0} y_i^\top (Y^\top C_u Y + \lambda I)^{-1} y_j\,
              c_{uj}

    Parameters
    ----------
    items : array of shape (n_items, n_factors)
    X : sparse matrix of shape (n_customers, n_items)
        Of few customers: the answer is dense.
    listed : array of shape (n_customers,), of int
        One item for each.

    Returns
    -------
    array of shape (n_customers, n_items)
        0 for items not bought.
    """
    towards = np.linalg.solve(_normal(items, X), items[listed][:, :, None])[:, :, 0]
    known = (X.sign() + _CONFIDENCE * X).toarray()
    return (towards @ items.T) * known
