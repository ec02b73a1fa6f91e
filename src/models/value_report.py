"""What is said of lifetime value: its parameters, its assumptions and its past errors in words."""

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from src.metrics.intervals import Interval, bootstrap_interval
from src.models.value import ValueModel
from src.models.value_holdout import Holdout

__all__ = [
    "check_independence",
    "describe_bias",
    "describe_holdout",
    "describe_independence",
    "describe_value_model",
    "record_holdout",
    "record_model",
    "summarise_estimates",
]

_SMALL_CORRELATION = 0.3
_MEANINGS = {
    "r": "shape of the rates: lower is more unlike",
    "alpha": "rate of the rates, weeks",
    "a": "dropping out: a / (a + b) on average",
    "b": "dropping out: higher is rarer",
    "p": "shape of a customer's order days: lower is more unlike",
    "q": "shape between customers: lower is more unlike",
    "gamma": "scale of the values, shop currency",
}


def summarise_estimates(facts: dict) -> pd.DataFrame:
    """Lay out each fitted parameter with its 95 % interval.

    Parameters
    ----------
    facts : dict
        As from `src.models.value.fit_value`.

    Returns
    -------
    DataFrame
        One row per parameter; none where only pooled rates were to be had.
    """
    rows = [
        {
            "model": model,
            "parameter": name,
            "estimate": fitted[name].value,
            "lower": fitted[name].lower,
            "upper": fitted[name].upper,
            "meaning": meaning,
        }
        for model, fitted in (
            ("BG/NBD", facts["order_model"]),
            ("Gamma-Gamma", facts["value_model"]),
        )
        for name, meaning in _MEANINGS.items()
        if fitted and name in fitted
    ]
    columns = ["model", "parameter", "estimate", "lower", "upper", "meaning"]
    return pd.DataFrame(rows, columns=columns)


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


def describe_independence(correlation: Interval | None) -> str:
    """Say in Markdown whether frequency and value may be multiplied."""
    if correlation is None:
        return "Too few repeat buyers to see whether frequency and value go together."
    size = abs(correlation.estimate)
    verdict = (
        "small enough to multiply the two"
        if size < _SMALL_CORRELATION
        else "**too large to multiply the two without care**: `clv` is biased for the most frequent"
    )
    return (
        f"Rank correlation of frequency and mean value: {_in_words(correlation)} over "
        f"{correlation.n:,} repeat buyers; {verdict}."
    )


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
        f"had **{actual:,.0f} order days; the model had said {predicted:,.0f}**, and carrying on "
        f"at the past rate would have given {baseline:,.0f}. Actual over predicted is "
        f"{_in_words(ratio)}: {biased}. In money it is {_in_words(holdout.value_ratio)}. "
        f"{verdict}: the baseline's mean absolute error is larger by {_in_words(gain)} order days "
        "per customer."
    )


def _in_words(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


def describe_bias(holdouts: list[Holdout]) -> str:
    """Say in Markdown whether the error in money keeps its direction, and what follows."""
    ratios = [holdout.value_ratio for holdout in holdouts if holdout.value_ratio is not None]
    if len(ratios) < 2:
        return (
            "The history is too short for a second hold-out, so nobody can say whether an error "
            "would repeat itself. No correction is applied to `clv`."
        )
    text = f"Actual over predicted money in {len(ratios)} hold-outs, newest first: " + ", ".join(
        f"{ratio.estimate:.3f}" for ratio in ratios
    )
    if all(ratio.upper < 1 for ratio in ratios) or all(ratio.lower > 1 for ratio in ratios):
        return (
            f"{text}. **The error keeps its direction**: read `clv` as a ranking and multiply sums "
            "of it by a factor of this size. It is not applied silently."
        )
    return (
        f"{text}. The error does not keep its direction clearly, so a correction taken from the "
        "last hold-out would chase noise. None is applied to `clv`."
    )


def record_model(model: ValueModel, facts: dict) -> dict[str, float | int | bool | None]:
    """Lay out the fitted parameters as named numbers; None where there are only pooled rates."""
    fits = (
        (model.orders, ("r", "alpha", "a", "b"), facts["order_model"], ""),
        (model.values, ("p", "q", "gamma"), facts["value_model"], "value_"),
    )
    numbers: dict[str, float | int | bool | None] = {"n_repeat_buyers": facts["n_repeat_buyers"]}
    for fitted, names, fit, prefix in fits:
        numbers |= {prefix + name: getattr(fitted, name, None) for name in names}
        numbers[f"{prefix}log_likelihood"] = fit["log_likelihood"] if fit else None
    return numbers | {"is_modelled": model.orders is not None}


def record_holdout(holdout: Holdout) -> dict[str, float | None]:
    """Lay out a hold-out as named numbers; None for the figures of an empty one."""
    totals = holdout.customers[["actual_orders", "predicted_orders", "baseline_orders"]].sum()
    numbers = {f"holdout_{name.removesuffix('_orders')}": total for name, total in totals.items()}
    for name in ("ratio", "value_ratio", "mae", "baseline_mae", "mae_gain"):
        interval = getattr(holdout, name)
        for end in ("estimate", "lower", "upper"):
            suffix = "" if end == "estimate" else f"_{end}"
            key = name if name == "baseline_mae" else f"holdout_{name}"
            numbers[key + suffix] = getattr(interval, end) if interval else None
    return numbers
