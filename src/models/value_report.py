"""What is said of lifetime value: its parameters, its assumptions and its past errors in words."""

import pandas as pd

from src.metrics.intervals import Interval
from src.models.btyd import BgNbd, OrderModel
from src.models.value import ValueModel
from src.models.value_holdout import Holdout

__all__ = [
    "describe_bias",
    "describe_holdout",
    "describe_value_model",
    "record_holdout",
    "record_model",
    "summarise_estimates",
]

_ORDER_WORDS = {"bg_nbd": "BG/NBD", "pareto_nbd": "Pareto/NBD"}
_MEANINGS = {
    "r": "shape of the rates: lower is more unlike",
    "alpha": "rate of the rates, weeks",
    "a": "dropping out: a / (a + b) on average",
    "b": "dropping out: higher is rarer",
    "s": "shape of the rates of leaving: lower is more unlike",
    "beta": "rate of the rates of leaving, weeks",
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
        One row per parameter, of each fit that was tried, with whether it is used and what ran
        to its bound: such a fit has no intervals. None where only pooled rates were to be had.
    """
    fits = [
        (_ORDER_WORDS[name], fit, name == facts["order_name"])
        for name, (_, fit) in facts["order_fits"].items()
    ]
    fits.append(("Gamma-Gamma", facts["value_model"], facts["value_name"] == "gamma_gamma"))
    rows = [
        {
            "model": model,
            "parameter": name,
            "is_used": is_used,
            "estimate": fitted[name].value,
            "lower": float("nan") if fitted["at_bound"] else fitted[name].lower,
            "upper": float("nan") if fitted["at_bound"] else fitted[name].upper,
            "meaning": meaning + (" (ran to its bound)" if name in fitted["at_bound"] else ""),
        }
        for model, fitted, is_used in fits
        for name, meaning in _MEANINGS.items()
        if fitted and name in fitted
    ]
    columns = ["model", "parameter", "is_used", "estimate", "lower", "upper", "meaning"]
    return pd.DataFrame(rows, columns=columns)


def describe_value_model(model: ValueModel, facts: dict) -> str:
    """Say in Markdown what was fitted, and what was not and why."""
    people = (
        f"{facts['n_customers']:,} customers, {facts['n_repeat_buyers']:,} of them bought again."
    )
    bounds = _describe_bounds(facts)
    if model.orders is None:
        reason = bounds or "That is too little for a model of order days."
        return (
            f"**Pooled rates only.** {people} {reason} So everybody is expected at the common "
            f"{model.pooled_rate:.2f} order days a week and dropping out is not modelled "
            "(`p_alive` is 1; the common rate includes those who left)."
        )
    text = f"{people} {_describe_orders(model.orders)} {bounds}".rstrip()
    if model.values is None:
        return f"{text} Every order day is taken at the common {model.pooled_value:.2f}."
    return f"{text} The mean order day is worth {model.values.mean_value:.2f}."


def _describe_orders(orders: OrderModel) -> str:
    rate = f"while active, the mean rate is {orders.r / orders.alpha:.2f} order days a week."
    if isinstance(orders, BgNbd):
        share = orders.a / (orders.a + orders.b)
        return (
            f"**BG/NBD is used:** after each order day a customer drops out with probability "
            f"{share:.2%} on average; {rate}"
        )
    return (
        f"**Pareto/NBD is used:** a customer leaves at {orders.s / orders.beta:.2%} a week on "
        f"average, ordering or not; {rate}"
    )


def _describe_bounds(facts: dict) -> str:
    """Name the fits with a parameter at its bound, or a flat top: history does not settle them."""
    found = [
        f"{_ORDER_WORDS[name]} ({_describe_fault(fit)})"
        for name, (_, fit) in facts["order_fits"].items()
        if not fit["is_converged"]
    ]
    if not found:
        return ""
    return (
        f"**Not settled by this history:** {'; '.join(found)}: mostly a sign that nearly nobody "
        "leaves, or that all leave alike. "
        + (
            "Such a fit is not used, since the other one is settled."
            if facts["order_model"] and facts["order_model"]["is_converged"]
            else "Neither fit is settled, so the likelier limit is used: take `p_alive` with care."
        )
    )


def _describe_fault(fit: dict) -> str:
    if not fit["at_bound"]:
        return "the likelihood is flat at its top"
    return f"{' and '.join(fit['at_bound'])} ran to the bound of the search"


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


def record_model(model: ValueModel, facts: dict) -> dict[str, float | int | bool | str | None]:
    """Lay out the fitted parameters as named numbers; None where there are only pooled rates."""
    names = ("r", "alpha", "a", "b", "s", "beta")
    numbers = {name: getattr(model.orders, name, None) for name in names}
    numbers |= {f"value_{name}": getattr(model.values, name, None) for name in ("p", "q", "gamma")}
    for name in _ORDER_WORDS:
        _, fit = facts["order_fits"].get(name, (None, None))
        numbers[f"{name}_log_likelihood"] = fit["log_likelihood"] if fit else None
        numbers[f"{name}_at_bound"] = bool(fit["at_bound"]) if fit else None
    checks = facts["spend_checks"]
    return numbers | {
        "n_repeat_buyers": facts["n_repeat_buyers"],
        "is_modelled": model.orders is not None,
        "order_model": facts["order_name"],
        "value_model": facts["value_name"],
        "spend_drift": checks.drift.estimate if checks.drift else None,
        "spend_correlation": checks.correlation.estimate if checks.correlation else None,
    }


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
