"""Six kinds of customers in medians and shares, as cards for people; nobody real among them."""

from dataclasses import dataclass
import functools

import ibis
from ibis.expr.types import IntegerColumn, Table
import pandas as pd

from src.data.window import days_after, parse_date, within
from src.features.rhythm import LIFECYCLE
from src.features.windows import build_baskets

__all__ = [
    "LEVELS",
    "MANNERS",
    "MIN_CUSTOMERS",
    "Persona",
    "assign_personas",
    "build_personas",
    "describe_personas",
]

LEVELS = ("Light buyers", "Middle buyers", "Big spenders")
"""Thirds of the customers by spend in 365 days."""

MANNERS = ("price-relaxed", "deal-minded")
"""Halves of the customers by the share of the price that discounts and coupons saved them."""

MIN_CUSTOMERS = 20
_N_DEPARTMENTS, _N_TELLING = 3, 2
_LEAST_SHARE, _LEAST_RATIO = 0.02, 1.1
_BASKET_DAYS = 364
_MEDIANS = (
    "recency_days n_orders_90 monetary_value items_per_order discount_share weekend_share "
    "evening_share"
).split()


@dataclass(frozen=True)
class Persona:
    """A kind of customer.

    Parameters
    ----------
    name : str
        One of `LEVELS` and one of `MANNERS`, such as ``Big spenders, deal-minded``.
    n_customers : int
        Customers of the kind.
    customer_share, spend_share : float
        Of all customers, and of the spend of 365 days.
    medians : dict of str to float
        Of columns of ``profiles``, over the customers of the kind; NaN where nobody has one.
    departments : tuple of (str, float)
        The three with most of their spend: name, share of it.
    telling : tuple of (str, float)
        Up to two departments that take at least a tenth more of their spend than of
        everybody's, of those with 2 % of it or more: name, times everybody's share.
    weekdays : tuple of float
        Share of their orders on Monday to Sunday (UTC), last 52 weeks; empty if there are none.
    lifecycle : dict of str to float
        Share of them in each stage of life.
    """

    name: str
    n_customers: int
    customer_share: float
    spend_share: float
    medians: dict[str, float]
    departments: tuple[tuple[str, float], ...]
    telling: tuple[tuple[str, float], ...]
    weekdays: tuple[float, ...]
    lifecycle: dict[str, float]


def assign_personas(profiles: Table) -> Table:
    """Put every customer into one of six kinds.

    The level is the third by `spend_365_value`, the manner the half by `discount_share`
    (unknown is 0), counted by how many customers have strictly less. Equal values share a
    place, so the kinds need not be equal in size, and where all are equal there is one.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer.

    Returns
    -------
    ibis.Table
        One row per customer: `customer_id`, `level` (0-2, most is best) and `manner` (0-1).
    """
    part = functools.partial(_part, n_customers=profiles.count().over())
    return profiles.select(
        "customer_id",
        level=part(profiles.spend_365_value, n_parts=len(LEVELS)),
        manner=part(profiles.discount_share.fill_null(0.0), n_parts=len(MANNERS)),
    )


def _part(values: ibis.Value, n_customers: ibis.Value, n_parts: int) -> IntegerColumn:
    n_less = ibis.rank().over(order_by=values)  # from 0; ties get the lowest rank
    return ((n_parts * n_less) // n_customers).cast("int64")


def build_personas(
    profiles: Table,
    interests: Table,
    orders: Table,
    as_of_date: str,
    min_customers: int = MIN_CUSTOMERS,
) -> tuple[Persona, ...]:
    """Describe the kinds of customers by medians and shares.

    Parameters
    ----------
    profiles, interests, orders : ibis.Table
        From `build_profiles` and `build_interests`, and as in the contract of ``orders``.
    as_of_date : str
        ISO date of the profiles; later lines are not seen.
    min_customers : int, default 20
        A kind of fewer is not described, so that no card shows single people.

    Returns
    -------
    tuple of Persona
        Those with enough customers, by manner, then level, the deal-minded big spenders last.
    """
    kinds = assign_personas(profiles)
    sums = _summarise(profiles, kinds)
    n_customers, spend = sums["n_customers"].sum(), max(sums["spend_minor"].sum(), 1)
    lifecycle = _count_parts(profiles.select("customer_id", part="lifecycle"), kinds)
    departments = _spend_parts(interests, kinds)
    weekdays = _count_parts(_order_days(orders, as_of_date), kinds)
    personas = []
    for (manner, level), row in sums[sums["n_customers"] >= min_customers].iterrows():
        personas.append(
            Persona(
                name=f"{LEVELS[level]}, {MANNERS[manner]}",
                n_customers=int(row["n_customers"]),
                customer_share=float(row["n_customers"] / n_customers),
                spend_share=float(row["spend_minor"] / spend),
                medians={name: float(row[name]) for name in _MEDIANS},
                departments=_largest(departments, (manner, level)),
                telling=_telling(departments, (manner, level)),
                weekdays=_weekdays(weekdays, (manner, level), as_of_date),
                lifecycle=_shares(lifecycle, (manner, level), LIFECYCLE),
            )
        )
    return tuple(personas)


def _summarise(profiles: Table, kinds: Table) -> pd.DataFrame:
    joined = profiles.join(kinds, "customer_id")
    spend_minor = (joined.spend_365_value * 100).round().cast("int64")
    medians = {name: joined[name].cast("float64").quantile(0.5) for name in _MEDIANS}
    sums = joined.group_by("manner", "level").agg(
        n_customers=joined.count(), spend_minor=spend_minor.sum(), **medians
    )
    return sums.order_by("manner", "level").to_pandas().set_index(["manner", "level"])


def _count_parts(parts: Table, kinds: Table) -> pd.DataFrame:
    """Rows of each kind by `part`: one row per kind, one column per part."""
    joined = parts.join(kinds, "customer_id")
    counts = joined.group_by("manner", "level", "part").agg(n=joined.count()).to_pandas()
    return counts.pivot(index=["manner", "level"], columns="part", values="n").fillna(0)


def _spend_parts(interests: Table, kinds: Table) -> pd.DataFrame:
    """Cents of each kind by department."""
    joined = interests.join(kinds, "customer_id")
    spend = (joined.spend_value * 100).round().cast("int64").sum()
    sums = joined.group_by("manner", "level", "department").agg(n=spend).to_pandas()
    return sums.pivot(index=["manner", "level"], columns="department", values="n").fillna(0)


def _order_days(orders: Table, as_of_date: str) -> Table:
    """Orders of the last 52 weeks by days since, modulo 7."""
    start = days_after(as_of_date, -_BASKET_DAYS)
    baskets = build_baskets(within(orders, "ordered_at", start, as_of_date), as_of_date)
    return baskets.select("customer_id", part=(baskets.days_ago % 7).cast("int64"))


def _weekdays(counts: pd.DataFrame, kind: tuple[int, int], as_of_date: str) -> tuple[float, ...]:
    last = parse_date(as_of_date).weekday()
    shares = _shares(counts, kind, [(last - day) % 7 for day in range(7)])
    return tuple(shares.values())


def _shares(counts: pd.DataFrame, kind: tuple[int, int], parts: list | tuple) -> dict:
    if kind not in counts.index or not counts.loc[kind].sum():
        return {}
    row = counts.loc[kind].reindex(list(parts)).fillna(0)
    return {part: float(n / row.sum()) for part, n in row.items()}


def _largest(spend: pd.DataFrame, kind: tuple[int, int]) -> tuple[tuple[str, float], ...]:
    own = _shares(spend, kind, tuple(spend.columns))
    first = sorted(own, key=lambda name: (-own[name], name))[:_N_DEPARTMENTS]
    return tuple((name, own[name]) for name in first if own[name] > 0)


def _telling(spend: pd.DataFrame, kind: tuple[int, int]) -> tuple[tuple[str, float], ...]:
    own = _shares(spend, kind, tuple(spend.columns))
    usual = spend.sum() / max(spend.to_numpy().sum(), 1)
    ratios = {name: own[name] / usual[name] for name in own if own[name] >= _LEAST_SHARE}
    first = sorted(ratios, key=lambda name: (-ratios[name], name))[:_N_TELLING]
    return tuple((name, float(ratios[name])) for name in first if ratios[name] >= _LEAST_RATIO)


def describe_personas(
    personas: tuple[Persona, ...], n_customers: int, min_customers: int = MIN_CUSTOMERS
) -> str:
    """Say in a sentence whom the cards show, and whom not."""
    if not personas:
        return f"**No cards:** no kind has {min_customers} customers, and fewer show single people."
    n_kinds = len(LEVELS) * len(MANNERS)
    n_left = n_customers - sum(persona.n_customers for persona in personas)
    if len(personas) == n_kinds or not n_left:
        return f"Cards: {len(personas)} of {n_kinds} kinds; together they are all customers."
    return (
        f"{len(personas)} of {n_kinds} kinds have {min_customers} customers or more; the other "
        f"{n_left:,} customers are not shown."
    )
