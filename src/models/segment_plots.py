"""Figures of 04a: how many kinds, how large, and what sets them apart."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
import numpy as np
import pandas as pd

from src.figure import ACCENT, COLORS, MUTED, new_axes, say_nothing
from src.models.design import column_words
from src.models.segment_moves import Moves
from src.models.segments import Segmentation

__all__ = ["plot_centres", "plot_moves", "plot_sizes", "plot_ways"]


_WAYS = {"k_means": "k-means", "ward": "Ward", "hdbscan": "HDBSCAN"}
_COLORS = {"k_means": ACCENT, "ward": COLORS[1], "hdbscan": COLORS[3]}


def plot_ways(segmentation: Segmentation) -> Axes:
    """Draw how stable each way is over the number of segments it makes.

    Parameters
    ----------
    segmentation : Segmentation
        With the ways that were tried.
    """
    axes = new_axes(
        _ways_message(segmentation),
        "number of segments",
        "stability when customers are drawn anew\n(1 is the same, 0 is chance)",
    )
    ways = segmentation.ways
    if ways.empty:
        return say_nothing(axes, "no way was tried")
    axes.plot(*_line(ways, "k_means", "stability_shuffled"), "--", color=MUTED, label=_NO_KINDS)
    for shift, method in zip((0.0, 0.1, -0.1), _WAYS, strict=True):
        part = ways[(ways["method"] == method) & ways["stability"].notna()]
        if part.empty:
            axes.plot([], [], "o", color=_COLORS[method], label=f"{_WAYS[method]}: finds no kinds")
            continue
        at = part["n_segments"] + shift
        ends = [
            part["stability"] - part["stability_lower"],
            part["stability_upper"] - part["stability"],
        ]
        color, label = _COLORS[method], f"{_WAYS[method]} (bar: all draws)"
        axes.errorbar(at, part["stability"], ends, fmt="o", color=color, capsize=3, label=label)
    if segmentation.rule.way is not None:
        shift = {"ward": 0.1, "hdbscan": -0.1}.get(segmentation.method, 0.0)
        found = segmentation.n_segments + shift, segmentation.result("stability")
        axes.plot(*found, "o", ms=15, mfc="none", mec="black", ls="none", label="used")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(-0.05, 1.45)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(loc="upper left", ncols=2)
    return axes


_NO_KINDS = "k-means, columns shuffled: no kinds"


def _line(ways: pd.DataFrame, method: str, column: str) -> tuple[pd.Series, pd.Series]:
    part = ways[ways["method"] == method]
    return part["n_segments"], part[column]


def _ways_message(segmentation: Segmentation) -> str:
    if segmentation.rule.way is None:
        return "No clusters are used: lifecycle stages stand in"
    way = _WAYS[segmentation.method]
    return f"{segmentation.n_segments} segments by {way} stay together when customers change"


def plot_moves(moves: Moves) -> Axes:
    """Draw where the customers of each segment went since an earlier day.

    Parameters
    ----------
    moves : Moves
        As from `src.models.segment_moves.count_moves`.
    """
    table = moves.table
    axes = new_axes(_moves_message(moves), "", "", size=(8.2, 1.8 + 0.5 * len(table)))
    if moves.moved is None:
        return say_nothing(axes, "nobody was known then")
    share = table.div(table.sum(axis=1).clip(lower=1), axis=0).to_numpy()
    drawn = axes.pcolormesh(share, cmap="Blues", vmin=0, vmax=1, edgecolors="white")
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        color = "white" if share[row, column] > 0.6 else "#323f4b"
        place = {"ha": "center", "va": "center", "color": color}
        axes.text(column + 0.5, row + 0.5, f"{value:,}", **place)
    at = np.arange(len(table)) + 0.5
    axes.set_xticks(at, table.columns, rotation=30, ha="right", rotation_mode="anchor")
    axes.set_yticks(np.arange(len(table)) + 0.5, [_broken(name, 26) for name in table.index])
    axes.set(xlabel="segment now", ylabel=f"segment {moves.since}")
    axes.invert_yaxis()
    axes.grid(visible=False)
    bar = axes.figure.colorbar(drawn, ax=axes, label="share of the row")
    bar.ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    return axes


def _moves_message(moves: Moves) -> str:
    if moves.moved is None:
        return "Nobody can have moved"
    return f"{1 - moves.moved.estimate:.0%} of customers are where they were {moves.since}"


def plot_sizes(summary: pd.DataFrame) -> Axes:
    """Draw each segment's share of customers beside its share of spend.

    Parameters
    ----------
    summary : pandas.DataFrame
        As given by :func:`src.models.segments.summarise_segments`.
    """
    axes = new_axes(
        _sizes_message(summary), "share of all", "", size=(7.6, 1.2 + 0.55 * len(summary))
    )
    rows = np.arange(len(summary))[::-1]
    for offset, column, color, label in (
        (0.19, "share", MUTED, "customers"),
        (-0.19, "spend_share", ACCENT, "spend of the last 90 days"),
    ):
        bars = axes.barh(rows + offset, summary[column], height=0.36, color=color, label=label)
        labels = [f"{share:.0%}" if share == share else "" for share in summary[column]]
        axes.bar_label(bars, labels, padding=3, fontsize=8.5)
    axes.set_yticks(rows, summary.index)
    axes.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes.margins(x=0.12)
    axes.grid(visible=False, axis="y")
    axes.legend(loc="lower right")
    return axes


def _sizes_message(summary: pd.DataFrame) -> str:
    if not summary["spend_share"].notna().any():
        return f"The largest segment: {summary['share'].idxmax()}"
    top = summary["spend_share"].idxmax()
    found = summary.loc[top]
    return (
        f"{found['share']:.0%} of customers, the {top}, bring {found['spend_share']:.0%} of spend"
    )


def plot_centres(centres: pd.DataFrame) -> Axes:
    """Draw each segment's mean in standard deviations from the average customer.

    Parameters
    ----------
    centres : pandas.DataFrame
        One row per segment, one column per feature.
    """
    words = [column_words(name) for name in centres.columns]
    axes = new_axes(_centres_message(centres), "", "", size=(8.2, 1.6 + 0.5 * len(centres)))
    limit = max(1.0, float(centres.abs().to_numpy().max()))
    drawn = axes.pcolormesh(centres, cmap="RdBu_r", vmin=-limit, vmax=limit, edgecolors="white")
    for (row, column), value in np.ndenumerate(centres.to_numpy()):
        color = "white" if abs(value) > 0.6 * limit else "#323f4b"
        axes.text(
            column + 0.5,
            row + 0.5,
            f"{round(value, 1) + 0.0:+.1f}",
            ha="center",
            va="center",
            color=color,
        )
    axes.set_xticks(np.arange(len(words)) + 0.5, [_broken(word) for word in words])
    axes.set_yticks(np.arange(len(centres)) + 0.5, centres.index)
    axes.invert_yaxis()
    axes.grid(visible=False)
    axes.figure.colorbar(drawn, ax=axes, label="standard deviations from\nthe average customer")
    return axes


def _centres_message(centres: pd.DataFrame) -> str:
    if len(centres) < 2:
        return "One segment: nothing to set apart"
    widest = (centres.max() - centres.min()).idxmax()
    return f"What sets the segments apart most: {column_words(widest)}"


def _broken(words: str, width: int = 16) -> str:
    """Break words into short lines."""
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
