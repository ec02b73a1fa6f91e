"""Rows of one origin brought to one set of columns and types, whatever single pages hold."""

from collections.abc import Iterable, Iterator
import datetime as dt
from decimal import Decimal
import json
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

__all__ = [
    "common_schema",
    "common_type",
    "fit",
    "flatten",
    "make_uniform",
    "read_json",
    "rows_to_table",
    "spool_uniform",
]

_MAX_DEPTH = 20
_MAX_DIGITS = 38
_TIMES = (dt.datetime, dt.date, dt.time)


def read_json(text: str | bytes) -> Any:
    """Read JSON; NaN and infinities, which JSON does not have, are nothing.

    Raises
    ------
    ValueError
        If it is no JSON, or nested deeper than can be read.
    """
    try:
        return json.loads(text, parse_constant=lambda _: None)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def flatten(record: dict[str, Any]) -> dict[str, Any]:
    """Spell nested objects as columns with dots, and lists as JSON text.

    Examples
    --------
    >>> flatten({"id": 1, "customer": {"id": "c1"}, "tags": ["a", "b"]})
    {'id': 1, 'customer.id': 'c1', 'tags': '["a", "b"]'}
    """
    flat: dict[str, Any] = {}
    _flatten_into(flat, record, "", 0)
    return flat


def _flatten_into(flat: dict[str, Any], record: dict[str, Any], prefix: str, depth: int) -> None:
    for name, value in record.items():
        if isinstance(value, dict) and depth < _MAX_DEPTH:
            _flatten_into(flat, value, f"{prefix}{name}.", depth + 1)
        elif isinstance(value, dict | list | tuple):
            flat[prefix + name] = json.dumps(value, ensure_ascii=False, default=str)
        else:
            flat[prefix + name] = value


def rows_to_table(rows: list[dict[str, Any]]) -> pa.Table:
    """Make a table of flat rows; a column whose values are of several kinds becomes text.

    Parameters
    ----------
    rows : list of dict
        Column to value; a column that a row lacks is empty there.
    """
    names = list(dict.fromkeys(name for row in rows for name in row))
    return pa.table({_clean(name): _to_array([row.get(name) for row in rows]) for name in names})


def _to_array(values: list[Any]) -> pa.Array:
    kinds = {type(value) for value in values} - {type(None)}
    is_one_kind = len(kinds) <= 1 or kinds <= {int, float} or kinds <= {int, Decimal}
    if is_one_kind and kinds <= {bool, int, float, str, bytes, Decimal, *_TIMES}:
        try:
            return pa.array(values, pa.float64() if kinds == {int, float} else None)
        except (pa.ArrowInvalid, OverflowError, UnicodeEncodeError):
            pass  # whole numbers beyond 64 bits, broken Unicode: as text below
    return pa.array([None if value is None else _to_text(value) for value in values], pa.string())


def _to_text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return "true" if value else "false"
    return _clean(value if isinstance(value, str) else str(value))


def _clean(text: str) -> str:
    """Text that can be written as UTF-8, whatever half characters it holds."""
    return text.encode("utf-8", "replace").decode("utf-8")


def common_type(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """Find the narrowest type that holds the values of both; text holds everything.

    Examples
    --------
    >>> common_type(pa.int64(), pa.float64()), common_type(pa.int64(), pa.string())
    (DataType(double), DataType(string))
    >>> common_type(pa.decimal128(4, 2), pa.decimal128(6, 3))
    Decimal128Type(decimal128(6, 3))
    """
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    types = (first, second)
    if all(pa.types.is_integer(each) for each in types):
        return pa.int64()
    if all(pa.types.is_integer(each) or pa.types.is_decimal(each) for each in types):
        return _common_decimal(*types)
    if all(_is_number(each) for each in types):
        return pa.float64()
    if all(pa.types.is_timestamp(each) for each in types) and first.tz == second.tz:
        return pa.timestamp("us", first.tz)
    return pa.string()


def _is_number(each: pa.DataType) -> bool:
    return pa.types.is_integer(each) or pa.types.is_floating(each) or pa.types.is_decimal(each)


def _common_decimal(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    shapes = [
        (each.precision, each.scale) if pa.types.is_decimal(each) else (19, 0)
        for each in (first, second)
    ]
    scale = max(scale for _, scale in shapes)
    whole = max(precision - scale for precision, scale in shapes)
    return pa.decimal128(whole + scale, scale) if whole + scale <= _MAX_DIGITS else pa.float64()


def common_schema(schemas: Iterable[pa.Schema]) -> pa.Schema:
    """Find the columns of all schemas, in the order in which they come up."""
    types: dict[str, pa.DataType] = {}
    for schema in schemas:
        for field in schema:
            known = types.get(field.name)
            types[field.name] = field.type if known is None else common_type(known, field.type)
    return pa.schema(list(types.items()))


def fit(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table the columns and types of a schema; what it lacks is empty."""
    columns = [
        table[field.name].cast(field.type)
        if field.name in table.column_names
        else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def spool_uniform(tables: Iterable[pa.Table], folder: Path) -> Iterator[pa.Table]:
    """Give tables again with one schema, keeping them in files until all have been seen."""
    folder.mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    for number, table in enumerate(tables):
        files.append(folder / f"{number:06d}.parquet")
        pq.write_table(table, files[-1])
    schema = _settled(common_schema(pq.read_schema(file) for file in files))
    for file in files:
        yield fit(pq.read_table(file), schema)
        file.unlink()


def make_uniform(files: list[Path], work: Path) -> pa.Schema:
    """See to it that Parquet files have one schema, writing anew those that have another.

    Parameters
    ----------
    files : list of Path
        Each is replaced by one rename; its rows stay what they are.
    work : Path
        A folder of the same disk for files that are being written.

    Returns
    -------
    pyarrow.Schema
        Of all the files.
    """
    schema = _settled(common_schema(pq.read_schema(file) for file in files))
    for file in files:
        if not pq.read_schema(file).equals(schema):
            copy = work / f"{file.parent.name}-{file.name}"
            with pq.ParquetFile(file) as old, pq.ParquetWriter(copy, schema) as new:
                for batch in old.iter_batches():
                    new.write_table(fit(pa.Table.from_batches([batch]), schema))
            with copy.open("rb") as written:
                os.fsync(written.fileno())
            os.replace(copy, file)
    return schema


def _settled(schema: pa.Schema) -> pa.Schema:
    """Take a column without any value for text."""
    return pa.schema(
        [
            (field.name, pa.string() if pa.types.is_null(field.type) else field.type)
            for field in schema
        ]
    )
