"""Figures of recommendations."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
import pandas as pd

from src.figure import ACCENT, COLORS, GOOD, MUTED, new_axes, new_row, say_nothing
from src.models.recommend import METHODS, TARGETS
from src.models.recommend_check import Trial

__all__ = ["plot_hits_by_rank", "plot_reasons", "plot_recall"]

_WORDS = {
    "popularity": "popularity",
    "repurchase": "own habit",
    "co_purchase": "habit and\nbought together",
}
_BOUGHT = {"any": "what is bought next", "new": "what is new to the customer"}
_TITLES = {"any": "anything bought next", "new": "only items new to the customer"}


def plot_recall(summary: pd.DataFrame, method: str, k: int) -> Figure:
    """Draw recall of each method with interval, for both questions."""
    figure, axes = new_row(_recall_message(summary, method, k), len(TARGETS))
    for panel, target in zip(axes, TARGETS, strict=True):
        panel.set(title=_TITLES[target], xlabel="method", ylabel=f"recall@{k}, with 95 % interval")
        part = summary[summary["target"] == target].set_index("method")
        part = part.reindex([name for name in METHODS if name in part.index])
        if not len(part):
            say_nothing(panel, "nothing to try on")
            continue
        at = np.arange(len(part))
        half = [part["recall"] - part["lower"], part["upper"] - part["recall"]]
        colors = [ACCENT if name == method else MUTED for name in part.index]
        panel.bar(at, part["recall"], color=colors, width=0.6)
        panel.errorbar(at, part["recall"], half, fmt="none", color="black", capsize=4)
        panel.set_xticks(at, [_WORDS[name] for name in part.index])
    return figure


def _recall_message(summary: pd.DataFrame, method: str, k: int) -> str:
    chosen = summary[summary["method"] == method].set_index("target")["recall"]
    if not len(chosen):
        return "Too little history to try lists on"
    parts = [f"{chosen[name]:.1%} of {words}" for name, words in _BOUGHT.items() if name in chosen]
    return f"{k} items name " + " and ".join(parts)


def plot_hits_by_rank(trials: list[Trial], method: str, target: str) -> Axes:
    """Draw which share of customers bought the item at each rank."""
    shown = [trial for trial in trials if trial.target == target]
    axes = new_axes(
        _rank_message(shown, method),
        "rank in the list",
        "share of customers who bought it",
        size=(7.2, 3.4),
    )
    if not shown:
        return say_nothing(axes, "nothing to try on")
    for trial, color in zip(shown, (MUTED, GOOD, ACCENT), strict=True):
        share = trial.is_hit.mean(axis=0)
        rank = np.arange(1, len(share) + 1)
        half = 1.96 * np.sqrt(share * (1 - share) / len(trial.is_hit))
        label = _WORDS[trial.method].replace("\n", " ")
        axes.errorbar(rank, share, half, color=color, marker="o", ms=5, label=label)
    axes.set_xticks(rank)
    axes.set_ylim(bottom=0)
    axes.legend(loc="best", frameon=False)
    return axes


def _rank_message(trials: list[Trial], method: str) -> str:
    for trial in trials:
        if trial.method == method:
            share = trial.is_hit.mean(axis=0)
            return f"{share[0]:.0%} bought what stood first, {share[-1]:.0%} what stood last"
    return "Too little history to try lists on"


def plot_reasons(reasons: pd.DataFrame, n_customers: int) -> Axes:
    """Draw how many customers get each of the most recommended items, and why."""
    top = reasons.index[0] if len(reasons) else ""
    share = reasons.iloc[0].sum() / max(n_customers, 1) if len(reasons) else 0.0
    axes = new_axes(
        f"{str(top).capitalize()} is in {share:.0%} of the lists",
        "customers who get it",
        "",
        size=(8.0, 1.4 + 0.28 * max(len(reasons), 4)),
    )
    if not len(reasons):
        return say_nothing(axes, "nothing to recommend")
    at = np.arange(len(reasons))[::-1]
    left = np.zeros(len(reasons))
    for kind, color in zip(reasons.columns, (ACCENT, COLORS[5], COLORS[1], MUTED), strict=True):
        axes.barh(at, reasons[kind], left=left, color=color, label=kind)
        left += reasons[kind].to_numpy()
    axes.set_yticks(at, [str(item).lower() for item in reasons.index])
    axes.legend(loc="lower right", frameon=False)
    return axes
