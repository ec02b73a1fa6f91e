"""How good short ranked lists are: what share of the later purchases they named, and how high."""

import numpy as np

from src.errors import ParameterError

__all__ = ["coverage", "ndcg_at_k", "precision_at_k", "recall_at_k"]


def recall_at_k(is_hit: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    r"""Share of what a customer bought that the list of `k` named.

    .. math:: \text{recall@}k = \frac{\text{hits among the first } k}{\text{relevant items}}

    A customer who bought more than `k` items cannot reach 1.

    Parameters
    ----------
    is_hit : array of shape (n_customers, k), of bool
        Whether the item at each rank was bought, best rank first.
    n_relevant : array of shape (n_customers,), of whole numbers >= 0
        Items bought, in the list or not.

    Returns
    -------
    array of shape (n_customers,), in [0, 1]
        nan for customers who bought nothing; higher is better. Its mean is the metric, and
        customers are what to resample for an interval.

    Examples
    --------
    >>> recall_at_k(np.array([[True, False], [False, False]]), np.array([4, 1]))
    array([0.25, 0. ])
    """
    is_hit, n_relevant = _check(is_hit, n_relevant)
    return np.divide(
        is_hit.sum(axis=1), n_relevant, out=np.full(len(is_hit), np.nan), where=n_relevant > 0
    )


def precision_at_k(is_hit: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    """Share of the list that was bought.

    Parameters
    ----------
    is_hit, n_relevant
        As in `recall_at_k`.

    Returns
    -------
    array of shape (n_customers,), in [0, 1]
        nan for customers who bought nothing; higher is better.
    """
    is_hit, n_relevant = _check(is_hit, n_relevant)
    return np.where(n_relevant > 0, is_hit.mean(axis=1), np.nan)


def ndcg_at_k(is_hit: np.ndarray, n_relevant: np.ndarray) -> np.ndarray:
    r"""Discounted hits over those of a perfect list: a hit counts more at a high rank.

    .. math:: \frac{\sum_{i=1}^{k} h_i / \log_2(i + 1)}
              {\sum_{i=1}^{\min(k, n)} 1 / \log_2(i + 1)}

    Parameters
    ----------
    is_hit, n_relevant
        As in `recall_at_k`.

    Returns
    -------
    array of shape (n_customers,), in [0, 1]
        nan for customers who bought nothing; higher is better.

    References
    ----------
    .. Järvelin, K. and Kekäläinen, J. (2002). Cumulated gain-based evaluation of IR techniques.
       ACM TOIS 20(4).

    Examples
    --------
    >>> ndcg_at_k(np.array([[True, False]]), np.array([1]))
    array([1.])
    """
    is_hit, n_relevant = _check(is_hit, n_relevant)
    k = is_hit.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    perfect = np.concatenate([[0.0], np.cumsum(discount)])[np.minimum(n_relevant, k)]
    return np.divide(
        is_hit @ discount, perfect, out=np.full(len(is_hit), np.nan), where=perfect > 0
    )


def coverage(items: np.ndarray, n_items: int) -> float:
    """Share of all items that at least one list names; a low one means all get the same.

    Parameters
    ----------
    items : array of shape (n_customers, k)
        Item at each rank.
    n_items : int, > 0
        Items that could have been named.

    Examples
    --------
    >>> coverage(np.array([[0, 1], [0, 2]]), n_items=6)
    0.5
    """
    if n_items < 1:
        raise ParameterError(f"Expected at least one item, found {n_items}.")
    return len(np.unique(items)) / n_items


def _check(is_hit: np.ndarray, n_relevant: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    is_hit, n_relevant = np.asarray(is_hit, dtype=bool), np.asarray(n_relevant, dtype=int)
    if is_hit.ndim != 2 or is_hit.shape[1] == 0 or len(is_hit) != len(n_relevant):
        raise ParameterError(
            f"Expected one row of hits per customer, found shapes {is_hit.shape} and "
            f"{n_relevant.shape}; give (n_customers, k) and (n_customers,)."
        )
    if np.any(is_hit.sum(axis=1) > n_relevant):
        raise ParameterError(
            "Expected no more hits than relevant items, found more; count each item once."
        )
    return is_hit, n_relevant
