"""BG/NBD and Pareto/NBD side by side: fitted to the same customers, and which may be used."""

import itertools

import numpy as np
import pandas as pd

from src.models.btyd import OrderModel, fit_bgnbd
from src.models.histories import distinct_rows
from src.models.pareto_nbd import fit_pareto_nbd

__all__ = [
    "ORDER_MODELS",
    "choose_order_model",
    "discount_if_alive",
    "discount_orders",
    "discount_weight",
    "fit_order_models",
    "history_arrays",
    "usable_order_models",
    "week_edges",
]

ORDER_MODELS = {"bg_nbd": fit_bgnbd, "pareto_nbd": fit_pareto_nbd}
"""How each is fitted, the plainer first."""

_DAYS_PER_WEEK = 7.0
_DAYS_PER_YEAR = 365.0


def history_arrays(btyd: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take `btyd_frequency`, `btyd_recency` and `T` of each customer as arrays."""
    return tuple(btyd[name].to_numpy(float) for name in ("btyd_frequency", "btyd_recency", "T"))


def fit_order_models(
    btyd: pd.DataFrame, preferred: str | None = None
) -> dict[str, tuple[OrderModel, dict]]:
    """Fit each model of `ORDER_MODELS` to the same customers.

    Parameters
    ----------
    btyd : DataFrame
        As from `src.models.value.build_btyd`, with at least one repeat buyer.
    preferred : str, optional
        Name of a model; the others are fitted only if it runs to a bound.

    Returns
    -------
    dict
        Fitted model and facts of the fit, by name.
    """
    histories, fits = history_arrays(btyd), {}
    for name in sorted(ORDER_MODELS, key=lambda name: name != preferred):
        fits[name] = ORDER_MODELS[name](*histories)
        if name == preferred and fits[name][1]["is_converged"]:
            break
    return fits


def usable_order_models(fits: dict[str, tuple[OrderModel, dict]]) -> list[str]:
    """Name the models none of whose parameters ran to its bound; if all did, all of them.

    At a bound the likelihood still rises: the history does not settle how customers leave. A
    model that it does settle is better; without one, the limit (mostly: nobody leaves, rates
    differ) is still far better than one rate for all.
    """
    inside = [name for name, (_, facts) in fits.items() if facts["is_converged"]]
    return inside or list(fits)


def choose_order_model(fits: dict[str, tuple[OrderModel, dict]]) -> str | None:
    """Name the likelier of the usable models; None where none was fitted.

    Both have four parameters, so the likelihoods may be compared as they are.
    """
    usable = usable_order_models(fits)
    return max(usable, key=lambda name: fits[name][1]["log_likelihood"], default=None)


def discount_orders(
    model: OrderModel, btyd: pd.DataFrame, horizon_days: float, discount_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    r"""Expect order days over a horizon, plain and discounted to today.

    .. math:: \sum_k \frac{E[Y(t_k)] - E[Y(t_{k-1})]}{(1 + d)^{(t_{k-1} + t_k) / 2}}

    over the weeks of the horizon. What is expected of somebody alive depends on frequency and
    age alone, so it is worked out once for each pair of them.

    Parameters
    ----------
    model : OrderModel
    btyd : DataFrame
        One row per customer: `btyd_frequency`, `btyd_recency`, `T` (weeks).
    horizon_days : float, > 0
        How far ahead, days.
    discount_rate : float
        Of a year, such as 0.10.

    Returns
    -------
    orders, discounted : array of shape (n_customers,)
    """
    orders, discounted = discount_if_alive(model, btyd, horizon_days, discount_rate)
    alive = model.p_alive(*history_arrays(btyd))
    return alive * orders, alive * discounted


def discount_if_alive(
    model: OrderModel, btyd: pd.DataFrame, horizon_days: float, discount_rate: float
) -> tuple[np.ndarray, np.ndarray]:
    """Expect the same, as `discount_orders` does, of customers who have not left."""
    x, _, T = history_arrays(btyd)
    first, kind, _ = distinct_rows([x, T])
    edges = week_edges(horizon_days)
    before, discounted = np.zeros(len(first)), np.zeros(len(first))
    for start, end in itertools.pairwise(edges):
        until = model.orders_if_alive(x[first], T[first], end)
        discounted += (until - before) * discount_weight(start, end, discount_rate)
        before = until
    return before[kind], discounted[kind]


def week_edges(horizon_days: float) -> np.ndarray:
    """Cut a horizon into weeks, the last of which may be shorter."""
    weeks = horizon_days / _DAYS_PER_WEEK
    return np.append(np.arange(0.0, weeks), weeks)


def discount_weight(
    start: np.ndarray | float, end: np.ndarray | float, discount_rate: float
) -> np.ndarray | float:
    """Discount money that comes between two times (weeks from now) to today, as a share."""
    return (1 + discount_rate) ** (-(start + end) / 2 * _DAYS_PER_WEEK / _DAYS_PER_YEAR)
