"""Figures of the campaign stage."""

from matplotlib.axes import Axes
import pandas as pd

from src.decide.catalogue import CONTROL, NONE
from src.figure import COLORS, MUTED, new_axes

__all__ = ["plot_audience"]

_QUIET = {CONTROL: MUTED, NONE: "#dde2e7"}
_MAX_SEGMENTS = 10


def plot_audience(counts: pd.DataFrame) -> Axes:
    """Draw the table of `count_audience` as bars, one per segment, messages first.

    Beyond ten segments the smallest are left out of the figure, as its label says.
    """
    n_messages = int(counts.drop(columns=[CONTROL, NONE]).to_numpy().sum())
    n_customers = int(counts.to_numpy().sum())
    shown = counts.head(_MAX_SEGMENTS).iloc[::-1]
    axes = new_axes(
        f"{n_messages:,} of {n_customers:,} customers get a message",
        "customers",
        "segment" if len(counts) <= _MAX_SEGMENTS else f"segment ({_MAX_SEGMENTS} largest)",
        size=(7.2, 1.7 + 0.42 * max(len(shown), 2)),
    )
    start = pd.Series(0, index=shown.index)
    loud = iter(COLORS[:-1] * len(counts.columns))
    for arm in counts.columns:
        color = _QUIET.get(arm) or next(loud)
        label = "not in the campaign" if arm == NONE else arm.replace("_", " ")
        axes.barh(shown.index, shown[arm], left=start, color=color, label=label, height=0.66)
        start = start + shown[arm]
    axes.grid(axis="y", visible=False)
    axes.figure.legend(
        loc="outside lower center", ncols=min(len(counts.columns), 4), fontsize=9, frameon=False
    )
    return axes
