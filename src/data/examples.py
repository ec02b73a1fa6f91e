"""Refused rows to look at: the first few of each rule, without what could tell a person."""

import json

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.sources.raw_columns import REQUIRED, UNREADABLE, column_kind

__all__ = ["show_first", "show_refused"]

_N_EACH = 2


def show_first(raw_table: Table, n_rows: int = 3) -> pd.DataFrame:
    """Show the first rows of a raw table that could be read whole.

    The texts of others stay out of sight: where fields have shifted, they may be of a person.
    """
    sound = raw_table.filter(raw_table[UNREADABLE].isnull()).drop(UNREADABLE)
    return sound.order_by("source_row").head(n_rows).to_pandas()


def show_refused(rejected: Table, n_each: int = _N_EACH) -> pd.DataFrame:
    """Show the first refused rows of each rule, and where they stand in the source.

    Only numbers, times and flags are shown, which are read values. A text may be of a person,
    above all where a row's fields have shifted, so of texts it is only said which of the needed
    ones are empty; `source_row` leads to the rest.

    Parameters
    ----------
    rejected : ibis.Table
        The table `rejected`.
    n_each : int, default 2
        Rows of each table and rule.

    Returns
    -------
    DataFrame
        In the order of tables, rules and rows: `source_table`, `rule`, `source_row` (counted
        from 0), `what stands there`.
    """
    alike = ibis.window(group_by=["source_table", "rule"], order_by="source_row")
    numbered = rejected.mutate(place=ibis.row_number().over(alike))
    first = numbered.filter(numbered["place"] < n_each).drop("place").to_pandas()
    first = first.sort_values(["source_table", "rule", "source_row"], ignore_index=True)
    told = [
        _told(table, json.loads(row))
        for table, row in zip(first["source_table"], first["row"], strict=True)
    ]
    shown = first[["source_table", "rule", "source_row"]]
    return shown.assign(**{"what stands there": pd.Series(told, dtype="str")})


def _told(source_table: str, row: dict) -> str:
    values = [
        f"{column} {_plain(value)}"
        for column, value in row.items()
        if column_kind(column) != "text" and value is not None
    ]
    empty = [name for name in REQUIRED[source_table] if row.get(name) in (None, "")]
    told = [", ".join(values)] if values else []
    told += [f"empty or unreadable: {', '.join(empty)}"] if empty else []
    return "; ".join(told)


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
