"""What a planned experiment can detect, from the spread of the past; nothing is sent yet."""

from dataclasses import dataclass, field

from ibis.expr.types import Table
import numpy as np
import pandas as pd
from scipy import stats

from src.data.window import days_after
from src.decide.history import weekly_revenue, window_totals
from src.errors import ParameterError

__all__ = [
    "Spread",
    "arm_factor",
    "detectable_by_share",
    "detectable_by_weeks",
    "detectable_effect",
    "measure_spread",
    "past_spread",
    "realized_factor",
    "share_of_mean",
    "treated_factor",
]

LEVEL = 0.95
POWER = 0.80
_N_BANDS = 10


@dataclass(frozen=True)
class Spread:
    """Spread of profit per customer over one window.

    Parameters
    ----------
    n_customers : int
        Customers measured.
    mean_value, std_value : float
        Mean and standard deviation, shop currency.
    residual_std_value : float
        What is left of the deviation once the window before explains its part.
    explained_share : float
        That part: squared correlation of the two windows, 0-1.
    expected_square : array of shape (n_customers,)
        Squared deviation to be expected of each customer in the window to come, given what they
        spent in the last one.
    """

    n_customers: int
    mean_value: float
    std_value: float
    residual_std_value: float
    explained_share: float
    expected_square: np.ndarray = field(repr=False, compare=False)


def measure_spread(outcome: np.ndarray, covariate: np.ndarray) -> Spread:
    r"""Spread of an outcome, before and after CUPED.

    .. math:: \sigma^2_{\text{CUPED}} = \sigma^2 (1 - R^2)

    Parameters
    ----------
    outcome : array of shape (n,)
        Profit per customer over a window, shop currency.
    covariate : array of shape (n,)
        The same over the window before.

    References
    ----------
    .. Deng, A., Xu, Y., Kohavi, R. and Walker, T. (2013). Improving the sensitivity of online
       controlled experiments by utilizing pre-experiment data. WSDM, equation 5.
    """
    n = len(outcome)
    if n < 3:
        mean = float(outcome.mean()) if n else np.nan
        return Spread(n, mean, np.nan, np.nan, 0.0, np.ones(n))
    std = float(outcome.std(ddof=1))
    explained, left = 0.0, outcome - outcome.mean()
    if std > 0 and covariate.std() > 0:
        explained = float(np.corrcoef(outcome, covariate)[0, 1] ** 2)
        before = covariate - covariate.mean()
        left = left - before * (before @ left) / (before @ before)
    squares = _expected_squares(outcome, covariate, left)
    return Spread(n, float(outcome.mean()), std, std * np.sqrt(1 - explained), explained, squares)


def _expected_squares(
    outcome: np.ndarray, covariate: np.ndarray, residual: np.ndarray
) -> np.ndarray:
    """Square of the residual by place in the window before, read off at each one's place now.

    Who spends much scatters much. A customer's own residual cannot stand for that: who had a good
    last window is contacted more often because of it, and will not have the same one again.
    """
    before, now = (stats.rankdata(values) / len(values) for values in (covariate, outcome))
    band = np.ceil(before * _N_BANDS).astype(int)
    size = np.bincount(band, minlength=_N_BANDS + 1)
    filled = size > 0
    place = np.bincount(band, before, _N_BANDS + 1)[filled] / size[filled]
    square = np.bincount(band, residual**2, _N_BANDS + 1)[filled] / size[filled]
    return np.interp(now, place, square)


def past_spread(
    orders: Table,
    customer_ids: pd.Series,
    as_of_date: str,
    outcome_days: int,
    margin_share: float,
) -> Spread:
    """Spread that the outcome window is likely to have, seen from before it.

    The last `outcome_days` up to the as-of date stand in for the outcome, the same number of
    days before them for the covariate. Nothing after `as_of_date` is read.
    """
    middle = days_after(as_of_date, -outcome_days)
    start = days_after(middle, -outcome_days)
    outcome = window_totals(orders, customer_ids, middle, as_of_date)["revenue_minor"]
    covariate = window_totals(orders, customer_ids, start, middle)["revenue_minor"]
    scale = margin_share / 100.0
    return measure_spread(outcome.to_numpy() * scale, covariate.to_numpy() * scale)


def treated_factor(p_control: np.ndarray, expected_square: np.ndarray | None = None) -> float:
    r"""Variance of the planned effect on the treated, per unit of outcome variance.

    .. math:: \frac{\sum_i (1-p_i)\, v_i + \sum_i (1-p_i)^2 v_i / p_i}
              {(\sum_i (1-p_i))^2\; \bar v}

    with :math:`p_i` the probability of control and :math:`v_i` the squared deviation expected of
    the customer. Where customers of much value are contacted more often, their controls are few,
    weigh much and scatter widely: a formula that takes the spread for equal would promise too
    much. With equal spread all :math:`v_i` are their mean, and it is
    :math:`1/n_1 + 1/n_0` if :math:`p` is the same for all.

    Parameters
    ----------
    p_control : array of shape (n,), in (0, 1)
        Probability of control for each customer of the experiment.
    expected_square : array of shape (n,), optional
        From `Spread`; else the spread is taken to be equal.
    """
    contacted = 1 - p_control
    n_treated = contacted.sum()
    if n_treated == 0:
        return np.nan
    square = _relative(expected_square, len(p_control))
    return float((contacted + contacted**2 / p_control) @ square / n_treated**2)


def _relative(expected_square: np.ndarray | None, n: int) -> np.ndarray:
    """Squared deviations over their mean; 1 for all where there are none."""
    if expected_square is None or not expected_square.mean() > 0:
        return np.ones(n)
    return expected_square / expected_square.mean()


def realized_factor(
    weight: np.ndarray, is_treated: np.ndarray, expected_square: np.ndarray | None = None
) -> float:
    r"""Variance of the effect with the weights drawn, per unit of outcome variance.

    .. math:: \sum_a \frac{\sum_{i \in a} w_i^2 v_i}{(\sum_{i \in a} w_i)^2\; \bar v}

    with :math:`v_i` as in `treated_factor`. NaN if an arm is empty.
    """
    if is_treated.all() or not is_treated.any():
        return np.nan
    square = _relative(expected_square, len(weight))
    parts = [
        (weight[arm] ** 2 @ square[arm]) / weight[arm].sum() ** 2
        for arm in (is_treated, ~is_treated)
    ]
    return float(sum(parts))


def arm_factor(p_arm: np.ndarray, p_control: np.ndarray) -> float:
    r"""Variance of one arm's planned effect on all, per unit of outcome variance.

    .. math:: \frac{1}{n^2} \sum_i \left( \frac{1}{p_{ia}} + \frac{1}{p_{i0}} \right)
    """
    n = len(p_arm)
    return float((1 / p_arm + 1 / p_control).sum() / n**2) if n else np.nan


def detectable_effect(
    std_value: float, factor: float, level: float = LEVEL, power: float = POWER
) -> float:
    r"""Smallest true effect that a two-sided test finds with the power given.

    .. math:: \delta = (z_{(1+\text{level})/2} + z_{\text{power}})\, \sigma \sqrt{f}

    Parameters
    ----------
    std_value : float
        Standard deviation of the outcome after adjustment, :math:`\sigma`.
    factor : float
        From `treated_factor` or `arm_factor`, :math:`f`.
    level, power : float, default 0.95 and 0.80
        Confidence level of the interval, and probability that it then excludes zero.

    Returns
    -------
    float
        In the unit of `std_value`; less is better.

    References
    ----------
    .. Bloom, H. (1995). Minimum detectable effects. Evaluation Review 19(5).

    Examples
    --------
    >>> round(detectable_effect(1.0, 1 / 50 + 1 / 50), 4)
    0.5603
    """
    if not (0 < level < 1 and 0 < power < 1):
        raise ParameterError(f"Expected level and power in (0, 1), found {level} and {power}.")
    return float(
        (stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)) * std_value * factor**0.5
    )


def share_of_mean(value: float, spread: Spread) -> float:
    """Give an effect as a share of the mean profit per customer; NaN without a mean."""
    return value / spread.mean_value if spread.mean_value > 0 else np.nan


def detectable_by_share(spread: Spread, n_customers: int) -> pd.DataFrame:
    """Give the detectable effect for each share of the experiment that is contacted.

    Returns
    -------
    DataFrame
        `contacted_share`, and as shares of the mean profit per customer `raw_share` without and
        `adjusted_share` with the pre-period.
    """
    contacted = np.linspace(0.05, 0.95, 37)
    factor = 1 / np.maximum(n_customers * contacted, 1) + 1 / np.maximum(
        n_customers * (1 - contacted), 1
    )
    unit = np.array([detectable_effect(1.0, one) for one in factor]) * share_of_mean(1.0, spread)
    return pd.DataFrame(
        {
            "contacted_share": contacted,
            "raw_share": unit * spread.std_value,
            "adjusted_share": unit * spread.residual_std_value,
        }
    )


def detectable_by_weeks(
    orders: Table, customer_ids: pd.Series, as_of_date: str, factor: float, n_weeks: int
) -> pd.DataFrame:
    """Give the detectable effect for each length of the outcome window, from past windows.

    Returns
    -------
    DataFrame
        `n_weeks`, `raw_share` and `adjusted_share` as in `detectable_by_share`.
    """
    revenue = weekly_revenue(orders, customer_ids, as_of_date, 2 * n_weeks)
    rows = []
    for weeks in range(1, n_weeks + 1):
        recent = revenue[:, :weeks].sum(axis=1) / 100.0
        before = revenue[:, weeks : 2 * weeks].sum(axis=1) / 100.0
        spread = measure_spread(recent, before)
        unit = detectable_effect(1.0, factor) * share_of_mean(1.0, spread)
        rows.append((weeks, unit * spread.std_value, unit * spread.residual_std_value))
    return pd.DataFrame(rows, columns=["n_weeks", "raw_share", "adjusted_share"])
