"""Returned and cancelled order lines, matched to the line that they take back."""

import logging

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.order_lines import number_lines
from src.data.tables import TABLES

__all__ = ["describe_matches", "match_refunds", "split_refunds"]

logger = logging.getLogger(__name__)

_PAIR = ["customer_id", "product_id"]
_KNOWN = ["source_row", *_PAIR, "order_id", "line_number", "ordered_at", "quantity", "own_minor"]


def split_refunds(read: Table) -> tuple[Table, Table]:
    """Part what was bought from what came back; both are numbered within their order.

    Parameters
    ----------
    read : ibis.Table
        What :func:`src.data.order_lines.read_order_lines` gave.

    Returns
    -------
    tuple of ibis.Table
        Bought lines, and returned ones.
    """
    bought, returned = read.filter(~read["is_return"]), read.filter(read["is_return"])
    return number_lines(bought), number_lines(returned)


def match_refunds(returns: Table, lines: Table) -> Table:
    """Find for each returned line the order line that it takes back.

    Where the source names the order, it is the line of that order with the same customer and
    product. Elsewhere it is inferred, and only where little can go wrong: the latest line of
    the same customer and product that is not later than the return, has the same unit price
    (to the cent, in its own currency) and still has as many pieces. Returns are taken in the
    order of their time, so that none is matched by what happened after it, and no line gives
    back more pieces than it had.

    Parameters
    ----------
    returns, lines : ibis.Table
        What :func:`split_refunds` gave.

    Returns
    -------
    ibis.Table
        The table `refunds`.
    """
    returned = returns.select(*_KNOWN, "currency", "refund_of").to_pandas()
    near = lines.semi_join(returns, _PAIR) if len(returned) else lines.limit(0)
    near = near.select(*_KNOWN, "currency").to_pandas()
    found = ibis.memtable(
        _match(returned, near),
        schema={
            "found_row": "int64",
            "found_order": "string",
            "found_line": "int64",
            "match": "string",
        },
    )
    joined = returns.left_join(found, returns["source_row"] == found["found_row"])
    return joined.select(
        refund_id=joined["order_id"],
        line_number=joined["line_number"],
        customer_id=joined["customer_id"],
        product_id=joined["product_id"],
        refunded_at=joined["ordered_at"],
        quantity=joined["quantity"],
        refund_minor=joined["line_value_minor"],
        order_id=joined["found_order"],
        order_line_number=joined["found_line"],
        match=joined["match"].fill_null("none"),
    ).select(*TABLES["refunds"].column_names)


def describe_matches(refunds: Table) -> pd.DataFrame:
    """Count refunds, and add up their value, by the way they were matched.

    Returns
    -------
    DataFrame
        One row per way (`named`, `inferred`, `none`), also where there are none: `match`,
        `n_lines`, `value_minor` (cents), `lines_share`, `value_share` (0-1 of all refunds).
    """
    counts = refunds.group_by("match").agg(
        n_lines=lambda t: t.count(), value_minor=lambda t: t["refund_minor"].sum()
    )
    ways = pd.Index(["named", "inferred", "none"], name="match")
    found = counts.to_pandas().set_index("match").reindex(ways, fill_value=0).astype("int64")
    shares = (found / found.sum().clip(lower=1)).rename(
        columns={"n_lines": "lines_share", "value_minor": "value_share"}
    )
    return found.join(shares).reset_index()


def _match(returned: pd.DataFrame, near: pd.DataFrame) -> pd.DataFrame:
    """Pair the rows of returns with rows of lines; one row per match."""
    both = _coded(returned, near)
    returned = both.loc[both["is_return"]].sort_values(
        ["pair", "ordered_at", "is_named", "quantity", "order_id", "line_number"],
        ascending=[True, True, False, False, True, True],
    )
    near = both.loc[~both["is_return"]].sort_values(
        ["pair", "ordered_at", "quantity", "order_id", "line_number"],
        ascending=[True, True, False, True, True],
    )
    hits = _sweep(returned, near)
    is_hit = hits >= 0
    matched, taken = returned.loc[is_hit], near.iloc[hits[is_hit]]
    return pd.DataFrame(
        {
            "found_row": matched["source_row"].to_numpy(),
            "found_order": taken["order_id"].to_numpy(),
            "found_line": taken["line_number"].to_numpy(),
            "match": np.where(matched["is_named"], "named", "inferred"),
        }
    )


def _coded(returned: pd.DataFrame, near: pd.DataFrame) -> pd.DataFrame:
    """Put whole numbers in the place of texts, the same in both frames."""
    both = pd.concat(
        [returned.assign(is_return=True), near.assign(is_return=False, refund_of=None)],
        ignore_index=True,
    )
    named = both["refund_of"].where(both["is_return"], both["order_id"]).astype("str")
    return both.assign(
        pair=both.groupby(_PAIR, sort=False).ngroup(),
        is_named=both["is_return"] & both["refund_of"].notna(),
        of_order=pd.factorize(named)[0],
        money=pd.factorize(both["currency"].astype("str"))[0],
        at=both["ordered_at"].astype("int64"),
    )


def _sweep(returned: pd.DataFrame, near: pd.DataFrame) -> np.ndarray:
    """Give for each return the place of its line in `near`, or -1.

    Only returns of the same customer and product compete, so the first ones of all pairs are
    settled at once, then all second ones, and so on.
    """
    names = ["at", "quantity", "own_minor", "money", "of_order"]
    lines = {name: near[name].to_numpy("int64") for name in names}
    rows = {name: returned[name].to_numpy("int64") for name in [*names, "is_named"]}
    starts = np.searchsorted(near["pair"], returned["pair"], side="left")
    stops = np.searchsorted(near["pair"], returned["pair"], side="right")
    turns = returned.groupby("pair").cumcount().to_numpy()
    waiting = np.flatnonzero(stops > starts)
    waiting = waiting[np.argsort(turns[waiting], kind="stable")]
    left = lines["quantity"].copy()
    hits = np.full(len(returned), -1, dtype="int64")
    for turn in np.split(waiting, np.flatnonzero(np.diff(turns[waiting])) + 1):
        if len(turn):
            best = _latest_fit(turn, rows, lines | {"left": left}, starts, stops)
            hits[turn] = best
            left[best[best >= 0]] -= rows["quantity"][turn[best >= 0]]
    return hits


def _latest_fit(
    turn: np.ndarray,
    rows: dict[str, np.ndarray],
    lines: dict[str, np.ndarray],
    starts: np.ndarray,
    stops: np.ndarray,
) -> np.ndarray:
    """Give for some returns of different pairs the place of the last line that fits, or -1."""
    n_lines = stops[turn] - starts[turn]
    begins = np.cumsum(n_lines) - n_lines
    place = np.arange(n_lines.sum()) + np.repeat(starts[turn] - begins, n_lines)
    row = {name: np.repeat(values[turn], n_lines) for name, values in rows.items()}
    line = {name: values[place] for name, values in lines.items()}
    is_price = _is_same_price(row, line)
    is_named = row["is_named"] == 1
    fits = (line["left"] >= row["quantity"]) & np.where(
        is_named, line["of_order"] == row["of_order"], is_price & (line["at"] <= row["at"])
    )
    n_all = len(lines["left"])  # of the lines of a named order one of the same price comes first
    rank = np.where(fits, place + n_all * (is_named & is_price), -1)
    best = np.maximum.reduceat(rank, begins)
    return np.where(best >= 0, best % n_all, -1)


def _is_same_price(row: dict[str, np.ndarray], line: dict[str, np.ndarray]) -> np.ndarray:
    """Whether both have one price of a piece, but for half a cent of rounding in each value."""
    difference = row["own_minor"] * line["quantity"].astype("float64") - line["own_minor"] * row[
        "quantity"
    ].astype("float64")
    rounding = (line["quantity"] + row["quantity"]) / 2
    return (row["money"] == line["money"]) & (np.abs(difference) <= rounding)
