"""DuckDB in this process."""

from collections.abc import Sequence
import glob
from pathlib import Path
import tempfile
import uuid

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import Table
import pyarrow.parquet as pq

from src.errors import SchemaError

__all__ = ["connect", "read_numbered", "read_parquet", "write_parquet"]

MEMORY_LIMIT = "3GB"
"""What DuckDB may hold; beyond it, it works on disk, so that a large shop fits a small machine."""

_FILE, _ROW = "source_file", "file_row_number"


def connect() -> BaseBackend:
    """Open DuckDB: times in UTC, row order kept, memory bounded, no download of extensions."""
    engine = ibis.duckdb.connect(
        memory_limit=MEMORY_LIMIT,
        temp_directory=str(Path(tempfile.gettempdir(), f"campanile-{uuid.uuid4().hex}")),
    )
    engine.raw_sql("SET TimeZone = 'UTC'")
    engine.raw_sql("SET autoinstall_known_extensions = false")
    if engine.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone()[0]:
        engine.raw_sql("SET enable_progress_bar = false")  # refused in Jupyter, where it is off
    engine.raw_sql("SET enable_external_file_cache = false")  # it misses a file rewritten at once
    return engine


def read_parquet(engine: BaseBackend, folder: Path) -> Table:
    """Read every Parquet file of a folder as one lazy table."""
    return engine.read_parquet(f"{glob.escape(str(folder))}/*.parquet")


def read_numbered(engine: BaseBackend, files: Sequence[Path]) -> Table:
    """Read files as one lazy table, its rows numbered over all of them."""
    taken = {_FILE, _ROW} & set(pq.read_schema(files[0]).names)
    if taken:
        raise SchemaError(
            f"Expected a table without the column {min(taken)}, which is needed to number its "
            f"rows, but {files[0].name} has it; rename it at the source."
        )
    paths = [str(path) for path in files]
    rows = engine.read_parquet(
        [glob.escape(path) for path in paths], file_row_number=True, filename=_FILE
    )
    offset, offsets = 0, []
    for path in paths:
        offsets.append((rows[_FILE] == path, ibis.literal(offset, "int64")))
        offset += pq.read_metadata(path).num_rows
    first = ibis.cases(*offsets) if len(paths) > 1 else 0  # one name per chunk: as good as free
    return rows.mutate(source_row=(rows[_ROW] + first).cast("int64")).drop(_ROW, _FILE)


def write_parquet(engine: BaseBackend, table: Table, folder: Path) -> None:
    """Write a table as the one file of a new folder."""
    folder.mkdir(parents=True)
    engine.to_parquet(table, str(folder / "part-0.parquet"))
