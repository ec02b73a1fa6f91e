"""Was lifetime value right the last time? The model of weeks ago against what then happened."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, parse_date
from src.metrics.intervals import (
    Interval,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_mean,
)
from src.models.value import ValueModel, build_btyd, expect_orders, expect_values, fit_value

__all__ = [
    "Holdout",
    "check_holdout",
    "check_holdouts",
]

_WEEK = 7


@dataclass(frozen=True)
class Holdout:
    """What a model fitted at a past date said of the days after it, and what happened.

    Parameters
    ----------
    cut_date : str
        The model saw nothing after it.
    holdout_days : int
        Length of the time it was tried on.
    customers : DataFrame
        One row per customer known at the cut: `btyd_frequency`, `actual_orders`,
        `predicted_orders`, `baseline_orders` (order days), `actual_value`, `predicted_value`.
    weeks : DataFrame
        One row per week end: cumulated `actual`, its `lower` and `upper`, `predicted`,
        `baseline`.
    ratio : Interval or None
        Actual over predicted order days; None without customers or without prediction.
    value_ratio : Interval or None
        The same in money.
    mae, baseline_mae, mae_gain : Interval or None
        Mean absolute error in order days per customer; the plain baseline's; how much smaller
        the model's is.
    """

    cut_date: str
    holdout_days: int
    customers: pd.DataFrame
    weeks: pd.DataFrame
    ratio: Interval | None
    value_ratio: Interval | None
    mae: Interval | None
    baseline_mae: Interval | None
    mae_gain: Interval | None


def check_holdout(
    order_days: Table,
    as_of_date: str,
    holdout_days: int = 56,
    min_customers: int = 50,
    seed: int = 0,
    order_model: str | None = None,
) -> Holdout:
    """Fit on what was known `holdout_days` ago, predict the days since, and compare.

    The plain baseline says that each customer goes on at the rate of the past: order days so far
    over the time since the first.

    Parameters
    ----------
    order_days : ibis.Table
        As from `src.models.value.build_order_days`, up to `as_of_date`.
    as_of_date : str
        ISO date, last day of the hold-out.
    holdout_days : int, default 56
        Length of the hold-out, days.
    min_customers : int, default 50
        As in `src.models.value.fit_value`.
    seed : int, default 0
        Of the resampled intervals (95 %, over customers).
    order_model : str, optional
        As in `src.models.value.fit_value`.

    Returns
    -------
    Holdout
        Empty, with None for the figures, if no customer was known at the cut.
    """
    cut_date = days_after(as_of_date, -holdout_days)
    btyd = build_btyd(order_days, cut_date).to_pandas()
    model, _ = fit_value(btyd, min_customers, order_model)
    future = order_days.filter(
        (order_days.order_date > ibis.date(cut_date))
        & (order_days.order_date <= ibis.date(as_of_date))
    ).to_pandas()
    customers = _compare_customers(model, btyd, future, holdout_days)
    weeks = _compare_weeks(model, btyd, future, cut_date, holdout_days)
    return Holdout(cut_date, holdout_days, customers, weeks, *_score(customers, seed))


def _compare_customers(
    model: ValueModel, btyd: pd.DataFrame, future: pd.DataFrame, holdout_days: int
) -> pd.DataFrame:
    weeks = holdout_days / _WEEK
    totals = future.groupby("customer_id")["day_value_minor"].agg(["size", "sum"])
    totals = totals.reindex(btyd["customer_id"]).fillna(0)
    predicted = expect_orders(model, btyd, weeks)
    return pd.DataFrame(
        {
            "customer_id": btyd["customer_id"],
            "btyd_frequency": btyd["btyd_frequency"],
            "actual_orders": totals["size"].to_numpy(float),
            "predicted_orders": predicted,
            "baseline_orders": _past_rate(btyd) * weeks,
            "actual_value": totals["sum"].to_numpy(float) / 100.0,
            "predicted_value": predicted * expect_values(model, btyd),
        }
    )


def _past_rate(btyd: pd.DataFrame) -> np.ndarray:
    """Order days per week since the first, that day included."""
    return (btyd["n_days"] / (btyd["T"] + 1 / _WEEK)).to_numpy(float)


def _compare_weeks(
    model: ValueModel, btyd: pd.DataFrame, future: pd.DataFrame, cut_date: str, holdout_days: int
) -> pd.DataFrame:
    ends = np.unique([*range(_WEEK, holdout_days + 1, _WEEK), holdout_days])
    known = future[future["customer_id"].isin(btyd["customer_id"])]
    day = (pd.to_datetime(known["order_date"]) - pd.Timestamp(parse_date(cut_date))).dt.days
    rate = _past_rate(btyd).sum()
    rows = []
    for end in ends:
        counts = known[day <= end].groupby("customer_id").size().to_numpy(float)
        half = 1.96 * _spread_of_total(counts, len(btyd))
        total = counts.sum()
        rows.append(
            {
                "week": end / _WEEK,
                "actual": total,
                "lower": total - half,
                "upper": total + half,
                "predicted": expect_orders(model, btyd, end / _WEEK).sum(),
                "baseline": rate * end / _WEEK,
            }
        )
    return pd.DataFrame(rows)


def _spread_of_total(counts: np.ndarray, n_customers: int) -> float:
    """Give the standard error of a total over customers, those without an order day included."""
    if n_customers < 2:
        return 0.0
    mean = counts.sum() / n_customers
    variance = (np.square(counts).sum() - n_customers * mean**2) / (n_customers - 1)
    return float(np.sqrt(max(variance, 0.0) * n_customers))


def _score(customers: pd.DataFrame, seed: int) -> tuple[Interval | None, ...]:
    columns = ("actual_orders", "predicted_orders", "baseline_orders")
    actual, predicted, baseline = (customers[name].to_numpy() for name in columns)
    if not len(customers) or predicted.sum() <= 0:
        return (None,) * 5
    error, baseline_error = np.abs(actual - predicted), np.abs(actual - baseline)
    values = customers["actual_value"].to_numpy(), customers["predicted_value"].to_numpy()
    return (
        bootstrap_interval(_ratio, actual, predicted, seed=seed),
        bootstrap_interval(_ratio, *values, seed=seed),
        bootstrap_mean(error, seed=seed),
        bootstrap_mean(baseline_error, seed=seed),
        bootstrap_difference(baseline_error, error, seed=seed),
    )


def _ratio(actual: np.ndarray, predicted: np.ndarray) -> float:
    total = predicted.sum()
    return float(actual.sum() / total) if total > 0 else float("nan")


def check_holdouts(
    order_days: Table,
    as_of_date: str,
    holdout_days: int = 56,
    max_holdouts: int = 3,
    min_customers: int = 50,
    seed: int = 0,
    order_model: str | None = None,
) -> list[Holdout]:
    """Try the model on the last hold-out and on earlier ones before it, newest first.

    An earlier one is tried only where at least as many days of orders lie before its cut as it
    is long.

    Parameters
    ----------
    order_days, as_of_date, holdout_days, min_customers, seed, order_model
        As in `check_holdout`.
    max_holdouts : int, default 3
        How many at most.

    Returns
    -------
    list of Holdout
        At least the newest, which may be empty.
    """
    settings = (holdout_days, min_customers, seed, order_model)
    holdouts = [check_holdout(order_days, as_of_date, *settings)]
    first = order_days.order_date.min().execute()
    for back in range(1, max_holdouts):
        end = days_after(as_of_date, -back * holdout_days)
        if pd.isna(first) or str(first)[:10] > days_after(end, -2 * holdout_days):
            break
        holdouts.append(check_holdout(order_days, end, *settings))
    return holdouts
