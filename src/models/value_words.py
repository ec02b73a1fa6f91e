"""What is said of the choice among ways to expect spend, and of what was used instead."""

import pandas as pd

from src.metrics.intervals import Interval, bootstrap_mean
from src.models.spend_checks import LARGE_CORRELATION, LARGE_DRIFT, SpendChecks
from src.models.value_candidates import CANDIDATE_WORDS, ValueSettings
from src.models.value_comparison import ValueComparison

__all__ = [
    "describe_champion",
    "describe_choice",
    "describe_spend",
    "describe_total",
    "list_candidates",
    "record_comparison",
    "record_scores",
]


def list_candidates(comparison: ValueComparison) -> pd.DataFrame:
    """Lay out the candidates for reading, those that are missing with the reason.

    Returns
    -------
    DataFrame
        One row per candidate, by its name in words.
    """
    found = set(comparison.candidates["candidate"])
    missing = pd.DataFrame({"candidate": [name for name in comparison.lacks if name not in found]})
    table = pd.concat([comparison.candidates, missing])
    names = table.pop("candidate")
    table["missing because"] = ["" if name in found else comparison.lacks[name] for name in names]
    return table.set_index(names.map(CANDIDATE_WORDS).rename("candidate"))


def describe_choice(comparison: ValueComparison, settings: ValueSettings) -> str:
    """Say in Markdown which candidate is used, by how much it is better, and how sure that is."""
    if not comparison.is_compared:
        return (
            f"**Nothing could be compared:** {comparison.lack}. The fitted models are used "
            "untried, or pooled rates where there are none."
        )
    validated, tested = comparison.dates
    contender, baseline, champion = (
        CANDIDATE_WORDS[name]
        for name in (comparison.contender, comparison.baseline, comparison.champion)
    )
    text = (
        f"Chosen on the window after {validated}: **{contender}**; the better of the two baselines "
        f"there is '{baseline}'. "
    )
    if comparison.contender == comparison.baseline:
        return text + "No model was clearly better than it, so **the baseline is used**."
    text += (
        f"On the window after {tested}, opened once, it removes "
        f"{_share(comparison.gain)} of the baseline's squared error "
        f"({comparison.gain.n:,} customers)."
    )
    if comparison.champion != comparison.contender:
        return text + (
            " That is not surely above zero, so **the baseline is used** for the level of spend "
            f"('{champion}')."
        )
    return text + " " + _calibration(comparison, settings)


def _calibration(comparison: ValueComparison, settings: ValueSettings) -> str:
    figures = comparison.candidates.set_index("candidate").loc[comparison.champion]
    verdict = (
        "calibrated"
        if figures["misplaced"] <= settings.max_misplaced
        else "**not calibrated**: read it as a ranking"
    )
    return (
        f"By tenths of customers {figures['misplaced']:.1%} of the money was not where it was "
        f"expected (at most {settings.max_misplaced:.0%} is allowed): {verdict}. In total "
        f"{_ratio(comparison.total)} of the expected spend came."
    )


def _share(interval: Interval) -> str:
    return f"{interval.estimate:.1%} [{interval.lower:.1%}, {interval.upper:.1%}]"


def _ratio(interval: Interval) -> str:
    return f"{interval.estimate:.3f} [{interval.lower:.3f}, {interval.upper:.3f}]"


def describe_spend(checks: SpendChecks, value_name: str | None) -> str:
    """Say in Markdown whether Gamma-Gamma's assumptions hold, and what is used if not."""
    used = {
        "gamma_gamma": "Gamma-Gamma is used.",
        "class_means": "**Instead of Gamma-Gamma, recent means by frequency are used**: of the "
        "order days in the later half of the history, by classes of how often a customer came.",
        None: "**No value model:** too few paid order days, all of one value, or no finite mean; "
        "every order day is taken at the common mean.",
    }
    return " ".join([_drift_words(checks), _correlation_words(checks), used[value_name]])


def _drift_words(checks: SpendChecks) -> str:
    if checks.drift is None:
        return "Too few customers were seen in both halves of the history to see spend drift."
    verdict = (
        f"**spend drifts** by more than {LARGE_DRIFT:.0%}"
        if checks.has_drifted
        else "no drift that matters"
    )
    return (
        f"Later over earlier mean of a customer's order day: {_ratio(checks.drift)} over "
        f"{checks.drift.n:,} customers seen in both halves; {verdict}."
    )


def _correlation_words(checks: SpendChecks) -> str:
    if checks.correlation is None:
        return "Too few repeat buyers to see whether frequency and value go together."
    verdict = (
        f"**{LARGE_CORRELATION} or more, so the two may not be multiplied** as if independent"
        if checks.is_correlated
        else "small enough to multiply the two"
    )
    return (
        f"Rank correlation of frequency and mean value: {_ratio(checks.correlation)} over "
        f"{checks.correlation.n:,} repeat buyers; {verdict}."
    )


def describe_champion(champion: str, order_name: str | None) -> str:
    """Say in Markdown what `p_alive`, the level and the continuation of `clv` come from."""
    carried = CANDIDATE_WORDS.get(order_name or "", "the common rate")
    if champion in ("", order_name):
        return f"All figures below come from {carried} and the value of an order day."
    return (
        f"The spend of the next window comes from '{CANDIDATE_WORDS[champion]}'; {carried} gives "
        "`p_alive` and carries the spend on to the horizon."
    )


def record_comparison(comparison: ValueComparison) -> dict[str, float | str | bool | None]:
    """Lay out the comparison as named numbers; None where nothing could be compared."""
    numbers = {
        "is_compared": comparison.is_compared,
        "champion": comparison.champion,
        "contender": comparison.contender,
        "baseline": comparison.baseline,
    }
    figures = comparison.candidates.set_index("candidate")
    for name in ("rmse", "mae", "misplaced"):
        known = comparison.is_compared
        numbers[f"test_{name}"] = float(figures.loc[comparison.champion, name]) if known else None
    for end in ("estimate", "lower", "upper"):
        gain = getattr(comparison.gain, end) if comparison.gain else None
        numbers["contender_gain" + ("" if end == "estimate" else f"_{end}")] = gain
    numbers["test_total"] = comparison.total.estimate if comparison.total else None
    return numbers


def describe_total(total: float, interval: Interval | None) -> str:
    """Say in Markdown how sure the sum of `clv` is, as far as the parameters go."""
    if interval is None:
        return (
            f"Together the customers are worth {total:,.0f}. There is no interval for it from "
            "fitted parameters here; the hold-outs above say how far off it may be."
        )
    return (
        f"Together the customers are worth {total:,.0f} [{interval.lower:,.0f}, "
        f"{interval.upper:,.0f}]: 95 %, from the uncertainty of the fitted parameters alone. How "
        "far off the model itself may be is what the hold-outs above say."
    )


def record_scores(
    value_scores: pd.DataFrame, total: Interval | None, seed: int
) -> dict[str, float | None]:
    """Lay out the scores as named numbers; `total_clv_lower` is None where it is not known."""
    mean = bootstrap_mean(value_scores["clv"].to_numpy(), seed)
    return {
        "mean_clv": mean.estimate,
        "mean_clv_lower": mean.lower,
        "mean_clv_upper": mean.upper,
        "total_clv": value_scores["clv"].sum(),
        "total_clv_lower": total.lower if total else None,
        "total_clv_upper": total.upper if total else None,
        "mean_p_alive": value_scores["p_alive"].mean(),
    }
