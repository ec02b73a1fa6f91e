"""Samples of what a source names; nothing of them is left behind."""

from dataclasses import dataclass
from pathlib import Path
import tempfile

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from src.sources.config import Source, TableSource
from src.sources.in_memory import read_files, read_query
from src.sources.landing import land_source
from src.sources.origins import FileOrigin, KafkaOrigin, SqlOrigin, WebOrigin

__all__ = ["SAMPLE_ROWS", "Sample", "read_sample"]

SAMPLE_ROWS = 100_000
"""Rows that are looked at, the first of each table."""

_WEB_PAGES = 20


@dataclass(frozen=True)
class Sample:
    """First rows of one table.

    Parameters
    ----------
    rows : pyarrow.Table
        As the source has them, the columns of a lookup joined.
    is_whole : bool
        Whether there are no more.
    """

    rows: pa.Table
    is_whole: bool

    def frame(self) -> pd.DataFrame:
        """Give the rows as a frame."""
        return self.rows.to_pandas()


def read_sample(path: str, source: Source, raw_table: str, max_rows: int = SAMPLE_ROWS) -> Sample:
    """Read the first rows of one table of a source, leaving nothing behind.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        The shop.
    raw_table : str
        Which of its tables.
    max_rows : int
        How many rows.

    Raises
    ------
    ParameterError, SchemaError, SourceError
        If it cannot be reached or read.
    """
    table = source.tables[raw_table]
    origin = table.origin
    if isinstance(origin, FileOrigin):
        rows = read_files(path, source, origin, max_rows + 1)
    elif isinstance(origin, SqlOrigin):
        rows = read_query(raw_table, origin, max_rows + 1)
    else:
        rows = _landed(path, source, raw_table, max_rows + 1)
    is_whole = rows.num_rows <= max_rows and not isinstance(origin, WebOrigin | KafkaOrigin)
    return Sample(_looked_up(path, source, table, rows.slice(0, max_rows)), is_whole)


def _landed(path: str, source: Source, raw_table: str, max_rows: int) -> pa.Table:
    table = source.tables[raw_table]
    if isinstance(table.origin, WebOrigin):
        few = table.origin.model_copy(update={"max_pages": min(_WEB_PAGES, table.origin.max_pages)})
        table = table.model_copy(update={"web": few})
    alone = source.model_copy(update={"tables": {raw_table: table}, "registered": []})
    with tempfile.TemporaryDirectory() as folder:
        landed = land_source(path, alone, Path(folder))[raw_table]
        parts, n_left = [], max_rows
        for file in landed.files:
            parts.append(pq.read_table(file).slice(0, n_left))
            n_left -= parts[-1].num_rows
            if n_left <= 0:
                break
        return pa.concat_tables(parts) if parts else landed.schema.empty_table()


def _looked_up(path: str, source: Source, table: TableSource, rows: pa.Table) -> pa.Table:
    """Join the columns that the lookup has and the rows have not."""
    if table.lookup is None:
        return rows
    key = table.lookup.key
    second = read_files(path, source, table.lookup.file).to_pandas().drop_duplicates(key)
    new = [column for column in second.columns if column not in rows.column_names]
    first = rows.to_pandas()
    if first[key].dtype != second[key].dtype:
        first[key], second[key] = first[key].astype("str"), second[key].astype("str")
    return pa.Table.from_pandas(first.merge(second[[key, *new]], on=key, how="left"))
