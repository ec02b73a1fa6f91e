"""Customer lifetime value: order days to come, times their value, margin and discount."""

from dataclasses import dataclass
import logging

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import known_by
from src.models.btyd import BgNbd, fit_bgnbd, predict_orders, predict_p_alive
from src.models.gamma_gamma import GammaGamma, fit_gamma_gamma, predict_order_value

__all__ = [
    "ValueModel",
    "build_btyd",
    "build_order_days",
    "expect_orders",
    "expect_values",
    "fit_value",
    "predict_value",
]

logger = logging.getLogger(__name__)

_DAYS_PER_WEEK = 7.0
_DAYS_PER_YEAR = 365.0


def build_order_days(orders: Table, as_of_date: str) -> Table:
    """Merge the order lines of a customer and day (UTC): the unit of purchase in this stage.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line: `customer_id`, `ordered_at` (UTC timestamp), `line_value_minor`.
    as_of_date : str
        ISO date, the last day whose orders are used.

    Returns
    -------
    ibis.Table
        One row per customer and day: `customer_id`, `order_date`, `day_value_minor` (cents).
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    return lines.group_by(lines.customer_id, order_date=lines.ordered_at.date()).agg(
        day_value_minor=lines.line_value_minor.sum().cast("int64")
    )


def build_btyd(order_days: Table, as_of_date: str) -> Table:
    """Sum up each customer's history as BG/NBD and Gamma-Gamma need it.

    Parameters
    ----------
    order_days : ibis.Table
        As from `build_order_days`; days after `as_of_date` are left out.
    as_of_date : str
        ISO date, end of the observation.

    Returns
    -------
    ibis.Table
        One row per customer: `customer_id`, `n_days` (days with an order), `btyd_frequency`
        (the same without the first), `btyd_recency` and `T` (weeks, from the first such day to
        the last and to the as-of date), `mean_day_value` (shop currency, of all `n_days`).
    """
    known = order_days.filter(order_days.order_date <= ibis.date(as_of_date))
    totals = known.group_by("customer_id").agg(
        n_days=known.count(),
        first=known.order_date.min(),
        last=known.order_date.max(),
        value_minor=known.day_value_minor.sum(),
    )
    end = ibis.date(as_of_date)
    return totals.select(
        "customer_id",
        "n_days",
        btyd_frequency=totals.n_days - 1,
        btyd_recency=totals.last.delta(totals.first, unit="day") / _DAYS_PER_WEEK,
        T=end.delta(totals.first, unit="day") / _DAYS_PER_WEEK,
        mean_day_value=totals.value_minor / totals.n_days / 100.0,
    ).order_by("customer_id")


@dataclass(frozen=True)
class ValueModel:
    """What is known of order days and their value; pooled rates where a model was not to be had.

    Parameters
    ----------
    orders : BgNbd or None
        Model of order days, in weeks.
    values : GammaGamma or None
        Model of the value of an order day.
    pooled_rate : float
        Order days per week and customer, all customers together.
    pooled_value : float
        Mean value of an order day, shop currency.
    """

    orders: BgNbd | None
    values: GammaGamma | None
    pooled_rate: float
    pooled_value: float


def fit_value(btyd: pd.DataFrame, min_customers: int = 50) -> tuple[ValueModel, dict]:
    """Fit BG/NBD and Gamma-Gamma, or pooled rates where there is too little for them.

    Parameters
    ----------
    btyd : DataFrame
        One row per customer, as from `build_btyd`.
    min_customers : int, default 50
        Below it, or without any repeat buyer, the pooled rates are all there is.

    Returns
    -------
    ValueModel
    dict
        `n_customers`, `n_repeat_buyers`, `order_model` and `value_model` (facts of the fits:
        `log_likelihood` and an `Estimate` for each parameter), each None where pooled.
    """
    n_repeat = int((btyd["btyd_frequency"] > 0).sum())
    orders = order_model = None
    if len(btyd) >= min_customers and n_repeat > 0:
        orders, order_model = fit_bgnbd(*_history(btyd))
    paid = btyd[btyd["mean_day_value"] > 0]
    values = value_model = None
    if orders is not None and len(paid) >= min_customers:
        values, value_model = fit_gamma_gamma(*_values(paid))
        if not np.isfinite(values.mean_value):
            values = value_model = None
    model = ValueModel(orders, values, *_pooled(btyd))
    logger.info("fit_value: %d customers, %d of them repeat buyers", len(btyd), n_repeat)
    return model, {
        "n_customers": len(btyd),
        "n_repeat_buyers": n_repeat,
        "order_model": order_model,
        "value_model": value_model,
    }


def _history(btyd: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return tuple(btyd[name].to_numpy(float) for name in ("btyd_frequency", "btyd_recency", "T"))


def _values(btyd: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return btyd["n_days"].to_numpy(float), btyd["mean_day_value"].to_numpy(float)


def _pooled(btyd: pd.DataFrame) -> tuple[float, float]:
    """Order days per customer and week (the first day counts as observed), and their value."""
    n_days = btyd["n_days"].sum()
    if n_days == 0:
        return 0.0, 0.0
    weeks = btyd["T"].sum() + len(btyd) / _DAYS_PER_WEEK
    return float(n_days / weeks), float((btyd["mean_day_value"] * btyd["n_days"]).sum() / n_days)


def expect_orders(model: ValueModel, btyd: pd.DataFrame, weeks: float) -> np.ndarray:
    """Expect so many order days of each customer in the next `weeks`.

    Parameters
    ----------
    model : ValueModel
    btyd : DataFrame
        One row per customer, as from `build_btyd`.
    weeks : float, >= 0
        Length of the future.

    Returns
    -------
    array of shape (n_customers,), >= 0
    """
    if model.orders is None:
        return np.full(len(btyd), model.pooled_rate * weeks)
    return predict_orders(model.orders, *_history(btyd), weeks)


def expect_values(model: ValueModel, btyd: pd.DataFrame) -> np.ndarray:
    """Expect this value of each customer's next order day, shop currency.

    Parameters
    ----------
    model, btyd
        As in `expect_orders`.
    """
    if model.values is None:
        return np.full(len(btyd), model.pooled_value)
    return predict_order_value(model.values, *_values(btyd))


def predict_value(
    model: ValueModel,
    btyd: pd.DataFrame,
    horizon_days: int,
    discount_rate: float,
    margin_share: float,
) -> pd.DataFrame:
    r"""Score every customer: alive, order days and their value to come, lifetime value.

    .. math:: \text{clv} = m\, E[M] \sum_k \frac{E[Y(t_k)] - E[Y(t_{k-1})]}
              {(1 + d)^{(t_{k-1} + t_k) / 2}}

    over the weeks of the horizon, with margin share m, expected value of an order day E[M] and
    yearly discount rate d.

    Parameters
    ----------
    model : ValueModel
    btyd : DataFrame
        One row per customer, as from `build_btyd`.
    horizon_days : int
        How far ahead value is counted, days.
    discount_rate : float
        Of a year, such as 0.10.
    margin_share : float
        Margin as a share of order value, 0-1.

    Returns
    -------
    DataFrame
        One row per customer: the columns of `value_scores`.
    """
    edges = _week_edges(horizon_days)
    totals = np.array([expect_orders(model, btyd, edge) for edge in edges])
    middle = (edges[1:] + edges[:-1]) / 2 * _DAYS_PER_WEEK / _DAYS_PER_YEAR
    weights = (1 + discount_rate) ** -middle[:, None]
    discounted = (np.diff(totals, axis=0) * weights).sum(axis=0)  # week by week, for all alike
    values = expect_values(model, btyd)
    clv = margin_share * values * discounted
    return pd.DataFrame(
        {
            "customer_id": btyd["customer_id"].to_numpy(),
            "p_alive": _expect_alive(model, btyd),
            "expected_orders": totals[-1],
            "expected_order_value": values,
            "clv": np.maximum(clv, 0.0),
        }
    )


def _week_edges(horizon_days: int) -> np.ndarray:
    weeks = horizon_days / _DAYS_PER_WEEK
    return np.append(np.arange(0.0, weeks), weeks)


def _expect_alive(model: ValueModel, btyd: pd.DataFrame) -> np.ndarray:
    """Everybody, where dropping out is not modelled: the pooled rate then includes it."""
    if model.orders is None:
        return np.ones(len(btyd))
    return predict_p_alive(model.orders, *_history(btyd))
