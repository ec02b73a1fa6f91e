"""The customer base in a few numbers: grids, shares, coverage; small frames for people."""

import ibis
from ibis.expr.types import IntegerColumn, Table
import numpy as np
import pandas as pd

from src.data.window import known_by
from src.features.rhythm import LIFECYCLE
from src.features.tags import TagRule

__all__ = [
    "build_coverage",
    "count_lifecycle",
    "count_rfm_grid",
    "count_tags",
    "describe_coverage",
    "estimate_concentration",
    "summarise_base",
    "summarise_departments",
    "top_spend_share",
]

_DEMOGRAPHICS = (
    "age_band income_band home_ownership marital_status household_size household_composition "
    "kids_band"
).split()


def summarise_base(profiles: Table) -> pd.DataFrame:
    """Describe the base: one row per measure, with quartiles over customers.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer, from `build_profiles`.

    Returns
    -------
    pandas.DataFrame
        Index: the measure with its unit; columns: 25 %, median, 75 %.
    """
    measures = {
        "recency_days": "days since the last order",
        "frequency": "orders so far",
        "monetary_value": "mean order value, shop currency",
        "spend_90_value": "spend in 90 days, shop currency",
        "gap_mean_days": "mean days between orders",
        "discount_share": "share of the price saved by discounts and coupons",
    }
    shares = {"25 %": 0.25, "median": 0.5, "75 %": 0.75}
    quartiles = profiles.aggregate(
        [
            profiles[name].quantile(share).name(f"{name} {label}")
            for name in measures
            for label, share in shares.items()
        ]
    ).to_pandas()
    rows = {
        text: {label: quartiles.loc[0, f"{name} {label}"] for label in shares}
        for name, text in measures.items()
    }
    return pd.DataFrame(rows).T.rename_axis("measure")


def build_coverage(
    profiles: Table, events: Table, exposures: Table, as_of_date: str
) -> pd.DataFrame:
    """Count for how many customers each optional family of columns says something.

    Parameters
    ----------
    profiles, events, exposures : ibis.Table
        Profiles from `build_profiles`, the others as it was given them.
    as_of_date : str
        ISO date; later rows do not count.

    Returns
    -------
    pandas.DataFrame
        One row per `family`: `n_customers` and `customer_share` it says something about, and
        whether it `is_empty`, because nothing in its source is known by the date.
    """
    has_demographics = ibis.or_(*(profiles[name].notnull() for name in _DEMOGRAPHICS))
    conditions = {
        "departments": profiles.top_department.notnull(),
        "private brand": profiles.private_brand_share.notnull(),
        "rhythm of orders": profiles.gap_mean_days.notnull(),
        "coupons redeemed": profiles.n_redemptions_365 > 0,
        "past campaigns": profiles.n_exposures_365 > 0,
        "demographics": has_demographics,
    }
    counts = profiles.aggregate(
        n=profiles.count(), **{name: profiles.count(where=c) for name, c in conditions.items()}
    ).to_pandas()
    coverage = counts[list(conditions)].T.set_axis(["n_customers"], axis=1).rename_axis("family")
    coverage["customer_share"] = coverage["n_customers"] / counts.loc[0, "n"]
    coverage["is_empty"] = coverage["n_customers"] == 0
    for name, source, column in (
        ("coupons redeemed", events, "event_at"),
        ("past campaigns", exposures, "exposed_at"),
    ):
        n_rows = known_by(source, column, as_of_date).count().execute()
        coverage.loc[name, "is_empty"] = n_rows == 0
    return coverage.reset_index()


def describe_coverage(coverage: pd.DataFrame) -> str:
    """Say in a sentence which families are left out because their source is empty."""
    left_out = list(coverage.loc[coverage["is_empty"], "family"])
    if not left_out:
        return "Nothing is left out: every family of columns has a source that says something."
    return (
        f"**Left out, because their source has nothing by this date:** {', '.join(left_out)}. The "
        "columns stay empty or 0, and a tag that needs them goes to nobody."
    )


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
