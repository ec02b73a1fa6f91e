"""What a person should know about the data: coverage, gaps, and what to mend at the source."""

import functools
import operator

from ibis.expr.types import IntegerScalar, Table
import pandas as pd

from src.data.values import as_id, as_utc

__all__ = [
    "count_by_week",
    "describe_counts",
    "describe_empty_tables",
    "describe_faults",
    "describe_refunds",
    "describe_refusals",
    "find_faults",
]

_WEEK_TIMES = {"orders": "ordered_at", "events": "event_at", "exposures": "exposed_at"}
_LOSSES = {
    "orders_raw": "no stage can run",
    "products_raw": "no departments, so no interests and no next products by kind",
    "customers_raw": "no age, income or household in the profiles",
    "events_raw": "no clicks, carts or redemptions: customers are described by orders alone",
    "reviews_raw": "no opinions and no topics: texts are written without them",
    "exposures_raw": "no past contacts: fatigue and past response cannot be told",
    "rates_raw": "no rates: orders in another currency than the shop's are refused",
}

_MATCH_WORDS = {
    "named": "name their order in the source",
    "inferred": "are matched to the last such line of the customer, at the same price",
    "none": "are matched to no line",
}
_FAULTS = {
    "equal_lines": (
        "orders",
        "line that says the same as another, and has no number",
        "number the lines: only then is one bought twice told from one exported twice",
    ),
    "outlier": (
        "orders",
        "quantity above the ceiling",
        "tell wholesale from slips, and give a quantity its unit where it is not pieces, as fuel",
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
    "unmatched": (
        "refunds",
        "returned line whose order was not found",
        "write the order's number on the return",
    ),
    "bot": (
        "events",
        "event of a program, not a person",
        "leave programs out of the log, or log what the browser says of itself",
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
        f"| `{fault.table}` | {fault.fault} | {fault.n_rows:,} "
        f"| {'refused' if fault.is_refused else 'kept'} | {fault.mend} |"
        for fault in faults.itertuples()
    ]
    head = ["| table | what was found | rows | they are | what to do at the source |"]
    return "\n".join([*head, "|---|---|---:|---|---|", *lines])


def describe_refunds(matches: pd.DataFrame) -> str:
    """Say in Markdown how many returned lines found the order that they take back."""
    n_lines, value = int(matches["n_lines"].sum()), int(matches["value_minor"].sum())
    if n_lines == 0:
        return "Nothing was returned or cancelled."
    found = matches.set_index("match")
    lines = [
        f"- {found.loc[way, 'n_lines']:,} ({found.loc[way, 'lines_share']:.1%} of them, "
        f"{found.loc[way, 'value_share']:.1%} of their value) {words}."
        for way, words in _MATCH_WORDS.items()
    ]
    head = f"{n_lines:,} lines worth {value / 100:,.2f} were returned or cancelled:"
    return "\n".join([head, "", *lines])


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


def find_faults(
    judged: dict[str, Table], clean_tables: dict[str, Table], steps: pd.DataFrame
) -> pd.DataFrame:
    """List what a person should mend at the source, with the rows it touches.

    Parameters
    ----------
    judged : dict of str to ibis.Table
        `orders_raw` with the rule that each row breaks.
    clean_tables : dict of str to ibis.Table
        Clean `orders`, `refunds`, `events`, `products`, `customers` and `exposures`.
    steps : DataFrame
        What :func:`src.data.clean.count_steps` gave.

    Returns
    -------
    DataFrame
        One row per fault that occurs, most rows first: `table`, `fault`, `n_rows`, `mend`,
        `is_refused` (the rows were refused; else they were kept).
    """
    counts = _order_faults(judged["orders_raw"], clean_tables["orders"])
    counts |= _other_faults(clean_tables)
    found = [(*_FAULTS[name], int(count.fill_null(0).execute())) for name, count in counts.items()]
    kept = pd.DataFrame(found, columns=["table", "fault", "mend", "n_rows"])
    refused = steps.assign(table=steps["raw_table"].str.removesuffix("_raw"))
    refused = refused.rename(columns={"reason": "fault", "n_rejected": "n_rows"})
    faults = pd.concat(
        [kept.assign(is_refused=False), refused[list(kept.columns)].assign(is_refused=True)]
    )
    faults = faults.loc[faults["n_rows"] > 0, ["table", "fault", "n_rows", "mend", "is_refused"]]
    return faults.sort_values("n_rows", ascending=False, kind="stable", ignore_index=True)


def _weekly(table: Table, name: str) -> pd.DataFrame:
    week = table.mutate(week_at=as_utc(table[_WEEK_TIMES[name]].truncate("W")))
    counts = {f"n_{name}": week.count()}
    if name == "orders":
        counts["n_customers"] = week["customer_id"].nunique()
    return week.group_by("week_at").agg(**counts).to_pandas()


def _order_faults(judged: Table, orders: Table) -> dict[str, IntegerScalar]:
    """Count the rows of each fault of `orders`."""
    by_order = orders.group_by("order_id").agg(
        n_customers=lambda t: t["customer_id"].nunique(),
        n_times=lambda t: t["ordered_at"].nunique(),
    )
    is_mixed = (by_order["n_customers"] > 1) | (by_order["n_times"] > 1)
    return {
        "equal_lines": _count_equal(judged),
        "outlier": orders.filter(orders["is_outlier"]).count(),
        "free": orders.filter(orders["line_value_minor"] == 0).count(),
        "mixed_order": by_order.filter(is_mixed).count(),
    }


def _count_equal(judged: Table) -> IntegerScalar:
    """Count trusted lines without a number that say the same as another one."""
    is_unnumbered = judged["rule"].isnull() & as_id(judged["line_id"]).isnull()
    lines = judged.filter(is_unnumbered).drop("source_row", "rule", "line_id", "unreadable")
    sizes = lines.group_by(list(lines.columns)).agg(n_same=lambda t: t.count())
    return (sizes["n_same"] - 1).sum()


def _other_faults(tables: dict[str, Table]) -> dict[str, IntegerScalar]:
    """Count the rows of each fault of the tables beside `orders`."""
    products, exposures = tables["products"], tables["exposures"]
    refunds, events = tables["refunds"], tables["events"]
    return {
        "unmatched": refunds.filter(refunds["match"] == "none").count(),
        "bot": events.filter(events["is_bot"]).count(),
        "unlisted": _without_attributes(products).count(),
        "uncategorised": products.filter(products["category"].isnull()).count(),
        "unknown_customer": _without_attributes(tables["customers"]).count(),
        "not_randomised": exposures.filter(~exposures["is_randomised"]).count(),
    }


def _without_attributes(table: Table) -> Table:
    is_null = [table[column].isnull() for column in table.columns[1:]]
    return table.filter(functools.reduce(operator.and_, is_null))
