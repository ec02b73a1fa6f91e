"""Raw tables from what was landed: read values, numbered rows, pseudonyms instead of ids."""

from collections.abc import Mapping
import functools
import logging

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import Table
import pandas as pd

from src.data.mapped import map_table
from src.data.pseudonyms import pseudonym_table
from src.data.tables import TABLES
from src.data.values import UTC, as_id
from src.engine import read_numbered
from src.errors import ParameterError, SchemaError
from src.sources.config import Source
from src.sources.landed import Landed
from src.sources.landing import LOOKUP, REGISTERED
from src.sources.raw_columns import RAW_TABLES, column_kind

__all__ = ["distinct_customers", "pseudonymise", "read_raw_tables", "register_landed", "time_spans"]

logger = logging.getLogger(__name__)

_EMPTY_TYPES = {"time": UTC, "number": "float64", "flag": "boolean", "text": "string"}


def register_landed(landed: Mapping[str, Landed]) -> pd.DataFrame:
    """List everything that was landed, with what is known of it.

    Parameters
    ----------
    landed : mapping of str to Landed
        From `land_source`.

    Returns
    -------
    DataFrame
        The table `sources`: one row per file set, query, topic or site, in the order of names.
    """
    rows: dict[str, dict] = {}
    for place, found in landed.items():
        if found.name in rows:
            continue
        rows[found.name] = {
            "source_table": found.name,
            "raw_table": _fed_table(place),
            "location": found.location,
            "n_rows": found.n_rows,
            "n_read": found.n_read,
            "n_bytes": found.n_bytes,
            "sha256": found.sha256,
            "new_columns": ", ".join(found.new_columns) or None,
        }
    return pd.DataFrame([rows[name] for name in sorted(rows)])


def _fed_table(place: str) -> str | None:
    return None if place.startswith(REGISTERED) else place.removesuffix(LOOKUP)


def read_raw_tables(
    engine: BaseBackend,
    source: Source,
    landed: Mapping[str, Landed],
    key: bytes,
    max_customers: int = 0,
    merged: Mapping[str, str] | None = None,
) -> dict[str, Table]:
    """Read all raw tables of a source.

    Parameters
    ----------
    engine : ibis backend
        Where the tables are read.
    source : Source
        A checked source.
    landed : mapping of str to Landed
        What `land_source` gave for it.
    key : bytes
        Key of the pseudonyms.
    max_customers : int, default 0
        Keep so many customers, the first in the order of their pseudonyms; 0 keeps all.
    merged : mapping of str to str, optional
        The shop's id of an account to the id of the person it belongs to, where they differ.

    Returns
    -------
    dict of str to ibis.Table
        Every raw table of the contract; one without a source is empty.
    """
    if max_customers < 0:
        raise ParameterError(
            f"Expected max_customers of 0 (all) or more, found {max_customers}; correct it."
        )
    plain = {
        name: _read_raw(engine, source, landed, name) if name in source.tables else _empty_raw(name)
        for name in RAW_TABLES
    }
    return pseudonymise(plain, key, max_customers, merged)


def pseudonymise(
    tables: dict[str, Table],
    key: bytes,
    max_customers: int = 0,
    merged: Mapping[str, str] | None = None,
) -> dict[str, Table]:
    """Put the pseudonym in the place of `customer_id` in every table that has one.

    Parameters
    ----------
    tables : dict of str to ibis.Table
        Raw tables with the shop's own ids.
    key : bytes
        Key of the pseudonyms.
    max_customers : int, default 0
        Keep so many customers in every table; 0 keeps all, and rows without one.
    merged : mapping of str to str, optional
        The shop's id of an account to the id of the person it belongs to, where they differ.

    Returns
    -------
    dict of str to ibis.Table
        The same tables and columns; tables without customers are as they were.
    """
    with_customers = {name: table for name, table in tables.items() if "customer_id" in table}
    distinct = [
        table.select(plain_id=as_id(table["customer_id"])).distinct()
        for table in with_customers.values()
    ]
    plain_ids = functools.reduce(lambda a, b: a.union(b, distinct=True), distinct)
    pairs = pseudonym_table(plain_ids.to_pandas()["plain_id"], key, max_customers, merged)
    logger.info("pseudonymise: %s customers", f"{pairs['pseudonym'].nunique():,}")
    known = ibis.memtable(pairs, schema={"plain_id": "string", "pseudonym": "string"})
    how = "inner" if max_customers else "left"
    return tables | {
        name: _swap_ids(table, known, how).select(*table.columns)
        for name, table in with_customers.items()
    }


def _swap_ids(table: Table, known: Table, how: str) -> Table:
    plain = table.mutate(customer_id=as_id(table["customer_id"]))
    joined = plain.join(known, plain["customer_id"] == known["plain_id"], how=how)
    return joined.drop("customer_id", "plain_id").rename(customer_id="pseudonym")


def distinct_customers(tables: dict[str, Table]) -> pd.Series:
    """Every pseudonym of the raw tables once, in order; a missing one is none."""
    parts = [table.select("customer_id") for table in tables.values() if "customer_id" in table]
    known = functools.reduce(lambda a, b: a.union(b, distinct=True), parts)
    return (
        known.filter(known["customer_id"].notnull())
        .order_by("customer_id")
        .to_pandas()["customer_id"]
    )


def time_spans(tables: dict[str, Table]) -> pd.DataFrame:
    """First and last time in each raw table that has rows and times.

    Returns
    -------
    DataFrame
        One row per table: `raw_table`, `first_at`, `last_at`.
    """
    rows = []
    for name, table in tables.items():
        times = [column for column in table.columns if column_kind(column) == "time"]
        if times:
            found = table.agg(first_at=table[times[0]].min(), last_at=table[times[-1]].max())
            rows.append(found.to_pandas().assign(raw_table=name))
    spans = pd.concat(rows, ignore_index=True)[["raw_table", "first_at", "last_at"]]
    return spans.dropna(ignore_index=True)


def _read_raw(
    engine: BaseBackend, source: Source, landed: Mapping[str, Landed], name: str
) -> Table:
    rows = _newest(read_numbered(engine, landed[name].files), landed[name])
    table = source.tables[name]
    if table.lookup is not None:
        rows = _look_up(engine, landed[name + LOOKUP], landed[name], table.lookup.key, rows)
    return map_table(rows, source, name)


def _newest(rows: Table, landed: Landed) -> Table:
    """Of several versions of a row the last; none, where that one says it was deleted."""
    if landed.key:
        versions = ibis.window(
            group_by=[rows[name] for name in landed.key], order_by=rows["source_row"].desc()
        )
        rows = rows.mutate(version_rank=ibis.row_number().over(versions))
        rows = rows.filter(rows["version_rank"] == 0).drop("version_rank")
    if landed.deleted is None:
        return rows
    mark = rows[landed.deleted]
    is_deleted = mark.fill_null(False) if mark.type().is_boolean() else mark.notnull()
    return rows.filter(~is_deleted)


def _look_up(engine: BaseBackend, second: Landed, first: Landed, key: str, rows: Table) -> Table:
    """Join the second file's columns that the first does not have."""
    found = read_numbered(engine, second.files)
    if int(found[key].nunique().execute()) != int(found.count().execute()):
        raise SchemaError(
            f"Expected one row per {key} in {second.name}, which is looked up for {first.name}, "
            "but some repeat or are missing; drop them at the source."
        )
    new = [column for column in found.columns if column not in rows.columns]
    return rows.left_join(found.select(key, *new), key).drop(f"{key}_right")


def _empty_raw(name: str) -> Table:
    schema = {"source_row": "int64"} | {
        column: _EMPTY_TYPES[column_kind(column)] for column in TABLES[name].column_names[1:]
    }
    return ibis.memtable([], schema=schema)
