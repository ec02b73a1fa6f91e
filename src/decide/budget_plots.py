"""Figures of a budget: profit against budget, and what each limit is worth."""

from matplotlib.axes import Axes
import pandas as pd

from src.figure import ACCENT, BAD, MUTED, new_axes, say_nothing

__all__ = ["plot_budget_curve", "plot_prices"]


def plot_budget_curve(curve: pd.DataFrame, currency: str = "yuan", what: str = "in total") -> Axes:
    """Line of `budget_curve` with the chosen budget and its slope.

    Parameters
    ----------
    curve : DataFrame
        From `src.decide.budget_curve.budget_curve`.
    currency : str, default "yuan"
        Word for one unit of money.
    what : str, default "in total"
        Which budget it is, such as "on sms".
    """
    known = curve.dropna(subset=["profit_value"])
    point = known[known["is_chosen"]]
    axes = new_axes(_message(point, currency, what), f"budget {what} ({currency})", "", (7.2, 3.8))
    axes.set_ylabel(f"expected incremental profit ({currency})")
    if known.empty:
        return say_nothing(axes, "No budget shown meets the least shares.")
    axes.plot(known["budget_value"], known["profit_value"], color=ACCENT)
    if len(point):
        chosen = point.iloc[0]
        axes.axline(
            (chosen["budget_value"], chosen["profit_value"]),
            slope=chosen["price"],
            color=MUTED,
            lw=1,
            ls="--",
        )
        axes.scatter(chosen["budget_value"], chosen["profit_value"], color=BAD, s=54, zorder=3)
        axes.annotate(
            f"chosen: {chosen['budget_value']:,.0f}",
            (chosen["budget_value"], chosen["profit_value"]),
            (8, -14),
            textcoords="offset points",
        )
    axes.set_xlim(left=0)
    axes.set_ylim(known["profit_value"].min(), 1.05 * known["profit_value"].max() or 1.0)
    return axes


def _message(point: pd.DataFrame, currency: str, what: str) -> str:
    if point.empty:
        return "The chosen budget cannot meet the least shares"
    price = float(point["price"].iloc[0])
    if price < 5e-4:
        return f"One more {currency} {what} would bring nothing"
    return f"One more {currency} {what} would bring {price:.2f}"


def plot_prices(limits: pd.DataFrame) -> Axes:
    """Bars of how much of each limit is used, with its price in words.

    Parameters
    ----------
    limits : DataFrame
        `Allocation.limits`; only budgets and capacities are drawn.
    """
    shown = limits[limits["kind"].isin(["budget", "capacity"])].iloc[::-1]
    n_tight = int((shown["price"] >= 5e-4).sum())
    axes = new_axes(
        f"{n_tight} of {len(shown)} limits hold profit back",
        "share of the limit that is used (%)",
        "",
        size=(7.8, 1.4 + 0.5 * max(len(shown), 1)),
    )
    if shown.empty:
        return say_nothing(axes, "There is no budget and no capacity.")
    limit = shown["limit_value"].where(shown["limit_value"] > 0)
    used = (100 * shown["used_value"] / limit).fillna(100.0).to_numpy()
    colors = [BAD if price >= 5e-4 else MUTED for price in shown["price"]]
    labels = [f"{row.name} ({row.kind})" for row in shown.itertuples(index=False)]
    axes.barh(labels, used, color=colors, height=0.6)
    for place, words in enumerate(shown["words"]):
        axes.annotate(words, (2, place), va="center", fontsize=9)
    axes.set_xlim(0, 105)
    axes.grid(axis="y", visible=False)
    return axes
