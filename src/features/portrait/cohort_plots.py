"""The figure of who comes back: cohorts as a triangle."""

from matplotlib.axes import Axes
import numpy as np
import pandas as pd

from src.features.portrait.cohorts import Retention, retained_share
from src.figure import new_row

__all__ = ["plot_retention"]

_LATER = 3


def plot_retention(retention: Retention) -> Axes | None:
    """Draw the share of each cohort that orders in each later period.

    Parameters
    ----------
    retention : Retention
        From `build_retention`. Where it is empty, nothing is drawn.
    """
    if retention.is_empty:
        return None
    cells, unit = retention.cells, retention.unit
    shares = cells.pivot(index="cohort", columns="age", values="retained_share")
    size = (max(8.4, 2.6 + 0.55 * shares.shape[1]), 1.5 + 0.36 * len(shares))
    ax = new_row(_message(retention), 1, size)[1][0]
    top = max(float(np.nanmax(shares)), 0.01)
    ax.pcolormesh(shares, cmap="Blues", vmin=0, vmax=top, edgecolors="white", linewidth=2)
    _write_shares(ax, shares, top)
    names = cells.groupby("cohort")[["n_customers", "is_censored"]].first()
    labels = [
        f"{'≤ ' if is_censored else ''}{name} ({n:,})"
        for name, n, is_censored in names.itertuples()
    ]
    ax.set_yticks(np.arange(len(shares)) + 0.5, labels)
    ax.set_xticks(np.arange(shares.shape[1]) + 0.5, shares.columns)
    ax.set(
        xlabel=f"{unit}s since that {unit}; cells: share of the row who order in it",
        ylabel=f"{unit} of first order (customers)",
    )
    ax.tick_params(length=0)
    ax.invert_yaxis()
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    return ax


def _write_shares(ax: Axes, shares: pd.DataFrame, top: float) -> None:
    for (row, column), share in np.ndenumerate(shares.to_numpy(dtype=float)):
        if np.isfinite(share):
            color = "white" if share > 0.55 * top else "#323f4b"
            ax.text(column + 0.5, row + 0.5, f"{share:.0%}", ha="center", va="center", color=color)


def _message(retention: Retention) -> str:
    cells = retention.cells
    is_new = ~cells["is_censored"].astype(bool)
    who = "new customers" if is_new.any() else "customers"
    age = min(_LATER, int(cells.loc[is_new if is_new.any() else ~is_new, "age"].max()))
    first = f"{retained_share(retention):.0%} of {who} order again in the next {retention.unit}"
    later = f", {retained_share(retention, age):.0%} {age} {retention.unit}s later"
    return first + (later if age > 1 else "")
