"""Why past targeting proves nothing: how unlike the addressed were before anybody wrote to them."""

from collections.abc import Callable

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, known_by
from src.models.design import log_scaled, purchase_columns

__all__ = [
    "IMBALANCE",
    "compare_addressed",
    "contrast_campaigns",
    "describe_contrasts",
    "describe_imbalance",
    "mean_contrast",
    "standardised_differences",
]

IMBALANCE = 0.1
"""Standardised difference from which two groups count as unlike."""


def standardised_differences(
    profiles: pd.DataFrame, is_first: np.ndarray, columns: tuple[str, ...]
) -> pd.DataFrame:
    r"""Compare two groups of customers column by column, in standard deviations.

    .. math:: d = \frac{\bar x_1 - \bar x_0}{\sqrt{(s_1^2 + s_0^2) / 2}}

    Parameters
    ----------
    profiles : DataFrame
        One row per customer: `columns`, counts and values of which are taken as logarithms.
    is_first : array of shape (n_customers,), of bool
        Who belongs to the first group.
    columns : tuple of str
        What to compare. Missing values are left out.

    Returns
    -------
    DataFrame
        One row per column that varies: `feature`, `smd` (0 is alike), by falling size.

    References
    ----------
    .. Austin, P. (2009). Balance diagnostics for comparing the distribution of baseline
       covariates. Statistics in Medicine 28(25).
    """
    scaled = log_scaled(profiles, columns)
    first, other = scaled[is_first], scaled[~is_first]
    spread = np.sqrt((first.var() + other.var()) / 2)
    smd = ((first.mean() - other.mean()) / spread.where(spread > 0)).dropna()
    table = smd.rename("smd").rename_axis("feature").reset_index()
    order = table["smd"].abs().round(12)
    return table.assign(size=order).sort_values(
        ["size", "feature"], ascending=[False, True], ignore_index=True
    )[["feature", "smd"]]


def compare_addressed(
    build: Callable[[str], Table],
    exposures: Table,
    orders: Table,
    as_of_date: str,
    before_days: int = 28,
) -> tuple[pd.DataFrame, dict]:
    """Compare those whom campaigns addressed with all others, as both were before.

    The day looked at is the eve of the first campaign that began at least `before_days` after the
    first order. Who had been addressed earlier is left out.

    Parameters
    ----------
    build : callable
        Takes an ISO date and gives `profiles` as they stood on it.
    exposures, orders : ibis.Table
        As in their contracts; contacts drawn at random are left out.
    as_of_date : str
        ISO date; contacts up to then count.
    before_days : int, default 28
        Least history before the day looked at, days.

    Returns
    -------
    DataFrame
        As from `standardised_differences`; empty where there is nothing to compare.
    dict
        `eve` (ISO date or None), `n_addressed`, `n_others`.
    """
    contacts = known_by(exposures, "exposed_at", as_of_date)
    contacts = contacts.filter(~contacts.is_randomised)
    dated = contacts.select("customer_id", day=contacts.exposed_at.date().cast("string"))
    dated = dated.to_pandas()
    first = known_by(orders, "ordered_at", as_of_date).ordered_at.min().execute()
    if not len(dated) or pd.isna(first):
        return _nothing()
    start = days_after(str(first)[:10], before_days)
    late = dated[dated["day"] >= start]
    if not len(late):
        return _nothing()
    eve = days_after(late["day"].min(), -1)
    profiles = build(eve).to_pandas().sort_values("customer_id", ignore_index=True)
    profiles = profiles[
        ~profiles["customer_id"].isin(dated.loc[dated["day"] <= eve, "customer_id"])
    ]
    is_addressed = profiles["customer_id"].isin(late["customer_id"]).to_numpy()
    if min(is_addressed.sum(), (~is_addressed).sum()) < 2:
        return _nothing()
    table = standardised_differences(profiles, is_addressed, purchase_columns(before_days))
    n_addressed = int(is_addressed.sum())
    return table, {"eve": eve, "n_addressed": n_addressed, "n_others": len(profiles) - n_addressed}


def _nothing() -> tuple[pd.DataFrame, dict]:
    empty = pd.DataFrame({"feature": pd.Series(dtype=str), "smd": pd.Series(dtype=float)})
    return empty, {"eve": None, "n_addressed": 0, "n_others": 0}


def contrast_campaigns(
    order_days: pd.DataFrame,
    exposures: Table,
    as_of_date: str,
    window_days: int = 28,
    min_customers: int = 30,
    max_campaigns: int = 8,
) -> pd.DataFrame:
    """Set the addressed against all others, before and after each campaign began.

    Parameters
    ----------
    order_days : DataFrame
        One row per customer and day with an order: `customer_id`, `order_date`,
        `day_value_minor`; up to `as_of_date`.
    exposures : ibis.Table
        As in its contract; contacts drawn at random are left out.
    as_of_date : str
        ISO date, last day that is read.
    window_days : int, default 28
        Days before the first day of the campaign, and days from it on.
    min_customers : int, default 30
        Smallest group that is compared.
    max_campaigns : int, default 8
        The largest so many are shown.

    Returns
    -------
    DataFrame
        One row per campaign and `period` (`before`, `after`): `campaign_id`, `start_date`,
        `n_addressed`, `n_others`, and `difference`, `lower`, `upper`: spend per customer in the
        window, addressed minus others, shop currency, with 95 % interval (Welch).
    """
    contacts = known_by(exposures, "exposed_at", days_after(as_of_date, 1 - window_days))
    contacts = contacts.filter(~contacts.is_randomised)
    dated = contacts.select(
        "campaign_id", "customer_id", start=contacts.exposed_at.date().cast("string")
    ).to_pandas()
    days = order_days.assign(order_date=pd.to_datetime(order_days["order_date"]))
    if not len(dated) or not len(days):
        return pd.DataFrame(columns=_CONTRAST)
    first = days["order_date"].min() + pd.Timedelta(days=window_days)
    rows = []
    for campaign, group in dated.groupby("campaign_id", sort=True):
        start = pd.Timestamp(group["start"].min())
        if start >= first:
            rows += _contrast(days, campaign, start, set(group["customer_id"]), window_days)
    table = pd.DataFrame(rows, columns=_CONTRAST)
    table = table[table[["n_addressed", "n_others"]].min(axis=1) >= min_customers]
    largest = table.drop_duplicates("campaign_id").nlargest(max_campaigns, "n_addressed")
    kept = table[table["campaign_id"].isin(largest["campaign_id"])]
    return kept.sort_values(["start_date", "campaign_id"], kind="stable", ignore_index=True)


_CONTRAST = [
    "campaign_id",
    "start_date",
    "period",
    "n_addressed",
    "n_others",
    "difference",
    "lower",
    "upper",
]


def _contrast(
    days: pd.DataFrame, campaign: str, start: pd.Timestamp, addressed: set[str], window_days: int
) -> list[tuple]:
    known = np.sort(days.loc[days["order_date"] < start, "customer_id"].unique())
    is_addressed = np.isin(known, sorted(addressed))
    rows = []
    for period, offset in (("before", -window_days), ("after", 0)):
        left = start + pd.Timedelta(days=offset)
        right = left + pd.Timedelta(days=window_days)
        window = days[(days["order_date"] >= left) & (days["order_date"] < right)]
        spent = (
            window.groupby("customer_id")["day_value_minor"].sum().reindex(known).fillna(0) / 100
        )
        ours, theirs = spent[is_addressed], spent[~is_addressed]
        difference = ours.mean() - theirs.mean()
        half = 1.96 * np.sqrt(ours.var() / len(ours) + theirs.var() / len(theirs))
        date = start.date().isoformat()
        ends = (difference, difference - half, difference + half)
        rows.append((campaign, date, period, len(ours), len(theirs), *ends))
    return rows


def mean_contrast(contrasts: pd.DataFrame, period: str) -> float:
    """Mean difference over the campaigns by number addressed; nan without any."""
    part = contrasts[contrasts["period"] == period]
    if not len(part):
        return float("nan")
    return float(np.average(part["difference"], weights=part["n_addressed"]))


def describe_imbalance(differences: pd.DataFrame, facts: dict) -> str:
    """Say in Markdown how unlike the addressed were before."""
    if not len(differences):
        return "There is no past contact with enough history before it to compare."
    n_unlike = int((differences["smd"].abs() >= IMBALANCE).sum())
    text = (
        f"On {facts['eve']}, before these campaigns, {facts['n_addressed']:,} customers later "
        f"addressed differed from {facts['n_others']:,} others by {IMBALANCE} standard deviations "
        f"or more in **{n_unlike} of {len(differences)} respects**."
    )
    if n_unlike:
        return (
            text + " Somebody chose them for what they were, and what they buy shows that choice."
        )
    return text + " That is as alike as a draw would make them, in what this shop records."


def describe_contrasts(contrasts: pd.DataFrame) -> str:
    """Say in Markdown what a naive comparison claims, and what it claimed before the start."""
    if not len(contrasts):
        return "No past campaign is large enough, with history before it, for the comparison."
    before, after = (mean_contrast(contrasts, period) for period in ("before", "after"))
    n_campaigns = contrasts["campaign_id"].nunique()
    return (
        f"Over {n_campaigns} campaigns, spend of the addressed minus spend of the others was "
        f"**{after:+,.2f} per customer in the weeks from the start on, and {before:+,.2f} in the "
        "weeks before it**, when the message could not have had an effect. The first figure is "
        "what a naive report would claim for the campaigns. Subtracting the second would assume "
        "that both groups would have moved in step, which nothing here can test."
    )
