"""Figures of what came in and of what can be trusted."""

from matplotlib.axes import Axes
import matplotlib.dates as mdates
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
import pandas as pd

from src.figure import ACCENT, BAD, COLORS, MUTED, new_axes, new_row

__all__ = [
    "plot_missing_shares",
    "plot_rejected_steps",
    "plot_source_sizes",
    "plot_time_spans",
    "plot_weeks",
]

_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
_PERCENT = FuncFormatter(lambda value, _: f"{value * 100:.0f} %")


def plot_source_sizes(sources: pd.DataFrame) -> Axes:
    """Draw the rows of every source file, those in use apart from those only registered."""
    files = sources.sort_values("n_rows", kind="stable")
    is_used = files["raw_table"].notna()
    n_used = int(is_used.sum())
    message = (
        f"{n_used} of {len(files)} files {'feeds' if n_used == 1 else 'feed'} the run; "
        f"the largest of them has {files.loc[is_used, 'n_rows'].max():,} rows"
    )
    axes = new_axes(message, "rows (each step is ten times more)", "")
    colors = is_used.map({True: ACCENT, False: MUTED})
    axes.barh(files["source_table"], files["n_rows"].clip(lower=1), color=colors)
    axes.set(xscale="log", xlim=(0.8, max(10, files["n_rows"].max()) * 20))
    for place, (n_rows, used) in enumerate(zip(files["n_rows"], is_used, strict=True)):
        note = f" {n_rows:,}" + ("" if used else " (registered only)")
        axes.text(max(n_rows, 1), place, note, va="center", fontsize=9)
    axes.grid(axis="y", visible=False)
    return axes


def plot_time_spans(spans: pd.DataFrame, as_of_date: str) -> Axes:
    """Draw from when to when each raw table reaches, and the as-of date."""
    as_of = pd.Timestamp(as_of_date, tz="UTC")
    orders = spans.loc[spans["raw_table"] == "orders_raw"]
    days_before = int((as_of - orders["first_at"].min().normalize()).days) if len(orders) else 0
    days_after = int((orders["last_at"].max().normalize() - as_of).days) if len(orders) else 0
    message = (
        f"Orders reach {max(days_before, 0)} days back from the as-of date "
        f"and {max(days_after, 0)} days beyond it"
    )
    axes = new_axes(message, "date", "", size=(7.2, 2.6))
    first, last = (mdates.date2num(spans[name]) for name in ("first_at", "last_at"))
    axes.barh(spans["raw_table"], last - first, left=first, color=ACCENT, height=0.5)
    axes.axvline(mdates.date2num(as_of), color=BAD)
    axes.annotate(
        f" as-of date {as_of_date}",
        (mdates.date2num(as_of), 1),
        xycoords=("data", "axes fraction"),
        va="top",
        color=BAD,
        fontsize=9,
    )
    axes.set_ylim(len(spans) - 0.5, -0.9)
    _date_axis(axes)
    axes.grid(axis="y", visible=False)
    return axes


def plot_rejected_steps(steps: pd.DataFrame) -> Axes:
    """Draw as a waterfall how each rule in turn adds to the refused rows."""
    n_rows = int(steps.drop_duplicates("raw_table")["n_before"].sum())
    refused = steps.groupby("rule", sort=False)["n_rejected"].sum()
    n_rejected = int(refused.sum())
    axes = new_axes(_waterfall_message(refused, n_rows), "rows refused so far", "", (7.2, 4.4))
    begins = [*(refused.cumsum() - refused), 0]
    lengths = [*refused, n_rejected]
    axes.barh(
        [*refused.index, "all rules"],
        lengths,
        left=begins,
        color=[*[BAD] * len(refused), MUTED],
        height=0.6,
    )
    for place, (begin, length) in enumerate(zip(begins, lengths, strict=True)):
        axes.text(begin + length, place, f" {length:,}", va="center", fontsize=9)
    axes.set_xlim(0, max(n_rejected, 1) * 1.15)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return axes


def plot_weeks(weeks: pd.DataFrame) -> Figure:
    """Draw order lines, active customers, events and new contacts by week."""
    whole = weeks.loc[weeks["is_whole"]]
    base = whole if len(whole) else weeks
    middle = base["n_orders"].median() if len(base) else 0.0
    n_thin = int((base["n_orders"] < middle / 2).sum())
    message = (
        f"{n_thin or 'None'} of the {len(base)} whole weeks "
        f"{'hold' if n_thin > 1 else 'holds'} less than half the usual order lines"
    )
    panels = {
        "n_orders": "order lines per week",
        "n_customers": "customers with an order per week",
        "n_events": "events per week",
        "n_exposures": "past contacts begun per week",
    }
    figure, all_axes = new_row(message, len(panels), size=(12.4, 3.3))
    for axes, (column, label) in zip(all_axes, panels.items(), strict=True):
        colors = weeks["is_whole"].map({True: ACCENT, False: MUTED})
        axes.bar(weeks["week_at"], weeks[column], width=6, color=colors)
        axes.set(ylabel=label, xlabel="week (grey: not whole)", ylim=(0, None))
        axes.yaxis.set_major_formatter(_THOUSANDS)
        _date_axis(axes)
    return figure


def plot_missing_shares(missing: pd.DataFrame) -> Axes:
    """Draw the missing share of each attribute, the tables in colours of their own."""
    ordered = missing.sort_values(["table", "missing_share"], ignore_index=True)
    worst = missing.loc[missing["missing_share"].idxmax()]
    message = (
        f"{worst['column']} of {worst['table']} is missing most often, "
        f"in {worst['missing_share'] * 100:.0f} % of the rows"
    )
    axes = new_axes(message, "share of rows without a value", "", size=(7.2, 4.4))
    for number, (name, rows) in enumerate(ordered.groupby("table", sort=True)):
        axes.barh(rows.index, rows["missing_share"], color=COLORS[number], label=name)
    for place, share in ordered["missing_share"].items():
        axes.text(share, place, f" {share * 100:.0f} %", va="center", fontsize=9)
    axes.set_yticks(ordered.index, ordered["column"])
    axes.set_xlim(0, 1.08)
    axes.xaxis.set_major_formatter(_PERCENT)
    axes.legend(loc="lower right", title="table")
    axes.grid(axis="y", visible=False)
    return axes


def _waterfall_message(refused: pd.Series, n_rows: int) -> str:
    n_rejected = int(refused.sum())
    if n_rejected == 0:
        return f"No rule refuses any of {n_rows:,} raw rows"
    share = f"{n_rejected / n_rows * 100:.2f} %"
    return f"{share} of {n_rows:,} raw rows are refused, most by {refused.idxmax()}"


def _date_axis(axes: Axes) -> None:
    locator = mdates.AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
