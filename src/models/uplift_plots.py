"""Figures of what past messages changed, or cannot be said to have changed."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
import numpy as np
import pandas as pd

from src.figure import ACCENT, BAD, GOOD, MUTED, new_axes, new_row, say_nothing
from src.models.uplift import CONSTANT_EFFECT, UpliftModel
from src.models.uplift_comparison import BASELINE
from src.models.uplift_kinds import KINDS
from src.models.uplift_selection import mean_contrast
from src.models.uplift_words import learner_words

__all__ = ["plot_calibration", "plot_contrasts", "plot_history", "plot_kinds", "plot_learners"]

_KIND_COLORS = dict(zip(KINDS, (GOOD, ACCENT, MUTED, BAD), strict=True))


def plot_history(history: pd.DataFrame) -> Axes:
    """Draw past contacts by action: usable, drawn but not over, and chosen by somebody."""
    n_usable = int(history["n_usable"].sum())
    axes = new_axes(
        f"{n_usable:,} of {int(history['n_contacts'].sum()):,} past contacts can teach an effect",
        "past contacts",
        "",
        size=(7.2, 1.4 + 0.38 * max(len(history), 1)),
    )
    if history.empty:
        return say_nothing(axes, "no past contact")
    shown = history.sort_values("n_contacts")
    parts = (
        ("drawn at random, outcome known", shown["n_usable"], GOOD),
        ("drawn, outcome still open", shown["n_randomised"] - shown["n_usable"], ACCENT),
        ("chosen by somebody", shown["n_contacts"] - shown["n_randomised"], MUTED),
    )
    left = np.zeros(len(shown))
    for label, width, color in parts:
        axes.barh(shown["action"], width, left=left, color=color, label=label)
        left += width.to_numpy()
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
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


def plot_learners(models: Sequence[UpliftModel]) -> Figure:
    """Draw the Qini coefficient of every learner beside the mean effect, one panel per action."""
    tried = [model for model in models if model.learners is not None]
    n_differ = sum(model.basis != CONSTANT_EFFECT for model in tried)
    message = f"Customers are known to differ for {n_differ} of {len(tried)} actions"
    n_rows = max((len(model.learners) for model in tried), default=1)
    figure, panels = new_row(message, max(len(tried), 1), size=(9.6, 1.3 + 0.27 * n_rows))
    if not tried:
        say_nothing(panels[0], "too few contacts drawn at random to rank customers")
    for axes, model in zip(panels, tried, strict=False):
        _draw_learners(axes, model)
    for axes in panels[1:]:
        axes.set_yticklabels([])
    return figure


def _draw_learners(axes: Axes, model: UpliftModel) -> None:
    table = model.learners.iloc[::-1]
    at = np.arange(len(table))
    ends = np.abs(table[["qini_lower", "qini_upper"]].to_numpy().T - table["qini"].to_numpy())
    colors = [
        GOOD if name == model.basis else MUTED if name == BASELINE else ACCENT
        for name in table["learner"]
    ]
    axes.errorbar(table["qini"], at, xerr=ends, fmt="none", ecolor=colors, elinewidth=1.5)
    axes.scatter(table["qini"], at, color=colors, zorder=3)
    axes.axvline(0, color="black", lw=1)
    axes.set_yticks(at, [learner_words(name) for name in table["learner"]])
    axes.set_title(model.action, fontsize=10)
    axes.set_xlabel("Qini coefficient, held out, 95 % interval\n(shop currency per contact)")


def plot_calibration(models: Sequence[UpliftModel]) -> Figure:
    """Draw realised against predicted effect by tenths of the prediction, one panel per action."""
    tried = [model for model in models if model.calibration is not None]
    figure, panels = new_row(
        "Customers not learnt from: what was predicted, and what came", max(len(tried), 1)
    )
    if not tried:
        say_nothing(panels[0], "too few contacts drawn at random to compare with")
        return figure
    for axes, model in zip(panels, tried, strict=False):
        table = model.calibration
        half = (table["upper"] - table["lower"]) / 2
        axes.errorbar(table["predicted"], table["realised"], yerr=half, fmt="o", color=ACCENT)
        ends = [table["predicted"].min(), table["predicted"].max()]
        axes.plot(ends, ends, color=MUTED, ls="--", lw=1, label="as predicted")
        axes.axhline(model.effect.estimate, color=GOOD, lw=1, label="mean effect")
        axes.set_title(f"{model.action}: {learner_words(model.best)}", fontsize=10)
        axes.set_xlabel("predicted effect (shop currency)")
    panels[0].set_ylabel("realised effect, 95 % interval\n(shop currency)")
    panels[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure


def plot_kinds(kinds: pd.DataFrame) -> Figure:
    """Draw the four kinds' probabilities over the customers, one panel per action."""
    known = kinds.dropna(subset=["p_kind"])
    actions = sorted(known["action"].unique())
    share = known.groupby("action")["p_persuadable"].mean()
    said = ", ".join(f"{share[action]:.0%} for {action}" for action in actions)
    message = f"Expected share of persuadable customers: {said}" if actions else "No kind is known"
    figure, panels = new_row(message, max(len(actions), 1), size=(9.6, 3.4))
    if not actions:
        say_nothing(panels[0], "no effect is known")
        return figure
    for axes, action in zip(panels, actions, strict=False):
        part = known[known["action"] == action]
        part = part.sort_values(["p_persuadable", "p_sleeping_dog"], ascending=[False, True])
        heights = [part[f"p_{kind}"].to_numpy() for kind in KINDS]
        labels = [kind.replace("_", " ") for kind in KINDS]
        x = np.linspace(0, 1, len(part))
        axes.stackplot(x, heights, labels=labels, colors=list(_KIND_COLORS.values()), lw=0)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="share of customers, persuadable first")
        axes.set_title(action, fontsize=10)
    panels[0].set_ylabel("probability")
    panels[-1].legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    return figure
