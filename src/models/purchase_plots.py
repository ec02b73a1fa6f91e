"""Figures of 04b: which candidate, how honest, how sharp, and what drives it."""

from matplotlib.axes import Axes
import matplotlib.dates as mdates
from matplotlib.ticker import PercentFormatter
import numpy as np
import pandas as pd

from src.data.window import parse_date
from src.figure import ACCENT, BAD, COLORS, GOOD, MUTED, new_axes
from src.metrics.classification import (
    calibration_table,
    expected_calibration_error,
    rank_table,
)
from src.models.purchase import PurchaseModel
from src.models.purchase_comparison import Comparison
from src.models.purchase_words import CANDIDATE_WORDS
from src.models.splits import HAS_ORDERED, Snapshot

__all__ = [
    "plot_candidates",
    "plot_deciles",
    "plot_drivers",
    "plot_reliability",
    "plot_snapshots",
]


def plot_snapshots(
    snapshots: tuple[Snapshot, ...], labelled: dict[str, pd.DataFrame], days_shown: int = 56
) -> Axes:
    """Draw for each snapshot the days that features see and the days that labels see."""
    axes = new_axes("Learnt on earlier weeks, tested on the latest", "date (UTC)", "snapshot")
    for row, snapshot in enumerate(reversed(snapshots)):
        taken, until = parse_date(snapshot.as_of_date), parse_date(snapshot.label_until)
        start, end = mdates.date2num(taken) + 1, mdates.date2num(until) + 1
        seen, window = COLORS[-1], ACCENT
        axes.barh(row, days_shown, left=start - days_shown, height=0.5, color=seen, alpha=0.5)
        axes.barh(row, end - start, left=start, height=0.5, color=window)
        customers = labelled[snapshot.role]
        share = customers[HAS_ORDERED].mean() if len(customers) else float("nan")
        label = f"{share:.0%} of {len(customers):,}\nordered" if len(customers) else "nobody known"
        middle = (start + end) / 2
        axes.text(middle, row, label, color="white", ha="center", va="center", fontsize=8.5)
        axes.text(
            start - 2, row, "← features: all days before", ha="right", va="center", fontsize=8.5
        )
    axes.set_yticks(range(len(snapshots)), [s.role for s in reversed(snapshots)])
    axes.xaxis_date()
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(axes.xaxis.get_major_locator()))
    axes.grid(visible=False, axis="y")
    return axes


def plot_candidates(comparison: Comparison) -> Axes:
    """Draw each candidate's paired gain in log loss over the RFM rule, with its interval."""
    axes = new_axes(
        _candidates_message(comparison),
        "gain in log loss over the RFM rule (nats per test customer; right is better)",
        "",
    )
    table = comparison.candidates
    for row, found in enumerate(table.itertuples()):
        is_champion = found.candidate == comparison.champion
        color = ACCENT if is_champion else MUTED
        axes.plot([found.gain_lower, found.gain_upper], [row, row], color=color, linewidth=3)
        axes.plot(found.gain, row, "o", color=color, markersize=8)
        axes.annotate(
            f"log loss {found.log_loss:.3f} [{found.lower:.3f}; {found.upper:.3f}]",
            (found.gain, row),
            xytext=(0, 9),
            textcoords="offset points",
            ha="center",
            fontsize=8.5,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5},
        )
    axes.axvline(0, color="#52606d", linewidth=1)
    names = [CANDIDATE_WORDS[name] for name in table["candidate"]]
    names = [
        f"{word}\n(used)" if name == comparison.champion else word
        for name, word in zip(table["candidate"], names, strict=True)
    ]
    axes.set_yticks(range(len(table)), names)
    axes.set_ylim(-0.5, len(table) - 0.3)
    axes.margins(x=0.16)
    axes.grid(visible=False, axis="y")
    return axes


def _candidates_message(comparison: Comparison) -> str:
    contender = CANDIDATE_WORDS[comparison.contender]
    contender = contender[0].upper() + contender[1:]
    if comparison.champion != comparison.contender:
        return f"{contender} is not surely better than the RFM rule"
    if comparison.champion == "rfm_rule":
        return "No model was clearly better than the RFM rule on validation"
    if comparison.champion == "base_rate":
        return "Nothing was clearly better than one rate for all on validation"
    return f"{contender} foresees orders better than the RFM rule"


def plot_reliability(comparison: Comparison) -> Axes:
    """Draw predicted against observed rate of the champion on the test customers."""
    p = comparison.p[comparison.champion]
    table = calibration_table(comparison.y, p)
    error = expected_calibration_error(comparison.y, p)
    axes = new_axes(
        f"Predicted and observed rates differ by {100 * error:.1f} points on average",
        "predicted probability of an order (mean of the bin)",
        "share who ordered",
        size=(5.6, 4.4),
    )
    axes.plot([0, 1], [0, 1], color="#52606d", linewidth=1, linestyle="--", label="honest")
    distance = np.abs([table["rate"] - table["lower"], table["upper"] - table["rate"]])
    axes.errorbar(
        table["p_mean"],
        table["rate"],
        yerr=distance,
        fmt="o",
        color=ACCENT,
        capsize=3,
        label="a bin of test customers (95 % interval)",
    )
    for sides in (axes.xaxis, axes.yaxis):
        sides.set_major_formatter(PercentFormatter(1.0))
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
    axes.legend(loc="upper left")
    return axes


def plot_deciles(comparison: Comparison) -> Axes:
    """Draw the share who ordered by rank of the probability, champion and RFM rule."""
    y = comparison.y
    table = rank_table(y, comparison.p[comparison.champion])
    first, last = table["rate"].iloc[0], table["rate"].iloc[-1]
    axes = new_axes(
        f"{first:.0%} of the likeliest tenth ordered, {last:.0%} of the least likely tenth",
        "tenth of the test customers, likeliest to order first",
        "share who ordered",
    )
    distance = np.abs([table["rate"] - table["lower"], table["upper"] - table["rate"]])
    word = CANDIDATE_WORDS[comparison.champion]
    axes.bar(table["part"], table["rate"], width=0.7, color=ACCENT, label=f"by {word}")
    axes.errorbar(
        table["part"], table["rate"], yerr=distance, fmt="none", color="#323f4b", capsize=3
    )
    if comparison.champion != "rfm_rule":
        rule = rank_table(y, comparison.p["rfm_rule"])
        axes.plot(rule["part"], rule["rate"], "D", color=COLORS[1], label="by RFM rule")
    axes.axhline(y.mean(), color="#52606d", linewidth=1, linestyle="--", label="all test customers")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xticks(table["part"])
    axes.set_ylim(0, 1.17)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(loc="upper left", ncols=3)
    return axes


def plot_drivers(model: PurchaseModel, n_shown: int = 10) -> Axes:
    """Draw what moves the probability of the model that scores, strongest on top."""
    drivers = model.candidate.drivers()
    order = drivers["effect"].abs().sort_values(ascending=False, kind="stable").index[:n_shown]
    shown = drivers.loc[order[::-1]]
    unit = model.candidate.effect_unit
    has_direction = bool((drivers["effect"] < 0).any())
    xlabel = f"{unit}; green raises the probability, red lowers it" if has_direction else unit
    axes = new_axes(_drivers_message(shown), xlabel, "", size=(7.6, 4.2))
    colors = [
        BAD if effect < 0 else GOOD if has_direction else ACCENT for effect in shown["effect"]
    ]
    axes.barh(np.arange(len(shown)), shown["effect"], color=colors)
    axes.set_yticks(np.arange(len(shown)), shown["driver"])
    axes.axvline(0, color="#52606d", linewidth=1)
    axes.grid(visible=False, axis="y")
    return axes


def _drivers_message(shown: pd.DataFrame) -> str:
    if shown.empty:
        return "Nothing drives the score: all customers get one rate"
    return f"What moves the score most: {shown['driver'].iloc[-1]}"
