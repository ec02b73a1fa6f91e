"""Buy till you die: when customers buy and whether they still do, by BG/NBD."""

from dataclasses import dataclass

import numpy as np
from scipy.special import betaln, expit, gammaln, hyp2f1, psi

from src.errors import ParameterError
from src.models.likelihood import maximise

__all__ = ["BgNbd", "fit_bgnbd", "predict_orders", "predict_p_alive"]


@dataclass(frozen=True)
class BgNbd:
    r"""Fitted BG/NBD: purchases at rate lambda, after each of which a share p drops out.

    Parameters
    ----------
    r, alpha : float
        :math:`\lambda \sim \Gamma(r, \alpha)`; `alpha` in the unit of time of the data.
    a, b : float
        :math:`p \sim \mathrm{Beta}(a, b)`.
    """

    r: float
    alpha: float
    a: float
    b: float


def fit_bgnbd(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> tuple[BgNbd, dict]:
    r"""Fit BG/NBD by maximum likelihood.

    .. math:: L(x, t_x, T) = \frac{B(a, b + x)}{B(a, b)} \frac{\Gamma(r + x) \alpha^r}{\Gamma(r)}
              \left[(\alpha + T)^{-(r + x)} + 1_{x > 0} \frac{a}{b + x - 1}
              (\alpha + t_x)^{-(r + x)}\right]

    Parameters
    ----------
    frequency : array of shape (n_customers,), of whole numbers >= 0
        Repeat purchases :math:`x`.
    recency : array of shape (n_customers,), in [0, age]
        Time :math:`t_x` from the first purchase to the last; 0 without a repeat.
    age : array of shape (n_customers,), >= 0
        Time :math:`T` from the first purchase to the end of the observation.

    Returns
    -------
    BgNbd
        The fitted model.
    dict
        `log_likelihood`, `n_customers`, `is_converged`, and an `Estimate` for each of
        `r`, `alpha`, `a`, `b`.

    Raises
    ------
    ParameterError
        If there is nobody, nobody bought again, or a time is impossible.

    References
    ----------
    .. Fader, P., Hardie, B. and Lee, K. (2005). "Counting your customers" the easy way: an
       alternative to the Pareto/NBD model. Marketing Science 24(2).
    """
    _check_histories(frequency, recency, age)
    rows, weight = np.unique(
        np.column_stack([frequency, recency, age]).astype(float), axis=0, return_counts=True
    )
    x, t_x, T = rows.T
    rate = age.sum() / frequency.sum()
    starts = [(0.5, 0.5 * rate, 1.0, 2.0), (2.0, 2.0 * rate, 0.1, 4.0)]
    fitted, facts = maximise(
        lambda theta: _bgnbd_likelihood(theta, x, t_x, T, weight), starts, ("r", "alpha", "a", "b")
    )
    return BgNbd(*fitted), facts | {"n_customers": int(weight.sum())}


def _check_histories(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> None:
    if len(frequency) == 0 or not np.any(np.asarray(frequency) > 0):
        raise ParameterError(
            f"Expected at least one repeat buyer, found none among {len(frequency)} customers; "
            "use pooled rates instead."
        )
    if np.any(recency < 0) or np.any(recency > age) or np.any((frequency == 0) & (recency > 0)):
        raise ParameterError(
            "Expected 0 <= recency <= age, and no recency without a repeat purchase, found other "
            "rows; count recency and age from the first purchase."
        )


def _bgnbd_likelihood(
    theta: np.ndarray, x: np.ndarray, t_x: np.ndarray, T: np.ndarray, weight: np.ndarray
) -> tuple[float, np.ndarray]:
    """Log-likelihood and its gradient by log parameter."""
    r, alpha, a, b = theta
    log_alive = -(r + x) * np.log(alpha + T)
    log_dead = np.where(
        x > 0, np.log(a) - np.log(b + np.maximum(x, 1) - 1) - (r + x) * np.log(alpha + t_x), -np.inf
    )
    log_prior = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + betaln(a, b + x) - betaln(a, b)
    log_likelihood = log_prior + np.logaddexp(log_alive, log_dead)
    dead = expit(log_dead - log_alive)
    log_time = (1 - dead) * np.log(alpha + T) + dead * np.log(alpha + t_x)
    hazard = (1 - dead) / (alpha + T) + dead / (alpha + t_x)
    common = psi(a + b) - psi(a + b + x)
    by_parameter = (
        psi(r + x) - psi(r) + np.log(alpha) - log_time,
        r / alpha - (r + x) * hazard,
        common + dead / a,
        common + psi(b + x) - psi(b) - dead / (b + np.maximum(x, 1) - 1),
    )
    gradient = np.array([weight @ slope for slope in by_parameter])
    return float(weight @ log_likelihood), gradient * theta


def predict_p_alive(
    model: BgNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray
) -> np.ndarray:
    """Probability that a customer has not dropped out; 1 without a repeat, as BG/NBD has it.

    Parameters
    ----------
    model : BgNbd
    frequency, recency, age : array of shape (n_customers,)
        As in `fit_bgnbd`, same unit of time.

    Returns
    -------
    array of shape (n_customers,), in [0, 1]

    Examples
    --------
    >>> cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> predict_p_alive(cdnow, np.array([2, 0]), np.array([30.43, 0]), np.array([38.86, 38.86]))
    array([0.72..., 1. ])
    """
    x = np.asarray(frequency, dtype=float)
    log_odds = (
        np.log(model.a)
        - np.log(model.b + np.maximum(x, 1) - 1)
        + (model.r + x) * (np.log(model.alpha + age) - np.log(model.alpha + recency))
    )
    return np.where(x > 0, expit(-log_odds), 1.0)


def predict_orders(
    model: BgNbd, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray, horizon: float
) -> np.ndarray:
    r"""Expect so many purchases in the next `horizon`, given each customer's history.

    .. math:: E[Y(t)] = P(\text{alive}) \frac{a + b + x - 1}{a - 1}
              \left[1 - (1 - z)^{a - 1} {}_2F_1(a + b - 1 - r,\ a - 1;\ a + b + x - 1;\ z)\right],
              \quad z = \frac{t}{\alpha + T + t}

    This is the published formula after Euler's transformation, whose terms stay small for
    customers with hundreds of purchases, where those of the published form overflow.

    Parameters
    ----------
    model : BgNbd
    frequency, recency, age : array of shape (n_customers,)
        As in `fit_bgnbd`.
    horizon : float, >= 0
        Length of the future :math:`t`, same unit of time.

    Returns
    -------
    array of shape (n_customers,), >= 0

    References
    ----------
    .. Fader, Hardie and Lee (2005), equation 10.

    Examples
    --------
    >>> cdnow = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)
    >>> predict_orders(cdnow, np.array([2]), np.array([30.43]), np.array([38.86]), 39.0).round(3)
    array([1.226])
    """
    a = model.a if abs(model.a - 1) > 1e-6 else 1 + 1e-6  # the limit at 1 is removable
    x = np.asarray(frequency, dtype=float)
    z = horizon / (model.alpha + age + horizon)
    total = a + model.b + x - 1
    total = np.where(np.abs(total) > 1e-9, total, 1e-9)
    series = hyp2f1(a + model.b - 1 - model.r, a - 1, total, z)
    if_alive = total / (a - 1) * (1 - (1 - z) ** (a - 1) * series)
    return np.maximum(if_alive, 0.0) * predict_p_alive(model, x, recency, age)
