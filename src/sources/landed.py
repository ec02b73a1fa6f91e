"""What landing gives: Parquet files in reach, and what is known of them."""

from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

__all__ = ["Landed"]


@dataclass(frozen=True)
class Landed:
    """One file set, query, topic or site, as Parquet files that any engine reads.

    Parameters
    ----------
    name : str
        Name in the table `sources`, such as ``transactions`` or ``orders.csv``.
    location : str
        File name or query as people may read it: no path of the machine, no secret.
    files : tuple of Path
        Parquet files, in the order in which their rows are numbered.
    schema : pyarrow.Schema
        Of all the files; columns of nested data are spelt with dots.
    n_rows : int
        Rows in the files.
    n_bytes : int
        Size of what was read at the source, or of the files where that has none.
    sha256 : str
        Of the source's bytes, or of the files' where it has none.
    n_read : int
        Rows that were new this time; `n_rows` where the whole is read each time.
    new_columns : tuple of str
        Columns that were not there last time.
    key : tuple of str
        Columns that name a row; of rows that agree in them the last file and row counts.
    deleted : str, optional
        Column that is filled, or true, in rows that the source has deleted.
    """

    name: str
    location: str
    files: tuple[Path, ...]
    schema: pa.Schema
    n_rows: int
    n_bytes: int
    sha256: str
    n_read: int
    new_columns: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    deleted: str | None = None
