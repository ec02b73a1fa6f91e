"""How tags overlap: who of one tag's carriers carries another, against chance."""

from dataclasses import dataclass

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.features.portrait.joint_counts import add_lift, count_joint, surprise

__all__ = ["TagOverlaps", "count_overlaps", "describe_overlaps", "find_near_twins"]

MAX_TAGS = 20
_TWINS, _FEW = 0.8, 20


@dataclass(frozen=True)
class TagOverlaps:
    """Pairs of tags.

    Parameters
    ----------
    sizes : pandas.DataFrame
        One row per `tag` with carriers, largest first: `n_customers`, and `customer_share`,
        which independence would give in every row of the tag's column.
    shares : pandas.DataFrame of shape (n_tags, n_tags)
        Share of the row's carriers who carry the column's tag; 1 on the diagonal.
    lift, surprise : pandas.DataFrame of shape (n_tags, n_tags)
        The share against independence (1), and how far from chance, in standard errors.
    """

    sizes: pd.DataFrame
    shares: pd.DataFrame
    lift: pd.DataFrame
    surprise: pd.DataFrame

    @property
    def is_empty(self) -> bool:
        """Whether fewer than two tags have carriers."""
        return len(self.sizes) < 2


def count_overlaps(
    tags: Table, tag_counts: pd.DataFrame, n_customers: int, max_tags: int = MAX_TAGS
) -> TagOverlaps:
    """Count the carriers of every pair of tags.

    Parameters
    ----------
    tags : ibis.Table
        One row per customer and tag that applies.
    tag_counts : pandas.DataFrame
        From `count_tags`, largest first.
    n_customers : int
        Customers described, those without a tag included.
    max_tags : int, default 20
        Tags compared, the largest; those of nobody are left out.
    """
    sizes = tag_counts.loc[tag_counts["n_customers"] > 0].head(max_tags)
    sizes = sizes[["tag", "n_customers", "customer_share"]].reset_index(drop=True)
    joint = count_joint(tags, "tag", sizes["tag"].tolist())
    shares = joint.div(np.diag(joint), axis=0)
    return TagOverlaps(sizes, shares, add_lift(joint, n_customers), surprise(joint, n_customers))


def find_near_twins(overlaps: TagOverlaps, share: float = _TWINS) -> list[tuple[str, str]]:
    """List pairs of 20 carriers or more that cover each other by `share`: one may go."""
    shares, sizes = overlaps.shares, overlaps.sizes
    names = sizes.loc[sizes["n_customers"] >= _FEW, "tag"].tolist()
    return [
        (a, b)
        for place, a in enumerate(names)
        for b in names[place + 1 :]
        if min(shares.loc[a, b], shares.loc[b, a]) >= share
    ]


def describe_overlaps(overlaps: TagOverlaps) -> str:
    """Say in a sentence whether tags say the same, or why none are compared."""
    if overlaps.is_empty:
        return "**No overlaps:** fewer than two tags have carriers."
    twins = find_near_twins(overlaps)
    if not twins:
        return (
            f"No two tags cover each other by {_TWINS:.0%} or more: each says something of its own."
        )
    pairs = "; ".join(f"{a} and {b}" for a, b in twins)
    return f"**Nearly the same customers** ({_TWINS:.0%} both ways), so one may go: {pairs}."
