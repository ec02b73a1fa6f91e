"""Figures of the customer base; each takes a small frame of `src.features.summary`."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
import numpy as np
import pandas as pd

from src.features.rfm import N_BINS
from src.features.summary import top_spend_share
from src.figure import ACCENT, COLORS, MUTED, new_axes, new_row

__all__ = [
    "plot_concentration",
    "plot_rfm_grid",
    "plot_tags",
]


def plot_rfm_grid(grid: pd.DataFrame) -> Figure:
    """Draw customers and spend over recency and frequency scores.

    Parameters
    ----------
    grid : pandas.DataFrame
        From `count_rfm_grid`.
    """
    best = grid.loc[grid["spend_share"].idxmax()]
    message = (
        f"Recency {best['r_score']:.0f} and frequency {best['f_score']:.0f} is the richest cell: "
        f"{best['customer_share']:.1%} of customers, {best['spend_share']:.1%} of spend"
    )
    figure, axes = new_row(message, 2, size=(9.6, 4.4))
    for ax, column, label in zip(
        axes,
        ("customer_share", "spend_share"),
        ("share of customers", "share of spend in 365 days"),
        strict=True,
    ):
        _draw_grid(ax, grid, column)
        ax.set_title(label, fontweight="normal", fontsize=11)
        ax.set(xlabel="recency score (5: most recent)", ylabel="frequency score (5: most orders)")
    return figure


def _draw_grid(ax: Axes, grid: pd.DataFrame, column: str) -> None:
    scores = range(1, N_BINS + 1)
    cells = grid.pivot(index="f_score", columns="r_score", values=column)
    cells = cells.reindex(index=scores, columns=scores).to_numpy(dtype=float)
    top = np.nanmax(cells)
    ax.imshow(cells, origin="lower", cmap="Blues", vmin=0, vmax=max(top, 1e-9), aspect="auto")
    for (row, col), share in np.ndenumerate(cells):
        if np.isfinite(share):
            color = "white" if share > 0.6 * top else "#323f4b"
            ax.text(col, row, f"{share:.1%}", ha="center", va="center", color=color, fontsize=9)
    ax.set_xticks(range(N_BINS), scores)
    ax.set_yticks(range(N_BINS), scores)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def plot_concentration(curve: pd.DataFrame, top_share: float = 0.2) -> Axes | None:
    """Draw how much of the spend the best customers bring.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `estimate_concentration`. Where nobody spent anything, nothing is drawn.
    top_share : float, default 0.2
        Share of customers in the title.
    """
    if not curve["spend_share"].max():
        return None
    share = top_spend_share(curve, top_share)
    ax = new_axes(
        f"The top {top_share:.0%} of customers bring {share:.0%} of the spend",
        "share of customers, best first",
        "share of spend in 365 days",
    )
    ax.plot([0, *curve["customer_share"]], [0, *curve["spend_share"]], color=ACCENT, lw=2)
    ax.plot([0, 1], [0, 1], color=MUTED, ls="--", lw=1)
    ax.annotate("if all spent alike", (0.62, 0.57), color="#52606d", fontsize=9)
    ax.plot([top_share, top_share, 0], [0, share, share], color=COLORS[1], lw=1)
    ax.plot(top_share, share, "o", color=COLORS[1])
    ax.set(xlim=(0, 1), ylim=(0, 1.02))
    _use_percent(ax, "xy")
    return ax


def _use_percent(ax: Axes, which: str) -> None:
    for name in which:
        getattr(ax, f"{name}axis").set_major_formatter(PercentFormatter(1.0, decimals=0))


def plot_tags(counts: pd.DataFrame, tagged_share: float) -> Axes | None:
    """Draw the size of every tag.

    Parameters
    ----------
    counts : pandas.DataFrame
        From `count_tags`. Where no tag has a carrier, nothing is drawn.
    tagged_share : float
        Share of customers with at least one tag.
    """
    if not counts["n_customers"].sum():
        return None
    shown = counts.iloc[::-1]
    ax = new_axes(
        f"{tagged_share:.0%} of customers carry at least one of the {len(counts)} tags",
        "customers",
        "tag",
        size=(7.2, 0.9 + 0.3 * len(counts)),
    )
    bars = ax.barh(shown["tag"], shown["n_customers"], color=ACCENT)
    labels = [
        f"{n:,} ({share:.1%})"
        for n, share in zip(shown["n_customers"], shown["customer_share"], strict=True)
    ]
    ax.bar_label(bars, labels, padding=3, fontsize=9)
    ax.grid(visible=False, axis="y")
    ax.margins(x=0.16)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    return ax
