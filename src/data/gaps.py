"""Where the data is thin: what is missing when, and where refused rows come from."""

import ibis
from ibis.expr.types import StringValue, Table, Value
import pandas as pd

from src.data.tables import TABLES
from src.data.values import as_id, as_utc
from src.sources.header import RAGGED

__all__ = ["describe_never_filled", "find_offenders", "missing_by_month"]

_MONTH_TIMES = {"orders": "ordered_at", "events": "event_at", "reviews": "reviewed_at"}
_DESCRIBED = {"products": "product_id", "customers": "customer_id"}
_OFFENDERS = {
    "orders_raw": ("store_id", "product_id", "currency"),
    "products_raw": ("department", "brand"),
    "customers_raw": (),
    "events_raw": ("event_type", "campaign_id", "product_id"),
    "reviews_raw": ("product_id",),
    "exposures_raw": ("campaign_id", "action"),
    "rates_raw": ("currency",),
}
_DAYS = _MONTH_TIMES | {"exposures": "exposed_at"}
_OFFENDER_COLUMNS = ["raw_table", "by", "value", "n_rows", "n_rejected", "n_expected"]
_N_OFFENDERS = 10
_CLEAR = 3.0  # standard deviations of a count that chance alone would make
_TIMES = 1.5  # what is little more than usual is nobody's fault, however large
_LONGEST_VALUE = 40


def missing_by_month(tables: dict[str, Table]) -> pd.DataFrame:
    """Share of rows without a value, month by month.

    Parameters
    ----------
    tables : dict of str to ibis.Table
        Clean `orders`, `events`, `reviews`, `products` and `customers`.

    Returns
    -------
    DataFrame
        One row per table, column that may be missing, and month: `table`, `column`, `month`
        (its first day), `n_rows`, `missing_share` (0-1). What is known of products and
        customers is weighed by the order lines of the month, for these are what it describes.
    """
    orders = tables["orders"]
    parts = [_monthly(tables[name], name, at, _optional(name)) for name, at in _MONTH_TIMES.items()]
    for name, key in _DESCRIBED.items():
        columns = _optional(name)
        facts = orders.select(key, "ordered_at").left_join(tables[name], key)
        parts.append(_monthly(facts, name, "ordered_at", columns))
    return pd.concat(parts, ignore_index=True)


def describe_never_filled(missing: pd.DataFrame) -> str:
    """Say in Markdown which columns have no value in any month."""
    least = missing.groupby(["table", "column"], sort=False)["missing_share"].min()
    empty = least.index[least == 1].to_frame(index=False)
    if empty.empty:
        return "Every column has values."
    lines = [
        f"- `{table}`: " + ", ".join(f"`{column}`" for column in rows["column"])
        for table, rows in empty.groupby("table", sort=False)
    ]
    return "\n".join(["Never filled, and so not in the picture:", "", *lines])


def find_offenders(judged: dict[str, Table], steps: pd.DataFrame) -> pd.DataFrame:
    """Find the stores, products, days and so on that more refused rows come from than should.

    Parameters
    ----------
    judged : dict of str to ibis.Table
        Raw tables with the rule that each row breaks.
    steps : DataFrame
        What :func:`src.data.clean.count_steps` gave.

    Returns
    -------
    DataFrame
        The ten with the largest excess, at most: `raw_table`, `by` (the column), `value`,
        `n_rows`, `n_rejected`, `n_expected` (refused rows, were they spread evenly over the
        rows of the table). Only those are told that chance does not explain (by three standard
        deviations) and that lose half as many rows again as expected.
    """
    parts = [pd.DataFrame(columns=_OFFENDER_COLUMNS)]
    for name, rows in steps.groupby("raw_table", sort=False):
        n_rows, n_refused = int(rows["n_before"].iloc[0]), int(rows["n_rejected"].sum())
        if n_refused:
            parts.append(_offenders_of(name, judged[name], n_refused / n_rows))
    offenders = pd.concat(parts[1:] or parts, ignore_index=True)
    excess = offenders["n_rejected"] - offenders["n_expected"]
    is_clear = (excess > _CLEAR * offenders["n_expected"] ** 0.5) & (
        offenders["n_rejected"] >= _TIMES * offenders["n_expected"]
    )
    first = offenders.assign(excess=excess)[is_clear].sort_values(
        ["excess", "raw_table", "by", "value"], ascending=[False, True, True, True]
    )
    return first.head(_N_OFFENDERS).drop(columns="excess").reset_index(drop=True)


def _optional(name: str) -> list[str]:
    return [column.name for column in TABLES[name].columns if column.is_nullable]


def _monthly(facts: Table, name: str, at: str, columns: list[str]) -> pd.DataFrame:
    month = facts.mutate(month=as_utc(facts[at].truncate("M")))
    shares = {column: month[column].isnull().cast("float64").mean() for column in columns}
    wide = month.group_by("month").agg(n_rows=month.count(), **shares).to_pandas()
    long = wide.melt(["month", "n_rows"], var_name="column", value_name="missing_share")
    ordered = long.assign(table=name).sort_values(["column", "month"], kind="stable")
    return ordered[["table", "column", "month", "n_rows", "missing_share"]]


def _offenders_of(name: str, table: Table, refused_share: float) -> pd.DataFrame:
    """Find the ten values of each view of a table with the largest excess of refused rows."""
    refused = table.filter(table["rule"].notnull()).cache()
    parts = []
    views = zip(_values_by(name, table).items(), _values_by(name, refused).values(), strict=True)
    for (by, value), refused_value in views:
        rejected = _count_values(refused, refused_value, "n_rejected")
        counts = _count_values(table, value, "n_rows").join(rejected, "value")
        counts = counts.mutate(n_expected=counts["n_rows"] * refused_share)
        excess = counts["n_rejected"] - counts["n_expected"]
        worst = counts.order_by([excess.desc(), counts["value"]]).limit(_N_OFFENDERS)
        parts.append(worst.to_pandas().assign(raw_table=name, by=by)[_OFFENDER_COLUMNS])
    return pd.concat(parts, ignore_index=True)


def _count_values(table: Table, value: Value, name: str) -> Table:
    rows = table.select(value=value)
    return rows.filter(rows["value"].notnull()).group_by("value").agg(**{name: lambda t: t.count()})


def _values_by(name: str, table: Table) -> dict[str, Value]:
    """Each view of a raw table: a column as text, the day, the form of what could not be read."""
    values = {column: as_id(table[column]) for column in _OFFENDERS[name]}
    at = _DAYS.get(name.removesuffix("_raw"))
    if at is not None:
        values["day"] = table[at].date().cast("string")
    return values | {"form": _form_of(as_id(table["unreadable"]))}


def _form_of(note: StringValue) -> StringValue:
    """Form of what could not be read, behind its column: it may be of a person if fields shifted.

    So the same fault is one value, too, whatever the digits: ``paid=99,99 a``.
    """
    column, text = note.re_extract("^([^=]*=)", 1), note.re_replace("^[^=]*=", "")
    form = text.re_replace(r"\p{L}", "a").re_replace(r"\p{Nd}", "9")
    told = ibis.ifelse(note.startswith(f"{RAGGED}="), note.re_extract("^([^;]*)", 1), column + form)
    return told.substr(0, _LONGEST_VALUE)
