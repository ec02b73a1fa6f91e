"""Effect of an assignment on a mean: weighted by known probabilities, steadied by the past."""

from dataclasses import dataclass
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
              \hat\theta = \frac{\sum_a \widehat{\text{Cov}}(\bar y_a, \bar x_a)}
                               {\sum_a \widehat{\text{Var}}(\bar x_a)}

    :math:`\hat\theta` makes the estimated variance least (CUPED's coefficient, for the
    difference itself), so adjusting costs nothing when arms differ in size or slope. The
    variance is linearised and robust to unequal spread,

    .. math:: \widehat{\text{Var}} = \sum_a \frac{n_a}{n_a - 1 - k}
              \frac{\sum_{i \in a} w_i^2 (r_i - \bar r_a)^2}{(\sum_{i \in a} w_i)^2},\qquad
              r = y - \hat\theta x

    with k = 1 if adjusted, else 0; the interval is Student's with the degrees of freedom of
    Welch and Satterthwaite. With equal weights and no covariate this is Welch's test.

    Parameters
    ----------
    outcome : array of shape (n,)
        Outcome of each customer.
    is_treated : array of bool, shape (n,)
        Arm of interest, or control.
    weight : array of shape (n,), positive
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
       Applied Statistics 7(1): why one slope per arm, or the best common one, cannot hurt.
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
    sizes = np.array([len(arm) for arm in arms])
    if sizes.min() < 2:
        return _unknown(sizes, level)
    plain = [_moments(outcome[arm], np.zeros(len(arm)), weight[arm], 0) for arm in arms]
    raw_variances = np.array([moments[2] for moments in plain])
    raw = plain[0][0] - plain[1][0]
    if covariate is None or sizes.min() < 3:
        return _interval(raw, raw_variances, sizes - 1, sizes, level, 0.0)
    both = [_moments(outcome[arm], covariate[arm], weight[arm], 1) for arm in arms]
    x_variance = sum(moments[4] for moments in both)
    if x_variance <= 0:
        return _interval(raw, raw_variances, sizes - 1, sizes, level, 0.0)
    theta = sum(moments[3] for moments in both) / x_variance
    adjusted = raw - theta * (both[0][1] - both[1][1])
    variances = np.array([m[2] - 2 * theta * m[3] + theta**2 * m[4] for m in both]).clip(0)
    total = raw_variances.sum()
    reduction = 1 - variances.sum() / total if total > 0 else 0.0
    return _interval(adjusted, variances, sizes - 2, sizes, level, reduction)


def _check(outcome: np.ndarray, weight: np.ndarray, level: float) -> None:
    if not np.isfinite(outcome).all() or not (np.isfinite(weight) & (weight >= 0)).all():
        raise ParameterError(
            "Expected finite outcomes and finite weights of at least 0, found others; check the "
            "pscore column of decisions."
        )
    if not 0 < level < 1:
        raise ParameterError(f"Expected a level in (0, 1), found {level}; give one such as 0.95.")


def _moments(
    y: np.ndarray, x: np.ndarray, weight: np.ndarray, n_covariates: int
) -> tuple[float, float, float, float, float]:
    """Return weighted means of y and x, then variance, covariance and variance of those means."""
    share = weight / weight.sum()
    y_mean, x_mean = float(share @ y), float(share @ x)
    dy, dx = share * (y - y_mean), share * (x - x_mean)
    small = len(y) / (len(y) - 1 - n_covariates)
    return y_mean, x_mean, small * float(dy @ dy), small * float(dy @ dx), small * float(dx @ dx)


def _interval(
    estimate: float,
    variances: np.ndarray,
    freedom: np.ndarray,
    sizes: np.ndarray,
    level: float,
    reduction: float,
) -> Lift:
    total = variances.sum()
    error = math.sqrt(total)
    if total > 0:
        degrees = total**2 / (variances**2 / freedom).sum()
        half = float(stats.t.ppf((1 + level) / 2, degrees)) * error
    else:
        half = 0.0
    ends = (estimate, estimate - half, estimate + half, error)
    return Lift(*map(float, ends), level, int(sizes[0]), int(sizes[1]), float(reduction))


def _unknown(sizes: np.ndarray, level: float) -> Lift:
    return Lift(*[math.nan] * 4, level, int(sizes[0]), int(sizes[1]))
