"""Figures of what past messages changed, or cannot be said to have changed."""

from collections.abc import Sequence

from matplotlib.axes import Axes
import numpy as np
import pandas as pd

from src.figure import ACCENT, BAD, COLORS, GOOD, MUTED, new_axes, say_nothing
from src.metrics.uplift import qini_curve
from src.models.design import column_words
from src.models.uplift import UpliftModel
from src.models.uplift_selection import IMBALANCE, mean_contrast

__all__ = ["plot_contrasts", "plot_effects", "plot_imbalance", "plot_qini"]


def plot_imbalance(differences: pd.DataFrame, max_features: int = 14) -> Axes:
    """Draw the standardised differences of the addressed from the others (a love plot)."""
    shown = differences.head(max_features)[::-1]
    n_unlike = int((differences["smd"].abs() >= IMBALANCE).sum())
    message = f"Unlike before any message, in {n_unlike} of {len(differences)} respects"
    axes = new_axes(
        message if len(differences) else "No past contact to compare",
        "addressed minus others, standard deviations",
        "",
        size=(8.0, 1.2 + 0.26 * max(len(shown), 5)),
    )
    if not len(shown):
        return say_nothing(axes, "no past contact to compare")
    at = np.arange(len(shown))
    color = np.where(shown["smd"].abs() >= IMBALANCE, BAD, GOOD)
    axes.axvspan(-IMBALANCE, IMBALANCE, color=MUTED, alpha=0.25, lw=0)
    axes.axvline(0, color="black", lw=1)
    axes.hlines(at, 0, shown["smd"], color=color, lw=1)
    axes.scatter(shown["smd"], at, color=color, zorder=3)
    axes.set_yticks(at, [column_words(name) for name in shown["feature"]])
    return axes


def plot_contrasts(contrasts: pd.DataFrame) -> Axes:
    """Draw the naive difference of each campaign, before and after it began."""
    campaigns = contrasts.drop_duplicates("campaign_id")
    before = mean_contrast(contrasts, "before")
    message = f"Already before the message they differed by {before:+,.2f}"
    axes = new_axes(
        message if len(campaigns) else "No past campaign to compare",
        "spend per customer, addressed minus others (shop currency)",
        "",
        size=(8.0, 1.5 + 0.42 * max(len(campaigns), 3)),
    )
    if not len(campaigns):
        return say_nothing(axes, "no past campaign is large enough")
    styles = (
        ("before", 0.14, MUTED, "before the start"),
        ("after", -0.14, ACCENT, "from the start on"),
    )
    for period, shift, color, label in styles:
        part = contrasts[contrasts["period"] == period]
        at = np.arange(len(part))[::-1] + shift
        half = (part["upper"] - part["lower"]) / 2
        axes.errorbar(part["difference"], at, xerr=half, fmt="o", color=color, label=label)
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(
        np.arange(len(campaigns))[::-1],
        [f"{row.start_date}, n={row.n_addressed:,}" for row in campaigns.itertuples()],
    )
    axes.set_ylim(-0.7, len(campaigns) - 0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return axes


def plot_effects(models: Sequence[UpliftModel]) -> Axes:
    """Draw the mean effect of each action that was tried at random."""
    known = [model for model in models if model.effect is not None]
    n_clear = sum(model.effect.lower > 0 or model.effect.upper < 0 for model in known)
    axes = new_axes(
        f"{n_clear} of {len(known)} actions have a clear mean effect",
        "effect on margin per contact (shop currency), with 95 % interval",
        "",
        size=(7.2, 1.6 + 0.5 * max(len(known), 1)),
    )
    if not known:
        return say_nothing(axes, "no action was tried at random")
    at = np.arange(len(known))[::-1]
    middle = np.array([model.effect.estimate for model in known])
    below = middle - [model.effect.lower for model in known]
    above = [model.effect.upper for model in known] - middle
    axes.errorbar(middle, at, xerr=[below, above], fmt="o", color=ACCENT)
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(at, [f"{model.action}\nn={model.n_treated:,}" for model in known])
    axes.set_ylim(-0.6, len(known) - 0.4)
    return axes


def plot_qini(models: Sequence[UpliftModel]) -> Axes:
    """Draw the Qini curve of each T-learner on customers that it had not seen."""
    tried = [model for model in models if model.held_out is not None]
    n_better = sum(model.qini.lower > 0 for model in tried)
    axes = new_axes(
        f"For {n_better} of {len(tried)} actions the ranking finds whom a message changes",
        "share of customers addressed, best ranked first",
        "incremental margin per treated customer\n(shop currency)",
    )
    if not tried:
        return say_nothing(axes, "too few contacts drawn at random to rank customers")
    for model, color in zip(tried, COLORS, strict=False):
        held_out = model.held_out
        columns = ("outcome_value", "is_treated", "uplift_value", "weight")
        share, gain = qini_curve(*(held_out[name].to_numpy() for name in columns))
        axes.plot(share, gain, color=color, label=model.action)
        axes.plot([0, 1], [0, gain[-1]], color=color, ls="--", lw=1)
    axes.legend(loc="best", frameon=False, title="dashed: everybody alike")
    return axes
