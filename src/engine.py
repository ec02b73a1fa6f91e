"""The engine on which table work runs: DuckDB in this process, behind Ibis."""

from pathlib import Path

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import Table

__all__ = ["connect", "read_parquet", "write_parquet"]


def connect() -> BaseBackend:
    """Open an engine: times in UTC, row order kept, no download of extensions."""
    engine = ibis.duckdb.connect()
    engine.raw_sql("SET TimeZone = 'UTC'")
    engine.raw_sql("SET autoinstall_known_extensions = false")
    if engine.raw_sql("SELECT current_setting('enable_progress_bar')").fetchone()[0]:
        engine.raw_sql("SET enable_progress_bar = false")  # refused in Jupyter, where it is off
    engine.raw_sql("SET enable_external_file_cache = false")  # it misses a file rewritten at once
    return engine


def read_parquet(engine: BaseBackend, folder: Path) -> Table:
    """Read every Parquet file of a folder as one lazy table."""
    return engine.read_parquet(str(folder / "*.parquet"))


def write_parquet(engine: BaseBackend, table: Table, folder: Path) -> None:
    """Write a table as the one file of a new folder."""
    folder.mkdir(parents=True)
    engine.to_parquet(table, str(folder / "part-0.parquet"))
