"""Buy till you die: when customers buy and whether they still do, by BG/NBD."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.special import betaln, expit, gammaln, hyp2f1, psi

from src.models.histories import Histories, merge_histories
from src.models.likelihood import maximise

__all__ = ["BgNbd", "OrderModel", "fit_bgnbd", "predict_orders", "predict_p_alive"]

_BLOCK = 200_000
_THINNED = 5_000


class OrderModel(Protocol):
    """What BG/NBD and Pareto/NBD can both be asked."""

    def p_alive(self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Probability that a customer has not dropped out, given the history."""

    def orders_if_alive(self, frequency: np.ndarray, age: np.ndarray, horizon: float) -> np.ndarray:
        """Expect so many purchases in the next `horizon` of a customer who has not dropped out."""


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

    def p_alive(self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Probability of not having dropped out; 1 without a repeat, as BG/NBD has it."""
        x = np.asarray(frequency, dtype=float)
        log_odds = (
            np.log(self.a)
            - np.log(self.b + np.maximum(x, 1) - 1)
            + (self.r + x) * (np.log(self.alpha + age) - np.log(self.alpha + recency))
        )
        return np.where(x > 0, expit(-log_odds), 1.0)

    def orders_if_alive(self, frequency: np.ndarray, age: np.ndarray, horizon: float) -> np.ndarray:
        r"""Expect so many purchases of a customer who has not dropped out.

        .. math:: \frac{a + b + x - 1}{a - 1}
                  \left[1 - (1 - z)^{a - 1} {}_2F_1(a + b - 1 - r,\ a - 1;\ a + b + x - 1;\ z)
                  \right], \quad z = \frac{t}{\alpha + T + t}

        This is the published formula after Euler's transformation, whose terms stay small for
        customers with hundreds of purchases, where those of the published form overflow.
        """
        a = self.a if abs(self.a - 1) > 1e-6 else 1 + 1e-6  # the limit at 1 is removable
        z = horizon / (self.alpha + np.asarray(age, dtype=float) + horizon)
        total = a + self.b + np.asarray(frequency, dtype=float) - 1
        total = np.where(np.abs(total) > 1e-9, total, 1e-9)
        series = hyp2f1(a + self.b - 1 - self.r, a - 1, total, z)
        return np.maximum(total / (a - 1) * (1 - (1 - z) ** (a - 1) * series), 0.0)


def fit_bgnbd(frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> tuple[BgNbd, dict]:
    r"""Fit BG/NBD by maximum likelihood.

    .. math:: L(x, t_x, T) = \frac{B(a, b + x)}{B(a, b)} \frac{\Gamma(r + x) \alpha^r}{\Gamma(r)}
              \left[(\alpha + T)^{-(r + x)} + 1_{x > 0} \frac{a}{b + x - 1}
              (\alpha + t_x)^{-(r + x)}\right]

    Equal histories are merged, and of each start only the best of a thinned sample is followed
    to the end on all of them: a million customers take seconds.

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
        `log_likelihood`, `n_customers`, `is_converged`, `at_bound` and `log_covariance` as from
        `src.models.likelihood.maximise`, and an `Estimate` for each of `r`, `alpha`, `a`, `b`.

    Raises
    ------
    ParameterError
        If there is nobody, nobody bought again, or a time is impossible.

    References
    ----------
    .. Fader, P., Hardie, B. and Lee, K. (2005). "Counting your customers" the easy way: an
       alternative to the Pareto/NBD model. Marketing Science 24(2).
    """
    histories = merge_histories(frequency, recency, age)
    names, rate = ("r", "alpha", "a", "b"), np.sum(age) / np.sum(frequency)
    rate = max(float(rate), 1e-3)
    starts = [(0.5, 0.5 * rate, 1.0, 2.0), (2.0, 2.0 * rate, 0.1, 4.0)]
    if len(histories) > 2 * _THINNED:
        thinned = histories.thin(_THINNED)
        starts = [tuple(maximise(_likelihood_of(thinned), starts, names)[0])]
    fitted, facts = maximise(_likelihood_of(histories), starts, names)
    return BgNbd(*map(float, fitted)), facts | {"n_customers": histories.n_customers}


def _likelihood_of(histories: Histories):
    counts, customers = histories.by_count()
    n_customers = customers.sum()
    silent = histories.rows(histories.x == 0)
    repeat = histories.rows(histories.x > 0)

    def likelihood(theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-likelihood and its gradient by log parameter."""
        r, alpha, a, b = theta
        total = customers @ (gammaln(r + counts) + betaln(a, b + counts))
        total += n_customers * (r * np.log(alpha) - gammaln(r) - betaln(a, b))
        common = customers @ (psi(a + b) - psi(a + b + counts))
        gradient = np.array(
            [
                customers @ (psi(r + counts) - psi(r)) + n_customers * np.log(alpha),
                n_customers * r / alpha,
                common,
                common + customers @ (psi(b + counts) - psi(b)),
            ]
        )
        parts = [_silent_part(theta, silent)]
        parts += [_repeat_part(theta, block) for block in repeat.blocks(_BLOCK)]
        for log_likelihood, slopes in parts:
            total += log_likelihood
            gradient += slopes
        return float(total), gradient * theta

    return likelihood


def _silent_part(theta: np.ndarray, rows: Histories) -> tuple[float, np.ndarray]:
    """Sum up the customers without a repeat: they are alive, as BG/NBD has it."""
    r, alpha = theta[:2]
    log_time = rows.weight @ np.log(alpha + rows.T)
    hazard = rows.weight @ (1 / (alpha + rows.T))
    return -r * log_time, np.array([-log_time, -r * hazard, 0.0, 0.0])


def _repeat_part(theta: np.ndarray, rows: Histories) -> tuple[float, np.ndarray]:
    r, alpha, a, b = theta
    power, drop = r + rows.x, b + rows.x - 1
    log_end, log_last = np.log(alpha + rows.T), np.log(alpha + rows.t_x)
    log_alive = -power * log_end
    log_odds = np.log(a) - np.log(drop) - power * (log_last - log_end)  # dead to alive
    dead = expit(log_odds)
    log_likelihood = rows.weight @ (log_alive + np.logaddexp(0.0, log_odds))
    log_time = log_end + dead * (log_last - log_end)
    hazard = (1 - dead) / (alpha + rows.T) + dead / (alpha + rows.t_x)
    slopes = [-log_time, -power * hazard, dead / a, -dead / drop]
    return log_likelihood, np.array([rows.weight @ slope for slope in slopes])


def predict_p_alive(
    model: OrderModel, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray
) -> np.ndarray:
    """Probability that a customer has not dropped out.

    Parameters
    ----------
    model : OrderModel
        BG/NBD or Pareto/NBD.
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
    return model.p_alive(frequency, recency, age)


def predict_orders(
    model: OrderModel,
    frequency: np.ndarray,
    recency: np.ndarray,
    age: np.ndarray,
    horizon: float,
) -> np.ndarray:
    r"""Expect so many purchases in the next `horizon`, given each customer's history.

    .. math:: E[Y(t)] = P(\text{alive} \mid x, t_x, T)\ E[Y(t) \mid \text{alive}, x, T]

    Parameters
    ----------
    model : OrderModel
        BG/NBD or Pareto/NBD.
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
    if_alive = model.orders_if_alive(frequency, age, horizon)
    return if_alive * model.p_alive(frequency, recency, age)
