"""Figures of recommendations."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
import numpy as np
import pandas as pd

from src.figure import ACCENT, COLORS, GOOD, MUTED, new_axes, new_row, say_nothing
from src.models.recommend import TARGETS
from src.models.recommend_check import Trial
from src.models.recommend_choice import Choice, list_gains
from src.models.recommend_methods import BASELINES, METHODS

__all__ = ["plot_hits_by_rank", "plot_reasons", "plot_recall"]

_WORDS = {
    "popularity": "popularity",
    "repurchase": "own habit",
    "item_item": "habit and item-item",
    "item_ridge": "habit and item ridge",
    "als": "habit and ALS",
}
_BOUGHT = {"any": "the last basket", "new": "what was new in it"}
_TITLES = {"any": "anything in the last basket", "new": "only items new to the customer"}


_LINES = {
    "popularity": MUTED,
    "repurchase": COLORS[1],
    "item_item": COLORS[5],
    "item_ridge": GOOD,
    "als": COLORS[3],
}


def plot_recall(summary: pd.DataFrame, method: str, k: int) -> Figure:
    """Draw recall of each method with interval, for both questions."""
    figure, axes = new_row(_recall_message(summary, method, k), len(TARGETS), size=(10.0, 3.4))
    for panel, target in zip(axes, TARGETS, strict=True):
        panel.set(title=_TITLES[target], xlabel=f"recall@{k}, with 95 % interval")
        part = summary[summary["target"] == target].set_index("method")
        part = part.reindex([name for name in METHODS if name in part.index])
        if not len(part):
            say_nothing(panel, "nothing to try on")
            continue
        at = np.arange(len(part))[::-1]
        half = [part["recall"] - part["lower"], part["upper"] - part["recall"]]
        colors = [ACCENT if name == method else MUTED for name in part.index]
        panel.barh(at, part["recall"], color=colors, height=0.6)
        panel.errorbar(part["recall"], at, xerr=half, fmt="none", color="black", capsize=4)
        panel.set_yticks(at, [_WORDS[name] for name in part.index])
        panel.grid(visible=False, axis="y")
        panel.set_xlim(left=0)
        panel.xaxis.set_major_locator(MaxNLocator(5))
        panel.xaxis.set_major_formatter(PercentFormatter(1.0))
    return figure


def _recall_message(summary: pd.DataFrame, method: str, k: int) -> str:
    chosen = summary[summary["method"] == method].set_index("target")["recall"]
    if not len(chosen):
        return "Too little history to try lists on"
    parts = [f"{chosen[name]:.1%} of {words}" for name, words in _BOUGHT.items() if name in chosen]
    return f"With {k} items, {_WORDS[method]} names " + " and ".join(parts)


def plot_gains(choice: Choice) -> Axes:
    """Draw by how much the challenger leads both plain lists, customer by customer."""
    gains = list_gains(choice)
    axes = new_axes(
        _gains_message(choice),
        "gain, with 95 % interval; right of the line the challenger is better",
        "",
        size=(8.0, 2.8),
    )
    if not len(gains):
        return say_nothing(axes, "no method to hold against the plain ones")
    at = np.arange(len(gains))[::-1]
    half = [gains["gain"] - gains["lower"], gains["upper"] - gains["gain"]]
    axes.errorbar(gains["gain"], at, xerr=half, fmt="o", color=ACCENT, capsize=4)
    axes.axvline(0.0, color="#52606d", linewidth=1)
    labels = [f"{row.metric} over {_WORDS[row.baseline]}" for row in gains.itertuples()]
    axes.set_yticks(at, labels)
    axes.margins(y=0.2)
    return axes


def _gains_message(choice: Choice) -> str:
    if not choice.gains:
        return f"Nothing did better than {_WORDS[choice.method]}"
    is_won = choice.method == choice.challenger
    verb = "surely beats both plain lists" if is_won else "does not surely beat both plain lists"
    return f"{_WORDS[choice.challenger][:1].upper()}{_WORDS[choice.challenger][1:]} {verb}"


def plot_hits_by_rank(trials: list[Trial], method: str, target: str) -> Axes:
    """Draw which share of baskets held the item at each rank, beside the plain methods."""
    names = (*BASELINES, method)
    shown = [one for one in trials if one.target == target and one.method in names]
    axes = new_axes(
        _rank_message(shown, method),
        "rank in the list",
        "share of baskets that held it",
        size=(7.2, 3.4),
    )
    if not shown:
        return say_nothing(axes, "nothing to try on")
    for trial in shown:
        color, width = (ACCENT, 2.2) if trial.method == method else (_LINES[trial.method], 1.2)
        share = trial.is_hit.mean(axis=0)
        rank = np.arange(1, len(share) + 1)
        half = 1.96 * np.sqrt(share * (1 - share) / len(trial.is_hit))
        label = _WORDS[trial.method]
        axes.errorbar(rank, share, half, color=color, marker="o", ms=4, lw=width, label=label)
    axes.set_xticks(rank)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="best", frameon=False)
    return axes


def _rank_message(trials: list[Trial], method: str) -> str:
    for trial in trials:
        if trial.method == method:
            share = trial.is_hit.mean(axis=0)
            return (
                f"{share[0]:.0%} of baskets held what stood first, {share[-1]:.0%} what stood last"
            )
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
