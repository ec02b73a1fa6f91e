"""How good probabilities of a yes or no are: their loss, their order, their honesty."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from src.errors import ParameterError
from src.metrics.intervals import wilson_interval

__all__ = [
    "auc",
    "brier_score",
    "calibration_table",
    "check_probabilities",
    "expected_calibration_error",
    "log_loss",
    "log_losses",
    "rank_table",
]

_FLOOR = 1e-15


def check_probabilities(y: np.ndarray, p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Hold labels and probabilities to their shape and range, and give both as floats.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    p : array of shape (n,), in [0, 1]
        Predicted probability of 1.

    Raises
    ------
    ParameterError
        If shapes differ, nothing is there, or a value is out of range.
    """
    y, p = np.asarray(y, dtype=float), np.asarray(p, dtype=float)
    if y.ndim != 1 or y.shape != p.shape or not len(y):
        raise ParameterError(
            f"Expected labels and probabilities of one length above 0, found shapes {y.shape} "
            f"and {p.shape}; score the same customers that were labelled."
        )
    if not np.isin(y, (0.0, 1.0)).all():
        raise ParameterError(
            "Expected labels that are 0 or 1, found other values; label by a condition."
        )
    if not ((p >= 0) & (p <= 1)).all():
        raise ParameterError(
            "Expected probabilities from 0 to 1, found values outside or missing; calibrate first."
        )
    return y, p


def log_losses(y: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Surprise at each outcome, in nats: minus the log of the probability it was given.

    A probability of 0 or 1 counts as 1e-15 away from it.
    """
    y, p = check_probabilities(y, p)
    p = np.clip(p, _FLOOR, 1 - _FLOOR)
    return -(y * np.log(p) + (1 - y) * np.log1p(-p))


def log_loss(y: np.ndarray, p: np.ndarray) -> float:
    r"""Mean surprise at the outcomes, in nats; lower is better.

    .. math:: -\frac1n \sum_i y_i \ln p_i + (1 - y_i) \ln(1 - p_i)

    Examples
    --------
    >>> round(log_loss(np.array([1, 0]), np.array([0.5, 0.5])), 4)
    0.6931
    """
    return float(log_losses(y, p).mean())


def brier_score(y: np.ndarray, p: np.ndarray) -> float:
    """Mean squared difference of probability and outcome, 0 to 1; lower is better.

    Examples
    --------
    >>> brier_score(np.array([1, 0]), np.array([0.5, 0.5]))
    0.25
    """
    y, p = check_probabilities(y, p)
    return float(np.mean((p - y) ** 2))


def auc(y: np.ndarray, p: np.ndarray) -> float:
    """Probability that a random 1 is ranked above a random 0; a tie counts one half.

    Returns
    -------
    float
        From 0 to 1, higher is better, 0.5 is chance; NaN if only one class is there.

    Examples
    --------
    >>> auc(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.9]))
    0.75
    """
    y, p = check_probabilities(y, p)
    n_yes = int(y.sum())
    n_no = len(y) - n_yes
    if not n_yes or not n_no:
        return float("nan")
    rank_sum = rankdata(p)[y == 1].sum()
    return float((rank_sum - n_yes * (n_yes + 1) / 2) / (n_yes * n_no))


def calibration_table(y: np.ndarray, p: np.ndarray, n_bins: int = 10) -> pd.DataFrame:
    """Predicted against observed rate in bins of equally many customers.

    Equal probabilities share a bin, so that there may be fewer bins than asked for.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    p : array of shape (n,), in [0, 1]
        Predicted probability of 1.
    n_bins : int, default 10
        Number of bins at most.

    Returns
    -------
    pandas.DataFrame
        One row per bin, lowest probability first: `n`, `p_mean`, `rate`, and `lower`, `upper`
        of the rate (Wilson, 95 %).
    """
    y, p = check_probabilities(y, p)
    position = (rankdata(p, method="max") - 1) / len(p)  # ties share the last position
    bins = np.floor(position * n_bins).astype(int)
    rows = [_bin_row(y[bins == b], p[bins == b]) for b in np.unique(bins)]
    return pd.DataFrame(rows)


def _bin_row(y: np.ndarray, p: np.ndarray) -> dict[str, float]:
    interval = wilson_interval(int(y.sum()), len(y))
    return {
        "n": len(y),
        "p_mean": float(p.mean()),
        "rate": interval.estimate,
        "lower": interval.lower,
        "upper": interval.upper,
    }


def expected_calibration_error(y: np.ndarray, p: np.ndarray, n_bins: int = 10) -> float:
    r"""Mean distance of predicted and observed rate over bins, 0 to 1; lower is better.

    .. math:: \sum_b \frac{n_b}{n} \left| \bar p_b - \bar y_b \right|

    The bins are those of :func:`calibration_table`. Chance alone makes it positive: of the
    order of the standard error of a bin's rate.
    """
    table = calibration_table(y, p, n_bins)
    distance = (table["p_mean"] - table["rate"]).abs()
    return float((table["n"] * distance).sum() / table["n"].sum())


def rank_table(y: np.ndarray, p: np.ndarray, n_bins: int = 10) -> pd.DataFrame:
    """Observed rate by rank of the probability: what a list cut at the top would find.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    p : array of shape (n,), in [0, 1]
        Predicted probability of 1. Tied customers count with their mean outcome, as if their
        order were drawn at random, so that row order changes nothing.
    n_bins : int, default 10
        Number of equal parts; 10 gives deciles.

    Returns
    -------
    pandas.DataFrame
        One row per part, most likely first: `part` from 1, `n`, `rate`, `lower`, `upper` of the
        rate (Wilson, 95 %), and `lift`: its rate over that of all.
    """
    y, p = check_probabilities(y, p)
    expected = pd.Series(y).groupby(p).transform("mean").to_numpy()
    order = np.argsort(-p, kind="stable")
    rows = []
    for part, index in enumerate(np.array_split(order, min(n_bins, len(y))), start=1):
        interval = wilson_interval(float(expected[index].sum()), len(index))
        rows.append(
            {
                "part": part,
                "n": len(index),
                "rate": interval.estimate,
                "lower": interval.lower,
                "upper": interval.upper,
                "lift": interval.estimate / y.mean() if y.any() else float("nan"),
            }
        )
    return pd.DataFrame(rows)
