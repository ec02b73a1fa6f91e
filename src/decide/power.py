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
    residual : array of shape (n_customers,)
        What the window before leaves of each customer's profit, around its mean.
    """

    n_customers: int
    mean_value: float
    std_value: float
    residual_std_value: float
    explained_share: float
    residual: np.ndarray = field(repr=False, compare=False)


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
        return Spread(n, mean, np.nan, np.nan, 0.0, np.zeros(n))
    std = float(outcome.std(ddof=1))
    explained, left = 0.0, outcome - outcome.mean()
    if std > 0 and covariate.std() > 0:
        explained = float(np.corrcoef(outcome, covariate)[0, 1] ** 2)
        before = covariate - covariate.mean()
        left = left - before * (before @ left) / (before @ before)
    return Spread(n, float(outcome.mean()), std, std * np.sqrt(1 - explained), explained, left)


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


def treated_factor(p_control: np.ndarray, residual: np.ndarray | None = None) -> float:
    r"""Variance of the planned effect on the treated, per unit of outcome variance.

    .. math:: \frac{\sum_i (1-p_i)\, e_i^2 + \sum_i (1-p_i)^2 e_i^2 / p_i}
              {(\sum_i (1-p_i))^2\; \overline{e^2}},\qquad
              e_i = r_i - \frac{\sum_j (1-p_j)\, r_j}{\sum_j (1-p_j)}

    with :math:`p_i` the probability of control and :math:`r_i` what the window before leaves of
    the outcome. Where customers of much value are contacted more often, their controls are few,
    weigh much and scatter widely: a formula that takes the spread for equal would promise too
    much. With equal spread all :math:`e_i^2` are their mean, and it is
    :math:`1/n_1 + 1/n_0` if :math:`p` is the same for all.

    Parameters
    ----------
    p_control : array of shape (n,), in (0, 1)
        Probability of control for each customer of the experiment.
    residual : array of shape (n,), optional
        From `Spread`; else the spread is taken to be equal.
    """
    contacted = 1 - p_control
    n_treated = contacted.sum()
    if n_treated == 0:
        return np.nan
    squared = np.ones(len(p_control))
    if residual is not None and residual.std() > 0:
        squared = (residual - (contacted @ residual) / n_treated) ** 2 / residual.var()
    return float((contacted + contacted**2 / p_control) @ squared / n_treated**2)


def realized_factor(
    weight: np.ndarray, is_treated: np.ndarray, residual: np.ndarray | None = None
) -> float:
    r"""Variance of the effect with the weights drawn, per unit of outcome variance.

    .. math:: \sum_a \frac{\sum_{i \in a} w_i^2 e_i^2}{(\sum_{i \in a} w_i)^2\; \overline{e^2}}

    with :math:`e_i` the residual around the arm's weighted mean, or the same for all without
    residuals. NaN if an arm is empty.
    """
    parts = []
    for arm in (is_treated, ~is_treated):
        if not arm.any():
            return np.nan
        share, squared = weight[arm] / weight[arm].sum(), 1.0
        if residual is not None and residual.std() > 0:
            squared = (residual[arm] - share @ residual[arm]) ** 2 / residual.var()
        parts.append((share**2 * squared).sum())
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
