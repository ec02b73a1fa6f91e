"""The engine on which table work runs, behind Ibis: DuckDB in this process, or a Spark cluster."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from ibis.backends import BaseBackend
from ibis.expr.types import Table

from src.engine import duckdb, spark
from src.errors import ParameterError

__all__ = ["ENGINES", "check_engine", "connect", "read_numbered", "read_parquet", "write_parquet"]

ENGINES = ("duckdb", "spark")
"""Names of the engines, as params give them."""


def connect(engine: str = "duckdb", spark_master: str = "") -> BaseBackend:
    """Open an engine: times in UTC, nothing downloaded, nothing told on the screen.

    Parameters
    ----------
    engine : str, default "duckdb"
        ``duckdb`` or ``spark``.
    spark_master : str, optional
        Where Spark runs: ``spark://host:port``, or ``local[n]`` for `n` threads here. Only
        with ``spark``, and needed there.

    Raises
    ------
    ParameterError
        If the engine is unknown, or the master does not fit it.
    ConfigurationError
        If Spark is not installed here, or its master does not answer.
    """
    check_engine(engine, spark_master)
    return duckdb.connect() if engine == "duckdb" else spark.connect(spark_master)


def check_engine(engine: str, spark_master: str = "") -> None:
    """Refuse an engine that cannot be opened, without opening it.

    Parameters
    ----------
    engine, spark_master
        As for `connect`.

    Raises
    ------
    ParameterError
        If the engine is unknown, or the master does not fit it.
    ConfigurationError
        If Spark is not installed here, or nothing answers at the address of its master.
    """
    if engine not in ENGINES:
        raise ParameterError(f"Expected an engine among {list(ENGINES)}, found {engine!r}.")
    if engine == "spark":
        spark.check_master(spark_master)
    elif spark_master:
        raise ParameterError(
            f"Expected spark_master only with engine: spark, found {spark_master!r} with "
            "duckdb; set the engine, or leave the master out."
        )


def read_parquet(engine: BaseBackend, folder: Path) -> Table:
    """Read every Parquet file of a folder as one lazy table."""
    return _module(engine).read_parquet(engine, folder)


def read_numbered(engine: BaseBackend, files: Sequence[Path]) -> Table:
    """Read Parquet files of one schema as one lazy table, its rows numbered.

    Parameters
    ----------
    engine : ibis backend
        Where the table is read.
    files : sequence of Path
        One file or more, in the order in which their rows are counted.

    Returns
    -------
    ibis.Table
        The files' columns, and `source_row` (int64): the place of the row among all rows of
        all the files, from 0. It is read off the files' own row numbers, so it is the same
        on every engine, whatever is read first.
    """
    return _module(engine).read_numbered(engine, files)


def write_parquet(engine: BaseBackend, table: Table, folder: Path) -> None:
    """Write a table into a new folder: as one file by DuckDB, as one or several by Spark."""
    _module(engine).write_parquet(engine, table, folder)


def _module(engine: BaseBackend) -> ModuleType:
    return duckdb if engine.name == "duckdb" else spark
