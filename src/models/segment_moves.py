"""Who moved from one segment to another since an earlier day."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from sklearn.metrics import adjusted_rand_score

from src.metrics.intervals import Interval, wilson_interval
from src.models.segments import Segmentation, segment_customers

__all__ = ["Moves", "count_moves", "describe_moves", "with_agreement"]


@dataclass(frozen=True)
class Moves:
    """Where customers were, and where they are, by the same rule on two days.

    Parameters
    ----------
    since : str
        The earlier day or run, in words.
    table : DataFrame
        Customers by segment then (rows) and now (columns), in the order of `centres`.
    moved : Interval or None
        Share of the customers known on both days whose segment changed; None without any.
    n_new : int
        Customers who were not known then.
    agreement : float
        Adjusted Rand index between the segments that the earlier run wrote and those that
        today's rule gives the same profiles; NaN where no earlier run is named.
    """

    since: str
    table: pd.DataFrame
    moved: Interval | None
    n_new: int
    agreement: float = float("nan")


def count_moves(segmentation: Segmentation, earlier: pd.DataFrame, since: str) -> Moves:
    """Apply today's rule to earlier profiles, and count who has moved since.

    Parameters
    ----------
    segmentation : Segmentation
        Of today.
    earlier : DataFrame
        `profiles` of the earlier day.
    since : str
        That day or run, in words.
    """
    then = segment_customers(segmentation.rule, earlier)
    both = then.merge(segmentation.customers, on="customer_id", suffixes=("_then", "_now"))
    names = list(segmentation.centres.index)
    names += sorted(set(both["segment_then"]) - set(names))
    table = pd.crosstab(both["segment_then"], both["segment_now"])
    table = table.reindex(index=names, columns=names, fill_value=0)
    n_moved = int((both["segment_then"] != both["segment_now"]).sum())
    moved = wilson_interval(n_moved, len(both)) if len(both) else None
    return Moves(since, table, moved, len(segmentation.customers) - len(both))


def with_agreement(
    moves: Moves, segmentation: Segmentation, earlier: pd.DataFrame, written: pd.DataFrame
) -> Moves:
    """Say also how alike the kinds of an earlier run and of today are, for the same profiles.

    Parameters
    ----------
    moves : Moves
        As from `count_moves`.
    segmentation : Segmentation
        Of today.
    earlier, written : DataFrame
        `profiles` and `segments` of the earlier run.
    """
    now = segment_customers(segmentation.rule, earlier)
    both = now.merge(written, on="customer_id", suffixes=("_now", "_then"))
    if len(both) < 2:
        return moves
    agreement = float(adjusted_rand_score(both["segment_then"], both["segment_now"]))
    return replace(moves, agreement=agreement)


def describe_moves(moves: Moves) -> str:
    """Say in Markdown how many moved, and where most of them went."""
    if moves.moved is None:
        return f"**Nobody of today was known {moves.since}**, so nobody can have moved."
    moved = moves.moved
    text = (
        f"**{moved.estimate:.0%}** [{moved.lower:.0%}, {moved.upper:.0%}] of the {moved.n:,} "
        f"customers who were known {moves.since} are in another segment now"
    )
    flows = moves.table.to_numpy(copy=True)
    np.fill_diagonal(flows, 0)
    if flows.any():
        row, column = np.unravel_index(flows.argmax(), flows.shape)
        text += (
            f"; the largest flow, {flows[row, column]:,} of them, went from "
            f"*{moves.table.index[row]}* to *{moves.table.columns[column]}*"
        )
    text += f". {moves.n_new:,} have come since." if moves.n_new else "."
    if moves.agreement == moves.agreement:
        text += (
            f" The kinds themselves, made anew, part the customers of then as that run did to a "
            f"degree of {moves.agreement:.2f} (1: alike, 0: by chance)."
        )
    return text
