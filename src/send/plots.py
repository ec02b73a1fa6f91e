"""Figures of stage 07."""

from matplotlib.axes import Axes

from src.figure import ACCENT, GOOD, MUTED, new_axes

__all__ = ["plot_steps"]


def plot_steps(steps: dict[str, int]) -> Axes:
    """Show how many customers were left after each step from decision to message.

    Parameters
    ----------
    steps : dict of str to int
        From `src.send.summary.count_steps`.

    Returns
    -------
    Axes
    """
    names, counts = list(steps), list(steps.values())
    n_last, n_drawn = counts[-1], counts[2]
    axes = new_axes(
        f"Message handed over for {n_last:,} of {n_drawn:,} customers drawn",
        "customers (count)",
        "",
        size=(7.2, 3.0),
    )
    colors = [MUTED, MUTED, ACCENT, ACCENT, GOOD]
    bars = axes.barh(names, counts, color=colors, height=0.62)
    axes.bar_label(bars, labels=[f"{count:,}" for count in counts], padding=4)
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    axes.set_xlim(0, max([*counts, 1]) * 1.12)
    axes.tick_params(axis="y", length=0)
    return axes
