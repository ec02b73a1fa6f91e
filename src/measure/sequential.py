r"""Intervals that may be read every day: true at all times together, not at one alone.

An interval of 95 % read each day and believed as soon as it leaves zero is wrong far more often
than once in twenty. The mixture of Robbins bounds a sum for all times at once. With :math:`V`
the variance of what has been summed up so far and :math:`\rho > 0` fixed before anything is seen,

.. math:: P\left( \exists t: |S_t| \ge
          \sqrt{(V_t + \rho) \log\frac{V_t + \rho}{\rho\, \alpha^2}} \right) \le \alpha

for a Gaussian sum, and in the limit for sums of any customers. Dividing by :math:`n` turns the
sum into the mean that is reported, and the bound into `z` standard errors of it.
"""

from dataclasses import replace
import math

from scipy.special import lambertw

from src.errors import ParameterError
from src.measure.lift import Lift

__all__ = ["always_valid", "boundary"]


def boundary(ratio: float, level: float) -> float:
    r"""Give the half width of the interval in standard errors.

    .. math:: z = \sqrt{\left(1 + \frac{1}{q}\right) \log\frac{1 + q}{\alpha^2}},\qquad
              q = \frac{V}{\rho},\qquad \frac{V^*}{\rho} = -W_{-1}(-\alpha^2 / e) - 1

    which is narrowest where the variance is :math:`V^*`, the one planned for the end.

    Parameters
    ----------
    ratio : float, above 0
        :math:`V / V^*`: squared standard error now over the one planned for the end, both in
        the unit of the sum.
    level : float, in (0, 1)

    Returns
    -------
    float
        At a level of .95 at least 3.04, where a single reading would take 1.96.

    References
    ----------
    .. Robbins, H. (1970). Statistical methods related to the law of the iterated logarithm.
       Annals of Mathematical Statistics 41(5).
    .. Howard, S., Ramdas, A., McAuliffe, J. and Sekhon, J. (2021). Time-uniform, nonparametric,
       nonasymptotic confidence sequences. Annals of Statistics 49(2), proposition 3 (the best
       :math:`\rho`).
    .. Waudby-Smith, I., Arbour, D., Sinha, R., Kennedy, E. and Ramdas, A. (2024). Time-uniform
       central limit theory and asymptotic confidence sequences. Annals of Statistics 52(6).

    Examples
    --------
    >>> round(boundary(1.0, 0.95), 2)
    3.04
    """
    if not ratio > 0 or not 0 < level < 1:
        raise ParameterError(
            f"Expected a ratio of variances above 0 and a level in (0, 1), found {ratio}, {level}."
        )
    square = (1 - level) ** 2
    q = ratio * (-float(lambertw(-square / math.e, -1).real) - 1)
    return math.sqrt((1 + 1 / q) * math.log((1 + q) / square))


def always_valid(lift: Lift, planned_error: float) -> Lift:
    """Widen the interval of a lift so that it may be read on any day, and every day.

    Sums of outcomes grow from day to day, and what a customer does on one day tends to go with
    what they do on the next. Such sums wander less, relative to their spread, than sums of
    independent days, for which the bound is made: it errs on the wide side. Where buying today
    means not buying tomorrow it could err on the narrow one.

    Parameters
    ----------
    lift : Lift
        Effect on outcomes summed up to today, with its fixed interval.
    planned_error : float
        Standard error foreseen for the last day, from before the campaign. It decides on which
        day the interval is narrowest, never whether it is true; it must not be taken from the
        outcomes themselves.

    Returns
    -------
    Lift
        The same estimate between wider ends; all NaN where nothing is known or foreseen.
    """
    if not lift.is_known or not planned_error > 0:
        return replace(lift, lower=math.nan, upper=math.nan)
    if lift.standard_error == 0:
        return lift
    ratio = (lift.standard_error / planned_error) ** 2
    half = boundary(ratio, lift.level) * lift.standard_error
    return replace(lift, lower=lift.estimate - half, upper=lift.estimate + half)
