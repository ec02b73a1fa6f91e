"""Measures of probabilities over many draws of the customers at once, and their intervals."""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from scipy.special import expit, logit

from src.errors import ParameterError
from src.metrics.classification import check_probabilities, log_losses

__all__ = [
    "MEASURES",
    "compare_measures",
    "draw_counts",
    "drawn_auc",
    "drawn_brier",
    "drawn_calibration_slope",
    "drawn_lift",
    "drawn_log_loss",
]

Measure = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]

_BLOCK = 2_000_000
_FLOOR = 1e-6
_STEPS, _TOLERANCE = 12, 1e-4  # Newton's steps shrink by squares: the next is below 1e-8


def draw_counts(n: int, seed: int, n_resamples: int) -> Iterator[np.ndarray]:
    """How often each customer is drawn, in blocks of shape (n_draws, n) of bounded size.

    A draw takes n customers with replacement; measures then weigh each by its count, which is
    the same as computing them on the drawn rows.
    """
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // n)
    for start in range(0, n_resamples, rows):
        size = min(rows, n_resamples - start)
        yield rng.multinomial(n, np.full(n, 1 / n), size=size).astype(float)


def drawn_log_loss(y: np.ndarray, p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean log loss of each draw, nats; lower is better.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    p : array of shape (n,), in [0, 1]
        Predicted probability of 1.
    counts : array of shape (n_draws, n)
        How often each row is in a draw; a row of ones is the sample itself.

    Returns
    -------
    array of shape (n_draws,)
    """
    return counts @ log_losses(y, p) / counts.sum(axis=1)


def drawn_brier(y: np.ndarray, p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Mean squared error of each draw, 0 to 1; lower is better. Arguments as above."""
    return counts @ (p - y) ** 2 / counts.sum(axis=1)


def drawn_auc(y: np.ndarray, p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Area under the ROC curve of each draw, ties one half; NaN where a draw has one class.

    Examples
    --------
    >>> drawn_auc(np.array([0, 1, 1]), np.array([0.2, 0.2, 0.9]), np.ones((1, 3)))
    array([0.75])
    """
    n_yes, n_no = _by_value(p, counts * y), _by_value(p, counts * (1 - y))
    below = np.cumsum(n_no, axis=1) - n_no / 2
    pairs = n_yes.sum(axis=1) * n_no.sum(axis=1)
    won = (n_yes * below).sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(pairs), np.nan), where=pairs > 0)


def drawn_lift(y: np.ndarray, p: np.ndarray, counts: np.ndarray, share: float = 0.1) -> np.ndarray:
    """Rate among the likeliest `share` of each draw over the rate of all; higher is better.

    Customers of equal probability at the cut count in proportion, as if drawn at random.

    Examples
    --------
    >>> y, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.4, 0.4, 0.1])
    >>> drawn_lift(y, p, np.ones((1, 4)), share=0.5)
    array([1.5])
    """
    n_yes = _by_value(p, counts * y)[:, ::-1]
    n_all = _by_value(p, counts)[:, ::-1]
    before = np.cumsum(n_all, axis=1) - n_all
    top = share * n_all.sum(axis=1)
    room = np.clip(top[:, None] - before, 0.0, n_all)
    taken = room / np.maximum(n_all, 1.0)  # counts are whole: below 1 is none
    rate = n_yes.sum(axis=1) / n_all.sum(axis=1)
    found = (n_yes * taken).sum(axis=1) / top
    return np.divide(found, rate, out=np.full(len(rate), np.nan), where=rate > 0)


def _by_value(p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Add the counts of rows of equal probability up, the lowest first."""
    order = np.argsort(p, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(p[order]) > 0])
    return np.add.reduceat(counts[:, order], starts, axis=1)


def drawn_calibration_slope(y: np.ndarray, p: np.ndarray, counts: np.ndarray) -> np.ndarray:
    r"""Slope :math:`b` of :math:`\mathrm{logit}\,P(y) = a + b\,\mathrm{logit}\,p` in each draw.

    1 is honest; below 1 the probabilities lie too far apart, above 1 too close together. NaN
    where all probabilities are equal or a draw has no finite slope. Found by Newton's method.

    References
    ----------
    .. Cox, D. R. (1958). Two further applications of a model for binary regression. Biometrika.
    """
    x = logit(np.clip(p, _FLOOR, 1 - _FLOOR))
    if np.ptp(x) < _FLOOR or not 0 < y.mean() < 1:
        return np.full(len(counts), np.nan)
    honest = np.array([[0.0, 1.0]])
    line = _newton_line(y, x, np.ones((1, len(y))), honest)
    start = line if np.isfinite(line).all() else honest
    return _newton_line(y, x, counts, start)[:, 1]


def _newton_line(y: np.ndarray, x: np.ndarray, counts: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Intercept and slope of each draw, shape (n_draws, 2); NaN where they run away."""
    with np.errstate(all="ignore"):
        for _ in range(_STEPS):
            p = expit(line[:, :1] + line[:, 1:] * x)
            step = _newton_step(counts, y - p, p * (1 - p), x)
            line = line + step
            if not (np.abs(step) > _TOLERANCE).any():
                break
    is_settled = np.isfinite(line).all(axis=1) & (np.abs(step) <= _TOLERANCE).all(axis=1)
    return np.where(is_settled[:, None], line, np.nan)


def _newton_step(
    counts: np.ndarray, error: np.ndarray, bend: np.ndarray, x: np.ndarray
) -> np.ndarray:
    """Solve the two equations of each draw; `error` and `bend` have one row, or one per draw."""
    if len(error) == 1:  # the first step is the same line for all draws: plain products
        pull_0, pull_1 = counts @ error[0], counts @ (error[0] * x)
        flat, mixed, steep = (counts @ (bend[0] * x**power) for power in (0, 1, 2))
    else:
        error, bend = counts * error, counts * bend
        pull_0, pull_1 = error.sum(axis=1), error @ x
        flat, mixed, steep = bend.sum(axis=1), bend @ x, bend @ x**2
    area = flat * steep - mixed**2
    return np.column_stack(
        [(steep * pull_0 - mixed * pull_1) / area, (flat * pull_1 - mixed * pull_0) / area]
    )


MEASURES: dict[str, tuple[Measure, Callable[[np.ndarray], np.ndarray]]] = {
    "log_loss": (drawn_log_loss, np.negative),
    "auc": (drawn_auc, np.positive),
    "brier": (drawn_brier, np.negative),
    "calibration_slope": (drawn_calibration_slope, lambda slope: -np.abs(slope - 1)),
    "lift": (drawn_lift, np.positive),
    "churn_lift": (lambda y, p, counts: drawn_lift(1 - y, 1 - p, counts), np.positive),
}
"""Each measure, and what makes it greater when better."""


def compare_measures(
    y: np.ndarray,
    p: dict[str, np.ndarray],
    baseline: str,
    seed: int,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> pd.DataFrame:
    """All measures of all candidates on the same draws, each with its lead over a baseline.

    Parameters
    ----------
    y : array of shape (n,)
        What happened, 0 or 1.
    p : dict of arrays of shape (n,), in [0, 1]
        Probabilities by candidate.
    baseline : str
        Candidate that the others are compared with.
    seed, n_resamples, level
        Of the percentile bootstrap over customers. A lead is taken within each draw, so that
        what makes a customer hard for both cancels.

    Returns
    -------
    pandas.DataFrame
        One row per candidate and measure: `candidate`, `measure`, `estimate`, `lower`, `upper`,
        and `lead`, `lead_lower`, `lead_upper`, above 0 where the candidate is better. The lead in
        calibration slope is in the distance from 1. NaN where a measure is not defined.

    Raises
    ------
    ParameterError
        If the baseline is not among the candidates.
    """
    if baseline not in p:
        raise ParameterError(
            f"Expected the baseline {baseline!r} among the candidates {sorted(p)}; predict with it."
        )
    for values in p.values():
        check_probabilities(y, values)
    whole = _measure_all(y, p, np.ones((1, len(y))))
    blocks = [_measure_all(y, p, counts) for counts in draw_counts(len(y), seed, n_resamples)]
    draws = {key: np.concatenate([block[key] for block in blocks]) for key in whole}
    rows = [
        {"candidate": name, "measure": measure}
        | _interval("", values, draws[name, measure], level)
        | _interval("lead", *_lead(whole, draws, name, baseline, measure), level)
        for (name, measure), values in whole.items()
    ]
    return pd.DataFrame(rows)


def _measure_all(
    y: np.ndarray, p: dict[str, np.ndarray], counts: np.ndarray
) -> dict[tuple[str, str], np.ndarray]:
    return {
        (name, measure): compute(y, values, counts)
        for name, values in p.items()
        for measure, (compute, _) in MEASURES.items()
    }


def _lead(whole: dict, draws: dict, name: str, baseline: str, measure: str) -> tuple:
    better = MEASURES[measure][1]
    return tuple(
        better(found[name, measure]) - better(found[baseline, measure]) for found in (whole, draws)
    )


def _interval(prefix: str, whole: np.ndarray, draws: np.ndarray, level: float) -> dict[str, float]:
    names = ("estimate", "lower", "upper") if not prefix else (
        prefix, f"{prefix}_lower", f"{prefix}_upper"
    )  # fmt: skip
    sure = draws[~np.isnan(draws)]
    lower, upper = np.quantile(sure, [0.5 - level / 2, 0.5 + level / 2]) if len(sure) else (
        np.nan, np.nan
    )  # fmt: skip
    return dict(zip(names, (float(whole[0]), float(lower), float(upper)), strict=True))
