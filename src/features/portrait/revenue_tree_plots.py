"""The figure of what moved sales: revenue as a tree of factors."""

from matplotlib.axes import Axes
from matplotlib.patches import FancyBboxPatch
from matplotlib.ticker import MaxNLocator
import numpy as np
import pandas as pd

from src.features.portrait.revenue_tree import FACTORS, RevenueTree
from src.figure import BAD, GOOD, MUTED, new_axes

__all__ = ["plot_revenue_tree"]

_PLACES = {
    "revenue": (0, 3),
    "customers": (1, 3),
    "spend per customer": (1, 2),
    "orders per customer": (2, 2),
    "value per order": (2, 1),
    "lines per order": (3, 1),
    "value per line": (3, 0),
}
_BRANCHES = (
    ("revenue", "customers"),
    ("revenue", "spend per customer"),
    ("spend per customer", "orders per customer"),
    ("spend per customer", "value per order"),
    ("value per order", "lines per order"),
    ("value per order", "value per line"),
)
_WIDTH, _HEIGHT = 0.86, 0.8
_INK, _SOFT, _UNCLEAR = "#1f2933", "#52606d", "#7b8794"
_NOTE = (
    "In each box: this period (the one before), the change, and\nwhat it added to revenue ± its "
    "95% interval over customers.\nGrey: the interval holds zero. Values in shop currency."
)


def plot_revenue_tree(tree: RevenueTree) -> Axes | None:
    """Draw the factors of revenue, how each changed, and what it added.

    Parameters
    ----------
    tree : RevenueTree
        From `build_revenue_tree`. Where it is empty, nothing is drawn.
    """
    if tree.is_empty:
        return None
    ax = new_axes(_message(tree), "", "", size=(9.6, 5.0))
    ax.set(xlim=(-0.02, 3.9), ylim=(-0.1, 3.9), xticks=[], yticks=[])
    ax.set_axis_off()
    for above, below in _BRANCHES:
        _draw_branch(ax, _PLACES[above], _PLACES[below])
    for name, place in _PLACES.items():
        _draw_node(ax, name, tree.nodes.loc[name], place)
    ax.text(2.0, 3.78, _NOTE, color=_SOFT, fontsize=9, va="top", linespacing=1.4)
    _draw_contributions(ax.inset_axes((0.15, 0.09, 0.33, 0.3)), tree.nodes.loc[list(FACTORS)])
    return ax


def _draw_contributions(ax: Axes, factors: pd.DataFrame) -> None:
    """Bars of what each factor added, with intervals."""
    shown = factors.iloc[::-1]
    added = shown["contribution_value"]
    colors = [_color(node) for _, node in shown.iterrows()]
    places = np.arange(len(shown))
    ax.barh(places, added, color=colors, alpha=0.55, height=0.62, tick_label=shown.index)
    ax.hlines(places, shown["lower"], shown["upper"], color=_INK, lw=1.3)
    ax.axvline(0, color=_SOFT, lw=1)
    ax.set_xlabel("added to revenue, shop currency", fontsize=9)
    ax.xaxis.set_major_locator(MaxNLocator(4))
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    ax.tick_params(labelsize=9, length=0)
    ax.grid(visible=False, axis="y")
    ax.spines[:].set_visible(False)


def _message(tree: RevenueTree) -> str:
    revenue = tree.nodes.loc["revenue"]
    change = revenue["change_share"]
    moved = (
        "Sales began"
        if pd.isna(change)
        else f"Sales {'rose' if change >= 0 else 'fell'} {abs(change):.1%}"
    )
    factors = tree.nodes.loc[list(FACTORS)]
    largest = factors.loc[factors["contribution_value"].abs().idxmax()]
    if not largest["contribution_value"]:
        return f"Sales stayed as in {tree.periods.words}"
    if _is_unclear(largest):
        return f"{moved} on {tree.periods.words}; no factor moved them beyond chance"
    return (
        f"{moved} on {tree.periods.words}; {largest.name} moved them most "
        f"({_signed(largest['contribution_value'])} of {_signed(revenue['contribution_value'])})"
    )


def _draw_branch(ax: Axes, above: tuple[int, int], below: tuple[int, int]) -> None:
    x0, y0 = above[0] + _WIDTH, above[1] + _HEIGHT / 2
    x1, y1 = below[0], below[1] + _HEIGHT / 2
    middle = (x0 + x1) / 2
    ax.plot([x0, middle, middle, x1], [y0, y0, y1, y1], color=MUTED, lw=1.4, zorder=1)


def _draw_node(ax: Axes, name: str, node: pd.Series, place: tuple[int, int]) -> None:
    x, y = place
    color = _color(node)
    box = FancyBboxPatch(
        (x, y),
        _WIDTH,
        _HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.04",
        facecolor=color + "14",
        edgecolor=color,
        linewidth=1.4,
    )
    ax.add_patch(box)
    lines = (
        (0.64, name, {"fontweight": "bold", "color": _INK}),
        (0.40, f"{_short(node['now'])}  ({_short(node['before'])})", {"color": _INK}),
        (0.15, _contribution(node), {"color": color, "fontsize": 9}),
    )
    for up, text, style in lines:
        ax.text(x + 0.04, y + up, text, va="center", **style)


def _color(node: pd.Series) -> str:
    if _is_unclear(node) or not node["contribution_value"]:
        return _UNCLEAR
    return GOOD if node["contribution_value"] > 0 else BAD


def _is_unclear(node: pd.Series) -> bool:
    return bool(node["lower"] <= 0 <= node["upper"])


def _contribution(node: pd.Series) -> str:
    change, added = node["change_share"], node["contribution_value"]
    share = "" if pd.isna(change) else f"{_signed(100 * change, '.1f')}%   "
    spread = "" if pd.isna(node["lower"]) else f" ± {_short(node['upper'] - added)}"
    return f"{share}{_signed(added)}{spread}"


def _signed(value: float, form: str = "") -> str:
    size = format(abs(value), form) if form else _short(abs(value))
    return f"{'−' if value < 0 else '+'}{size}"


def _short(value: float) -> str:
    """Millions from ten on, whole numbers from a hundred on, else two decimals."""
    if abs(value) >= 1e7:
        return f"{value / 1e6:,.1f} M"
    return f"{value:,.0f}" if abs(value) >= 100 or value == round(value) else f"{value:,.2f}"
