"""Was lifetime value right the last time? The model of weeks ago against what then happened."""

from dataclasses import dataclass
from typing import Literal

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd
from scipy.stats import rankdata

from src.data.window import days_after, parse_date
from src.errors import ParameterError
from src.metrics.intervals import (
    Interval,
    bootstrap_difference,
    bootstrap_interval,
    bootstrap_mean,
)
from src.models.value import ValueModel, build_btyd, expect_orders, expect_values, fit_value

__all__ = [
    "FREQUENCY_CLASSES",
    "Holdout",
    "check_holdout",
    "check_independence",
    "choose_factor",
    "describe_holdout",
    "describe_value_model",
]

FREQUENCY_CLASSES = (0, 1, 2, 3, 5, 8, 12, 20, 40)
"""Least repeat order days of each class of customers."""

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

    Returns
    -------
    Holdout
        Empty, with None for the figures, if no customer was known at the cut.
    """
    cut_date = days_after(as_of_date, -holdout_days)
    btyd = build_btyd(order_days, cut_date).to_pandas()
    model, _ = fit_value(btyd, min_customers)
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
    """Standard error of a total over customers, those without any order day included."""
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


def choose_factor(holdout: Holdout, calibration: Literal["none", "when_clear"]) -> float:
    """Choose what to multiply expected order days by.

    Parameters
    ----------
    holdout : Holdout
    calibration : {"none", "when_clear"}
        ``when_clear`` takes actual over predicted if its interval leaves 1 out: a clear bias is
        mended, noise is not chased.

    Raises
    ------
    ParameterError
        If `calibration` is anything else.
    """
    if calibration not in ("none", "when_clear"):
        raise ParameterError(
            f"Expected calibration to be 'none' or 'when_clear', found {calibration!r}."
        )
    ratio = holdout.ratio
    if calibration == "none" or ratio is None or not (ratio.lower > 1 or ratio.upper < 1):
        return 1.0
    return ratio.estimate


def check_independence(btyd: pd.DataFrame, seed: int = 0) -> Interval | None:
    """Rank correlation of frequency and mean value among repeat buyers.

    Lifetime value multiplies the two as if they had nothing to do with each other.

    Parameters
    ----------
    btyd : DataFrame
        As from `src.models.value.build_btyd`.
    seed : int, default 0
        Of the resampled interval (95 %, over customers).

    Returns
    -------
    Interval or None
        Spearman's correlation, -1 to 1; None with fewer than three repeat buyers, or where one
        of the two does not vary.
    """
    repeat = btyd[btyd["btyd_frequency"] > 0]
    ranks = [rankdata(repeat[name]) for name in ("btyd_frequency", "mean_day_value")]
    if len(repeat) < 3 or any(np.ptp(rank) == 0 for rank in ranks):
        return None
    return bootstrap_interval(_correlation, *ranks, seed=seed)


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    first, second = first - first.mean(), second - second.mean()
    spread = np.sqrt((first @ first) * (second @ second))
    return float(first @ second / spread) if spread > 0 else float("nan")


def describe_value_model(model: ValueModel, facts: dict) -> str:
    """Say in Markdown what was fitted, and what was not and why."""
    people = (
        f"{facts['n_customers']:,} customers, {facts['n_repeat_buyers']:,} of them bought again."
    )
    if model.orders is None:
        return (
            f"**Pooled rates only.** {people} That is too little for BG/NBD, so everybody is "
            f"expected at the common {model.pooled_rate:.2f} order days a week and dropping out is "
            "not modelled (`p_alive` is 1; the common rate includes those who left)."
        )
    a, b = model.orders.a, model.orders.b
    text = (
        f"{people} After each order day a customer drops out with probability "
        f"{a / (a + b):.2%} on average; while active, the mean rate is "
        f"{model.orders.r / model.orders.alpha:.2f} order days a week."
    )
    if not facts["order_model"]["is_converged"]:
        text += (
            " A parameter ran to its bound: one side of the model (mostly dropping out) is not "
            "visible in this history, and the predictions are those of that limit."
        )
    if model.values is None:
        return text + (
            f" **No value model:** too few paid order days, or no finite mean, so every order day "
            f"is taken at the common {model.pooled_value:.2f}."
        )
    return text + f" The mean order day is worth {model.values.mean_value:.2f}."


def describe_holdout(holdout: Holdout) -> str:
    """Say in Markdown how the prediction fared, against what happened and the baseline."""
    if holdout.ratio is None or holdout.mae_gain is None:
        return (
            f"**No hold-out:** nobody had ordered by {holdout.cut_date}, "
            f"{holdout.holdout_days} days before the as-of date, so the model is untried here."
        )
    ratio, gain = holdout.ratio, holdout.mae_gain
    actual, predicted, baseline = (
        holdout.customers[f"{name}_orders"].sum() for name in ("actual", "predicted", "baseline")
    )
    biased = "a clear bias" if ratio.lower > 1 or ratio.upper < 1 else "no clear bias"
    verdict = (
        "The model is closer than the baseline"
        if gain.lower > 0
        else "The baseline is closer than the model"
        if gain.upper < 0
        else "Model and baseline cannot be told apart"
    )
    return (
        f"In the {holdout.holdout_days} days after {holdout.cut_date}, {ratio.n:,} known customers "
        f"had **{actual:,.0f} order days; the model had said {predicted:,.0f}**, and carrying on at "
        f"the past rate would have given {baseline:,.0f}. Actual over predicted is "
        f"{ratio.estimate:.3f} [{ratio.lower:.3f}, {ratio.upper:.3f}]: {biased}. {verdict}: its mean "
        f"absolute error per customer is smaller by {gain.estimate:.3f} "
        f"[{gain.lower:.3f}, {gain.upper:.3f}] order days."
    )
