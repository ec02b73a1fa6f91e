"""Raw tables from a source: named columns, numbered rows, pseudonyms instead of ids."""

import functools
import hashlib
import logging

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import Table, Value
import pandas as pd
import pyarrow.parquet as pq

from src.data.pseudonyms import pseudonym_table
from src.data.sources import (
    RAW_TABLES,
    Constant,
    Source,
    TableSource,
    column_kind,
    file_names,
    file_path,
)
from src.data.tables import TABLES
from src.data.values import UTC, as_id, as_utc
from src.errors import ParameterError, SchemaError

__all__ = ["distinct_customers", "pseudonymise", "read_raw_tables", "register_files", "time_spans"]

logger = logging.getLogger(__name__)

_EMPTY_TYPES = {"time": UTC, "number": "float64", "flag": "boolean", "text": "string"}


def register_files(source: Source) -> pd.DataFrame:
    """Count, weigh and hash every file of a source.

    Parameters
    ----------
    source : Source
        A checked source.

    Returns
    -------
    DataFrame
        The table `sources`: one row per file, in the order of their names.
    """
    rows = []
    for file, raw_table in sorted(file_names(source).items()):
        path = file_path(source, file)
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        rows.append(
            {
                "source_table": file,
                "raw_table": raw_table or None,
                "location": f"{source.package or source.name}/{path.parent.name}/{path.name}",
                "n_rows": pq.read_metadata(path).num_rows,
                "n_bytes": path.stat().st_size,
                "sha256": digest,
            }
        )
    return pd.DataFrame(rows)


def read_raw_tables(
    engine: BaseBackend, source: Source, key: bytes, max_customers: int = 0
) -> dict[str, Table]:
    """Read all raw tables of a source.

    Parameters
    ----------
    engine : ibis backend
        Where the tables are read.
    source : Source
        A checked source.
    key : bytes
        Key of the pseudonyms.
    max_customers : int, default 0
        Keep so many customers, the first in the order of their pseudonyms; 0 keeps all.

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
        name: _read_raw(engine, source, name) if name in source.tables else _empty_raw(name)
        for name in RAW_TABLES
    }
    return pseudonymise(plain, key, max_customers)


def pseudonymise(tables: dict[str, Table], key: bytes, max_customers: int = 0) -> dict[str, Table]:
    """Put the pseudonym in the place of `customer_id` in every table that has one.

    Parameters
    ----------
    tables : dict of str to ibis.Table
        Raw tables with the shop's own ids.
    key : bytes
        Key of the pseudonyms.
    max_customers : int, default 0
        Keep so many customers in every table; 0 keeps all, and rows without one.

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
    pairs = pseudonym_table(plain_ids.to_pandas()["plain_id"], key, max_customers)
    logger.info("pseudonymise: %s customers", f"{len(pairs):,}")
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


def _read_raw(engine: BaseBackend, source: Source, name: str) -> Table:
    origin = source.tables[name]
    rows = engine.read_parquet(str(file_path(source, origin.file)))
    rows = rows.mutate(source_row=ibis.row_number().cast("int64"))
    if origin.lookup is not None:
        rows = _look_up(engine, source, origin, rows)
    return rows.select(
        source_row=rows["source_row"],
        **{
            column: _raw_column(rows, column, origin, source.time_zone)
            for column in TABLES[name].column_names[1:]
        },
    )


def _look_up(engine: BaseBackend, source: Source, origin: TableSource, rows: Table) -> Table:
    """Join the second file's columns that the first does not have."""
    key = origin.lookup.key
    second = engine.read_parquet(str(file_path(source, origin.lookup.file)))
    if int(second[key].nunique().execute()) != int(second.count().execute()):
        raise SchemaError(
            f"Expected one row per {key} in {origin.lookup.file}.parquet, which is looked up for "
            f"{origin.file}, but some repeat or are missing; drop them at the source."
        )
    new = [column for column in second.columns if column not in rows.columns]
    return rows.left_join(second.select(key, *new), key).drop(f"{key}_right")


def _raw_column(rows: Table, column: str, origin: TableSource, time_zone: str) -> Value:
    kind, mapped = column_kind(column), origin.columns.get(column)
    if mapped is None:
        return ibis.null(_EMPTY_TYPES[kind])
    if isinstance(mapped, Constant):
        return ibis.literal(mapped.value)
    if isinstance(mapped, list):
        return functools.reduce(lambda a, b: a + b, [rows[part].fill_null(0) for part in mapped])
    value = rows[mapped]
    if value.type().is_null():
        return ibis.null(_EMPTY_TYPES[kind])
    return as_utc(value, time_zone) if kind == "time" else value


def _empty_raw(name: str) -> Table:
    schema = {"source_row": "int64"} | {
        column: _EMPTY_TYPES[column_kind(column)] for column in TABLES[name].column_names[1:]
    }
    return ibis.memtable([], schema=schema)
