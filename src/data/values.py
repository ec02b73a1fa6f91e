"""Read raw values in one way on every engine: ids, times, numbers, cents, JSON."""

import ibis
from ibis.expr.types import (
    BooleanValue,
    FloatingValue,
    IntegerValue,
    StringValue,
    Table,
    TimestampValue,
    Value,
)

__all__ = [
    "UTC",
    "as_cents",
    "as_id",
    "as_number",
    "as_text",
    "as_utc",
    "end_of_last_day",
    "has_control",
    "row_json",
]

UTC = "timestamp('UTC')"
_LAST_EXACT = 2.0**53  # beyond it not every whole number has a float of its own
_CONTROL = r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"


def as_text(column: Value) -> StringValue:
    """Text without blanks at its ends; blank text counts as missing."""
    return column.cast("string").strip().nullif("")


def as_id(column: Value) -> StringValue:
    """Text of an id; a whole number that was stored as 12.0 reads 12."""
    if column.type().is_integer():
        return column.cast("string")
    if not column.type().is_floating():
        return as_text(column)
    is_whole = (column.abs() < _LAST_EXACT) & (column % 1 == 0)
    whole = ibis.ifelse(is_whole, column, ibis.null("float64")).cast("int64").cast("string")
    is_finite = ~column.isnan() & ~column.isinf()
    other = ibis.ifelse(is_finite, column, ibis.null("float64")).cast("string")
    return ibis.coalesce(whole, other)


def as_utc(column: Value) -> TimestampValue:
    """Moment in UTC; a date or a time without zone is taken to be in UTC."""
    found = column.type()
    if found.is_timestamp() and found.timezone is not None:
        return column
    return column.cast("timestamp(6)").cast(UTC)


def end_of_last_day(column: TimestampValue) -> TimestampValue:
    """Last moment that a time means: of the whole day, where it has no time of day."""
    day = column.truncate("D")
    last = day + ibis.interval(days=1) - ibis.interval(microseconds=1)
    return ibis.ifelse(column == day, last, column)


def as_number(column: Value) -> FloatingValue:
    """Floating number."""
    return column.cast("float64")


def as_cents(column: Value) -> IntegerValue:
    """Whole cents of an amount; a missing amount is none."""
    return (as_number(column).fill_null(0.0) * 100).round().cast("int64")


def has_control(column: Value) -> BooleanValue:
    """Whether a text holds a control character, such as a NUL byte, that no text needs."""
    if not column.type().is_string():
        return ibis.literal(False)
    return column.re_search(_CONTROL).fill_null(False)


def row_json(table: Table, columns: list[str]) -> StringValue:
    """Write the named columns of a row as one JSON object; control characters become U+FFFD."""
    fields = [
        ibis.literal(f'"{name}": ') + _json_value(table[name]).fill_null("null") for name in columns
    ]
    return ibis.literal("{") + ibis.literal(", ").join(fields) + ibis.literal("}")


def _json_value(column: Value) -> StringValue:
    found = column.type()
    text = column.cast("string")
    if found.is_integer() or found.is_boolean():
        return text
    if found.is_floating():
        return ibis.ifelse(column.isnan() | column.isinf(), _quoted(text), text)
    return _quoted(text)


def _quoted(text: StringValue) -> StringValue:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    for plain, escape in (("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")):
        escaped = escaped.replace(plain, escape)
    return ibis.literal('"') + escaped.re_replace(_CONTROL, "\ufffd") + ibis.literal('"')
