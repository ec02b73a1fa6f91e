"""Figures of what comes together: interests of the same customers, tags of the same carriers."""

import textwrap

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
import numpy as np
import pandas as pd

from src.features.portrait.interest_map import SURE, InterestMap, rank_pairs
from src.features.portrait.tag_overlaps import TagOverlaps
from src.figure import ACCENT, COLORS, new_row

__all__ = ["plot_interest_map", "plot_overlaps"]

_LESS_MORE = LinearSegmentedColormap.from_list("less_more", [COLORS[1], "#f5f7fa", ACCENT])
_FULL_INTEREST, _FULL_TAG = 0.75, 2.0
"""Lift, or its inverse, that gets the full colour, in powers of two."""
_INK, _SOFT = "#323f4b", "#9aa5b1"


def plot_interest_map(interest_map: InterestMap) -> Figure | None:
    """Draw departments with reach and spend, and how often two are favoured together.

    Parameters
    ----------
    interest_map : InterestMap
        From `build_interest_map`. Where it is empty, nothing is drawn.
    """
    if interest_map.is_empty:
        return None
    departments = interest_map.departments
    height = 2.0 + 0.33 * len(departments)
    figure, (left, right) = new_row(_interest_message(interest_map), 2, size=(9.8, height))
    left.get_gridspec().set_width_ratios([1, 2.6])
    _draw_departments(left, departments)
    texts = interest_map.lift.map(lambda lift: "–" if np.isnan(lift) else f"{lift:.1f}")
    _draw_matrix(right, interest_map.lift, interest_map.surprise, texts, _FULL_INTEREST)
    right.set_yticks(np.arange(len(departments)), [])
    right.set_xlabel(
        "favoured together: times what chance would give\n(blue more, orange less, "
        "grey figures: may be chance)"
    )
    return figure


def _interest_message(interest_map: InterestMap) -> str:
    pairs = rank_pairs(interest_map.lift, interest_map.surprise)
    if pairs.empty:
        return "No two departments are favoured together more often than by chance"
    first, second, lift, _ = pairs.iloc[0]
    return f"Who favours {first} favours {second} {lift:.1f} times as often as chance would have it"


def _draw_departments(ax: Axes, departments: pd.DataFrame) -> None:
    rows = np.arange(len(departments))
    ax.barh(rows, departments["spend_share"], color=ACCENT, height=0.55, label="of spend")
    for column, marker, color, label in (
        ("customer_share", "D", COLORS[1], "of customers: bought there"),
        ("favouring_share", "o", COLORS[2], "of customers: favour it"),
    ):
        ax.plot(departments[column], rows, marker, ms=5, color=color, label=label)
    ax.set_yticks(rows, departments["department"])
    ax.set(xlim=(0, 1.04), ylim=(len(rows) - 0.5, -0.5), xlabel="share of all")
    ax.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    ax.set_xticks([0, 0.5, 1])
    ax.grid(visible=False, axis="y")
    ax.legend(
        loc="lower left", bbox_to_anchor=(-0.05, 1.0), fontsize=8.5, frameon=False, borderpad=0
    )


def _draw_matrix(
    ax: Axes, lift: pd.DataFrame, surprise: pd.DataFrame, texts: pd.DataFrame, full: float
) -> None:
    """Colour cells by lift where it is more than chance, and write a text into each."""
    is_sure = surprise.abs().to_numpy() >= SURE
    with np.errstate(divide="ignore"):
        power = np.log2(lift.to_numpy())
    shown = np.where(is_sure, np.clip(power, -full, full), 0.0)
    ax.imshow(shown, cmap=_LESS_MORE, vmin=-full, vmax=full, aspect="auto")
    for (row, column), value in np.ndenumerate(shown):
        color = "white" if abs(value) > 0.7 * full else _INK if is_sure[row, column] else _SOFT
        text = texts.iat[row, column]
        ax.text(column, row, text, ha="center", va="center", fontsize=8.5, color=color)
    names = [textwrap.fill(str(name), 14) for name in lift.columns]
    ax.set_xticks(np.arange(len(names)), names, rotation=90, fontsize=9)
    ax.xaxis.tick_top()
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)


def plot_overlaps(overlaps: TagOverlaps) -> Axes | None:
    """Draw what share of each tag's carriers carries each other tag.

    Parameters
    ----------
    overlaps : TagOverlaps
        From `count_overlaps`. Where it is empty, nothing is drawn.
    """
    if overlaps.is_empty:
        return None
    sizes = overlaps.sizes
    size = (9.8, 2.6 + 0.36 * len(sizes))
    ax = new_row(_overlap_message(overlaps), 1, size)[1][0]
    texts = overlaps.shares.map(lambda share: f"{share:.0%}")
    texts = texts.mask(np.eye(len(sizes), dtype=bool), "–")
    _draw_matrix(ax, overlaps.lift, overlaps.surprise, texts, _FULL_TAG)
    _head_columns(ax, sizes)
    ax.set_yticks(
        np.arange(len(sizes)),
        [f"{tag} ({n:,})" for tag, n, _ in sizes.itertuples(index=False)],
    )
    ax.set_ylabel("of the carriers of this tag")
    ax.set_xlabel(
        "… so many carry this one too; in brackets: of all customers, which chance would give\n"
        "(blue: more than chance, orange: less, grey figures: may be chance)"
    )
    return ax


def _head_columns(ax: Axes, sizes: pd.DataFrame) -> None:
    heads = [
        f"{tag} ({share:.0%})"
        for tag, share in zip(sizes["tag"], sizes["customer_share"], strict=True)
    ]
    ax.set_xticks(
        np.arange(len(heads)), heads, rotation=45, ha="left", rotation_mode="anchor", fontsize=9
    )


def _overlap_message(overlaps: TagOverlaps) -> str:
    pairs = rank_pairs(overlaps.lift, overlaps.surprise)
    if pairs.empty:
        return "No two tags are carried together more often than by chance"
    shares, usual = overlaps.shares, overlaps.sizes.set_index("tag")["customer_share"]
    pair = pairs.loc[0, ["first", "second"]].tolist()
    first, second = pair if shares.loc[*pair] >= shares.loc[*pair[::-1]] else pair[::-1]
    share = shares.loc[first, second]
    return (
        f"{share:.0%} of those tagged {first} are {second} too, "
        f"against {usual[second]:.0%} of all customers"
    )
