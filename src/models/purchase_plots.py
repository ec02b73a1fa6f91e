"""Figures of 04b: which candidate, how honest, how sharp, and what drives it."""

from matplotlib.axes import Axes
import matplotlib.dates as mdates
from matplotlib.ticker import PercentFormatter
import numpy as np
import pandas as pd

from src.data.window import parse_date
from src.figure import ACCENT, COLORS, MUTED, new_axes
from src.metrics.classification import (
    calibration_table,
    expected_calibration_error,
    rank_table,
)
from src.models.purchase_candidates import BASELINES, Candidate
from src.models.purchase_comparison import Comparison
from src.models.purchase_reasons import driver_values, driver_words
from src.models.purchase_words import candidate_words
from src.models.splits import HAS_ORDERED, Snapshot

__all__ = [
    "plot_candidates",
    "plot_contributions",
    "plot_deciles",
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
    """Draw each candidate's paired lead in log loss over the baseline, with its interval."""
    names = comparison.candidates["candidate"].tolist()
    axes = new_axes(
        _candidates_message(comparison),
        f"lead in log loss over the {candidate_words(comparison.baseline)} "
        "(nats per test customer; right is better)",
        "",
        size=(7.6, 0.8 + 0.36 * len(names)),
    )
    right = max(comparison.lead("log_loss", name).upper for name in names)
    for row, name in enumerate(names):
        lead, loss = comparison.lead("log_loss", name), comparison.figure("log_loss", name)
        color = ACCENT if name == comparison.champion else MUTED
        axes.plot([lead.lower, lead.upper], [row, row], color=color, linewidth=3)
        axes.plot(lead.estimate, row, "o", color=color, markersize=7)
        axes.annotate(
            f"log loss {loss.estimate:.3f} [{loss.lower:.3f}; {loss.upper:.3f}]",
            (right, row),
            xytext=(10, 0),
            textcoords="offset points",
            va="center",
            fontsize=8.5,
            annotation_clip=False,
        )
    axes.axvline(0, color="#52606d", linewidth=1)
    words = [
        candidate_words(name) + (" (used)" if name == comparison.champion else "") for name in names
    ]
    axes.set_yticks(range(len(names)), words)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.grid(visible=False, axis="y")
    return axes


def _candidates_message(comparison: Comparison) -> str:
    kind = comparison.contender.removesuffix("_searched")
    contender, rule = (candidate_words(name) for name in (kind, comparison.baseline))
    contender = contender[0].upper() + contender[1:]
    if comparison.champion != comparison.contender:
        return f"{contender} is not surely better than the {rule}"
    if comparison.champion in BASELINES:
        return f"No model was surely better than the {rule} on validation"
    if comparison.champion == "base_rate":
        return "Nothing was surely better than one rate for all on validation"
    return f"{contender} foresees orders better than the {rule}"


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
    """Draw the share who ordered by rank of the probability, champion and baseline."""
    y = comparison.y
    table = rank_table(y, comparison.p[comparison.champion])
    first, last = table["rate"].iloc[0], table["rate"].iloc[-1]
    axes = new_axes(
        f"{first:.0%} of the likeliest tenth ordered, {last:.0%} of the least likely tenth",
        "tenth of the test customers, likeliest to order first",
        "share who ordered",
    )
    distance = np.abs([table["rate"] - table["lower"], table["upper"] - table["rate"]])
    word = candidate_words(comparison.champion)
    axes.bar(table["part"], table["rate"], width=0.7, color=ACCENT, label=f"by {word}")
    axes.errorbar(
        table["part"], table["rate"], yerr=distance, fmt="none", color="#323f4b", capsize=3
    )
    if comparison.champion != comparison.baseline:
        rule = rank_table(y, comparison.p[comparison.baseline])
        words = candidate_words(comparison.baseline)
        axes.plot(rule["part"], rule["rate"], "D", color=COLORS[1], label=f"by {words}")
    axes.axhline(y.mean(), color="#52606d", linewidth=1, linestyle="--", label="all test customers")
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    axes.set_xticks(table["part"])
    axes.set_ylim(0, 1.17)
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.legend(loc="upper left", ncols=3)
    return axes


def plot_contributions(
    candidate: Candidate, profiles: pd.DataFrame, n_shown: int = 8, n_customers: int = 2000
) -> Axes:
    """Draw what each column adds to each customer's score, the strongest column on top.

    Parameters
    ----------
    candidate : Candidate
        That scores, fitted.
    profiles : pandas.DataFrame
        One row per customer; of more than `n_customers` every k-th is drawn.
    n_shown : int, default 8
        Columns drawn, by their mean absolute contribution.
    """
    profiles = profiles.iloc[:: max(1, -(-len(profiles) // n_customers))]
    added = candidate.contributions(profiles)
    strength = added.abs().mean().sort_values(ascending=False, kind="stable")
    shown = list(strength.index[:n_shown])
    axes = new_axes(
        _contributions_message(shown),
        f"added to the score ({candidate.effect_unit}); a dot is a customer",
        "",
        size=(9.2, 1.2 + 0.42 * max(len(shown), 1)),
    )
    for row, column in enumerate(shown):
        values = added[column].to_numpy()
        spots = axes.scatter(
            values,
            row + _spread(values),
            c=_colors(driver_values(profiles, column)),
            cmap="cividis",
            vmin=0,
            vmax=1,
            s=7,
            linewidths=0,
        )
    axes.set_yticks(range(len(shown)), [driver_words(column) for column in shown])
    axes.set_ylim(max(len(shown), 1) - 0.4, -0.6)
    axes.axvline(0, color="#52606d", linewidth=1)
    axes.grid(visible=False, axis="y")
    if shown:
        bar = axes.figure.colorbar(spots, ax=axes, ticks=[0, 1], aspect=30, pad=0.02)
        bar.ax.set_yticklabels(["low", "high"])
        bar.set_label("value of the column")
    return axes


def _spread(values: np.ndarray, n_bins: int = 60) -> np.ndarray:
    """Shift the dots of a row up and down where many lie together, at most by 0.4."""
    if not len(values) or np.ptp(values) == 0:
        return np.linspace(-0.4, 0.4, len(values))
    bins = np.floor((values - values.min()) / np.ptp(values) * (n_bins - 1)).astype(int)
    place = pd.Series(bins).groupby(bins).cumcount().to_numpy()
    fullest = np.bincount(bins).max()
    side = np.where(place % 2 == 0, 1, -1)
    return side * ((place + 1) // 2) / max(fullest / 2, 1) * 0.4


def _colors(values: pd.Series) -> np.ndarray:
    """Rank of each value from 0 to 1; texts by their order, missing ones in the middle."""
    ranks = values.rank(method="average").to_numpy(dtype=float, na_value=np.nan)
    highest = np.nanmax(ranks, initial=1.0)
    return np.nan_to_num((ranks - 1) / max(highest - 1, 1), nan=0.5)


def _contributions_message(shown: list[str]) -> str:
    if not shown:
        return "Nothing moves the score: all customers get one rate"
    return f"What moves the score most: {driver_words(shown[0])}"
