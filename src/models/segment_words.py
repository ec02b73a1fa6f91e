"""Names for segments, and what 04a found, in words."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from src.models.design import column_words

if TYPE_CHECKING:
    from src.models.segments import Segmentation

__all__ = ["describe_segments", "describe_structure", "name_segments", "name_traits"]

_METHODS = {
    "k_means": "k-means",
    "ward": "Ward's hierarchy",
    "hdbscan": "density (HDBSCAN)",
    "lifecycle": "lifecycle stage",
}
_SIZES = ("n_customers", "share", "spend_share")
_N_TRAITS = 2
_CLEAR = 0.5
_FREQUENT = ("frequent", "rare")
_SPENDING = ("high-spending", "low-spending")
_BARGAINS = ("bargain-seeking", "discount-shy")
_RANGING = ("wide-ranging", "narrow-ranging")

_TRAITS = {
    "recency_days": ("quiet", "recent"),
    "tenure_days": ("long-known", "newer"),
    "frequency": _FREQUENT,
    "n_orders_30": _FREQUENT,
    "n_orders_90": _FREQUENT,
    "n_orders_365": _FREQUENT,
    "monetary_value": ("big-basket", "small-basket"),
    "spend_30_value": _SPENDING,
    "spend_90_value": _SPENDING,
    "spend_365_value": _SPENDING,
    "spend_prior_90_value": ("formerly high-spending", "formerly low-spending"),
    "items_per_order": ("many-item", "few-item"),
    "gap_mean_days": ("slow-paced", "quick-paced"),
    "gap_std_days": ("irregular", "regular"),
    "overdue_ratio": ("overdue", "punctual"),
    "discount_share": _BARGAINS,
    "discounted_lines_share": _BARGAINS,
    "private_brand_share": ("own-brand", "national-brand"),
    "weekend_share": ("weekend", "weekday"),
    "evening_share": ("evening", "daytime"),
    "n_stores": ("many-store", "few-store"),
    "n_departments": _RANGING,
    "department_entropy": _RANGING,
    "top_department_share": ("one-department", "many-department"),
    "n_redemptions_365": ("coupon-redeeming", "coupon-ignoring"),
    "n_exposures_365": ("much-addressed", "little-addressed"),
}
"""Word for more, and word for less, than the average customer."""


def name_traits(centre: pd.Series, n_traits: int) -> str:
    """Name one centre by what sets it apart most from the average customer.

    Parameters
    ----------
    centre : pandas.Series
        By column, standard deviations from the average customer.
    n_traits : int
        Traits used: those of at least half a standard deviation, at most so many. From the
        third on, a fainter one is used too.

    Examples
    --------
    >>> name_traits(pd.Series({"n_orders_90": 1.2, "monetary_value": 0.8}), 2)
    'frequent big-basket buyers'
    >>> name_traits(pd.Series({"n_orders_90": 0.1, "monetary_value": -0.1}), 2)
    'typical buyers'
    """
    strength = centre.abs().sort_values(ascending=False, kind="stable")
    chosen = [
        name
        for position, name in enumerate(strength.index[:n_traits])
        if strength[name] >= _CLEAR or position >= _N_TRAITS
    ]
    words = [_trait(name, centre[name] > 0) for name in centre.index if name in chosen]
    return " ".join([*dict.fromkeys(words or ["typical"]), "buyers"])


def _trait(column: str, is_more: bool) -> str:
    if column in _TRAITS:
        return _TRAITS[column][0 if is_more else 1]
    return f"{'high' if is_more else 'low'} {column_words(column)}"


def name_segments(centres: pd.DataFrame) -> list[str]:
    """Name all segments, each differently.

    Two traits each; segments that would share a name get a further trait, and at last a number.

    Parameters
    ----------
    centres : pandas.DataFrame
        One row per segment, one column per feature, in standard deviations from the average.
    """
    names = [name_traits(centre, _N_TRAITS) for _, centre in centres.iterrows()]
    for n_traits in range(_N_TRAITS + 1, centres.shape[1] + 1):
        shared = _shared(names)
        names = [
            name_traits(centre, n_traits) if is_shared else name
            for name, is_shared, (_, centre) in zip(names, shared, centres.iterrows(), strict=True)
        ]
    return _numbered(names)


def _shared(names: Sequence[str]) -> np.ndarray:
    return pd.Series(names, dtype=object).duplicated(keep=False).to_numpy()


def _numbered(names: list[str]) -> list[str]:
    numbers = pd.Series(names, dtype=object).groupby(names).cumcount().to_numpy()
    return [
        f"{name} ({number + 1})" if is_shared else name
        for name, number, is_shared in zip(names, numbers, _shared(names), strict=True)
    ]


def describe_structure(segmentation: "Segmentation") -> str:
    """Say how many segments there are, how they were made, and how real they are (Markdown)."""
    n_segments, n_customers = segmentation.n_segments, len(segmentation.customers)
    if segmentation.lack:
        return (
            f"**No clustering: {segmentation.lack}.** The {n_segments} segments are the lifecycle "
            "stages of 03_tag, which are rules and need no sample."
        )
    silhouette, shuffled, stability, lower, upper, chance = (
        segmentation.result(name)
        for name in (
            *("silhouette", "silhouette_shuffled", "stability"),
            *("stability_lower", "stability_upper", "stability_shuffled"),
        )
    )
    if silhouette < max(0.25, shuffled + 0.1):
        shape = "cuts through a crowd without gaps rather than separate islands"
    elif silhouette < 0.5:
        shape = "loose groups whose edges overlap"
    else:
        shape = "well separated groups"
    method = _METHODS[segmentation.method]
    return (
        f"**{n_segments} segments of {n_customers:,} customers, by {method}.** "
        f"When customers are drawn anew, they keep their company to a degree of {stability:.2f} "
        f"({lower:.2f} to {upper:.2f} over the draws), where 1 is always and 0 is chance; with "
        f"each column shuffled by itself it would be {chance:.2f}. They are {shape}: their "
        f"silhouette is {silhouette:.2f}, and {shuffled:.2f} after shuffling."
    )


def describe_segments(summary: pd.DataFrame) -> str:
    """Write a sentence on each segment, as a list in Markdown.

    Parameters
    ----------
    summary : pandas.DataFrame
        As from `src.models.segments.summarise_segments`.
    """
    return "\n".join(_sentence(str(name), row) for name, row in summary.iterrows())


def _sentence(name: str, row: pd.Series) -> str:
    spend = row["spend_share"]
    brings = f", {spend:.{0 if spend >= 0.01 else 1}%} of the spend of 90 days"
    known = row.drop(list(_SIZES)).dropna()
    usual = "; ".join(f"{column_words(column)}: {value:,.3g}" for column, value in known.items())
    size = f"{row['share']:.0%} of customers ({int(row['n_customers']):,})"
    size += brings if spend == spend else ""
    return f"- **{name[:1].upper()}{name[1:]}** are {size}. In the middle of them: {usual}."
