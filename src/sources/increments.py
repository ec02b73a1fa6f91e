"""What of a new load is new: where the last one ended, and which rows came already."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import SchemaError
from src.sources.uniform import common_schema, common_type

__all__ = ["check_drift", "drop_known", "has_rows", "last_cursor"]


def has_rows(file: Path) -> bool:
    """Whether a Parquet file has any row."""
    return pq.read_metadata(file).num_rows > 0


def last_cursor(files: list[Path], cursor: str) -> Any:
    """Greatest value of the cursor in landed files, from their footers; None if there is none.

    The files are asked, not a note beside them, so that the two cannot disagree.
    """
    greatest = None
    for file in files:
        metadata = pq.read_metadata(file)
        column = metadata.schema.to_arrow_schema().get_field_index(cursor)
        for group in range(metadata.num_row_groups if column >= 0 else 0):
            statistics = metadata.row_group(group).column(column).statistics
            if statistics is not None and statistics.has_min_max:
                value = statistics.max
                greatest = value if greatest is None else max(greatest, value)
    return greatest


def drop_known(prepared: Path, landed: list[Path], key: tuple[str, ...]) -> int:
    """Drop from a prepared load the rows whose last landed version is the very same.

    The reading starts a little before the last cursor, so that nothing is missed; this is
    what keeps it from landing twice.

    Parameters
    ----------
    prepared : Path
        Folder of the load; files without a new row are removed.
    landed : list of Path
        Files of the loads before, in order.
    key : tuple of str
        Columns that name a row.

    Returns
    -------
    int
        Rows that are left.
    """
    files = sorted(prepared.glob("*.parquet"))
    for file in files if landed and key else []:
        known = _known_rows(file, landed, key)
        if known:
            table = pq.read_table(file)
            is_new = np.ones(table.num_rows, dtype=bool)
            is_new[known] = False
            pq.write_table(table.filter(pa.array(is_new)), file)
    counts = {file: pq.read_metadata(file).num_rows for file in files}
    for file, n_rows in counts.items():
        if not n_rows:
            file.unlink()
    return sum(counts.values())


def _known_rows(file: Path, landed: list[Path], key: tuple[str, ...]) -> list[int]:
    """Numbers of the rows in a file that equal the last landed version of their key."""
    import duckdb

    new = {field.name: field.type for field in pq.read_schema(file)}
    old = {field.name: field.type for field in common_schema(map(pq.read_schema, landed))}
    if not set(key) <= set(old) & set(new) or {"filename", "file_row_number"} & (
        set(old) | set(new)
    ):
        return []
    keys = " AND ".join(_equal(name, old, new) for name in key)
    same = " AND ".join(_equal(name, old, new) for name in new)
    of_key = ", ".join(_quoted(name) for name in key)
    query = f"""
        WITH n AS (
            FROM read_parquet($new, file_row_number = true)
            QUALIFY count(*) OVER (PARTITION BY {of_key}) = 1),
        o AS (
            SELECT o.* FROM read_parquet(
                $old, union_by_name = true, filename = true, file_row_number = true) AS o
            WHERE EXISTS (SELECT 1 FROM n WHERE {keys})
            QUALIFY row_number() OVER (
                PARTITION BY {of_key} ORDER BY filename DESC, file_row_number DESC) = 1)
        SELECT n.file_row_number FROM n JOIN o ON {keys} WHERE {same}
        """  # noqa: S608 (names are quoted, nothing else comes from outside)
    with duckdb.connect() as connection:
        found = connection.execute(query, {"new": str(file), "old": [str(each) for each in landed]})
        return [number for (number,) in found.fetchall()]


def _equal(name: str, old: dict[str, pa.DataType], new: dict[str, pa.DataType]) -> str:
    """Condition that a column is the same in both; one that is new must be empty."""
    column = _quoted(name)
    if name not in old:
        return f"n.{column} IS NULL"
    if old[name] == new[name]:
        return f"n.{column} IS NOT DISTINCT FROM o.{column}"
    return f"CAST(n.{column} AS VARCHAR) IS NOT DISTINCT FROM CAST(o.{column} AS VARCHAR)"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def check_drift(prepared: Path, landed: list[Path], name: str) -> None:
    """Refuse a load in which a column has another kind of value than before.

    Raises
    ------
    SchemaError
        If no type but text would hold both.
    """
    before = {field.name: field.type for field in common_schema(map(pq.read_schema, landed))}
    for field in common_schema(map(pq.read_schema, prepared.glob("*.parquet"))):
        old = before.get(field.name, field.type)
        if common_type(old, field.type) == pa.string() and old != field.type:
            raise SchemaError(
                f"Expected {old} in the column {field.name!r} of {name} as before, found "
                f"{field.type}; change it back, or move its landed data away to begin anew."
            )
