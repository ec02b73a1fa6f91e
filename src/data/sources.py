"""Where a shop's tables come from: the source file, its model, the checks before a run."""

import difflib
import importlib.util
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import available_timezones

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
import yaml

from src.data.tables import TABLES
from src.errors import ParameterError, SchemaError
from src.stage import PROJECT_ROOT

__all__ = [
    "RAW_TABLES",
    "Constant",
    "Lookup",
    "Source",
    "TableSource",
    "check_source",
    "column_kind",
    "file_names",
    "file_path",
    "read_source",
]

RAW_TABLES = tuple(
    name for name, table in TABLES.items() if table.stage == "01_ingest" and name != "sources"
)

_REQUIRED = {
    "orders_raw": (
        "order_id",
        "customer_id",
        "product_id",
        "ordered_at",
        "quantity",
        "line_value",
    ),
    "products_raw": ("product_id",),
    "customers_raw": ("customer_id",),
    "events_raw": ("customer_id", "event_type", "event_at"),
    "reviews_raw": ("customer_id", "reviewed_at", "review_text"),
    "exposures_raw": ("customer_id", "campaign_id", "exposed_at", "action"),
}
_KINDS = {
    "time": ("ordered_at", "event_at", "reviewed_at", "exposed_at", "ended_at"),
    "number": ("quantity", "line_value", "discount", "coupon", "rating", "pscore"),
    "flag": ("is_randomised",),
}
_KIND_OF = {column: kind for kind, columns in _KINDS.items() for column in columns}
_KIND_WORDS = {
    "time": "a date or time",
    "number": "a number",
    "flag": "true or false",
    "text": "text or a whole number",
}

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
_FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]*$")]
_ColumnName = Annotated[str, StringConstraints(min_length=1)]


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("no such time zone; take one such as UTC or Europe/Berlin")
    return name


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Constant(_Strict):
    """One value for every row, for what a source does not say because it is always so."""

    value: bool | int | float | str


class Lookup(_Strict):
    """A second file whose columns are joined to the first by one column of the same name."""

    file: _FileName
    key: _ColumnName


_Sum = Annotated[list[_ColumnName], Field(min_length=1)]
ColumnSource = _ColumnName | _Sum | Constant


class TableSource(_Strict):
    """One raw table: its file and which source column becomes which raw column.

    A raw column takes one source column, the sum of a list of them, or a constant
    (``{value: ...}``). A raw column that is not named is empty.
    """

    file: _FileName
    columns: Annotated[dict[str, ColumnSource], Field(min_length=1)]
    lookup: Lookup | None = None


class Source(_Strict):
    """The source file of one shop.

    Parameters
    ----------
    name : str
        Name of the shop and of the key that makes its pseudonyms.
    package : str, optional
        Installed Python package that carries the files; it is never imported.
    folder : str, default "data"
        Folder of the Parquet files, inside the package or else from the project root.
    is_public : bool, default False
        Data that everybody has: the key is made from the name. Else the key is random.
    time_zone : str, default "UTC"
        Zone of times that carry none.
    currency : str
        ISO code of the shop's currency.
    people : {"invented", "none"}, default "none"
        Where names and addresses come from.
    tables : dict of str to TableSource
        Raw tables by name; one that is left out is empty.
    registered : list of str
        Files that are counted and hashed, but not used.
    """

    name: _Name
    package: _Name | None = None
    folder: str = "data"
    is_public: bool = False
    time_zone: Annotated[str, AfterValidator(_known_zone)] = "UTC"
    currency: Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
    people: Literal["invented", "none"] = "none"
    tables: dict[str, TableSource]
    registered: list[_FileName] = []


def column_kind(column: str) -> str:
    """Say what a raw column holds: time, number, flag or text."""
    return _KIND_OF.get(column, "text")


def read_source(path: str) -> Source:
    """Read a source file and check it for itself, without looking at any data.

    Parameters
    ----------
    path : str
        The source file; a relative path starts at the project root.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, has an unknown or missing field, or maps what no
        raw table has.
    """
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(
            f"Expected a source file at {path}, found none; correct 01_ingest.source."
        )
    try:
        source = Source.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParameterError(
            f"Expected YAML in {path}, found an error{_yaml_place(error)}; mend that line."
        ) from None
    except ValidationError as error:
        raise ParameterError(_model_message(path, error)) from None
    _check_mapping(path, source)
    return source


def check_source(path: str) -> Source:
    """Make every check of a source that is possible before anything runs.

    Parameters
    ----------
    path : str
        The source file; a relative path starts at the project root.

    Returns
    -------
    Source
        What the file says, with all its files and columns in place.

    Raises
    ------
    ParameterError
        If the source file, its package, or a file it names is missing or cannot be read.
    SchemaError
        If a file lacks a column, or has one of the wrong kind.
    """
    source = read_source(path)
    schemas = {name: _read_schema(path, source, name) for name in file_names(source)}
    for raw_table, table in source.tables.items():
        _check_columns(path, raw_table, table, schemas)
    return source


def file_names(source: Source) -> dict[str, str]:
    """Name every file of a source, each once, with the raw table it feeds (or "")."""
    used = {table.file: name for name, table in source.tables.items()}
    looked_up = {
        table.lookup.file: name for name, table in source.tables.items() if table.lookup is not None
    }
    return dict.fromkeys(source.registered, "") | looked_up | used


def file_path(source: Source, file: str) -> Path:
    """Path of one file of a source.

    Raises
    ------
    ParameterError
        If the package that should carry it is not installed.
    """
    if source.package is None:
        return PROJECT_ROOT / source.folder / f"{file}.parquet"
    spec = importlib.util.find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise ParameterError(
            f"Expected the Python package {source.package!r} for the source {source.name}, found "
            "none installed; install it or correct the field package."
        )
    return Path(spec.submodule_search_locations[0]) / source.folder / f"{file}.parquet"


def _yaml_place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" at line {mark.line + 1}" if mark else ""


def _model_message(path: str, error: ValidationError) -> str:
    """Say the first thing that is wrong, without the names of this program's classes."""
    first = error.errors()[0]
    inner = {"Constant", "constrained-str", "list[constrained-str]"}
    place = ".".join(str(part) for part in first["loc"] if str(part) not in inner) or "the file"
    if first["type"] == "extra_forbidden":
        known = ", ".join(Source.model_fields) if len(first["loc"]) == 1 else "the documented ones"
        return (
            f"Expected only known fields in {path} ({known}), found {place}; remove or correct it."
        )
    if first["type"] == "missing":
        return f"Expected the field {place} in {path}, found none; add it."
    if ".columns." in place:
        column = ".".join(place.split(".")[:4])
        return (
            f"Expected a source column, a list of numbers to add up, or {{value: ...}} at {column} "
            f"of {path}, found {first.get('input')!r}; mend that line."
        )
    return (
        f"Expected a valid source in {path}, but at {place}: {first['msg']} "
        f"(found {first.get('input')!r}); mend that line."
    )


def _check_mapping(path: str, source: Source) -> None:
    """Refuse raw tables and columns that do not exist or are missing."""
    if "orders_raw" not in source.tables:
        raise ParameterError(f"Expected tables.orders_raw in {path}, found none; add it.")
    for raw_table, table in source.tables.items():
        if raw_table not in RAW_TABLES:
            raise ParameterError(
                f"Expected tables among {list(RAW_TABLES)} in {path}, found {raw_table!r}; "
                "correct its name."
            )
        known = TABLES[raw_table].column_names[1:]
        unknown = [name for name in table.columns if name not in known]
        if unknown:
            raise ParameterError(
                f"Expected columns among {known} under tables.{raw_table} of {path}, found "
                f"{unknown[0]!r}; correct its name or remove it."
            )
        missing = [name for name in _REQUIRED[raw_table] if name not in table.columns]
        if missing:
            raise ParameterError(
                f"Expected {missing[0]} under tables.{raw_table}.columns of {path}, found none; "
                "name its source column or give {value: ...}."
            )


def _read_schema(path: str, source: Source, file: str) -> pa.Schema:
    parquet = file_path(source, file)
    if not parquet.is_file():
        raise ParameterError(
            f"Expected the file {parquet.name} that {path} names in {source.folder} of "
            f"{source.package or 'the project'}, found none; put it there or correct the name."
        )
    try:
        return pq.read_schema(parquet)
    except (pa.ArrowInvalid, OSError):
        raise ParameterError(
            f"Expected Parquet in {parquet.name} that {path} names, found something else or a "
            "broken file; write it again as Parquet."
        ) from None


def _check_columns(
    path: str, raw_table: str, table: TableSource, schemas: dict[str, pa.Schema]
) -> None:
    """Hold the mapping of one raw table against the columns that its files have."""
    types = {field.name: field.type for field in schemas[table.file]}
    if table.lookup is not None:
        looked_up = {field.name: field.type for field in schemas[table.lookup.file]}
        for file, columns in ((table.file, types), (table.lookup.file, looked_up)):
            _check_column(path, f"{raw_table}.lookup.key", table.lookup.key, file, columns)
        types = looked_up | types
    for column, origin in table.columns.items():
        place, kind = f"{raw_table}.columns.{column}", column_kind(column)
        if isinstance(origin, Constant):
            _check_constant(path, place, kind, origin)
            continue
        if isinstance(origin, list) and kind != "number":
            raise ParameterError(
                f"Expected one source column at tables.{place} of {path}, found a list; only "
                "numbers are added up."
            )
        for name in [origin] if isinstance(origin, str) else origin:
            _check_column(path, place, name, table.file, types)
            _check_kind(path, place, kind, name, types[name])


def _check_column(path: str, place: str, name: str, file: str, types: dict) -> None:
    if name in types:
        return
    near = difflib.get_close_matches(name, types, n=1)
    found = f"the nearest is {near[0]!r}" if near else f"it has {sorted(types)}"
    raise SchemaError(
        f"Expected the column {name!r} in {file}.parquet, which tables.{place} of {path} names, "
        f"but it is not there ({found}); correct the name."
    )


def _check_kind(path: str, place: str, kind: str, name: str, found: pa.DataType) -> None:
    is_kind = {
        "time": pa.types.is_timestamp(found) or pa.types.is_date(found),
        "number": pa.types.is_integer(found)
        or pa.types.is_floating(found)
        or pa.types.is_decimal(found),
        "flag": pa.types.is_boolean(found),
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
