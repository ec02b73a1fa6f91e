"""Purchase histories as buy-till-you-die models need them: checked, and equal ones merged."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from src.errors import ParameterError

__all__ = ["Histories", "check_histories", "distinct_rows", "merge_histories"]


@dataclass(frozen=True)
class Histories:
    """Distinct histories with the number of customers that have each.

    Parameters
    ----------
    x, t_x, T : array of shape (n_rows,)
        Repeat purchases, time from the first to the last, time from the first to the end of the
        observation; sorted, so that sums do not depend on the order of customers.
    weight : array of shape (n_rows,)
        Customers.
    """

    x: np.ndarray
    t_x: np.ndarray
    T: np.ndarray
    weight: np.ndarray

    def __len__(self) -> int:
        return len(self.x)

    @property
    def n_customers(self) -> int:
        """Customers behind all rows."""
        return int(self.weight.sum())

    def rows(self, index: np.ndarray | slice) -> "Histories":
        """Keep some rows only."""
        return Histories(self.x[index], self.t_x[index], self.T[index], self.weight[index])

    def blocks(self, n_rows: int) -> Iterator["Histories"]:
        """Cut into blocks of at most `n_rows`, so that memory does not grow with the shop."""
        for start in range(0, len(self), n_rows):
            yield self.rows(slice(start, start + n_rows))

    def thin(self, n_rows: int) -> "Histories":
        """Keep about `n_rows` rows, evenly spaced in sorted order."""
        return self.rows(slice(None, None, max(1, len(self) // n_rows)))

    def by_count(self) -> tuple[np.ndarray, np.ndarray]:
        """Distinct `x` and the customers that have each: few, however many customers."""
        counts, index = np.unique(self.x, return_inverse=True)
        return counts, np.bincount(index, self.weight)


def merge_histories(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> Histories:
    """Check histories and merge equal ones.

    Parameters
    ----------
    frequency : array of shape (n_customers,), of whole numbers >= 0
        Repeat purchases.
    recency : array of shape (n_customers,), in [0, age]
        Time from the first purchase to the last; 0 without a repeat.
    age : array of shape (n_customers,), >= 0
        Time from the first purchase to the end of the observation.

    Raises
    ------
    ParameterError
        As in `check_histories`.

    Examples
    --------
    >>> merge_histories(np.array([1, 0, 1]), np.array([2, 0, 2]), np.array([3, 3, 3])).weight
    array([1., 2.])
    """
    check_histories(frequency, recency, age)
    columns = [np.asarray(column, dtype=float) for column in (frequency, recency, age)]
    first, _, weight = distinct_rows(columns)
    return Histories(*(column[first] for column in columns), weight.astype(float))


def distinct_rows(columns: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find distinct rows, sorted by the first column, then the next: `np.unique` by whole numbers.

    Parameters
    ----------
    columns : list of arrays of shape (n,)
        The product of the numbers of their distinct values must fit into 63 bits.

    Returns
    -------
    first : array of shape (n_distinct,)
        Index of a row of each kind.
    kind : array of shape (n,)
        Which of them each row is.
    count : array of shape (n_distinct,)
        Rows of each kind.
    """
    key = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        values, code = np.unique(column, return_inverse=True)
        key = key * max(len(values), 1) + code
    _, first, kind, count = np.unique(
        key, return_index=True, return_inverse=True, return_counts=True
    )
    return first, kind, count


def check_histories(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> None:
    """Refuse histories that cannot be, or that no model of repeat buying can be fitted to.

    Raises
    ------
    ParameterError
        If there is nobody, nobody bought again, or a count or time is impossible.
    """
    frequency, recency, age = (np.asarray(given) for given in (frequency, recency, age))
    if len(frequency) == 0 or not np.any(frequency > 0):
        raise ParameterError(
            f"Expected at least one repeat buyer, found none among {len(frequency)} customers; "
            "use pooled rates instead."
        )
    if not all(np.isfinite(given).all() for given in (frequency, recency, age)):
        raise ParameterError(
            "Expected finite counts and times, found a missing or infinite one; leave these "
            "customers out."
        )
    if np.any(recency < 0) or np.any(recency > age) or np.any((frequency == 0) & (recency > 0)):
        raise ParameterError(
            "Expected 0 <= recency <= age, and no recency without a repeat purchase, found other "
            "rows; count recency and age from the first purchase."
        )
