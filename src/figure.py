"""The one house style of all figures: message in the title, axes with units, few colours."""

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
import matplotlib.pyplot as plt

__all__ = ["ACCENT", "BAD", "COLORS", "GOOD", "MUTED", "new_axes", "new_row", "say_nothing"]

ACCENT = "#1f5f8b"
MUTED = "#9aa5b1"
GOOD = "#2e7d5b"
BAD = "#b5482f"
COLORS = (ACCENT, "#d08c2f", GOOD, "#7a5195", BAD, "#4f9da6", MUTED)

_STYLE = {
    "axes.edgecolor": "#52606d",
    "axes.grid": True,
    "axes.labelcolor": "#323f4b",
    "axes.prop_cycle": plt.cycler(color=COLORS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 12,
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "figure.dpi": 110,
    "figure.constrained_layout.use": True,
    "font.size": 10,
    "grid.color": "#e4e7eb",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "savefig.bbox": "tight",
}


def new_axes(
    message: str, xlabel: str, ylabel: str, size: tuple[float, float] = (7.2, 3.8)
) -> Axes:
    """Make one pair of axes.

    Parameters
    ----------
    message : str
        What the figure shows, as a sentence; becomes the title.
    xlabel, ylabel : str
        Axis labels with units.
    size : tuple of float, default (7.2, 3.8)
        Width and height in inches.
    """
    with rc_context(_STYLE):
        axes = plt.subplots(figsize=size)[1]
        axes.set(title=message, xlabel=xlabel, ylabel=ylabel)
    return axes


def new_row(
    message: str, n_axes: int, size: tuple[float, float] = (9.6, 3.6)
) -> tuple[Figure, list[Axes]]:
    """Make a row of axes under one message; the caller labels each with units."""
    with rc_context(_STYLE):
        figure, axes = plt.subplots(1, n_axes, figsize=size, squeeze=False)
        figure.suptitle(message, x=0.01, ha="left", fontsize=12, fontweight="bold")
    return figure, list(axes[0])


def say_nothing(axes: Axes, why: str) -> Axes:
    """Write into empty axes why there is nothing to draw."""
    axes.text(0.5, 0.5, why, transform=axes.transAxes, ha="center", color="#52606d")
    return axes
