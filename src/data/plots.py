"""Figures of what came in and of what can be trusted."""

from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
import matplotlib.dates as mdates
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
import numpy as np
import pandas as pd

from src.figure import ACCENT, BAD, MUTED, new_axes, new_row, say_nothing

__all__ = [
    "plot_missing_map",
    "plot_offenders",
    "plot_rejected_steps",
    "plot_source_sizes",
    "plot_time_spans",
    "plot_weeks",
]

_THOUSANDS = FuncFormatter(lambda value, _: f"{value:,.0f}")
_LEAST_LINES = 6  # of a map, so that its scale has room
_PERCENT = FuncFormatter(lambda value, _: f"{value * 100:.0f} %")
_MISSING_COLORS = LinearSegmentedColormap.from_list("missing", ["#e8eef3", "#d08c2f", BAD])


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
    """Draw as a waterfall how each rule that refuses rows adds to the refused ones."""
    n_rows = int(steps.drop_duplicates("raw_table")["n_before"].sum())
    hits = steps.loc[steps["n_rejected"] > 0]
    names = (hits["raw_table"].str.removesuffix("_raw") + ": " + hits["rule"]).tolist()
    n_rejected = int(hits["n_rejected"].sum())
    message = _waterfall_message(hits, n_rows)
    axes = new_axes(message, "rows refused so far", "", (8.6, 1.5 + 0.38 * len(hits)))
    begins = (hits["n_rejected"].cumsum() - hits["n_rejected"]).tolist()
    axes.barh(
        [*names, f"all {len(steps)} rules"],
        [*hits["n_rejected"], n_rejected],
        left=[*begins, 0],
        color=[*[BAD] * len(hits), MUTED],
        height=0.6,
    )
    notes = [
        f" {step.n_rejected:,}  ({step.n_before:,} → {step.n_after:,})"
        for step in hits.itertuples()
    ]
    ends = [*(hits["n_rejected"].cumsum()), n_rejected]
    last = f" {n_rejected:,}  ({n_rows:,} → {n_rows - n_rejected:,})"
    for place, (end, note) in enumerate(zip(ends, [*notes, last], strict=True)):
        axes.text(end, place, note, va="center", fontsize=9)
    axes.set_xlim(0, max(n_rejected, 1) * 1.75)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axes.invert_yaxis()
    axes.grid(axis="y", visible=False)
    return axes


def plot_offenders(offenders: pd.DataFrame) -> Axes:
    """Draw where refused rows come from, beside what an even spread would give."""
    if offenders.empty:
        return say_nothing(
            new_axes("No place stands out among the refused rows", "refused rows", ""),
            "refused rows, if any, are spread evenly",
        )
    worst = offenders.iloc[0]
    message = (
        f"{worst['by']} {_short(worst['value'])} gives {worst['n_rejected']:,} refused rows "
        f"where {worst['n_expected']:,.0f} would be usual"
    )
    axes = new_axes(message, "refused rows", "", (8.6, 1.5 + 0.38 * len(offenders)))
    labels = [
        f"{row.raw_table.removesuffix('_raw')}: {row.by} {_short(row.value)}"
        for row in offenders.itertuples()
    ]
    places = range(len(offenders))
    axes.barh(places, offenders["n_rejected"], color=BAD, height=0.6, label="refused")
    axes.scatter(
        offenders["n_expected"],
        places,
        marker="|",
        s=160,
        color="black",
        zorder=3,
        label="if all were alike",
    )
    for place, row in enumerate(offenders.itertuples()):
        note = f"  {row.n_rejected:,} of its {row.n_rows:,} rows"
        axes.text(max(row.n_rejected, row.n_expected), place, note, va="center", fontsize=9)
    axes.set_yticks(places, labels)
    axes.set_xlim(0, offenders["n_rejected"].max() * 1.45)
    axes.xaxis.set_major_formatter(_THOUSANDS)
    axes.invert_yaxis()
    axes.legend(loc="lower right", frameon=False)
    axes.grid(axis="y", visible=False)
    return axes


def _short(text: str, longest: int = 28) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


_WEEK_PANELS = {
    "n_orders": "order lines per week",
    "n_customers": "customers with an order per week",
}
_MORE_WEEK_PANELS = {
    "n_events": "events per week",
    "n_exposures": "past contacts begun per week",
}


def plot_weeks(weeks: pd.DataFrame) -> Figure:
    """Draw order lines, active customers, events and new contacts by week; what is empty is not.

    Whole weeks with less than half of the usual order lines are of another color.
    """
    whole = weeks.loc[weeks["is_whole"]]
    base = whole if len(whole) else weeks
    middle = base["n_orders"].median() if len(base) else 0.0
    is_thin = (weeks["n_orders"] < middle / 2) & weeks.index.isin(base.index)
    n_thin = int(is_thin.sum())
    message = (
        f"{n_thin or 'None'} of the {len(base)} whole weeks "
        f"{'hold' if n_thin > 1 else 'holds'} less than half the usual order lines"
    )
    panels = _WEEK_PANELS | {
        column: label for column, label in _MORE_WEEK_PANELS.items() if weeks[column].any()
    }
    figure, all_axes = new_row(message, len(panels), size=(max(8.6, 3.1 * len(panels)), 3.3))
    colors = weeks["is_whole"].map({True: ACCENT, False: MUTED}).mask(is_thin, BAD)
    label_below = "week (grey: not whole" + ("; red: thin)" if n_thin else ")")
    for axes, (column, label) in zip(all_axes, panels.items(), strict=True):
        axes.bar(weeks["week_at"], weeks[column], width=6, color=colors)
        axes.set(ylabel=label, xlabel=label_below, ylim=(0, None))
        axes.yaxis.set_major_formatter(_THOUSANDS)
        _date_axis(axes)
    return figure


def plot_missing_map(missing: pd.DataFrame) -> Axes:
    """Draw as a map the share that is missing of each column in each month."""
    shares = missing.pivot(index=["table", "column"], columns="month", values="missing_share")
    shares = shares.loc[~(shares.fillna(1) == 1).all(axis=1)]
    if shares.empty:
        return say_nothing(new_axes("No column that may be empty has a value", "", ""), "nothing")
    overall = _overall_shares(missing).loc[shares.index]
    order = overall.rename("share").reset_index().sort_values(["table", "share"]).index
    shares, overall = shares.iloc[order], overall.iloc[order]
    worst = overall.idxmax()
    message = f"{worst[1]} of {worst[0]} is known least: {overall.max() * 100:.0f} % is missing"
    if not overall.max():
        message = "Whatever is filled at all is filled in every row"
    axes = new_axes(message, "month", "", (8.6, 1.4 + 0.3 * max(len(shares), _LEAST_LINES)))
    image = axes.pcolormesh(shares.to_numpy(), cmap=_MISSING_COLORS, vmin=0, vmax=1)
    axes.set_yticks(
        np.arange(len(shares)) + 0.5, [f"{table}: {column}" for table, column in shares.index]
    )
    for place, share in enumerate(overall):
        axes.text(shares.shape[1], place + 0.5, f" {share * 100:.1f} %", va="center", fontsize=9)
    tables = shares.index.get_level_values("table")
    for place in np.flatnonzero(tables[1:] != tables[:-1]) + 1:
        axes.axhline(place, color="white", linewidth=4)
    _month_ticks(axes, shares.columns)
    axes.grid(visible=False)
    axes.invert_yaxis()
    bar = axes.figure.colorbar(image, ax=axes, format=_PERCENT, shrink=0.9, pad=0.1)
    bar.set_label("missing (white: no rows)")
    return axes


def _overall_shares(missing: pd.DataFrame) -> pd.Series:
    """Share that is missing of each column over all months."""
    rows = missing.assign(n_missing=missing["missing_share"] * missing["n_rows"])
    sums = rows.groupby(["table", "column"])[["n_missing", "n_rows"]].sum()
    return sums["n_missing"] / sums["n_rows"].clip(lower=1)


def _month_ticks(axes: Axes, months: pd.Index) -> None:
    """Name so many months that their names do not touch, and the year where it begins."""
    step = -(-len(months) // 14)
    places = np.arange(0, len(months), step)
    named = [months[place] for place in places]
    is_new = [i == 0 or month.year != named[i - 1].year for i, month in enumerate(named)]
    labels = [f"{m:%b}\n{m:%Y}" if new else f"{m:%b}" for m, new in zip(named, is_new, strict=True)]
    axes.set_xticks(places + 0.5, labels)


def _waterfall_message(hits: pd.DataFrame, n_rows: int) -> str:
    n_rejected = int(hits["n_rejected"].sum())
    if n_rejected == 0:
        return f"No rule refuses any of {n_rows:,} raw rows"
    worst = hits.groupby("rule", sort=False)["n_rejected"].sum().idxmax()
    share = f"{n_rejected / n_rows * 100:.2f} %"
    return f"{share} of {n_rows:,} raw rows are refused, most by {worst}"


def _date_axis(axes: Axes) -> None:
    locator = mdates.AutoDateLocator(minticks=3, maxticks=6)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
