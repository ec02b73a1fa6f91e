"""The figure of who moved where: stages of life before and now, joined by bands."""

from matplotlib.axes import Axes
from matplotlib.patches import PathPatch, Rectangle
from matplotlib.path import Path
import pandas as pd

from src.features.portrait.lifecycle_flow import LOST, NOT_YET, count_movers
from src.figure import ACCENT, BAD, COLORS, GOOD, MUTED, new_row

__all__ = ["plot_flows"]

_STAGES = (NOT_YET, "new", "active", "slipping", "lapsed", LOST)
_COLORS = dict(zip(_STAGES, (MUTED, GOOD, ACCENT, COLORS[1], BAD, MUTED), strict=True))
_INK = "#323f4b"
_GAP, _BAR, _THIN = 0.045, 0.03, 0.032


def plot_flows(flows: pd.DataFrame, before_date: str, now_date: str) -> Axes | None:
    """Draw stages before (left) and now (right); bands are customers, their colour is where to.

    Bars and bands are as high as their customers are many, but none is so low that it could not
    be read: small ones are drawn larger than they are, and every number is written out.

    Parameters
    ----------
    flows : pandas.DataFrame
        From `count_flows`. Where nobody was a customer before, nothing is drawn.
    before_date, now_date : str
        ISO dates.
    """
    if (flows["stage_before"] == NOT_YET).all():
        return None
    ax = new_row(_message(flows, before_date), 1, size=(9.6, 5.2))[1][0]
    drawn = flows.assign(height=_heights(flows))
    ends = {
        side: _place_bars(drawn, column)
        for side, column in (("left", "stage_before"), ("right", "stage_now"))
    }
    _draw_bands(ax, drawn, ends)
    for side, x, column in (("left", 0.0, "stage_before"), ("right", 1.0, "stage_now")):
        _draw_bars(ax, drawn, column, ends[side], x)
    for x, text, align in ((-_BAR, before_date, "right"), (1 + _BAR, now_date, "left")):
        ax.text(x, -0.035, text, ha=align, fontweight="bold", color=_INK)
    note = f"customers · their spend in the 365 days to {now_date}, shop currency"
    ax.text(0.5, -0.035, note, ha="center", fontsize=9, color="#52606d")
    top = max(max(place + height for place, height in bars.values()) for bars in ends.values())
    ax.set(xlim=(-0.42, 1.42), ylim=(top + 0.02, -0.08))
    ax.set_axis_off()
    return ax


def _message(flows: pd.DataFrame, before_date: str) -> str:
    is_leaving = flows["stage_now"].isin(["slipping", "lapsed"])
    was_here = flows["stage_before"].isin(["new", "active"])
    leaving = flows[is_leaving & was_here]
    is_back = flows["stage_before"].isin(["slipping", "lapsed"]) & (flows["stage_now"] == "active")
    n_back = int(flows.loc[is_back, "n_customers"].sum())
    return (
        f"Since {before_date}, {leaving['n_customers'].sum():,} customers began to slip or lapsed "
        f"and {n_back:,} came back ({count_movers(flows):,} moved)"
    )


def _heights(flows: pd.DataFrame) -> pd.Series:
    shares = flows["n_customers"] / flows["n_customers"].sum()
    return shares.clip(lower=_THIN)


def _place_bars(drawn: pd.DataFrame, column: str) -> dict[str, tuple[float, float]]:
    """Top and height of each stage's bar, in the order of a life."""
    heights = drawn.groupby(column)["height"].sum()
    places, top = {}, 0.0
    for stage in _STAGES:
        if stage in heights.index:
            height = float(heights[stage])
            places[stage] = (top, height)
            top += height + _GAP
    return places


def _draw_bars(
    ax: Axes, drawn: pd.DataFrame, column: str, places: dict[str, tuple[float, float]], x: float
) -> None:
    sums = drawn.groupby(column)[["n_customers", "spend_value"]].sum()
    for stage, (top, height) in places.items():
        left = x - _BAR if x == 0 else x
        ax.add_patch(Rectangle((left, top), _BAR, height, color=_COLORS[stage], lw=0))
        n, spend = int(sums.loc[stage, "n_customers"]), sums.loc[stage, "spend_value"]
        text = f"{stage}: {n:,} · {spend:,.0f}"
        align, edge = ("right", left - 0.012) if x == 0 else ("left", left + _BAR + 0.012)
        ax.text(edge, top + height / 2, text, ha=align, va="center", fontsize=9, color=_INK)


def _draw_bands(
    ax: Axes, drawn: pd.DataFrame, ends: dict[str, dict[str, tuple[float, float]]]
) -> None:
    used = {
        (side, stage): top for side, places in ends.items() for stage, (top, _) in places.items()
    }
    for flow in drawn.itertuples():
        left, right = ("left", flow.stage_before), ("right", flow.stage_now)
        y0, y1, height = used[left], used[right], flow.height
        used[left] += height
        used[right] += height
        has_moved = flow.stage_before != flow.stage_now
        ax.add_patch(
            PathPatch(
                _band(y0, y1, height),
                facecolor=_COLORS[flow.stage_now] if has_moved else "#dde3e9",
                alpha=0.65 if has_moved else 0.7,
                lw=0,
            )
        )
        if has_moved:
            text = f"{flow.n_customers:,} · {flow.spend_value:,.0f}"
            ax.text(0.012, y0 + height / 2, text, va="center", fontsize=8)


def _band(y0: float, y1: float, height: float) -> Path:
    """Band from the left bar at `y0` to the right one at `y1`, bent like an S."""
    points = [
        (0, y0), (0.5, y0), (0.5, y1), (1, y1),
        (1, y1 + height), (0.5, y1 + height), (0.5, y0 + height), (0, y0 + height), (0, y0),
    ]  # fmt: skip
    curve = [Path.CURVE4] * 3
    return Path(points, [Path.MOVETO, *curve, Path.LINETO, *curve, Path.CLOSEPOLY])
