"""What is said of learnt effects: in a table, in words, as named numbers."""

from collections.abc import Mapping, Sequence

import pandas as pd

from src.metrics.intervals import Interval
from src.models.uplift import CONSTANT_EFFECT, NO_HISTORY, Uplift, UpliftModel
from src.models.uplift_comparison import hold_out_profit
from src.models.uplift_words import learner_words

__all__ = [
    "describe_calibration",
    "describe_effects",
    "describe_learners",
    "record_effects",
    "summarise_effects",
    "summarise_learners",
    "summarise_profit",
]

_FOLLOWS = {
    NO_HISTORY: "unknown; 05_decide must explore",
    CONSTANT_EFFECT: "the same effect is used for everybody",
}
_SHOWN = ["qini", "qini_lower", "qini_upper", "qini_spread", "auuc", "auuc_lower", "auuc_upper"]


def summarise_effects(models: Sequence[UpliftModel]) -> pd.DataFrame:
    """Lay out what was learnt of each action.

    Returns
    -------
    DataFrame
        One row per action: contacts, mean effect (the plain baseline) with 95 % interval (shop
        currency per contact), and what follows.
    """
    rows = [
        {
            "action": model.action,
            "n_treated": model.n_treated,
            "n_control": model.n_control,
            **_ends("effect", model.effect),
            "what follows": _FOLLOWS.get(
                model.basis, "customers differ; each gets an own estimate"
            ),
        }
        for model in models
    ]
    return pd.DataFrame(rows)


def summarise_learners(models: Sequence[UpliftModel]) -> pd.DataFrame:
    """Lay the learners out beside the mean effect.

    Returns
    -------
    DataFrame
        One row per action and learner, on customers not learnt from: Qini and AUUC with 95 %
        intervals, the Qini's spread over deals into folds, `t`, `p_value` and `p_corrected`.
    """
    tables = [model.learners for model in models if model.learners is not None]
    if not tables:
        return pd.DataFrame(columns=["action", "learner", *_SHOWN, "t", "p_value", "p_corrected"])
    table = pd.concat(tables, ignore_index=True)
    return table[["action", "learner", *_SHOWN, "t", "p_value", "p_corrected"]]


def summarise_profit(
    found: Uplift, costs: Mapping[str, float], seed: int, n_resamples: int = 500
) -> pd.DataFrame:
    """Lay out what addressing the best ranked would have earned, by every action's best learner.

    Parameters
    ----------
    found : Uplift
    costs : mapping of str to float
        Cost of one message by action, shop currency.
    seed : int
        Of the resampling of customers.
    n_resamples : int, default 500
        Draws of customers for the intervals.

    Returns
    -------
    DataFrame
        One row per action and fifth of the customers: `action`, `share`, `profit` per customer
        of all with `lower` and `upper` (95 %), shop currency, on customers not learnt from.
    """
    tables = [
        hold_out_profit(
            found.comparison, model.action, model.best, costs[model.action], seed, n_resamples
        )
        .iloc[4::4]
        .assign(action=model.action)
        for model in found.models
        if model.best
    ]
    columns = ["action", "share", "profit", "lower", "upper"]
    return (
        pd.concat(tables, ignore_index=True)[columns] if tables else pd.DataFrame(columns=columns)
    )


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    return {
        name: interval.estimate if interval else None,
        f"{name}_lower": interval.lower if interval else None,
        f"{name}_upper": interval.upper if interval else None,
    }


def describe_effects(models: Sequence[UpliftModel]) -> str:
    """Say in Markdown what messages changed on average."""
    known = [model for model in models if model.effect is not None]
    if not known:
        return (
            "**Nothing to learn from yet.** Every action of the campaign is without randomised "
            "history, so nobody is ranked and no effect is claimed."
        )
    return " ".join(
        f"**{model.action}**: {model.effect.estimate:+,.2f} per contact "
        f"[{model.effect.lower:+,.2f}, {model.effect.upper:+,.2f}], {model.effect.n:,} customers."
        for model in known
    )


def describe_learners(models: Sequence[UpliftModel]) -> str:
    """Say in Markdown whether customers are known to differ in what a message does to them."""
    if not any(model.effect for model in models):
        return "No learner was tried: there is nothing to learn from."
    tried = [model for model in models if model.learners is not None]
    if not tried:
        return (
            "There are enough contacts for a mean effect, but too few to rank customers: the mean "
            "effect is used for everybody."
        )
    return " ".join(_verdict(model) for model in tried)


def _verdict(model: UpliftModel) -> str:
    best = model.learners.set_index("learner").loc[model.best]
    found = (
        f"**{model.action}**: the {learner_words(model.best)} ranks best, Qini coefficient "
        f"{best['qini']:.3f} [{best['qini_lower']:.3f}, {best['qini_upper']:.3f}]; as good as "
        f"that by chance alone, with so many learners to choose from: p = "
        f"{best['p_corrected']:.3f}. "
    )
    if model.basis == CONSTANT_EFFECT:
        return found + (
            "No difference between customers is proven, so the mean effect is used for all: "
            "address everybody or nobody."
        )
    return found + "Customers differ, and this ranking finds them."


def describe_calibration(models: Sequence[UpliftModel]) -> str:
    """Say in Markdown how often the realised effect's interval holds the prediction."""
    tried = [model for model in models if model.calibration is not None]
    if not tried:
        return "There is no prediction to hold against what came."
    parts = []
    for model in tried:
        table = model.calibration
        inside = table["predicted"].between(table["lower"], table["upper"])
        parts.append(
            f"**{model.action}**: in {int(inside.sum())} of {len(table)} groups the predicted "
            "effect lies within the interval of the realised one."
        )
    return " ".join(parts)


def record_effects(models: Sequence[UpliftModel]) -> dict[str, float | str | None]:
    """Lay out effects and the best learner's Qini coefficient as named numbers, by action."""
    numbers: dict[str, float | str | None] = {}
    for model in models:
        names = ("qini", "qini_lower", "qini_upper", "p_corrected")
        best = dict.fromkeys(names)
        if model.learners is not None:
            row = model.learners.set_index("learner").loc[model.best]
            best = {name: float(row[name]) for name in names}
        ends = _ends("effect", model.effect) | best
        numbers |= {f"{model.action}_{name}": value for name, value in ends.items()}
        numbers[f"{model.action}_basis"] = model.basis
        numbers[f"{model.action}_best_learner"] = model.best
    return numbers
