"""The source file of a shop: its model, and what is wrong with it before any data is seen."""

import functools
from pathlib import Path
from typing import Annotated, Literal
from unicodedata import category
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
import yaml

from src.errors import ParameterError
from src.root import PROJECT_ROOT
from src.sources.origins import (
    ColumnName,
    DltOrigin,
    FileOrigin,
    KafkaOrigin,
    Origin,
    RestOrigin,
    SqlOrigin,
    Strict,
    WebOrigin,
)
from src.sources.raw_columns import PEOPLE_COLUMNS, RAW_TABLES, REQUIRED, raw_columns

__all__ = [
    "ColumnSource",
    "Constant",
    "Lookup",
    "Numbered",
    "PeopleSource",
    "Product",
    "Renamed",
    "Scaled",
    "Source",
    "TableSource",
    "read_source",
    "source_columns",
]

_Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
_Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
_File = Annotated[FileOrigin, BeforeValidator(lambda v: {"path": v} if isinstance(v, str) else v)]
TimeForm = Literal["iso", "dmy", "mdy", "ymd", "unix", "unix_ms"]
NumberForm = Literal["point", "comma"]


def _plain_sign(sign: str) -> str:
    if not all(each.isalpha() or each == "." or category(each) == "Sc" for each in sign):
        raise ValueError("name signs of currency or letters alone, such as $ or EUR")
    if not sign.strip("eE.") or len(sign) > 5:  # 1e5 is a number
        raise ValueError("name the whole sign of one currency, such as $ or EUR")
    return sign


AmountSign = Annotated[str, AfterValidator(_plain_sign)]


@functools.cache
def _zones() -> set[str]:
    return available_timezones()


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError("no such time zone; take one such as UTC or Europe/Berlin")
    return name


_Zone = Annotated[str, AfterValidator(_known_zone)]


class Constant(Strict):
    """One value for every row, for what a source does not say because it is always so."""

    value: bool | int | float | str


class Product(Strict):
    """Columns that are multiplied, such as pieces and the price of one."""

    product: Annotated[list[ColumnName], Field(min_length=2)]


class Scaled(Strict):
    """A number in another unit, such as cents: ``{column: amount, scale: 0.01}``."""

    column: ColumnName
    scale: Annotated[float, Field(gt=0)]


class Renamed(Strict):
    """A text whose values the source calls otherwise; one that is not named stays."""

    column: ColumnName
    names: Annotated[dict[str, str], Field(min_length=1)]


class Numbered(Strict):
    """The number of the row, for a table whose rows have no id of their own."""

    row: Literal[True]


_Sum = Annotated[list[ColumnName], Field(min_length=1)]
ColumnSource = ColumnName | _Sum | Constant | Product | Scaled | Renamed | Numbered


class Lookup(Strict):
    """A second file whose columns are joined to the first by one column of the same name."""

    file: _File
    key: ColumnName


class _Located(Strict):
    """A table with one origin."""

    file: _File | None = None
    sql: SqlOrigin | None = None
    rest: RestOrigin | None = None
    kafka: KafkaOrigin | None = None
    web: WebOrigin | None = None
    dlt: DltOrigin | None = None

    @model_validator(mode="after")
    def _has_one_origin(self) -> "_Located":
        kinds = ("file", "sql", "rest", "kafka", "web", "dlt")
        found = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(found) != 1:
            raise ValueError(f"name one of {', '.join(kinds)}; {found or 'none'} given")
        return self

    @property
    def origin(self) -> Origin:
        """Where the rows come from."""
        return self.file or self.sql or self.rest or self.kafka or self.web or self.dlt


class TableSource(_Located):
    """One raw table: its origin, and which source column becomes which raw column.

    A raw column takes a source column, the sum of a list of them, or one of the forms
    `Constant`, `Product`, `Scaled`, `Renamed`, `Numbered`. One that is not named is empty.

    Parameters
    ----------
    columns : dict
        Raw column to source column.
    lookup : Lookup, optional
        A second file with more columns.
    one_per : str, optional
        Raw column: of rows that agree in it, the commonest by their values is taken, of equally
        common ones the first in order; for a product list that is made from order lines.
    time_zone, times, numbers, amount_signs, missing
        As in `Source`, for this table alone.
    """

    columns: Annotated[dict[str, ColumnSource], Field(min_length=1)]
    lookup: Lookup | None = None
    one_per: ColumnName | None = None
    time_zone: _Zone | None = None
    times: Annotated[list[TimeForm], Field(min_length=1)] | None = None
    numbers: NumberForm | None = None
    amount_signs: list[AmountSign] | None = None
    missing: list[str] | None = None


class PeopleSource(_Located):
    """Names and addresses: read into memory, encrypted into the ledger, written nowhere else.

    Parameters
    ----------
    columns : dict
        Any of `PEOPLE_COLUMNS`; `customer_id` is needed.
    country : str, optional
        ISO code of the country whose phone numbers carry no country code; needed with `phone`.
    test_domains : list of str
        Mail domains whose accounts are tests of the shop, such as its own.
    """

    columns: Annotated[dict[str, ColumnName | Constant], Field(min_length=1)]
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = None
    test_domains: list[str] = Field(default_factory=list)

    @model_validator(mode="after")
    def _is_read_whole(self) -> "PeopleSource":
        if self.file is None and (self.sql is None or self.sql.cursor is not None):
            raise ValueError("people come from a file, or from sql without a cursor")
        unknown = sorted(set(self.columns) - set(PEOPLE_COLUMNS))
        if unknown:
            raise ValueError(f"no such column {unknown[0]!r}; known are {list(PEOPLE_COLUMNS)}")
        if "customer_id" not in self.columns:
            raise ValueError("customer_id is missing")
        if "phone" in self.columns and self.country is None:
            raise ValueError("phone needs country, such as DE, for numbers without a country code")
        return self

    @property
    def region(self) -> str:
        """Country of phone numbers; where there are none, it is never looked at."""
        return self.country or "US"


class Source(Strict):
    """The source file of one shop.

    Parameters
    ----------
    name : str
        Name of the shop, of its folder of landed data, and of the key of its pseudonyms.
    package : str, optional
        Installed Python package that carries the files; it is never imported.
    folder : str, default "data"
        Folder of the files, inside the package or else from the project root.
    is_public : bool, default False
        Data that everybody has: the key is made from the name. Else the key is random.
    time_zone : str, default "UTC"
        Zone of times that carry none.
    currency : str
        ISO code of the shop's currency; amounts in others are converted by `rates_raw`.
    times : list, default ["iso"]
        Forms in which times are written as text, tried in order: ``iso``, ``dmy``, ``mdy``,
        ``ymd`` (20240131), ``unix`` (seconds), ``unix_ms``.
    numbers : {"point", "comma"}, default "point"
        Decimal sign of numbers written as text; the other one may part thousands.
    amount_signs : list of str
        Signs of the shop's currency that may stand beside numbers written as text, such as
        ``$`` or ``EUR``. A number beside any other sign is refused.
    missing : list of str
        Texts that mean missing, such as ``unknown``; numbers too, such as ``999``.
    people : {"invented", "none"} or PeopleSource, default "none"
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
    time_zone: _Zone = "UTC"
    currency: _Currency
    times: Annotated[list[TimeForm], Field(min_length=1)] = Field(default_factory=lambda: ["iso"])
    numbers: NumberForm = "point"
    amount_signs: list[AmountSign] = Field(default_factory=list)
    missing: list[str] = Field(default_factory=list)
    people: Literal["invented", "none"] | PeopleSource = "none"
    tables: dict[str, TableSource]
    registered: list[_File] = Field(default_factory=list)


def source_columns(column: ColumnSource) -> list[str]:
    """Names of the source columns that one raw column is made of."""
    if isinstance(column, str):
        return [column]
    if isinstance(column, list):
        return column
    if isinstance(column, Product):
        return column.product
    return [column.column] if isinstance(column, Scaled | Renamed) else []


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
    source = _parse(path, file)
    _check_mapping(path, source)
    return source


def _parse(path: str, file: Path) -> Source:
    try:
        return Source.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(
            f"Expected YAML in {path}, found an error{_yaml_place(error)}; mend that line."
        ) from None
    except ValidationError as error:
        raise ParameterError(_model_message(path, error)) from None


def _yaml_place(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    return f" at line {mark.line + 1}" if mark else ""


def _model_message(path: str, error: ValidationError) -> str:
    """Say the first thing that is wrong, without the names of this program's classes."""
    errors = error.errors()
    first = next((e for e in errors if "PeopleSource" in e["loc"] and len(e["loc"]) > 1), errors[0])
    parts = [str(part) for part in first["loc"] if not _is_inner(str(part))]
    place = ".".join(parts) or "the file"
    if "secret" in parts:
        return (
            f"Expected a reference such as env/SHOP_DB at {place} of {path}, found something else; "
            "put the secret into the environment and its name here."
        )
    if ".columns." in place:
        column = ".".join(place.split(".")[:4])
        return (
            f"Expected a source column, a list of numbers to add up, or a form such as "
            f"{{value: ...}} at {column} of {path}, found {first.get('input')!r}; mend that line."
        )
    if first["type"] == "extra_forbidden":
        known = ", ".join(Source.model_fields) if len(first["loc"]) == 1 else "the documented ones"
        return (
            f"Expected only known fields in {path} ({known}), found {place}; remove or correct it."
        )
    if first["type"] == "missing":
        return f"Expected the field {place} in {path}, found none; add it."
    found = f" (found {first['input']!r})" if isinstance(first.get("input"), str | int) else ""
    told = first["msg"].removeprefix("Value error, ")
    if first["type"] in ("model_type", "dict_type"):
        told = "name its fields, one a line, further in"
    return f"Expected a valid source in {path}, but at {place}: {told}{found}; mend that line."


def _is_inner(part: str) -> bool:
    """Whether a part of a place names a class or validator instead of a field."""
    return part[:1].isupper() or "[" in part or part.startswith("constrained")


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
        known = raw_columns(raw_table)
        unknown = [name for name in table.columns if name not in known]
        if unknown:
            raise ParameterError(
                f"Expected columns among {known} under tables.{raw_table} of {path}, found "
                f"{unknown[0]!r}; correct its name or remove it."
            )
        missing = [name for name in REQUIRED[raw_table] if name not in table.columns]
        if missing:
            raise ParameterError(
                f"Expected {missing[0]} under tables.{raw_table}.columns of {path}, found none; "
                "name its source column or give {value: ...}."
            )
        if table.one_per is not None and table.one_per not in table.columns:
            raise ParameterError(
                f"Expected one of the mapped columns at tables.{raw_table}.one_per of {path}, "
                f"found {table.one_per!r}; correct it."
            )
