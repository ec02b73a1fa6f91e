"""The customer base in a few numbers: grids, shares, coverage; small frames for people."""

import ibis
from ibis.expr.types import IntegerColumn, Table
import numpy as np
import pandas as pd

from src.features.rhythm import LIFECYCLE
from src.features.tags import TagRule

__all__ = [
    "count_lifecycle",
    "count_rfm_grid",
    "count_tags",
    "describe_concentration",
    "estimate_concentration",
    "summarise_base",
    "summarise_departments",
    "top_spend_share",
]


def summarise_base(profiles: Table) -> pd.DataFrame:
    """Describe the base: one row per measure, with how many have it and its quartiles.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer, from `build_profiles`.

    Returns
    -------
    pandas.DataFrame
        Index: the measure with its unit; columns: `customers` for whom it is known, 25 %,
        median, 75 %.
    """
    measures = {
        "recency_days": "days since the last order",
        "frequency": "orders so far",
        "monetary_value": "mean order value, shop currency",
        "items_per_order": "lines per order",
        "spend_90_value": "spend in 90 days, shop currency",
        "spend_365_value": "spend in 365 days, shop currency",
        "gap_mean_days": "mean days between orders",
        "discount_share": "share of the price saved by discounts and coupons",
    }
    shares = {"25 %": 0.25, "median": 0.5, "75 %": 0.75}
    found = profiles.aggregate(
        [profiles[name].count().name(f"{name} customers") for name in measures]
        + [
            profiles[name].quantile(share).name(f"{name} {label}")
            for name in measures
            for label, share in shares.items()
        ]
    ).to_pandas()
    rows = {
        text: {label: found.loc[0, f"{name} {label}"] for label in ("customers", *shares)}
        for name, text in measures.items()
    }
    base = pd.DataFrame.from_dict(rows, orient="index").rename_axis("measure")
    return base.astype({"customers": "int64"})


def count_rfm_grid(profiles: Table) -> pd.DataFrame:
    """Share customers and their spend of the last 365 days over recency and frequency scores.

    Returns
    -------
    pandas.DataFrame
        One row per `r_score` and `f_score` that occur: `customer_share`, `spend_share`.
    """
    return _count_by(profiles, ["r_score", "f_score"])


def count_lifecycle(profiles: Table) -> pd.DataFrame:
    """Share customers and their spend of the last 365 days over the stages of life.

    Returns
    -------
    pandas.DataFrame
        One row per stage of `LIFECYCLE`, in that order: `lifecycle`, `n_customers`,
        `customer_share`, `spend_share`.
    """
    counts = _count_by(profiles, ["lifecycle"]).set_index("lifecycle")
    return counts.reindex(list(LIFECYCLE)).fillna(0).astype({"n_customers": "int64"}).reset_index()


def _count_by(profiles: Table, keys: list[str]) -> pd.DataFrame:
    spend_minor = _cents(profiles, "spend_365_value").sum()
    groups = profiles.group_by(keys).agg(n_customers=profiles.count(), spend_minor=spend_minor)
    counts = groups.order_by(keys).to_pandas()
    counts["customer_share"] = counts["n_customers"] / counts["n_customers"].sum()
    counts["spend_share"] = counts["spend_minor"] / max(counts["spend_minor"].sum(), 1)
    return counts.drop(columns="spend_minor")


def _cents(table: Table, column: str) -> IntegerColumn:
    """Integer cents again, so that sums do not depend on the order of adding."""
    return (table[column] * 100).round().cast("int64")


def estimate_concentration(profiles: Table) -> pd.DataFrame:
    """Trace how much of the spend of 365 days the best customers bring.

    Customers are ranked by spend, best first, and cut into hundredths.

    Returns
    -------
    pandas.DataFrame
        One row per hundredth that occurs: `percentile` (0 is the best), `customer_share` and
        `spend_share`, both accumulated up to and including it.
    """
    place = ibis.row_number().over(order_by=[profiles.spend_365_value.desc(), profiles.customer_id])
    ranked = profiles.select(
        percentile=(100 * place) // profiles.count().over(),
        spend_minor=_cents(profiles, "spend_365_value"),
    )
    parts = ranked.group_by("percentile").agg(
        n_customers=ranked.count(), spend_minor=ranked.spend_minor.sum()
    )
    curve = parts.order_by("percentile").to_pandas()
    curve["customer_share"] = curve["n_customers"].cumsum() / curve["n_customers"].sum()
    curve["spend_share"] = curve["spend_minor"].cumsum() / max(curve["spend_minor"].sum(), 1)
    return curve[["percentile", "customer_share", "spend_share"]]


def top_spend_share(curve: pd.DataFrame, top_share: float = 0.2) -> float:
    """Share of spend that the best `top_share` of customers bring, read off the curve.

    Parameters
    ----------
    curve : pandas.DataFrame
        From `estimate_concentration`.
    top_share : float, default 0.2
        Share of customers; between two points of the curve, the straight line holds.
    """
    return float(np.interp(top_share, [0, *curve["customer_share"]], [0, *curve["spend_share"]]))


def describe_concentration(curve: pd.DataFrame, part: float = 0.5) -> str:
    """Say how few of the customers bring a part of the spend, or that nobody spent anything."""
    if not curve["spend_share"].max():
        return "**No curve:** nobody spent anything in 365 days."
    n_few = np.interp(part, [0, *curve["spend_share"]], [0, *curve["customer_share"]])
    return f"The best {n_few:.0%} of customers bring {part:.0%} of the spend of 365 days."


def summarise_departments(interests: Table, n_customers: int) -> pd.DataFrame:
    """Rank departments by spend.

    Parameters
    ----------
    interests : ibis.Table
        One row per customer and department, from `build_interests`.
    n_customers : int
        Customers described, those without interests included.

    Returns
    -------
    pandas.DataFrame
        One row per `department`, best first: `spend_share` of all spend in known departments,
        `customer_share` of customers who bought there.
    """
    groups = interests.group_by("department").agg(
        spend_minor=_cents(interests, "spend_value").sum(), n_customers=interests.count()
    )
    order = [groups.spend_minor.desc(), groups.department]
    departments = groups.order_by(order).to_pandas()
    total = max(departments["spend_minor"].sum(), 1)
    departments["spend_share"] = departments["spend_minor"] / total
    departments["customer_share"] = departments["n_customers"] / n_customers
    return departments[["department", "spend_share", "customer_share"]]


def count_tags(tags: Table, rules: tuple[TagRule, ...], n_customers: int) -> pd.DataFrame:
    """Count the customers of every tag, those of nobody included.

    Returns
    -------
    pandas.DataFrame
        One row per rule, largest first: `tag`, `n_customers`, `customer_share`, `meaning`,
        `owner`.
    """
    sizes = tags.group_by("tag").agg(n_customers=tags.count()).to_pandas()
    sizes = sizes.set_index("tag")["n_customers"]
    counts = pd.DataFrame(
        [(rule.name, sizes.get(rule.name, 0), rule.meaning, rule.owner) for rule in rules],
        columns=["tag", "n_customers", "meaning", "owner"],
    )
    counts.insert(2, "customer_share", counts["n_customers"] / n_customers)
    return counts.sort_values(["n_customers", "tag"], ascending=[False, True], ignore_index=True)
