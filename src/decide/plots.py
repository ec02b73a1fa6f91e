"""Figures of the decision stage."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import pandas as pd

from src.decide.catalogue import CONTROL
from src.figure import ACCENT, BAD, COLORS, GOOD, MUTED, new_axes, new_row

__all__ = ["plot_counts", "plot_design", "plot_policies"]


def plot_counts(counts: pd.DataFrame) -> Axes:
    """Stacked bars of `count_by_group`: what happens to the customers of each segment."""
    n_written = int(counts.drop(columns=["not eligible", "holdout", CONTROL]).to_numpy().sum())
    n_without = int(counts[CONTROL].eq(0).sum())
    control = f"{n_without} segments have no" if n_without else "every segment keeps its"
    axes = new_axes(
        f"{n_written:,} of {int(counts.to_numpy().sum()):,} customers are written to; "
        f"{control} control",
        "customers",
        "",
        size=(7.8, 1.6 + 0.42 * len(counts)),
    )
    grays = ["#d5dae0", MUTED, "#5f6b7a"]
    left = pd.Series(0, index=counts.index)
    for i, name in enumerate(counts.columns):
        color = grays[i] if i < len(grays) else COLORS[(i - len(grays)) % len(COLORS)]
        axes.barh(
            counts.index, counts[name], left=left, color=color, label=_words(name), height=0.66
        )
        left = left + counts[name]
    axes.grid(axis="y", visible=False)
    axes.legend(
        ncols=len(counts.columns),
        handlelength=1.2,
        columnspacing=1.2,
        loc="upper left",
        bbox_to_anchor=(0, -0.16),
        fontsize=9,
        frameon=False,
    )
    return axes


def plot_policies(policies: pd.DataFrame, mode_is_exploring: bool) -> Axes:
    """Dots of `compare_policies` on one axis of expected profit, and what past rounds say."""
    plan = policies.iloc[-1]
    message = (
        f"Nothing is known yet: if messages change nothing, learning costs "
        f"{_money(-plan['expected_profit_value'])}"
        if mode_is_exploring
        else f"The plan is expected to earn {_money(plan['expected_profit_value'])}"
    )
    axes = new_axes(message, "expected incremental profit (shop currency)", "", size=(7.8, 3.2))
    shown = policies.iloc[::-1].reset_index(drop=True)
    is_known = shown["lower"].notna() & (shown["lower"] < shown["upper"])
    axes.hlines(
        shown.index[is_known], shown["lower"][is_known], shown["upper"][is_known], MUTED, lw=2
    )
    colors = [ACCENT if name == plan["policy"] else MUTED for name in shown["policy"]]
    axes.scatter(shown["expected_profit_value"], shown.index, c=colors, s=54, zorder=3)
    replayed = shown[shown["replayed_value"].notna()]
    if len(replayed) > 1:
        height = replayed.index - 0.22
        axes.hlines(height, replayed["replayed_lower"], replayed["replayed_upper"], GOOD, lw=2)
        axes.scatter(
            replayed["replayed_value"], height, c=GOOD, s=30, zorder=3, label="on past rounds"
        )
        axes.legend(fontsize=8.5, loc="upper left", bbox_to_anchor=(0, -0.14), frameon=False)
    for row, value in enumerate(shown["expected_profit_value"]):
        axes.annotate(_money(value), (value, row), (0, 8), textcoords="offset points", ha="center")
    axes.set_yticks(shown.index, shown["policy"].map(_words))
    axes.set_ylim(-0.6, len(shown) - 0.3)
    axes.axvline(0, color="#52606d", lw=1)
    axes.margins(x=0.1)
    return axes


def _words(name: str) -> str:
    return name.replace("_", " ")


def _money(value: float) -> str:
    return f"{round(value) + 0:,d}"


def plot_design(
    by_share: pd.DataFrame,
    by_weeks: pd.DataFrame,
    contacted_share: float,
    mde_share: float,
    plausible_share: float,
) -> Figure:
    """Draw the detectable effect against the split and against the length of the window."""
    figure, (left, right) = new_row(
        f"This plan sees lifts of {mde_share:.1%} and more; good news would be "
        f"{plausible_share:.0%}",
        2,
    )
    for axes, curve, x in ((left, by_share, "contacted_share"), (right, by_weeks, "n_weeks")):
        axes.plot(curve[x], 100 * curve["raw_share"], color=MUTED, label="profit as it is")
        axes.plot(
            curve[x],
            100 * curve["adjusted_share"],
            color=ACCENT,
            label="minus what the past explains",
        )
        axes.axhline(100 * plausible_share, color=GOOD, lw=1.2, ls="--", label="good news")
        axes.set_ylim(bottom=0)
    left.scatter([contacted_share], [100 * mde_share], color=BAD, zorder=4, label="this plan")
    left.set(xlabel="share of the experiment contacted", ylabel="detectable lift in profit (%)")
    right.set(xlabel="length of the outcome window (weeks)", ylabel="detectable lift in profit (%)")
    top = 100 * max(2.2 * by_share["raw_share"].min(), 1.2 * by_weeks["raw_share"].max())
    for axes in (left, right):
        if top > 0:
            axes.set_ylim(0, top)
    left.legend(fontsize=8.5, frameon=False)
    return figure
