"""What is said of learnt effects: in a table, in words, as named numbers."""

from collections.abc import Sequence

import pandas as pd

from src.metrics.intervals import Interval
from src.models.uplift import CONSTANT_EFFECT, NO_HISTORY, T_LEARNER, UpliftModel

__all__ = ["describe_effects", "record_effects", "summarise_effects"]

_FOLLOWS = {
    NO_HISTORY: "unknown; 05_decide must explore",
    CONSTANT_EFFECT: "the same effect is used for everybody",
    T_LEARNER: "customers differ; each gets an own estimate",
}


def summarise_effects(models: Sequence[UpliftModel]) -> pd.DataFrame:
    """Lay out what was learnt of each action.

    Returns
    -------
    DataFrame
        One row per action: contacts, mean effect (the plain baseline) and Qini coefficient with
        95 % intervals (shop currency per contact), and what follows.
    """
    rows = [
        {
            "action": model.action,
            "n_treated": model.n_treated,
            "n_control": model.n_control,
            **_ends("effect", model.effect),
            **_ends("qini", model.qini),
            "what follows": _FOLLOWS[model.basis],
        }
        for model in models
    ]
    return pd.DataFrame(rows)


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    return {
        name: interval.estimate if interval else None,
        f"{name}_lower": interval.lower if interval else None,
        f"{name}_upper": interval.upper if interval else None,
    }


def describe_effects(models: Sequence[UpliftModel]) -> str:
    """Say in Markdown whether customers are known to differ in what a message does to them."""
    tried = [model for model in models if model.qini is not None]
    if not any(model.effect for model in models):
        return (
            "**Nothing to learn from yet.** Every action of the campaign is without randomised "
            "history, so nobody is ranked and no effect is claimed."
        )
    if not tried:
        return (
            "There are enough contacts for a mean effect, but too few to rank customers: the mean "
            "effect is used for everybody."
        )
    parts = []
    for model in tried:
        verdict = (
            "customers differ, and the ranking finds them"
            if model.basis == T_LEARNER
            else "no difference between customers is proven, so the mean effect is used for all"
        )
        parts.append(
            f"**{model.action}**: Qini coefficient {model.qini.estimate:.3f} "
            f"[{model.qini.lower:.3f}, {model.qini.upper:.3f}] on {model.qini.n:,} contacts not "
            f"learnt from; {verdict}."
        )
    return " ".join(parts)


def record_effects(models: Sequence[UpliftModel]) -> dict[str, float | str | None]:
    """Lay out effects and Qini coefficients as named numbers, by action."""
    numbers: dict[str, float | str | None] = {}
    for model in models:
        ends = _ends("effect", model.effect) | _ends("qini", model.qini)
        numbers |= {f"{model.action}_{name}": value for name, value in ends.items()}
        numbers[f"{model.action}_basis"] = model.basis
    return numbers
