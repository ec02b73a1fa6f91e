"""What customers spent in windows of time, summed in integer cents."""

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, end_of_day, within

__all__ = ["weekly_revenue", "window_totals"]


def window_totals(
    orders: Table, customer_ids: pd.Series, after_date: str, last_date: str
) -> pd.DataFrame:
    """Orders and revenue of each customer in one window; who bought nothing has zeros.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line: `customer_id`, `order_id`, `ordered_at`, `line_value_minor`.
    customer_ids : Series of str
        Customers to report, in the order wanted.
    after_date, last_date : str
        The window opens after the first day and closes at the end of the last.

    Returns
    -------
    DataFrame
        One row per customer: `customer_id`, `n_orders`, `revenue_minor` (integer cents).
    """
    lines = within(orders, "ordered_at", after_date, last_date)
    totals = lines.group_by("customer_id").agg(
        n_orders=lines["order_id"].nunique().cast("int64"),
        revenue_minor=lines["line_value_minor"].sum().cast("int64"),
    )
    return _for_customers(totals.to_pandas(), customer_ids)


def weekly_revenue(
    orders: Table, customer_ids: pd.Series, as_of_date: str, n_weeks: int
) -> np.ndarray:
    """Revenue by customer and week before the as-of date.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line, as for `window_totals`.
    customer_ids : Series of str
        Customers, in the order of the rows wanted.
    as_of_date : str
        Last day of the last week; nothing after it is read.
    n_weeks : int
        How many weeks to go back.

    Returns
    -------
    array of int, shape (n_customers, n_weeks)
        Integer cents; column 0 is the last week, column 1 the one before.
    """
    ends = [days_after(as_of_date, -7 * week) for week in range(n_weeks + 1)]
    lines = within(orders, "ordered_at", ends[-1], as_of_date)
    sums = {
        f"week_{week}": _sum_between(lines, ends[week + 1], ends[week]) for week in range(n_weeks)
    }
    totals = lines.group_by("customer_id").agg(**sums)
    return _for_customers(totals.to_pandas(), customer_ids)[list(sums)].to_numpy()


def _sum_between(lines: Table, after_date: str, last_date: str) -> ibis.Value:
    inside = (lines["ordered_at"] >= end_of_day(after_date)) & (
        lines["ordered_at"] < end_of_day(last_date)
    )
    return ibis.coalesce(lines["line_value_minor"].sum(where=inside), 0).cast("int64")


def _for_customers(totals: pd.DataFrame, customer_ids: pd.Series) -> pd.DataFrame:
    listed = pd.DataFrame({"customer_id": customer_ids.to_numpy()})
    merged = listed.merge(totals, on="customer_id", how="left", validate="one_to_one")
    numbers = merged.columns.drop("customer_id")
    return merged.fillna(dict.fromkeys(numbers, 0)).astype(dict.fromkeys(numbers, "int64"))
