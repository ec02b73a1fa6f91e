"""Figures of 04a: how many kinds, how large, and what sets them apart."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, PercentFormatter
import numpy as np
import pandas as pd

from src.figure import ACCENT, COLORS, MUTED, new_axes
from src.models.design import column_words

__all__ = ["plot_centres", "plot_counts", "plot_sizes"]


def plot_counts(counts: pd.DataFrame, n_chosen: int) -> Axes:
    """Draw silhouette and stability over the number of segments.

    Parameters
    ----------
    counts : pandas.DataFrame
        As given by :func:`src.models.segments.compare_counts`.
    n_chosen : int
        Number of segments that is used.
    """
    axes = new_axes(
        f"{n_chosen} segments are the best mix of stable and sharp",
        "number of segments",
        "index (1 is best, 0 is chance)",
    )
    k = counts["n_segments"]
    axes.fill_between(
        k, counts["stability_lower"], counts["stability_upper"], color=ACCENT, alpha=0.15
    )
    axes.plot(k, counts["stability"], "o-", color=ACCENT, label="stability (band: all draws)")
    axes.plot(k, counts["silhouette"], "s-", color=COLORS[1], label="silhouette")
    axes.plot(
        k, counts["silhouette_shuffled"], "s--", color=MUTED, label="silhouette, columns shuffled"
    )
    axes.plot(k, counts["score"], "D-", color=COLORS[3], label="stability x silhouette")
    axes.axvline(n_chosen, color="#52606d", linewidth=1, linestyle="--")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(min(0.0, counts["silhouette"].min()), 1.35)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(loc="upper left", ncols=2)
    return axes


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
