"""Buy till you die in continuous time: Pareto/NBD, where even who came once may have left."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, psi

from src.models.histories import Histories, merge_histories
from src.models.likelihood import maximise

__all__ = ["ParetoNbd", "fit_pareto_nbd", "log_left"]

_NODES, _NODE_WEIGHTS = np.polynomial.legendre.leggauss(40)
_LOG_NODE_WEIGHTS = np.log(_NODE_WEIGHTS)
_NEGLIGIBLE = 40.0
_BLOCK = 10_000
_THINNED = 5_000
_NO_TIME = 1e-300


@dataclass(frozen=True)
class ParetoNbd:
    r"""Fitted Pareto/NBD: purchases at rate lambda until a customer leaves at rate mu.

    Parameters
    ----------
    r, alpha : float
        :math:`\lambda \sim \Gamma(r, \alpha)`; `alpha` in the unit of time of the data.
    s, beta : float
        :math:`\mu \sim \Gamma(s, \beta)`; `beta` in the unit of time of the data.
    """

    r: float
    alpha: float
    s: float
    beta: float

    def p_alive(self, frequency: np.ndarray, recency: np.ndarray, age: np.ndarray) -> np.ndarray:
        """Probability of not having left by the end of the observation."""
        x, t_x, T = (np.atleast_1d(np.asarray(given, float)) for given in (frequency, recency, age))
        alive = np.empty(len(x))
        for start in range(0, len(x), _BLOCK):
            rows = slice(start, start + _BLOCK)
            log_dead = log_left(self, x[rows], t_x[rows], T[rows])
            alive[rows] = expit(_log_alive(self, x[rows], T[rows]) - log_dead)
        return alive

    def orders_if_alive(self, frequency: np.ndarray, age: np.ndarray, horizon: float) -> np.ndarray:
        r"""Expect so many purchases of a customer who has not left.

        .. math:: \frac{(r + x)(\beta + T)}{(\alpha + T)(s - 1)}
                  \left[1 - \left(\frac{\beta + T}{\beta + T + t}\right)^{s - 1}\right]
        """
        x, T = np.asarray(frequency, float), np.asarray(age, float)
        log_time = np.log1p(horizon / (self.beta + T))
        over = self.s - 1
        gone = log_time if abs(over) < 1e-9 else -np.expm1(-over * log_time) / over
        return (self.r + x) * (self.beta + T) / (self.alpha + T) * gone


def fit_pareto_nbd(
    frequency: np.ndarray, recency: np.ndarray, age: np.ndarray
) -> tuple[ParetoNbd, dict]:
    r"""Fit Pareto/NBD by maximum likelihood.

    .. math:: L(x, t_x, T) = \frac{\Gamma(r + x) \alpha^r \beta^s}{\Gamma(r)}
              \left[(\alpha + T)^{-(r + x)} (\beta + T)^{-s} + \int_{t_x}^{T}
              \frac{s\, du}{(\alpha + u)^{r + x} (\beta + u)^{s + 1}}\right]

    Parameters
    ----------
    frequency, recency, age
        As in `src.models.btyd.fit_bgnbd`.

    Returns
    -------
    ParetoNbd
        The fitted model.
    dict
        As from `src.models.btyd.fit_bgnbd`, with `r`, `alpha`, `s`, `beta`.

    Raises
    ------
    ParameterError
        As in `src.models.btyd.fit_bgnbd`.

    Notes
    -----
    Fader and Hardie write the integral as the difference of two hypergeometric functions, in
    one form for alpha >= beta and another for alpha < beta. Here it is summed by Gauss-Legendre
    over the logarithm of the smaller of alpha + u and beta + u (the same two cases), with the
    largest term factored out: no difference of nearly equal numbers, no overflow for hundreds
    of purchases, and the gradient falls out of the same nodes.

    References
    ----------
    .. Schmittlein, D., Morrison, D. and Colombo, R. (1987). Counting your customers: who are
       they and what will they do next? Management Science 33(1).
    .. Fader, P. and Hardie, B. (2005). A note on deriving the Pareto/NBD model and related
       expressions.
    """
    histories = merge_histories(frequency, recency, age)
    names, mean_age = ("r", "alpha", "s", "beta"), max(float(np.mean(age)), 1e-3)
    rate = max(float(np.sum(age) / np.sum(frequency)), 1e-3)
    starts = [(0.5, 0.5 * rate, 0.5, 0.5 * mean_age), (1.0, rate, 0.1, mean_age)]
    if len(histories) > 2 * _THINNED:
        thinned = histories.thin(_THINNED)
        starts = [tuple(maximise(_likelihood_of(thinned), starts, names)[0])]
    fitted, facts = maximise(_likelihood_of(histories), starts, names)
    return ParetoNbd(*map(float, fitted)), facts | {"n_customers": histories.n_customers}


def _likelihood_of(histories: Histories) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
    counts, customers = histories.by_count()
    n_customers = customers.sum()

    def likelihood(theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Log-likelihood and its gradient by log parameter."""
        r, alpha, s, beta = theta
        total = customers @ gammaln(r + counts)
        total += n_customers * (r * np.log(alpha) + s * np.log(beta) - gammaln(r))
        gradient = np.array(
            [
                customers @ (psi(r + counts) - psi(r)) + n_customers * np.log(alpha),
                n_customers * r / alpha,
                n_customers * np.log(beta),
                n_customers * s / beta,
            ]
        )
        for rows in histories.blocks(_BLOCK):
            log_likelihood, slopes = _block_part(ParetoNbd(*theta), rows)
            total += log_likelihood
            gradient += slopes
        return float(total), gradient * theta

    return likelihood


def _block_part(model: ParetoNbd, rows: Histories) -> tuple[float, np.ndarray]:
    power, after = model.r + rows.x, model.s + 1
    log_alive = _log_alive(model, rows.x, rows.T)
    log_terms, alpha_u, beta_u = _terms(model, rows.x, rows.t_x, rows.T)
    log_dead, share = _add_up(log_terms)
    dead = expit(log_dead - log_alive)

    def mix(if_alive: np.ndarray, at_nodes: np.ndarray) -> np.ndarray:
        return (1 - dead) * if_alive + dead * np.einsum("ij,ij->i", share, at_nodes)

    alpha_T, beta_T = model.alpha + rows.T, model.beta + rows.T
    slopes = (
        -mix(np.log(alpha_T), np.log(alpha_u)),
        -power * mix(1 / alpha_T, 1 / alpha_u),
        dead / model.s - mix(np.log(beta_T), np.log(beta_u)),
        -mix(model.s / beta_T, after / beta_u),
    )
    log_likelihood = rows.weight @ np.logaddexp(log_alive, log_dead)
    return log_likelihood, np.array([rows.weight @ slope for slope in slopes])


def _log_alive(model: ParetoNbd, x: np.ndarray, T: np.ndarray) -> np.ndarray:
    return -(model.r + x) * np.log(model.alpha + T) - model.s * np.log(model.beta + T)


def log_left(model: ParetoNbd, x: np.ndarray, t_x: np.ndarray, T: np.ndarray) -> np.ndarray:
    r"""Logarithm of the weight of having left between the last purchase and the end.

    .. math:: \ln \int_{t_x}^{T} \frac{s\, du}{(\alpha + u)^{r + x} (\beta + u)^{s + 1}}

    Parameters
    ----------
    model : ParetoNbd
    x, t_x, T : array of shape (n_customers,)
        As in `fit_pareto_nbd`.

    Returns
    -------
    array of shape (n_customers,)
        Below -600 where there was no time to leave.
    """
    return _add_up(_terms(model, x, t_x, T)[0])[0]


def _terms(
    model: ParetoNbd, x: np.ndarray, t_x: np.ndarray, T: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Log terms of the integral at its nodes, with alpha + u and beta + u there."""
    least = min(model.alpha, model.beta)
    reach = np.exp(np.minimum(_NEGLIGIBLE / (model.r + x), 700.0))
    until = np.minimum(T, (model.alpha + t_x) * reach - model.alpha)  # the rest is below e^-40
    half = np.maximum(np.log1p((until - t_x) / (least + t_x)) / 2, _NO_TIME)
    log_u = np.log(least + t_x)[:, None] + half[:, None] * (1 + _NODES)
    base = np.exp(log_u)
    alpha_u, beta_u = base + (model.alpha - least), base + (model.beta - least)
    log_terms = (
        np.log(model.s * half)[:, None]
        + _LOG_NODE_WEIGHTS
        + log_u
        - (model.r + x)[:, None] * np.log(alpha_u)
        - (model.s + 1) * np.log(beta_u)
    )
    return log_terms, alpha_u, beta_u


def _add_up(log_terms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of the sum of each row, and each term's share of it."""
    largest = log_terms.max(axis=1, keepdims=True)
    terms = np.exp(log_terms - largest)
    total = terms.sum(axis=1, keepdims=True)
    return (largest + np.log(total))[:, 0], terms / total
