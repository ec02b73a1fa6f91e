"""Rows of a file or database in memory, nothing written: people, and samples to look at."""

from collections.abc import Iterator
import itertools
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import SourceError
from src.sources.config import Source
from src.sources.files import file_format, find_files
from src.sources.header import RAGGED
from src.sources.json_lines import read_json_columns, read_json_rows
from src.sources.origins import FileOrigin, SqlOrigin
from src.sources.sql_places import open_engine, sql_errors
from src.sources.text_files import read_header, read_rows
from src.sources.text_form import HEAD_BYTES, find_form
from src.sources.uniform import common_schema, fit, rows_to_table
from src.sources.workbooks import read_workbook

__all__ = ["read_file", "read_files", "read_query"]

_CHUNK = 50_000


def read_files(
    path: str, source: Source, origin: FileOrigin, max_rows: int | None = None
) -> pa.Table:
    """Read the rows of all files of an origin into memory.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        The shop.
    origin : FileOrigin
        Which files.
    max_rows : int, optional
        Read the first so many rows only.

    Raises
    ------
    ParameterError, SchemaError, SourceError
        If a file is missing or cannot be read.
    """
    tables, n_left = [], max_rows
    files = find_files(path, source, origin)
    found = file_format(path, origin, files)
    for file in files:
        tables.append(read_file(file, origin, found, n_left))
        n_left = None if n_left is None else n_left - tables[-1].num_rows
        if n_left == 0:
            break
    schema = common_schema(table.schema for table in tables)
    return pa.concat_tables([fit(table, schema) for table in tables])


def read_file(file: Path, origin: FileOrigin, found: str, max_rows: int | None = None) -> pa.Table:
    """Read the rows of one file of the format `found`; of a text file every column is text.

    Raises
    ------
    SchemaError, SourceError
        If it cannot be read.
    """
    if found == "excel":
        return read_workbook(file, origin.sheet, origin.skip_lines).slice(0, max_rows)
    if found == "parquet":
        return _gathered(_parquet_rows(file), max_rows)
    if found == "jsonl":
        encoding, schema = read_json_columns(file, origin)
        return _gathered(read_json_rows(file, encoding, schema, _tell_nobody), max_rows)
    try:
        rows = _text_rows(file, origin, max_rows, None if max_rows is None else HEAD_BYTES)
    except UnicodeDecodeError:  # the head is plain ASCII, and what comes later tells more
        rows = _text_rows(file, origin, max_rows, None)
    return rows.drop_columns(RAGGED) if RAGGED in rows.column_names else rows


def read_query(place: str, origin: SqlOrigin, max_rows: int | None = None) -> pa.Table:
    """Read a table or query of a database into memory.

    Parameters
    ----------
    place : str
        What it feeds, for the words of an error.
    origin : SqlOrigin
        Which database, and what of it; its cursor is not looked at.
    max_rows : int, optional
        Read the first so many rows only.

    Raises
    ------
    ParameterError, SourceError
        If the database cannot be reached or does not understand.
    """
    import sqlalchemy as sa

    name = origin.table or "query"
    n_chunks = None if max_rows is None else -(-max_rows // _CHUNK)
    if origin.table:
        schema, _, table = origin.table.rpartition(".")
        statement = sa.select(sa.text("*")).select_from(sa.table(table, schema=schema or None))
        statement = statement.limit(max_rows) if max_rows else statement
    else:
        statement = sa.text(origin.query.replace(":", r"\:"))
    with (
        open_engine(origin.secret, place) as engine,
        sql_errors(engine, origin.secret, name, place),
        engine.connect() as connection,
    ):
        result = connection.execution_options(yield_per=_CHUNK).execute(statement)
        names = list(result.keys())
        chunks = [
            rows_to_table([dict(zip(names, row, strict=True)) for row in rows])
            for rows in itertools.islice(result.partitions(_CHUNK), n_chunks)
        ]
        result.close()
    schema = common_schema(chunk.schema for chunk in chunks)
    rows = pa.concat_tables([fit(chunk, schema) for chunk in chunks]) if chunks else None
    empty = pa.table({name: pa.array([], pa.string()) for name in names})
    return empty if rows is None else rows.slice(0, max_rows)


def _text_rows(
    file: Path, origin: FileOrigin, max_rows: int | None, n_bytes: int | None
) -> pa.Table:
    form = find_form(file, origin, n_bytes)
    names = read_header(file, form)
    empty = pa.table({name: pa.array([], pa.string()) for name in (*names, RAGGED)})
    rows = read_rows(file, form, True, _tell_nobody)
    return _gathered(itertools.chain([empty], rows), max_rows)


def _parquet_rows(file: Path) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(file) as parquet:
            yield parquet.schema_arrow.empty_table()
            for batch in parquet.iter_batches(_CHUNK):
                yield pa.Table.from_batches([batch])
    except (pa.ArrowInvalid, OSError):
        raise SourceError(
            f"Expected Parquet in {file.name}, found something else or a broken file; write it "
            "again as Parquet."
        ) from None


def _gathered(tables: Iterator[pa.Table], max_rows: int | None) -> pa.Table:
    found, n_rows = [], 0
    for table in tables:
        found.append(table)
        n_rows += table.num_rows
        if max_rows is not None and n_rows >= max_rows:
            break
    return pa.concat_tables(found).slice(0, max_rows)


def _tell_nobody(n: int) -> None:
    """Show no progress."""
