"""Figures of the measuring stage."""

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
import pandas as pd

from src.figure import ACCENT, BAD, GOOD, MUTED, new_axes, new_row
from src.measure.results import ALL, ANY_ACTION, PLAIN, SHRUNK

__all__ = ["plot_arms", "plot_balance", "plot_daily", "plot_predictions", "plot_segments"]


def plot_arms(results: pd.DataFrame, mde_value: float) -> Axes:
    """Profit per customer against control: each arm and any action, adjusted and plain."""
    rows = results[results["segment"].eq(ALL)]
    adjusted = rows[rows["metric"].eq("profit_per_customer")].set_index("arm")
    plain = rows[rows["metric"].eq(PLAIN)].set_index("arm").reindex(adjusted.index)
    order = list(adjusted.index)[::-1]
    axes = new_axes(
        _arms_message(adjusted),
        "profit per customer, treated minus control (shop currency)",
        "",
        size=(7.8, 1.8 + 0.6 * len(order)),
    )
    axes.axvspan(
        -mde_value,
        mde_value,
        color="#eef1f4",
        zorder=0,
        label="too small to be found",
    )
    _whiskers(axes, plain.loc[order], 0.13, MUTED, "plain difference of means")
    _whiskers(axes, adjusted.loc[order], -0.13, ACCENT, "adjusted by the window before")
    axes.axvline(0, color="#52606d", lw=1)
    axes.set_yticks(range(len(order)), [name.replace("_", " ") for name in order])
    axes.set_ylim(-0.6, len(order) - 0.4)
    axes.grid(axis="y", visible=False)
    axes.legend(ncols=3, loc="upper left", bbox_to_anchor=(0, -0.22), fontsize=8.5, frameon=False)
    return axes


def _arms_message(adjusted: pd.DataFrame) -> str:
    if ANY_ACTION not in adjusted.index:
        return "Too few customers to compare anything"
    row = adjusted.loc[ANY_ACTION]
    if row["lower"] > 0:
        return "The campaign earned more than it cost"
    if row["upper"] < 0:
        return "The campaign lost money"
    return "The interval holds zero: neither gain nor loss is shown"


def _whiskers(axes: Axes, rows: pd.DataFrame, shift: float, color: str, label: str) -> None:
    height = np.arange(len(rows)) + shift
    axes.hlines(height, rows["lower"], rows["upper"], color=color, lw=2.2)
    axes.scatter(rows["estimate"], height, color=color, s=46, zorder=3, label=label)


def plot_segments(results: pd.DataFrame) -> Axes:
    """Profit per customer by segment, any action against control, intervals read together."""
    rows = results[
        results["segment"].ne(ALL) & results["metric"].eq("profit_per_customer")
    ].sort_values("segment", ascending=False)
    n_clear = int((rows["lower"].gt(0) | rows["upper"].lt(0)).sum())
    axes = new_axes(
        f"{n_clear or 'None'} of {len(rows)} segments clear{'' if n_clear > 1 else 's'} zero "
        "when all are read together",
        "profit per customer, treated minus control (shop currency)",
        "",
        size=(7.8, 1.5 + 0.45 * len(rows)),
    )
    colors = np.where(rows["lower"] > 0, GOOD, np.where(rows["upper"] < 0, BAD, ACCENT))
    height = np.arange(len(rows))
    axes.hlines(height, rows["lower"], rows["upper"], colors=colors, lw=2.2)
    axes.scatter(rows["estimate"], height, c=colors, s=46, zorder=3, label="by itself")
    shrunk = results[results["metric"].eq(SHRUNK)].set_index("segment").reindex(rows["segment"])
    axes.scatter(shrunk["estimate"], height, c=MUTED, s=46, marker="D", label="by the help of all")
    axes.legend(ncols=2, loc="upper left", bbox_to_anchor=(0, -0.2), fontsize=8.5, frameon=False)
    labels = [
        f"{name}\n{treated:,} against {control:,}"
        for name, treated, control in zip(
            rows["segment"], rows["n_treated"], rows["n_control"], strict=True
        )
    ]
    axes.set_yticks(height, labels, fontsize=9)
    axes.set_ylim(-0.6, len(rows) - 0.4)
    axes.axvline(0, color="#52606d", lw=1)
    axes.grid(axis="y", visible=False)
    return axes


def plot_balance(
    ratio: pd.DataFrame, balance: pd.DataFrame, srm_p_value: float, srm_threshold: float
) -> Figure:
    """Sizes of the arms against plan, and their profit before anything was sent."""
    is_broken = srm_p_value < srm_threshold
    n_off = int((balance["lower"].gt(0) | balance["upper"].lt(0)).sum())
    figure, (left, right) = new_row(
        f"The arms {'do not ' if is_broken else ''}have the planned sizes; "
        f"{n_off or 'none'} of {len(balance)} differed from control beforehand",
        2,
        size=(9.6, 1.9 + 0.5 * len(ratio)),
    )
    height = np.arange(len(ratio))[::-1]
    planned, n = ratio["planned_share"], ratio["n_found"].sum()
    chance = 1.96 * np.sqrt((planned * (1 - planned)).clip(lower=0) / max(n, 1))
    left.barh(
        height,
        200 * chance,
        left=100 * (planned - chance),
        height=0.4,
        color="#d5dae0",
        label="planned, give or take chance",
    )
    color = BAD if is_broken else ACCENT
    left.scatter(100 * ratio["found_share"], height, color=color, s=46, zorder=3, label="found")
    left.set_yticks(height, [name.replace("_", " ") for name in ratio.index])
    left.set_ylim(-0.6, len(ratio) - 0.4)
    left.set_xlabel("share of the experiment (%)")
    left.use_sticky_edges = False
    left.margins(x=0.1)
    left.legend(loc="upper left", bbox_to_anchor=(0, -0.2), ncols=2, fontsize=8.5, frameon=False)
    height = np.arange(len(balance))[::-1]
    right.hlines(height, balance["lower"], balance["upper"], color=ACCENT, lw=2.2)
    right.scatter(balance["difference_value"], height, color=ACCENT, s=46, zorder=3)
    right.set_yticks(height, [name.replace("_", " ") for name in balance["arm"]])
    right.set_ylim(-0.6, len(balance) - 0.4)
    right.axvline(0, color="#52606d", lw=1)
    right.set_xlabel("profit per customer before, minus control (shop currency)")
    for axes in (left, right):
        axes.grid(axis="y", visible=False)
    return figure


def plot_daily(daily: pd.DataFrame, level: float) -> Axes:
    """Incremental profit as it would have been read each day, with the two intervals."""
    is_off = daily["seq_lower"].gt(0) | daily["seq_upper"].lt(0)
    axes = new_axes(
        _daily_message(daily, is_off), "day after the as-of date", "incremental profit", (7.8, 3.6)
    )
    day = daily["day"]
    ends = daily["seq_lower"], daily["seq_upper"]
    axes.fill_between(day, *ends, color="#e3e9f0", lw=0, label=f"true on all days ({level:.0%})")
    ends = daily["lower"], daily["upper"]
    axes.fill_between(day, *ends, color="#b9cde2", lw=0, label="true on one day named beforehand")
    axes.plot(day, daily["estimate"], color=ACCENT, lw=2, label="estimate")
    axes.axhline(0, color="#52606d", lw=1)
    spread = (daily["upper"] - daily["lower"]).max()
    if np.isfinite(spread) and spread > 0:  # the first days' interval would hide all others
        low, high = daily["lower"].min() - spread, daily["upper"].max() + spread
        axes.set_ylim(low, high)
    axes.legend(ncols=3, loc="upper left", bbox_to_anchor=(0, -0.2), fontsize=8.5, frameon=False)
    return axes


def _daily_message(daily: pd.DataFrame, is_off: pd.Series) -> str:
    if not is_off.any():
        return "Read every day, the campaign would never have been called a gain or a loss"
    first = daily.loc[is_off.idxmax()]
    what = "gain" if first["seq_lower"] > 0 else "loss"
    return f"From day {first['day']:.0f} on it could have been called a {what}"


def plot_predictions(groups: pd.DataFrame) -> Axes:
    """Realised against predicted effect, by groups of customers."""
    inside = groups["predicted_value"].between(groups["lower"], groups["upper"])
    axes = new_axes(
        f"{inside.sum()} of {len(groups)} groups did what was predicted, give or take chance",
        "predicted effect per customer (shop currency)",
        "realised effect",
        size=(5.4, 4.2),
    )
    x = groups["predicted_value"]
    ends = groups["realised_value"] - groups["lower"], groups["upper"] - groups["realised_value"]
    axes.errorbar(x, groups["realised_value"], np.array(ends), fmt="o", color=ACCENT, lw=2)
    line = [x.min(), x.max()]
    axes.plot(line, line, color=MUTED, lw=1, ls="--", label="as predicted")
    axes.axhline(0, color="#52606d", lw=1)
    axes.legend(fontsize=8.5, frameon=False)
    return axes
