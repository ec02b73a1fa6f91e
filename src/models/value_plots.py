"""Figures of lifetime value."""

from matplotlib.axes import Axes
import numpy as np
import pandas as pd

from src.figure import ACCENT, BAD, GOOD, MUTED, new_axes, say_nothing
from src.models.value_candidates import CANDIDATE_WORDS
from src.models.value_comparison import ValueComparison, spend_tenths
from src.models.value_holdout import Holdout

__all__ = [
    "plot_alive",
    "plot_holdout_weeks",
    "plot_holdouts",
    "plot_tenths",
    "plot_value_concentration",
]


def plot_holdout_weeks(holdout: Holdout) -> Axes:
    """Draw cumulated order days of the hold-out: actual, predicted, baseline."""
    weeks = holdout.weeks
    axes = new_axes(_holdout_message(holdout), "weeks after the cut", "order days, cumulated")
    if holdout.ratio is None:
        return say_nothing(axes, "nobody known at the cut")
    week, actual = np.append(0, weeks["week"]), np.append(0, weeks["actual"])
    axes.fill_between(weeks["week"], weeks["lower"], weeks["upper"], color=MUTED, alpha=0.35, lw=0)
    axes.plot(week, actual, color="black", marker="o", ms=4, label="actual, with 95 % interval")
    axes.plot(week, np.append(0, weeks["predicted"]), color=ACCENT, lw=2, label="model")
    axes.plot(week, np.append(0, weeks["baseline"]), color=BAD, ls="--", label="rate as before")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper left", frameon=False)
    return axes


def _holdout_message(holdout: Holdout) -> str:
    if holdout.ratio is None:
        return "No hold-out: nobody had ordered by the cut"
    off = 1 / holdout.ratio.estimate - 1 if holdout.ratio.estimate > 0 else float("inf")
    if not np.isfinite(off):
        return "Nobody ordered in the hold-out"
    side = "above" if off >= 0 else "below"
    return f"Model of {holdout.cut_date}: {abs(off):.1%} {side} what then happened"


def plot_tenths(comparison: ValueComparison) -> Axes:
    """Draw actual over expected spend by tenths of customers, for champion and baseline."""
    axes = new_axes(
        _tenths_message(comparison),
        "expected spend of a tenth of the customers, mean",
        "actual spend, mean",
        size=(5.6, 4.6),
    )
    if not comparison.is_compared:
        return say_nothing(axes, "nothing could be compared")
    shown = {comparison.baseline: BAD, comparison.champion: ACCENT}
    for name, color in shown.items():
        tenths = spend_tenths(comparison.spend, comparison.expected[name])
        axes.errorbar(
            tenths["expected"],
            tenths["actual"],
            tenths["half"],
            color=color,
            fmt="o",
            ms=5,
            label=CANDIDATE_WORDS[name],
        )
    end = max(axes.get_xlim()[1], axes.get_ylim()[1])
    axes.plot([0, end], [0, end], color=MUTED, ls="--", zorder=0)
    axes.set(xlim=(0, end), ylim=(0, end))
    axes.legend(loc="upper left", frameon=False)
    return axes


def _tenths_message(comparison: ValueComparison) -> str:
    if not comparison.is_compared:
        return "No comparison of expected and actual spend"
    figures = comparison.candidates.set_index("candidate")
    off = figures.loc[comparison.champion, "misplaced"]
    return f"{off:.1%} of the spend was not where it was expected"


def plot_alive(btyd: pd.DataFrame, value_scores: pd.DataFrame) -> Axes:
    """Draw P(alive) of every customer over silence and frequency."""
    silent = (btyd["T"] - btyd["btyd_recency"]).to_numpy()
    n_doubtful = int((value_scores["p_alive"] < 0.5).sum())
    axes = new_axes(
        f"{n_doubtful:,} of {len(btyd):,} customers have probably left",
        "weeks since the last order day",
        "repeat order days so far",
    )
    if not len(btyd):
        return say_nothing(axes, "no customers")
    points = axes.scatter(
        silent,
        btyd["btyd_frequency"],
        c=value_scores["p_alive"],
        cmap="viridis",
        vmin=0,
        vmax=1,
        s=14,
        linewidths=0,
    )
    axes.set_yscale("symlog", linthresh=1)
    axes.set_yticks([0, 1, 3, 10, 30, 100], ["0", "1", "3", "10", "30", "100"])
    axes.figure.colorbar(points, ax=axes, label="P(alive)")
    return axes


def plot_holdouts(holdouts: list[Holdout]) -> Axes:
    """Draw actual over predicted of each hold-out, in order days and in money."""
    known = [holdout for holdout in holdouts if holdout.ratio and holdout.value_ratio][::-1]
    money = [holdout.value_ratio.estimate for holdout in known] or [float("nan")]
    axes = new_axes(
        f"{len(known)} hold-outs: {min(money):.0%} to {max(money):.0%} of the predicted money came",
        "actual over predicted, with 95 % interval",
        "end of what the model saw",
        size=(7.2, 1.6 + 0.6 * max(len(known), 1)),
    )
    if not known:
        return say_nothing(axes, "nobody known at the cut")
    for shift, name, color in ((0.12, "ratio", ACCENT), (-0.12, "value_ratio", GOOD)):
        intervals = [getattr(holdout, name) for holdout in known]
        middle = np.array([interval.estimate for interval in intervals])
        below = middle - [interval.lower for interval in intervals]
        above = [interval.upper for interval in intervals] - middle
        at = np.arange(len(known)) + shift
        label = "order days" if name == "ratio" else "money"
        axes.errorbar(middle, at, xerr=[below, above], fmt="o", color=color, label=label)
    axes.axvline(1, color="black", lw=1)
    axes.set_yticks(range(len(known)), [holdout.cut_date for holdout in known])
    axes.set_ylim(-0.6, len(known) - 0.4)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return axes


def plot_value_concentration(value_scores: pd.DataFrame) -> Axes:
    """Draw which share of all lifetime value the best customers hold."""
    clv = np.sort(value_scores["clv"].to_numpy())[::-1]
    total = clv.sum()
    fifth = clv[: max(1, round(0.2 * len(clv)))].sum() / total if total > 0 else 0.0
    axes = new_axes(
        f"The best fifth of customers hold {fifth:.0%} of the value to come",
        "share of customers, best first",
        "share of lifetime value",
        size=(5.2, 4.2),
    )
    if total <= 0:
        return say_nothing(axes, "no value expected")
    share = np.arange(len(clv) + 1) / len(clv)
    axes.plot(share, np.append(0, np.cumsum(clv)) / total, color=GOOD, lw=2)
    axes.plot([0, 1], [0, 1], color=MUTED, ls="--")
    axes.plot([0.2, 0.2, 0], [0, fifth, fifth], color=MUTED, lw=1)
    axes.set(xlim=(0, 1), ylim=(0, 1.01))
    return axes
