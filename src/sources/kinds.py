"""What the values of a column have in common, for formats whose values have a type."""

from collections.abc import Iterable
import datetime as dt
from typing import Any, Literal

import pyarrow as pa

__all__ = ["Kind", "as_array", "as_text", "common_kind", "kind_of", "kind_schema"]

Kind = Literal["whole", "number", "flag", "time", "text"]

_TYPES: dict[Kind, pa.DataType] = {
    "whole": pa.int64(),
    "number": pa.float64(),
    "flag": pa.bool_(),
    "time": pa.timestamp("us"),
    "text": pa.string(),
}
_WHOLE_MAX = 1 << 63
_EXACT_MAX = 1 << 53


def kind_of(value: Any) -> Kind | None:
    """Kind of one value; none for what counts as missing, None and the empty text."""
    if value is None or value == "":
        return None
    if isinstance(value, str):
        return "text"
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, int):
        return "whole" if -_WHOLE_MAX <= value < _WHOLE_MAX else "text"
    if isinstance(value, float):
        return "number"
    return "time" if isinstance(value, dt.date) else "text"


def common_kind(one: Kind | None, other: Kind | None) -> Kind | None:
    """Kind that holds the values of both: of whole and other numbers ``number``, else ``text``.

    Examples
    --------
    >>> common_kind("whole", "number"), common_kind(None, "flag"), common_kind("time", "whole")
    ('number', 'flag', 'text')
    """
    if one == other or other is None:
        return one
    if one is None:
        return other
    return "number" if {one, other} == {"whole", "number"} else "text"


def kind_schema(kinds: dict[str, Kind | None]) -> pa.Schema:
    """Columns of a table; one that is empty in every row has the type null."""
    return pa.schema([(name, _TYPES[kind] if kind else pa.null()) for name, kind in kinds.items()])


def as_array(values: Iterable[Any], found: pa.DataType) -> pa.Array:
    """Values as a column of a type that holds them."""
    values = (None if value == "" else value for value in values)
    if pa.types.is_string(found):
        return pa.array([None if value is None else as_text(value) for value in values], found)
    if pa.types.is_timestamp(found):
        return pa.array([_as_time(value) for value in values], found)
    if pa.types.is_floating(found):
        return pa.array([None if value is None else float(value) for value in values], found)
    return pa.array(list(values), found)


def as_text(value: Any) -> str:
    """Value as a text; a whole number has no decimals, a time is ISO.

    Examples
    --------
    >>> as_text(536365.0), as_text(8.5), as_text(True)
    ('536365', '8.5', 'true')
    >>> as_text(dt.datetime(2011, 1, 31, 8, 26))
    '2011-01-31 08:26:00'
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and abs(value) < _EXACT_MAX and value.is_integer():
        return str(int(value))
    return value.isoformat(" ") if isinstance(value, dt.datetime) else str(value)


def _as_time(value: dt.date | None) -> dt.datetime | None:
    if value is None or isinstance(value, dt.datetime):
        return value
    return dt.datetime.combine(value, dt.time())
