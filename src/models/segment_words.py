"""What 04a found, in words."""

import pandas as pd

from src.models.design import column_words
from src.models.segments import Segmentation

__all__ = ["describe_segments", "describe_structure"]

_METHODS = {
    "k_means": "k-means",
    "ward": "Ward's hierarchy",
    "hdbscan": "density (HDBSCAN)",
    "lifecycle": "lifecycle stage",
}
_SIZES = ("n_customers", "share", "spend_share")


def describe_structure(segmentation: Segmentation) -> str:
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
