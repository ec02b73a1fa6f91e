r"""Many effects of one kind, each known badly: what they have in common, and each by its help.

.. math:: y_k \sim N(\theta_k, s_k^2),\qquad \theta_k \sim N(\mu, \tau^2)

Segments of one campaign, or past campaigns of a small shop.
"""

from collections.abc import Sequence
from dataclasses import dataclass
import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq

from src.errors import ParameterError

__all__ = ["Pooled", "pool_effects", "shrink_effects"]


@dataclass(frozen=True)
class Pooled:
    r"""The common effect.

    Parameters
    ----------
    mean, lower, upper, standard_error : float
        :math:`\mu` with its interval.
    tau : float
        Spread of the true effects around it.
    n_effects : int
        Effects that were pooled.
    i_squared : float
        Share of the spread between estimates that is not chance, 0-1.
    """

    mean: float
    lower: float
    upper: float
    standard_error: float
    tau: float
    n_effects: int
    i_squared: float


def pool_effects(
    estimates: Sequence[float],
    errors: Sequence[float],
    level: float = 0.95,
    is_adjusted: bool = True,
) -> Pooled:
    r"""Estimate mean and spread of effects by restricted maximum likelihood.

    :math:`\tau^2` solves, with :math:`w_k = 1/(s_k^2 + \tau^2)`,

    .. math:: \sum w_k^2 (y_k - \hat\mu)^2 = \sum w_k - \frac{\sum w_k^2}{\sum w_k}

    and is 0 if the left side is smaller at 0. The interval of the mean is Student's with
    :math:`K - 1` degrees of freedom and the standard error of Hartung and Knapp, never below
    the plain one, which keeps its level with few effects.

    Parameters
    ----------
    estimates, errors : sequence of float, length K >= 1
        Effects and their standard errors, above 0.
    level : float, default 0.95
    is_adjusted : bool, default True
        Hartung's and Knapp's interval; False: the normal one.

    References
    ----------
    .. Viechtbauer, W. (2005). Bias and efficiency of meta-analytic variance estimators in the
       random-effects model. Journal of Educational and Behavioral Statistics 30(3).
    .. Hartung, J. and Knapp, G. (2001). On tests of the overall treatment effect in
       meta-analysis with normally distributed responses. Statistics in Medicine 20(12).
    .. Roever, C., Knapp, G. and Friede, T. (2015). Hartung-Knapp-Sidik-Jonkman approach and its
       modification for random-effects meta-analysis with few studies. BMC Medical Research
       Methodology 15:99 (never below the plain one).

    Examples
    --------
    The eight schools (Rubin 1981): nothing but chance between them.

    >>> schools = pool_effects([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])
    >>> round(schools.mean, 2), round(schools.standard_error, 2), schools.tau
    (7.69, 4.07, 0.0)
    """
    y, s = _checked(estimates, errors)
    tau_square = _reml(y, s)
    weight = 1 / (s**2 + tau_square)
    mean = float(weight @ y / weight.sum())
    error = float(1 / math.sqrt(weight.sum()))
    half = float(stats.norm.ppf((1 + level) / 2)) * error
    if is_adjusted and len(y) > 1:
        stretch = math.sqrt(float(weight @ (y - mean) ** 2) / (len(y) - 1))
        half = float(stats.t.ppf((1 + level) / 2, len(y) - 1)) * error * max(1.0, stretch)
    typical = _typical_variance(s)
    share = tau_square / (tau_square + typical) if typical else 0.0
    return Pooled(mean, mean - half, mean + half, error, math.sqrt(tau_square), len(y), share)


def shrink_effects(
    estimates: Sequence[float], errors: Sequence[float], level: float = 0.95
) -> np.ndarray:
    r"""Draw each effect towards the common one, by as much as chance lies in it.

    .. math:: \hat\theta_k = \hat\mu + (1 - B_k)(y_k - \hat\mu),\qquad
              B_k = \frac{K - 3}{K - 1}\, \frac{s_k^2}{s_k^2 + \hat\tau^2}

    .. math:: \operatorname{Var} = s_k^2 (1 - B_k) + B_k^2 \operatorname{Var}(\hat\mu)
              + \frac{2 B_k^2}{K - 3} (y_k - \hat\mu)^2

    with the last term, and the factor of :math:`B_k`, for :math:`\tau^2` being estimated
    itself. Of such effects the largest may be read without saying how many were looked at: what
    makes it large by chance is taken out. With fewer than five the effects stay as they are.

    Parameters
    ----------
    estimates, errors : sequence of float, length K
        As for `pool_effects`.
    level : float, default 0.95
        Of each interval.

    Returns
    -------
    array of shape (K, 3)
        Estimate, lower and upper end.

    References
    ----------
    .. Morris, C. (1983). Parametric empirical Bayes inference: theory and applications. Journal
       of the American Statistical Association 78(381), section 4.
    """
    y, s = _checked(estimates, errors)
    z = float(stats.norm.ppf((1 + level) / 2))
    if len(y) < _FEW:
        return np.column_stack([y, y - z * s, y + z * s])
    pooled = pool_effects(y, s, level)
    pull = (len(y) - 3) / (len(y) - 1) * s**2 / (s**2 + pooled.tau**2)
    off = y - pooled.mean
    variance = s**2 * (1 - pull) + pull**2 * pooled.standard_error**2
    variance += 2 * pull**2 / (len(y) - 3) * off**2
    shrunk = pooled.mean + (1 - pull) * off
    half = z * np.sqrt(variance)
    return np.column_stack([shrunk, shrunk - half, shrunk + half])


_FEW = 5


def _checked(estimates: Sequence[float], errors: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    y, s = np.asarray(estimates, dtype=float), np.asarray(errors, dtype=float)
    is_fine = y.ndim == 1 and y.shape == s.shape and len(y) > 0
    if not (is_fine and np.isfinite(y).all() and np.isfinite(s).all() and (s > 0).all()):
        raise ParameterError(
            f"Expected at least one effect and a standard error above 0 for each, found {len(y)} "
            f"and {len(s)}; leave out effects that are not known."
        )
    return y, s


def _reml(y: np.ndarray, s: np.ndarray) -> float:
    if len(y) < 2:
        return 0.0

    def surplus(tau_square: float) -> float:
        weight = 1 / (s**2 + tau_square)
        mean = weight @ y / weight.sum()
        return float(weight**2 @ (y - mean) ** 2 - weight.sum() + (weight**2).sum() / weight.sum())

    if surplus(0.0) <= 0:
        return 0.0
    high = float(np.var(y, ddof=1)) + float((s**2).max())
    while surplus(high) > 0:
        high *= 2
    return float(brentq(surplus, 0.0, high, xtol=1e-14 * high, rtol=1e-12))


def _typical_variance(s: np.ndarray) -> float:
    """Variance within, as Higgins and Thompson (2002) average it."""
    weight = 1 / s**2
    below = weight.sum() ** 2 - (weight**2).sum()
    return float((len(s) - 1) * weight.sum() / below) if len(s) > 1 else 0.0
