"""Customer lifetime value: order days to come, times their value, margin and discount."""

from dataclasses import dataclass
import logging

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, known_by, parse_date
from src.models.btyd import OrderModel, predict_orders
from src.models.class_values import ClassValues, fit_class_values
from src.models.gamma_gamma import GammaGamma, fit_gamma_gamma
from src.models.order_models import (
    choose_order_model,
    discount_if_alive,
    discount_orders,
    discount_weight,
    fit_order_models,
    history_arrays,
    week_edges,
)
from src.models.spend_checks import check_spend

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
_PRIOR_ORDERS = 0.5
_PRIOR_WEEKS = 26.0


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
        the last and to the as-of date), `mean_day_value` (shop currency, of all `n_days`),
        `n_late_days` and `mean_late_value` (the same of the days in the later half of the
        shop's history; 0 without any).
    """
    known = order_days.filter(order_days.order_date <= ibis.date(as_of_date))
    is_late = known.order_date > ibis.date(_middle(known, as_of_date))
    totals = known.group_by("customer_id").agg(
        n_days=known.count(),
        first=known.order_date.min(),
        last=known.order_date.max(),
        value_minor=known.day_value_minor.sum(),
        n_late_days=is_late.sum(),
        late_minor=known.day_value_minor.sum(where=is_late).fill_null(0),
    )
    end = ibis.date(as_of_date)
    return totals.select(
        "customer_id",
        "n_days",
        btyd_frequency=totals.n_days - 1,
        btyd_recency=totals.last.delta(totals.first, unit="day") / _DAYS_PER_WEEK,
        T=end.delta(totals.first, unit="day") / _DAYS_PER_WEEK,
        mean_day_value=totals.value_minor / totals.n_days / 100.0,
        n_late_days="n_late_days",
        mean_late_value=totals.late_minor / ibis.greatest(totals.n_late_days, 1) / 100.0,
    ).order_by("customer_id")


def _middle(order_days: Table, as_of_date: str) -> str:
    """Last day of the earlier half of the history."""
    first = order_days.order_date.min().execute()
    if pd.isna(first):
        return as_of_date
    n_days = (parse_date(as_of_date) - parse_date(str(first)[:10])).days
    return days_after(as_of_date, -((n_days + 1) // 2))


@dataclass(frozen=True)
class ValueModel:
    """What is known of order days and their value; pooled rates where a model was not to be had.

    Parameters
    ----------
    orders : BgNbd, ParetoNbd or None
        Model of order days, in weeks.
    values : GammaGamma, ClassValues or None
        Model of the value of an order day.
    pooled_rate : float
        Order days to come per week and customer, all customers together.
    pooled_value : float
        Mean value of an order day, shop currency.
    """

    orders: OrderModel | None
    values: GammaGamma | ClassValues | None
    pooled_rate: float
    pooled_value: float


def fit_value(
    btyd: pd.DataFrame, min_customers: int = 50, order_model: str | None = None
) -> tuple[ValueModel, dict]:
    """Fit when customers order and what an order day is worth; pooled where there is too little.

    BG/NBD and Pareto/NBD are fitted, and the likelier is used of those that did not run to a
    bound, or of both if both did. Gamma-Gamma is used where spend neither drifts nor goes with
    frequency; otherwise recent means by frequency.

    Parameters
    ----------
    btyd : DataFrame
        One row per customer, as from `build_btyd`.
    min_customers : int, default 50
        Below it, or without any repeat buyer, the pooled rates are all there is.
    order_model : str, optional
        `bg_nbd` or `pareto_nbd`: used if it did not run to a bound, whichever is likelier; the
        other is then not fitted.

    Returns
    -------
    ValueModel
    dict
        `n_customers`, `n_repeat_buyers`; `order_fits` (model and facts of each fit by name,
        empty where pooled); `order_name` (None where pooled) and `order_model` (its facts);
        `value_name` (`gamma_gamma`, `class_means` or None), `value_model` (facts of
        Gamma-Gamma, also where it is not used) and `spend_checks`.
    """
    n_repeat = int((btyd["btyd_frequency"] > 0).sum())
    is_enough = len(btyd) >= min_customers and n_repeat > 0
    fits = fit_order_models(btyd, order_model) if is_enough else {}
    name = choose_order_model(fits)
    values, value_facts = _fit_values(btyd, min_customers, is_enough)
    model = ValueModel(fits[name][0] if name else None, values, *_pooled(btyd))
    logger.info("fit_value: %d customers, %d of them repeat buyers", len(btyd), n_repeat)
    return model, value_facts | {
        "n_customers": len(btyd),
        "n_repeat_buyers": n_repeat,
        "order_fits": fits,
        "order_name": name,
        "order_model": fits[name][1] if name else None,
    }


def _fit_values(
    btyd: pd.DataFrame, min_customers: int, is_enough: bool
) -> tuple[GammaGamma | ClassValues | None, dict]:
    checks = check_spend(btyd)
    nothing = {"value_name": None, "value_model": None, "spend_checks": checks}
    paid = btyd[btyd["mean_day_value"] > 0]
    if not is_enough or len(paid) < min_customers:
        return None, nothing
    if not checks.hold and (btyd["n_late_days"] > 0).any():
        return fit_class_values(btyd), nothing | {"value_name": "class_means"}
    values, facts = fit_gamma_gamma(*_values(paid))
    if not np.isfinite(values.mean_value) or not facts["is_converged"]:
        return None, nothing | {"value_model": facts}
    return values, nothing | {"value_name": "gamma_gamma", "value_model": facts}


def _values(btyd: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    return btyd["n_days"].to_numpy(float), btyd["mean_day_value"].to_numpy(float)


def _pooled(btyd: pd.DataFrame) -> tuple[float, float]:
    """Repeat order days per customer and week, and the value of an order day.

    The first day is what made somebody a customer, so it is no evidence of coming back. Half
    an order in half a year of one customer is added, so that a shop without a past gets a small
    rate and no absurd one; it is lost among as few as fifty customers.
    """
    n_days, n_repeat = btyd["n_days"].sum(), btyd["btyd_frequency"].sum()
    rate = (n_repeat + _PRIOR_ORDERS) / (btyd["T"].sum() + _PRIOR_WEEKS)
    if n_days == 0:
        return 0.0, 0.0
    return float(rate), float((btyd["mean_day_value"] * btyd["n_days"]).sum() / n_days)


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
    return predict_orders(model.orders, *history_arrays(btyd), weeks)


def expect_values(model: ValueModel, btyd: pd.DataFrame) -> np.ndarray:
    """Expect this value of each customer's next order day, shop currency.

    Parameters
    ----------
    model, btyd
        As in `expect_orders`.
    """
    if model.values is None:
        return np.full(len(btyd), model.pooled_value)
    return model.values.order_value(*_values(btyd))


def predict_value(
    model: ValueModel,
    btyd: pd.DataFrame,
    horizon_days: int,
    discount_rate: float,
    margin_share: float,
    window_spend: tuple[np.ndarray, int] | None = None,
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
    window_spend : tuple of (array of shape (n_customers,), int), optional
        What another method expects each to spend in the next so many days. It then sets the
        level of order days; the model only carries it on to the horizon.

    Returns
    -------
    DataFrame
        One row per customer: the columns of `value_scores`.
    """
    values = expect_values(model, btyd)
    if window_spend is None:
        orders, discounted = _expect_horizon(model, btyd, horizon_days, discount_rate)
    else:
        terms = (horizon_days, discount_rate)
        orders, discounted = _carry_on(model, btyd, values, *window_spend, *terms)
    return pd.DataFrame(
        {
            "customer_id": btyd["customer_id"].to_numpy(),
            "p_alive": _expect_alive(model, btyd),
            "expected_orders": orders,
            "expected_order_value": values,
            "clv": np.maximum(margin_share * values * discounted, 0.0),
        }
    )


def _expect_horizon(
    model: ValueModel, btyd: pd.DataFrame, horizon_days: int, discount_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    if model.orders is not None:
        return discount_orders(model.orders, btyd, horizon_days, discount_rate)
    weights, lengths = _week_weights(horizon_days, discount_rate)
    per_customer = np.full(len(btyd), model.pooled_rate)
    return per_customer * lengths.sum(), per_customer * (lengths @ weights)


def _week_weights(horizon_days: int, discount_rate: float) -> tuple[np.ndarray, np.ndarray]:
    edges = week_edges(horizon_days)
    return discount_weight(edges[:-1], edges[1:], discount_rate), np.diff(edges)


def _carry_on(
    model: ValueModel,
    btyd: pd.DataFrame,
    values: np.ndarray,
    spend: np.ndarray,
    n_days: int,
    horizon_days: int,
    discount_rate: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Turn a window's spend into order days, and go on from there as somebody alive would."""
    orders = np.divide(spend, values, out=np.zeros(len(btyd)), where=values > 0)
    orders = np.minimum(orders, n_days)
    if model.orders is None:
        rate = np.divide(orders, n_days / _DAYS_PER_WEEK)
        weights, lengths = _week_weights(horizon_days, discount_rate)
        return rate * lengths.sum(), rate * (lengths @ weights)
    window, _ = discount_if_alive(model.orders, btyd, n_days, 0.0)
    whole, discounted = discount_if_alive(model.orders, btyd, horizon_days, discount_rate)
    level = orders / np.maximum(window, np.finfo(float).tiny)
    return level * whole, level * discounted


def _expect_alive(model: ValueModel, btyd: pd.DataFrame) -> np.ndarray:
    """Everybody, where dropping out is not modelled: the pooled rate then includes it."""
    if model.orders is None:
        return np.ones(len(btyd))
    return model.orders.p_alive(*history_arrays(btyd))
