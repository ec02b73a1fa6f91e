"""What a person should know about the data: coverage, gaps, and what to mend at the source."""

import functools
import operator

from ibis.expr.types import IntegerScalar, Table
import pandas as pd

from src.data.values import as_number, as_utc

__all__ = [
    "count_by_week",
    "describe_counts",
    "describe_empty_tables",
    "describe_faults",
    "describe_refusals",
    "find_faults",
    "missing_shares",
]

_WEEK_TIMES = {"orders": "ordered_at", "events": "event_at", "exposures": "exposed_at"}
_LOSSES = {
    "orders_raw": "no stage can run",
    "products_raw": "no departments, so no interests and no next products by kind",
    "customers_raw": "no age, income or household in the profiles",
    "events_raw": "no clicks, carts or redemptions: customers are described by orders alone",
    "reviews_raw": "no opinions and no topics: texts are written without them",
    "exposures_raw": "no past contacts: fatigue and past response cannot be told",
}

_FAULTS = {
    "coupon_only": (
        "orders",
        "coupon booked on a line without goods",
        "book the coupon on the line it pays for",
    ),
    "outlier": (
        "orders",
        "quantity above the ceiling, in a unit of its own",
        "give each quantity its unit, as for fuel",
    ),
    "free": (
        "orders",
        "goods for which nothing was paid",
        "mark gifts and fully paid coupons as such",
    ),
    "mixed_order": (
        "orders",
        "order number used by several customers or at several times",
        "number orders once for the whole shop",
    ),
    "unlisted": (
        "products",
        "product of which only the number is known",
        "list every product that can be sold",
    ),
    "uncategorised": (
        "products",
        "product without a category",
        "fill the category in the product list",
    ),
    "unknown_customer": (
        "customers",
        "customer of whom nothing but behaviour is known",
        "ask at sign-up, or do without",
    ),
    "not_randomised": (
        "exposures",
        "past contact that was not drawn at random",
        "draw a control group: until then no effect can be claimed",
    ),
}


def describe_counts(n_rows: dict[str, int], max_customers: int) -> str:
    """Say in Markdown how much came in."""
    filled = ", ".join(f"{n:,} rows of `{name}`" for name, n in n_rows.items() if n)
    cut = f"This run is cut to {max_customers:,} customers. " if max_customers else ""
    return f"{cut}There are {filled or 'no rows at all'}."


def describe_empty_tables(n_rows: dict[str, int]) -> str:
    """Say in Markdown which raw tables are empty and what the run therefore lacks."""
    empty = [f"- `{name}` is empty: {_LOSSES[name]}." for name, n in n_rows.items() if n == 0]
    if not empty:
        return "Every raw table has rows."
    return "\n".join(["What this run has to do without:", "", *empty])


def describe_refusals(steps: pd.DataFrame) -> str:
    """Say in Markdown which rules refused rows, how many, and why."""
    lines = [
        f"- `{step.rule}` refuses {step.n_rejected:,} of {step.n_before:,} rows of "
        f"`{step.raw_table}` because {step.reason}."
        for step in steps.itertuples()
        if step.n_rejected
    ]
    return "\n".join(lines) or "No rule refused a row."


def describe_faults(faults: pd.DataFrame) -> str:
    """Show in Markdown what to mend at the source."""
    if faults.empty:
        return "Nothing was found that the source should mend."
    lines = [
        f"| `{fault.table}` | {fault.fault} | {fault.n_rows:,} | {fault.mend} |"
        for fault in faults.itertuples()
    ]
    head = ["| table | what was found | rows | what to do at the source |", "|---|---|---:|---|"]
    return "\n".join(head + lines)


def count_by_week(tables: dict[str, Table]) -> pd.DataFrame:
    """Count rows and active customers in each week from the first order to the last.

    Parameters
    ----------
    tables : dict of str to ibis.Table
        Clean `orders`, `events` and `exposures`; an exposure counts where it begins.

    Returns
    -------
    DataFrame
        One row per week: `week_at` (its Monday), `n_orders` (order lines), `n_events`,
        `n_exposures`, `n_customers` (with an order), `is_whole` (orders could fall on all of
        its seven days).
    """
    counts = [_weekly(tables[name], name) for name in _WEEK_TIMES]
    weeks = functools.reduce(lambda a, b: a.merge(b, on="week_at", how="left"), counts)
    weeks = weeks.sort_values("week_at", ignore_index=True)
    numbers = [column for column in weeks.columns if column.startswith("n_")]
    weeks[numbers] = weeks[numbers].fillna(0).astype("int64")
    orders = tables["orders"]
    ends = orders.agg(first=orders["ordered_at"].min(), last=orders["ordered_at"].max())
    first, last = (pd.Timestamp(value) for value in ends.to_pandas().iloc[0])
    starts_whole = weeks["week_at"] >= first.normalize()
    return weeks.assign(
        is_whole=starts_whole & (weeks["week_at"] + pd.Timedelta(days=6) <= last.normalize())
    )


def missing_shares(tables: dict[str, Table]) -> pd.DataFrame:
    """Share of missing values in each attribute, beside the key, of each table.

    Returns
    -------
    DataFrame
        One row per table and column: `table`, `column`, `missing_share` (0-1).
    """
    rows = []
    for name, table in tables.items():
        shares = table.agg(
            **{
                column: table[column].isnull().cast("float64").mean()
                for column in table.columns[1:]
            }
        ).to_pandas()
        rows += [(name, column, float(shares[column].iloc[0])) for column in shares.columns]
    return pd.DataFrame(rows, columns=["table", "column", "missing_share"])


def find_faults(raw_tables: dict[str, Table], clean_tables: dict[str, Table]) -> pd.DataFrame:
    """List what a person should mend at the source, with the rows it touches.

    Parameters
    ----------
    raw_tables : dict of str to ibis.Table
        `orders_raw` is looked at.
    clean_tables : dict of str to ibis.Table
        Clean `orders`, `products`, `customers` and `exposures`.

    Returns
    -------
    DataFrame
        One row per fault that occurs, most rows first: `table`, `fault`, `n_rows`, `mend`.
    """
    counts = _order_faults(raw_tables["orders_raw"], clean_tables["orders"])
    counts |= _other_faults(clean_tables)
    found = [(*_FAULTS[name], int(count.execute())) for name, count in counts.items()]
    faults = pd.DataFrame(found, columns=["table", "fault", "mend", "n_rows"])
    faults = faults.loc[faults["n_rows"] > 0, ["table", "fault", "n_rows", "mend"]]
    return faults.sort_values("n_rows", ascending=False, kind="stable", ignore_index=True)


def _weekly(table: Table, name: str) -> pd.DataFrame:
    week = table.mutate(week_at=as_utc(table[_WEEK_TIMES[name]].truncate("W")))
    counts = {f"n_{name}": week.count()}
    if name == "orders":
        counts["n_customers"] = week["customer_id"].nunique()
    return week.group_by("week_at").agg(**counts).to_pandas()


def _order_faults(raw: Table, orders: Table) -> dict[str, IntegerScalar]:
    """Count the rows of each fault of `orders`."""
    coupon_only = (as_number(raw["quantity"]) == 0) & (as_number(raw["coupon"]) > 0)
    by_order = orders.group_by("order_id").agg(
        n_customers=lambda t: t["customer_id"].nunique(),
        n_times=lambda t: t["ordered_at"].nunique(),
    )
    is_mixed = (by_order["n_customers"] > 1) | (by_order["n_times"] > 1)
    return {
        "coupon_only": raw.filter(coupon_only).count(),
        "outlier": orders.filter(orders["is_outlier"]).count(),
        "free": orders.filter(orders["line_value_minor"] == 0).count(),
        "mixed_order": by_order.filter(is_mixed).count(),
    }


def _other_faults(tables: dict[str, Table]) -> dict[str, IntegerScalar]:
    """Count the rows of each fault of the tables beside `orders`."""
    products, exposures = tables["products"], tables["exposures"]
    return {
        "unlisted": _without_attributes(products).count(),
        "uncategorised": products.filter(products["category"].isnull()).count(),
        "unknown_customer": _without_attributes(tables["customers"]).count(),
        "not_randomised": exposures.filter(~exposures["is_randomised"]).count(),
    }


def _without_attributes(table: Table) -> Table:
    is_null = [table[column].isnull() for column in table.columns[1:]]
    return table.filter(functools.reduce(operator.and_, is_null))
