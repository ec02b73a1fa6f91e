"""Keep what a file was converted to: whole or not at all, once per content, for its owner only."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import SourceError
from src.sources.kinds import as_array

__all__ = ["conform", "hold_folder", "keep", "keep_only", "kept", "kept_schema"]

_GROUP_ROWS = 120_000
_GROUP_BYTES = 1 << 26
_EMPTY = {b"is_empty": b"yes"}


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Make a folder that its owner alone may enter, and let one process at a time work in it.

    Raises
    ------
    SourceError
        If it cannot be made or written to.
    """
    try:
        for missing in reversed([folder, *folder.parents]):
            missing.mkdir(mode=0o700, exist_ok=True)
        folder.chmod(0o700)
        lock = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise _unwritable(folder, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def kept(folder: Path, stem: str) -> Path | None:
    """Find what was kept under a name, unless it has been damaged since."""
    target = folder / f"{stem}.parquet"
    try:
        pq.read_metadata(target)
    except (OSError, pa.ArrowException):
        return None
    return target


def keep(folder: Path, stem: str, schema: pa.Schema, tables: Iterable[pa.Table]) -> Path:
    """Write tables to one Parquet file, beside its place, and rename it there.

    Parameters
    ----------
    folder : Path
        A folder that this process holds.
    stem : str
        Name of the file without its ending; it stands for the content.
    schema : pyarrow.Schema
        Of every table. A column of the type null is kept as one of empty texts, since not
        every engine reads that type.
    tables : iterable of pyarrow.Table
        Some MB each; they are written in row groups of their sum.

    Raises
    ------
    SourceError
        If it cannot be written.
    """
    draft, target = folder / f".{stem}.draft", folder / f"{stem}.parquet"
    try:
        with os.fdopen(os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600), "wb") as file:
            _write(file, schema, tables)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, target)
        _sync_folder(folder)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise _unwritable(folder, error) from None
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return target


def kept_schema(file: Path) -> pa.Schema:
    """Columns of a kept file; one that is empty in every row has the type null."""
    return pa.schema(
        [
            pa.field(field.name, pa.null() if field.metadata == _EMPTY else field.type)
            for field in pq.read_schema(file)
        ]
    )


def conform(folder: Path, stem: str, file: Path, schema: pa.Schema) -> Path:
    """Keep a Parquet file once more with the columns and types of `schema`, which hold its own."""
    with pq.ParquetFile(file) as parquet:
        tables = (
            _conformed(pa.Table.from_batches([batch]), schema) for batch in parquet.iter_batches()
        )
        return keep(folder, stem, schema, tables)


def keep_only(folder: Path, prefix: str, files: Iterable[Path]) -> None:
    """Delete what was kept or begun under names with a prefix, but for these files."""
    wanted = {file.name for file in files}
    for file in [*folder.glob(f"{prefix}*.parquet"), *folder.glob(f".{prefix}*.draft")]:
        if file.name not in wanted:
            file.unlink(missing_ok=True)


def _write(file: BinaryIO, schema: pa.Schema, tables: Iterable[pa.Table]) -> None:
    waiting: list[pa.Table] = []
    stored = pa.schema(
        [
            pa.field(field.name, pa.string(), metadata=_EMPTY)
            if pa.types.is_null(field.type)
            else field
            for field in schema
        ]
    )
    with pq.ParquetWriter(file, stored, compression="zstd") as writer:
        for table in tables:
            waiting.append(table.cast(stored))
            n_rows = sum(len(table) for table in waiting)
            if n_rows >= _GROUP_ROWS or sum(table.nbytes for table in waiting) > _GROUP_BYTES:
                writer.write_table(pa.concat_tables(waiting))
                waiting = []
        if waiting:
            writer.write_table(pa.concat_tables(waiting))


def _conformed(table: pa.Table, schema: pa.Schema) -> pa.Table:
    columns = []
    for field in schema:
        if field.name not in table.column_names:
            columns.append(pa.nulls(len(table), field.type))
        elif pa.types.is_null(field.type):
            columns.append(pa.nulls(len(table)))
        elif table[field.name].type == field.type:
            columns.append(table[field.name])
        else:
            columns.append(as_array(table[field.name].to_pylist(), field.type))
    return pa.table(columns, schema=schema)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(folder: Path, error: OSError) -> SourceError:
    return SourceError(
        f"Expected to keep converted files in {folder.parent.name}/{folder.name}, found "
        f"{(error.strerror or type(error).__name__).lower()}; see to the room on the disk and the "
        "permissions of the folder."
    )
