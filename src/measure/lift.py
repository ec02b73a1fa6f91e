"""Effect of an assignment on a mean: weighted by known probabilities, steadied by the past."""

from dataclasses import dataclass, replace
import math

import numpy as np
from scipy import stats

from src.errors import ParameterError

__all__ = ["Lift", "effect_on_all_weights", "effect_on_treated_weights", "estimate_lift"]

LEVEL = 0.95


@dataclass(frozen=True)
class Lift:
    """Treated minus control, per customer; NaN where it cannot be estimated.

    Parameters
    ----------
    estimate, lower, upper, standard_error : float
        In the unit of the outcome.
    level : float
        Level of the interval.
    n_treated, n_control : int
        Customers in either arm.
    variance_reduction : float
        Share of the variance that the covariate took away; 0 if none was used.
    """

    estimate: float
    lower: float
    upper: float
    standard_error: float
    level: float
    n_treated: int
    n_control: int
    variance_reduction: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether there is an estimate with an interval."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)


def effect_on_all_weights(pscore: np.ndarray) -> np.ndarray:
    """Weights for the effect if everyone got the arm: one over the probability of the own arm."""
    return 1.0 / pscore


def effect_on_treated_weights(pscore: np.ndarray, is_treated: np.ndarray) -> np.ndarray:
    r"""Weights for the effect on those who were treated.

    1 for the treated, :math:`(1-p)/p` for control with :math:`p` the probability of control,
    which makes control look like the treated. Needs only the probability of the own arm.

    References
    ----------
    .. Hirano, K., Imbens, G. and Ridder, G. (2003). Efficient estimation of average treatment
       effects using the estimated propensity score. Econometrica 71(4), section 4.
    """
    return np.where(is_treated, 1.0, (1.0 - pscore) / pscore)


def estimate_lift(
    outcome: np.ndarray,
    is_treated: np.ndarray,
    weight: np.ndarray,
    covariate: np.ndarray | None = None,
    level: float = LEVEL,
) -> Lift:
    r"""Hajek-weighted difference in means, adjusted by one covariate of the time before.

    .. math:: \hat\tau = \bar y_1 - \bar y_0 - \hat\theta (\bar x_1 - \bar x_0),\qquad
              \bar y_a = \frac{\sum_{i \in a} w_i y_i}{\sum_{i \in a} w_i},\qquad
              \hat\theta = \frac{\sum_i (x_i - \bar x_{a_i})(y_i - \bar y_{a_i})}
                               {\sum_i (x_i - \bar x_{a_i})^2}

    :math:`\hat\theta` is CUPED's, over both arms, each centred on itself so that the effect does
    not enter it. The variance is linearised and robust to unequal spread (HC2),

    .. math:: \widehat{\text{Var}} = \sum_a \sum_{i \in a}
              \frac{s_i^2 (r_i - \bar r_a)^2}{1 - s_i},\qquad
              r = y - \hat\theta x,\quad s_i = w_i \Big/ \sum_{j \in a} w_j

    and the interval is Student's, with the degrees of freedom of Welch and Satterthwaite at the
    arms' effective sizes :math:`1 / \sum s_i^2`. With equal weights and no covariate this is
    Welch's test.

    Parameters
    ----------
    outcome : array of shape (n,)
        Outcome of each customer.
    is_treated : array of bool, shape (n,)
        Arm of interest, or control.
    weight : array of shape (n,), above 0
        From `effect_on_all_weights` or `effect_on_treated_weights`.
    covariate : array of shape (n,), optional
        Known before assignment. Left out where an arm has fewer than three customers or it is
        the same for all.
    level : float, default 0.95

    Returns
    -------
    Lift
        All NaN if an arm has fewer than two customers.

    References
    ----------
    .. Hajek, J. (1971). Comment on an essay by D. Basu. Foundations of Statistical Inference.
    .. Deng, A., Xu, Y., Kohavi, R. and Walker, T. (2013). Improving the sensitivity of online
       controlled experiments by utilizing pre-experiment data. WSDM.
    .. Lin, W. (2013). Agnostic notes on regression adjustments to experimental data. Annals of
       Applied Statistics 7(1): robust errors keep the adjusted interval honest whatever the
       true slopes; a slope per arm would gain little and cost small controls their coverage.
    .. MacKinnon, J. and White, H. (1985). Some heteroskedasticity-consistent covariance matrix
       estimators with improved finite sample properties. Journal of Econometrics 29.
    .. Welch, B. (1947). The generalization of Student's problem. Biometrika 34.

    Examples
    --------
    >>> y, treated = np.array([3.0, 5.0, 1.0, 3.0]), np.array([True, True, False, False])
    >>> lift = estimate_lift(y, treated, np.ones(4))
    >>> lift.estimate, round(lift.standard_error, 4)
    (2.0, 1.4142)
    """
    _check(outcome, weight, level)
    arms = [np.flatnonzero(is_treated), np.flatnonzero(~is_treated)]
    sizes = (len(arms[0]), len(arms[1]))
    if min(sizes) < 2:
        return Lift(*[math.nan] * 4, level, *sizes)
    plain = [_mean(outcome[arm], weight[arm]) for arm in arms]
    before = sum(mean.variance for mean in plain)
    if covariate is None or min(sizes) < 3 or before == 0:
        return _interval(plain, sizes, level)
    residual = outcome - _theta(outcome, covariate, arms) * covariate
    adjusted = [_mean(residual[arm], weight[arm]) for arm in arms]
    lift = _interval(adjusted, sizes, level, (sum(sizes) - 2) / (sum(sizes) - 3))
    return replace(lift, variance_reduction=1 - lift.standard_error**2 / before)


def _check(outcome: np.ndarray, weight: np.ndarray, level: float) -> None:
    if not np.isfinite(outcome).all() or not (np.isfinite(weight) & (weight > 0)).all():
        raise ParameterError(
            "Expected finite outcomes and finite weights above 0, found others; check the "
            "pscore column of decisions."
        )
    if not 0 < level < 1:
        raise ParameterError(f"Expected a level in (0, 1), found {level}; give one such as 0.95.")


def _theta(outcome: np.ndarray, covariate: np.ndarray, arms: list[np.ndarray]) -> float:
    products = squares = 0.0
    for arm in arms:
        x = covariate[arm] - covariate[arm].mean()
        products += float(x @ (outcome[arm] - outcome[arm].mean()))
        squares += float(x @ x)
    return products / squares if squares > 0 else 0.0


@dataclass(frozen=True)
class _Mean:
    value: float
    variance: float
    effective_size: float


def _mean(values: np.ndarray, weight: np.ndarray) -> _Mean:
    share = weight / weight.sum()
    alike = np.ptp(values) == 0  # the mean of equal values is that value, without rounding
    mean = float(values[0] if alike else share @ values)
    off = share * (values - mean)
    return _Mean(mean, float((off**2 / (1 - share)).sum()), float(1 / (share @ share)))


def _interval(
    means: list[_Mean], sizes: tuple[int, int], level: float, inflation: float = 1.0
) -> Lift:
    estimate = means[0].value - means[1].value
    variance = inflation * (means[0].variance + means[1].variance)
    error = half = 0.0
    if variance > 0:
        parts = [(inflation * m.variance) ** 2 / (m.effective_size - 1) for m in means]
        error = math.sqrt(variance)
        half = float(stats.t.ppf((1 + level) / 2, variance**2 / sum(parts))) * error
    return Lift(estimate, estimate - half, estimate + half, error, level, *sizes)
