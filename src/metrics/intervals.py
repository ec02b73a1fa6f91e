"""How sure a number is: intervals from resampling customers, and for a share."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from src.errors import ParameterError

__all__ = [
    "Interval",
    "bootstrap_difference",
    "bootstrap_interval",
    "bootstrap_mean",
    "wilson_interval",
]

_BLOCK = 1_000_000


@dataclass(frozen=True)
class Interval:
    """An estimate and how far off it may be.

    Parameters
    ----------
    estimate, lower, upper : float
        In the unit of the statistic.
    level : float
        Share of repetitions in which such an interval covers the truth.
    n : int
        Customers it rests on.
    """

    estimate: float
    lower: float
    upper: float
    level: float
    n: int


def bootstrap_interval(
    statistic: Callable[..., float],
    *arrays: np.ndarray,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Percentile bootstrap of a statistic: customers are drawn anew, and it is computed again.

    Parameters
    ----------
    statistic : callable
        Takes the arrays and gives a number.
    *arrays : arrays of shape (n, ...)
        One row per customer in each; the same customers are drawn from all, so that what
        belongs to one customer stays together.
    seed : int
        Of the draws.
    n_resamples : int, default 1000
        Number of draws. Draws on which the statistic is NaN are left out.
    level : float, default 0.95
        Level of the interval.

    Returns
    -------
    Interval
        Its ends are NaN if no draw gives a number.

    References
    ----------
    .. Efron, B. and Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 13.
    """
    n = _n_customers(arrays, level)
    rng = np.random.default_rng(seed)
    draws = np.empty(n_resamples)
    for i in range(n_resamples):
        index = rng.integers(0, n, n)
        draws[i] = statistic(*(array[index] for array in arrays))
    return _percentiles(float(statistic(*arrays)), draws, level, n)


def bootstrap_mean(
    values: np.ndarray, seed: int, n_resamples: int = 1000, level: float = 0.95
) -> Interval:
    """Percentile bootstrap of a mean over customers, all draws at once.

    Parameters
    ----------
    values : array of shape (n,)
        One value per customer.
    seed, n_resamples, level
        As in :func:`bootstrap_interval`.
    """
    values = np.asarray(values, dtype=float)
    n = _n_customers((values,), level)
    rng = np.random.default_rng(seed)
    draws: list[np.ndarray] = []
    rows = max(1, _BLOCK // n)
    for start in range(0, n_resamples, rows):
        index = rng.integers(0, n, (min(rows, n_resamples - start), n))
        draws.append(values[index].mean(axis=1))
    return _percentiles(float(values.mean()), np.concatenate(draws), level, n)


def bootstrap_difference(
    first: np.ndarray,
    second: np.ndarray,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Interval:
    """Interval of the mean of `first` minus the mean of `second` over the same customers.

    Paired: the difference is taken within a customer, so what makes a customer hard for both
    cancels.

    Parameters
    ----------
    first, second : arrays of shape (n,)
        One value per customer, such as two candidates' losses, in the same order.
    seed, n_resamples, level
        As in :func:`bootstrap_interval`.
    """
    first, second = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if first.shape != second.shape:
        raise ParameterError(
            f"Expected paired values of the same customers, found shapes {first.shape} and "
            f"{second.shape}; score the same customers with both."
        )
    return bootstrap_mean(first - second, seed, n_resamples, level)


def wilson_interval(n_yes: float, n: int, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share; it stays within 0 and 1 and has width at 0 and 1.

    Examples
    --------
    >>> interval = wilson_interval(5, 10)
    >>> round(interval.lower, 4), round(interval.upper, 4)
    (0.2366, 0.7634)
    """
    if n < 1 or not 0 <= n_yes <= n:
        raise ParameterError(
            f"Expected a count of customers above 0 and a part of it, found {n_yes} of {n}; "
            "give the share of somebody."
        )
    _check_level(level)
    z = float(norm.ppf(0.5 + level / 2))
    share = n_yes / n
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    lower, upper = max(0.0, float(middle - half)), min(1.0, float(middle + half))
    return Interval(share, min(lower, share), max(upper, share), level, n)


def _n_customers(arrays: tuple[np.ndarray, ...], level: float) -> int:
    _check_level(level)
    lengths = {len(array) for array in arrays}
    if len(lengths) != 1 or lengths == {0}:
        raise ParameterError(
            f"Expected arrays of one equal length above 0, found lengths {sorted(lengths)}; "
            "give one row per customer in each."
        )
    return lengths.pop()


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise ParameterError(f"Expected a level between 0 and 1 such as 0.95, found {level}.")


def _percentiles(estimate: float, draws: np.ndarray, level: float, n: int) -> Interval:
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return Interval(estimate, float("nan"), float("nan"), level, n)
    lower, upper = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(lower), float(upper), level, n)
