"""Hold the mapping of a source file against the columns that its files really have."""

import difflib

import pyarrow as pa

from src.errors import ParameterError, SchemaError
from src.sources.config import (
    ColumnSource,
    Constant,
    Numbered,
    Product,
    Renamed,
    Scaled,
    Source,
    TableSource,
    read_source,
    source_columns,
)
from src.sources.files import peek_files
from src.sources.origins import FileOrigin
from src.sources.raw_columns import column_kind
from src.sources.secrets import check_secrets

__all__ = ["check_columns", "check_source"]

_KIND_WORDS = {
    "time": "a date or time",
    "number": "a number",
    "flag": "true or false",
    "text": "text or a whole number",
}


def check_source(path: str) -> Source:
    """Make every check of a source that is possible before anything runs or is reached.

    Parameters
    ----------
    path : str
        The source file; a relative path starts at the project root.

    Returns
    -------
    Source
        What the file says, with all its files and their columns in place; servers are not
        called, but their secrets are there.

    Raises
    ------
    ParameterError
        If the source file, its package, a secret, or a file it names is missing or cannot be
        read.
    SchemaError
        If a file lacks a column, or has one of the wrong kind.
    """
    source = read_source(path)
    check_secrets(path, source)
    for raw_table, table in source.tables.items():
        if not isinstance(table.origin, FileOrigin):
            continue
        schema = peek_files(path, source, table.origin)
        second = peek_files(path, source, table.lookup.file) if table.lookup else None
        check_columns(path, raw_table, table, schema, second)
    for origin in source.registered:
        peek_files(path, source, origin)
    return source


def check_columns(
    path: str,
    raw_table: str,
    table: TableSource,
    schema: pa.Schema,
    lookup_schema: pa.Schema | None = None,
) -> None:
    """Hold the mapping of one raw table against the columns that its origin has.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    raw_table : str
        Name of the raw table.
    table : TableSource
        Its mapping.
    schema, lookup_schema : pyarrow.Schema
        Of its origin, and of the file that is looked up, if any.

    Raises
    ------
    ParameterError
        If a form does not suit a column.
    SchemaError
        If a column is not there, or is of the wrong kind.
    """
    name = _origin_name(table)
    types = {field.name: field.type for field in schema}
    if table.lookup is not None and lookup_schema is not None:
        looked_up = {field.name: field.type for field in lookup_schema}
        for file, columns in ((name, types), (table.lookup.file.path, looked_up)):
            _check_column(path, f"{raw_table}.lookup.key", table.lookup.key, file, columns)
        types = looked_up | types
    for column, mapped in table.columns.items():
        place, kind = f"{raw_table}.columns.{column}", column_kind(column)
        _check_form(path, place, kind, mapped)
        for part in source_columns(mapped):
            _check_column(path, place, part, name, types)
            _check_kind(path, place, kind, part, types[part])


def _origin_name(table: TableSource) -> str:
    origin = table.origin
    return getattr(origin, "path", None) or getattr(origin, "table", None) or "the source"


def _check_form(path: str, place: str, kind: str, mapped: ColumnSource) -> None:
    """Refuse a form that cannot give what the column holds."""
    if isinstance(mapped, Constant):
        _check_constant(path, place, kind, mapped)
    elif isinstance(mapped, list | Product | Scaled) and kind != "number":
        raise ParameterError(
            f"Expected one source column at tables.{place} of {path}, found a calculation; only "
            "numbers are added, multiplied or scaled."
        )
    elif isinstance(mapped, Renamed | Numbered) and kind != "text":
        raise ParameterError(
            f"Expected {_KIND_WORDS[kind]} at tables.{place} of {path}, found a form for texts; "
            "name a source column."
        )


def _check_column(path: str, place: str, name: str, file: str, types: dict) -> None:
    if name in types:
        return
    near = difflib.get_close_matches(name, types, n=1)
    found = f"the nearest is {near[0]!r}" if near else f"it has {sorted(types)}"
    raise SchemaError(
        f"Expected the column {name!r} in {file}, which tables.{place} of {path} names, but it is "
        f"not there ({found}); correct the name."
    )


def _check_kind(path: str, place: str, kind: str, name: str, found: pa.DataType) -> None:
    """Refuse a type from which the kind cannot be read; text may hold anything."""
    is_text = pa.types.is_string(found) or pa.types.is_large_string(found)
    is_whole = pa.types.is_integer(found)
    is_kind = {
        "time": pa.types.is_timestamp(found) or pa.types.is_date(found) or is_text or is_whole,
        "number": is_whole or pa.types.is_floating(found) or pa.types.is_decimal(found) or is_text,
        "flag": pa.types.is_boolean(found) or is_text or is_whole,
        "text": not pa.types.is_nested(found) and not _is_binary(found),
    }[kind] or pa.types.is_null(found)
    if not is_kind:
        raise SchemaError(
            f"Expected {_KIND_WORDS[kind]} in the column {name!r}, which tables.{place} of {path} "
            f"names, found {found}; convert it before it comes in."
        )


def _is_binary(found: pa.DataType) -> bool:
    return pa.types.is_binary(found) or pa.types.is_large_binary(found)


def _check_constant(path: str, place: str, kind: str, constant: Constant) -> None:
    value = constant.value
    is_kind = {
        "time": False,
        "number": isinstance(value, int | float) and not isinstance(value, bool),
        "flag": isinstance(value, bool),
        "text": isinstance(value, str),
    }[kind]
    if not is_kind:
        wanted = "a source column" if kind == "time" else _KIND_WORDS[kind]
        raise ParameterError(
            f"Expected {wanted} at tables.{place} of {path}, found the constant {value!r}; "
            "correct it."
        )
