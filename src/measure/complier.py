"""Effect of a message that arrived, as a second line: what was drawn stays the first."""

from dataclasses import dataclass
import math

import numpy as np

from src.measure.lift import LEVEL, Lift, estimate_lift

__all__ = ["ComplierEffect", "complier_effect"]


@dataclass(frozen=True)
class ComplierEffect:
    """Effect per customer whom the message reached, and who would not have got it otherwise.

    Parameters
    ----------
    estimate, lower, upper : float
        In the unit of the outcome; ends are NaN where too few were reached to bound it.
    reached_share : float
        Share of the treated that were reached, less that of control.
    """

    estimate: float
    lower: float
    upper: float
    reached_share: float

    @property
    def is_bounded(self) -> bool:
        """Whether the data bound the effect on both sides."""
        return math.isfinite(self.lower) and math.isfinite(self.upper)


def complier_effect(
    outcome: np.ndarray,
    is_reached: np.ndarray,
    is_treated: np.ndarray,
    weight: np.ndarray,
    covariate: np.ndarray | None = None,
    level: float = LEVEL,
) -> ComplierEffect:
    r"""Divide the effect of the draw on the outcome by its effect on being reached.

    .. math:: \hat\beta = \hat\tau_y / \hat\tau_d

    The draw is the instrument: it moves the outcome only by the message, and makes nobody get
    one less. The interval holds every :math:`\beta` that the draw does not speak against: those
    for which the effect on :math:`y - \beta d`, estimated in the same way as the headline, has
    zero inside its interval,

    .. math:: (\hat\tau_y - \beta\hat\tau_d)^2 \le
              t^2 (V_{yy} - 2\beta V_{yd} + \beta^2 V_{dd})

    which stays true however few were reached; with very few it has no ends.

    Parameters
    ----------
    outcome : array of shape (n,)
    is_reached : array of bool, shape (n,)
        Message delivered.
    is_treated, weight, covariate, level
        As for `estimate_lift`.

    References
    ----------
    .. Imbens, G. and Angrist, J. (1994). Identification and estimation of local average
       treatment effects. Econometrica 62(2).
    .. Anderson, T. and Rubin, H. (1949). Estimation of the parameters of a single equation in a
       complete system of stochastic equations. Annals of Mathematical Statistics 20(1).
    .. Fieller, E. (1954). Some problems in interval estimation. Journal of the Royal Statistical
       Society B 16(2).

    Examples
    --------
    Half of the treated are reached, so the effect on them is twice that of the draw:

    >>> y = np.array([9.0, 1.0, 9.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    >>> treated = np.arange(8) < 4
    >>> complier_effect(y, y > 1, treated, np.ones(8)).estimate
    8.0
    """
    reached = is_reached.astype(float)

    def lift_of(values: np.ndarray) -> Lift:
        return estimate_lift(values, is_treated, weight, covariate, level)

    on_outcome, on_reach, on_both = lift_of(outcome), lift_of(reached), lift_of(outcome + reached)
    if not on_outcome.is_known or not on_reach.estimate > 0:
        return ComplierEffect(math.nan, math.nan, math.nan, on_reach.estimate)
    estimate = on_outcome.estimate / on_reach.estimate
    var_y, var_d = on_outcome.standard_error**2, on_reach.standard_error**2
    both = (on_both.standard_error**2 - var_y - var_d) / 2
    if on_outcome.standard_error == 0:
        return ComplierEffect(estimate, estimate, estimate, on_reach.estimate)
    t_square = ((on_outcome.upper - on_outcome.estimate) / on_outcome.standard_error) ** 2
    lower, upper = _ends(on_outcome.estimate, on_reach.estimate, t_square, var_y, var_d, both)
    return ComplierEffect(estimate, lower, upper, on_reach.estimate)


def _ends(
    tau_y: float, tau_d: float, t_square: float, var_y: float, var_d: float, both: float
) -> tuple[float, float]:
    """Roots of the quadratic; NaN where it opens downwards, for then the set has no ends."""
    square = tau_d**2 - t_square * var_d
    if square <= 0:
        return math.nan, math.nan
    middle = tau_y * tau_d - t_square * both
    root = math.sqrt(max(0.0, middle**2 - square * (tau_y**2 - t_square * var_y)))
    return (middle - root) / square, (middle + root) / square
