"""Cohorts: customers by when they were first seen, and how many of them come back."""

from dataclasses import dataclass
import datetime as dt

from ibis.expr.types import IntegerValue, Table, TimestampValue
import pandas as pd

from src.data.window import days_after, known_by, parse_date
from src.metrics.intervals import wilson_interval

__all__ = [
    "Retention",
    "build_retention",
    "describe_retention",
    "retained_share",
    "summarise_retention",
]

MAX_COHORTS = 18
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_AGES = (1, 3, 6, 12)


@dataclass(frozen=True)
class Retention:
    """What share of each cohort orders again in each later period.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row per `cohort` (name of the calendar period, such as ``2017-02``) and `age`
        (whole periods since it, from 1), oldest first: `n_customers` of the cohort,
        `n_ordering` in that period, `retained_share`, `lower` and `upper` (Wilson, 95 %),
        `is_censored` for the first cohort, whose customers may have come before the history
        begins.
    unit : str
        ``month``, ``quarter`` or ``year``.
    first_date, as_of_date : str
        ISO dates of the first order and of the last day looked at; the first is empty where
        nobody has ordered.
    """

    cells: pd.DataFrame
    unit: str
    first_date: str
    as_of_date: str

    @property
    def is_empty(self) -> bool:
        """Whether no cohort has a whole later period."""
        return self.cells.empty


def build_retention(orders: Table, as_of_date: str, max_cohorts: int = MAX_COHORTS) -> Retention:
    """Count who orders again, by calendar period of the first order.

    Periods are months of UTC; quarters or years where the history has more than `max_cohorts`
    of the shorter ones. A period that the as-of date cuts short is left out, as a cohort and as
    a later period: it would look like a loss of customers.

    Parameters
    ----------
    orders : ibis.Table
        As in the contract of ``orders``.
    as_of_date : str
        ISO date; later lines are not seen.
    max_cohorts : int, default 18
        Cohorts at most, unless even years are more.

    Returns
    -------
    Retention
        `cells` has one row per cohort and whole later period, nobody's included.
    """
    lines = known_by(orders, "ordered_at", as_of_date)
    first = lines.aggregate(first=lines.ordered_at.min()).to_pandas().loc[0, "first"]
    if pd.isna(first):
        return Retention(_cells([], {}, 0, 0, "month"), "month", "", as_of_date)
    last = _last_whole_month(as_of_date)
    unit = _choose_unit(first.year * 12 + first.month - 1, last, max_cohorts)
    counts = _count_periods(lines, _MONTHS[unit])
    last_period = (last + 1) // _MONTHS[unit] - 1
    first_period = (first.year * 12 + first.month - 1) // _MONTHS[unit]
    cohorts = list(range(first_period, last_period))
    cells = _cells(cohorts, counts, first_period, last_period, unit)
    return Retention(cells, unit, first.date().isoformat(), as_of_date)


def _last_whole_month(as_of_date: str) -> int:
    """Count months from year 0 up to the last one that ends by the date."""
    next_day = parse_date(days_after(as_of_date, 1))
    return next_day.year * 12 + next_day.month - 2


def _choose_unit(first_month: int, last_month: int, max_cohorts: int) -> str:
    n_months = last_month - first_month + 1
    fits = (unit for unit, months in _MONTHS.items() if n_months <= months * max_cohorts)
    return next(fits, "year")


def _period_number(times: TimestampValue, n_months: int) -> IntegerValue:
    months = times.year().cast("int64") * 12 + times.month().cast("int64") - 1
    return (months // n_months).cast("int64")


def _count_periods(lines: Table, n_months: int) -> dict[tuple[int, int], int]:
    """Count customers by first and by any period of ordering."""
    dated = lines.select("customer_id", period=_period_number(lines.ordered_at, n_months))
    visits = dated.distinct()
    firsts = visits.group_by("customer_id").agg(cohort=visits.period.min())
    pairs = visits.inner_join(firsts, "customer_id").group_by("cohort", "period")
    counts = pairs.agg(n=lambda t: t.count()).to_pandas()
    numbers = counts[["cohort", "period", "n"]].astype("int64").itertuples(index=False)
    return {(cohort, period): n for cohort, period, n in numbers}


def _cells(
    cohorts: list[int],
    counts: dict[tuple[int, int], int],
    first_period: int,
    last_period: int,
    unit: str,
) -> pd.DataFrame:
    rows = []
    for cohort in cohorts:
        n = counts.get((cohort, cohort), 0)
        for period in range(cohort + 1, last_period + 1) if n else ():
            n_ordering = counts.get((cohort, period), 0)
            found = wilson_interval(n_ordering, n)
            name, age, is_censored = _name(cohort, unit), period - cohort, cohort == first_period
            shares = (found.estimate, found.lower, found.upper)
            rows.append((name, age, n, n_ordering, *shares, is_censored))
    columns = "cohort age n_customers n_ordering retained_share lower upper is_censored".split()
    return pd.DataFrame(rows, columns=columns)


def _name(period: int, unit: str) -> str:
    year, part = divmod(period, 12 // _MONTHS[unit])
    parts = {"month": f"{year}-{part + 1:02}", "quarter": f"{year} Q{part + 1}", "year": f"{year}"}
    return parts[unit]


def retained_share(retention: Retention, age: int = 1) -> float:
    """Share of all customers of the cohorts that order `age` periods later.

    The first cohort is left out where there is another, since it holds old customers too. NaN
    if no cohort is that old.
    """
    rows = retention.cells[retention.cells["age"] == age]
    new = rows[~rows["is_censored"].astype(bool)]
    rows = new if len(new) else rows
    n_customers = rows["n_customers"].sum()
    return float(rows["n_ordering"].sum() / n_customers) if n_customers else float("nan")


def summarise_retention(retention: Retention) -> pd.DataFrame:
    """Write the retention after 1, 3, 6 and 12 periods with its interval, for people.

    Returns
    -------
    pandas.DataFrame
        One row per cohort: customers, and texts such as ``57% (50-64%)``, a dash where that
        period is not over.
    """
    cells = retention.cells
    table = cells.groupby("cohort")[["n_customers"]].first()
    table.columns = ["customers"]
    for age in (age for age in _AGES if (cells["age"] == age).any()):
        rows = cells[cells["age"] == age].set_index("cohort")
        texts = [
            f"{share:.0%} ({lower * 100:.0f}–{upper:.0%})"
            for share, lower, upper in rows[["retained_share", "lower", "upper"]].to_numpy()
        ]
        name = f"{age} {retention.unit}{'s' if age > 1 else ''} later"
        table[name] = pd.Series(texts, index=rows.index).reindex(table.index).fillna("–")
    return table.rename_axis("first seen in")


def describe_retention(retention: Retention) -> str:
    """Say in a sentence where the cohorts begin and end, or why there are none."""
    if retention.is_empty:
        return (
            f"**No cohorts:** by {retention.as_of_date} no customer has a whole calendar "
            f"{retention.unit} behind the one of the first order."
        )
    next_day = dt.date.fromisoformat(days_after(retention.as_of_date, 1))
    is_whole = (next_day.month - 1) % _MONTHS[retention.unit] == 0 and next_day.day == 1
    ending = (
        "" if is_whole else f" The {retention.unit} that {retention.as_of_date} cuts is left out."
    )
    return (
        f"Orders are known from {retention.first_date} on, so the first cohort (marked ≤) holds "
        f"everybody who came before, too; only the later ones are new customers.{ending}"
    )
