"""Read texts as the numbers, times and flags that they spell, the same on every engine.

Only conditions and casts that cannot fail are used: a text that does not have the form gives a
missing value, never an error of the engine. An expression is repeated in SQL wherever it is used,
so each text is looked at few times.
"""

from collections.abc import Sequence
import re

import ibis
from ibis.expr.types import (
    BooleanValue,
    FloatingValue,
    IntegerValue,
    StringValue,
    TimestampValue,
    Value,
)

from src.data.values import as_text

__all__ = [
    "is_missing_text",
    "read_clock",
    "read_flag",
    "read_number",
    "read_offset",
    "without_missing",
]

_BLANKS = " \u00a0\u202f"
_GROUPS = {"point": f"[,'{_BLANKS}]", "comma": f"[.'{_BLANKS}]"}
_DECIMAL = {"point": "[.]", "comma": ","}
_LONGEST_NUMBER = 40

_END = r"\z"  # Java's $ would pass over a line break at the end

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")

_ZONE = r"(Z|z|UTC|[+-][0-9]{2}:?[0-9]{2})"
_DAY, _MONTH, _YEAR = "([012]?[0-9]|3[01])", "(0?[1-9]|1[0-2])", "([1-9][0-9]{3})"
_CLOCK = (  # hour and minute with what follows, in 24 hours or in halves of the day
    r"(?:[T ,]+((?:[01]?[0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)?)"
    rf"(?: ?[AaPp][Mm])?(?: ?{_ZONE})?)?"
)
_HALVES = r"[T ,]+(0?[1-9]|1[0-2]):[0-5][0-9](?::[0-5][0-9](?:[.][0-9]+)?)? ?([AaPp])[Mm]"
_OFFSET = rf":[0-9]{{2}}(?:[.][0-9]+)?(?: ?[AaPp][Mm])? ?{_ZONE}{_END}"
_DATES = {  # pattern, and which of its groups are year, month and day
    "iso": (f"{_YEAR}[-/.]{_MONTH}[-/.]{_DAY}", (1, 2, 3)),
    "dmy": (f"{_DAY}[-/.]{_MONTH}[-/.]{_YEAR}", (3, 2, 1)),
    "mdy": (f"{_MONTH}[-/.]{_DAY}[-/.]{_YEAR}", (3, 1, 2)),
    "ymd": (f"{_YEAR}(0[1-9]|1[0-2])([012][0-9]|3[01])", (1, 2, 3)),
}
_EPOCHS = {"unix": (rf"^[0-9]{{9,10}}{_END}", "s"), "unix_ms": (rf"^[0-9]{{12,13}}{_END}", "ms")}


def without_missing(column: Value, missing: Sequence[str]) -> Value:
    """Put a missing value in the place of what a source writes for it.

    Parameters
    ----------
    column : ibis.Value
        Text or number.
    missing : sequence of str
        What means missing; case and blanks around it do not count. In a column of numbers the
        entries that spell a number count.
    """
    if column.type().is_string():
        return ibis.ifelse(is_missing_text(column, missing), ibis.null("string"), column)
    numbers = [float(text) for text in missing if _is_plain_number(text)]
    if not numbers or not column.type().is_numeric():
        return column
    is_sentinel = column.cast("float64").isin(numbers).fill_null(False)
    return ibis.ifelse(is_sentinel, ibis.null(column.type()), column)


def is_missing_text(column: StringValue, missing: Sequence[str]) -> BooleanValue:
    """Whether a text is blank, or one of those that mean missing."""
    text = as_text(column)
    words = sorted({word.strip().lower() for word in missing} - {""})
    is_word = text.lower().isin(words).fill_null(False) if words else ibis.literal(False)
    return text.isnull() | is_word


def read_number(column: Value, form: str = "point", signs: Sequence[str] = ()) -> FloatingValue:
    """Read the number that a text spells; a number stays what it is.

    Parameters
    ----------
    column : ibis.Value
        Text, or any number.
    form : {"point", "comma"}
        The decimal sign. Thousands may be parted, in threes, by the other sign, an apostrophe
        or a blank.
    signs : sequence of str
        What may stand before or behind a number, such as ``$``; letters and signs of currency
        alone. Any other sign of currency, or word, makes a text no number.

    Returns
    -------
    ibis float64
        Missing where the text is none.
    """
    if not column.type().is_string():
        return column.cast("float64")
    group, decimal = _GROUPS[form], _DECIMAL[form]
    whole = rf"(?:[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|[0-9]+)"
    digits = f"(?:{whole}(?:{decimal}[0-9]*)?|{decimal}[0-9]+)"
    number = f"{digits}(?:[eE][+-]?[0-9]{{1,2}})?"
    text = as_text(column)
    is_number = text.re_search(_number_pattern(number, signs)) & (text.length() <= _LONGEST_NUMBER)
    plain = text
    for sign in sorted(signs, key=len, reverse=True):
        plain = plain.replace(sign, "")
    plain = plain.re_replace(group, "")
    if form == "comma":
        plain = plain.replace(",", ".")
    return ibis.ifelse(is_number.fill_null(False), plain, ibis.null("string")).cast("float64")


def _number_pattern(number: str, signs: Sequence[str]) -> str:
    """Pattern of a number with at most one of the signs, on either side of it."""
    if not signs:
        return rf"^[+-]?{number}{_END}"
    sign = "(?:" + "|".join(re.sub("([$.])", r"[\1]", each) for each in signs) + ")"
    blank = f"[{_BLANKS}]?"
    before = f"(?:[+-]{blank}{sign}|{sign}{blank}[+-]?){blank}{number}"
    return rf"^(?:{before}|[+-]?{number}(?:{blank}{sign})?){_END}"


def read_flag(column: Value) -> BooleanValue:
    """Read the truth that a text or whole number spells: true, t, yes, y, 1, or their opposites."""
    if column.type().is_boolean():
        return column
    word = as_text(column).lower()
    return ibis.cases((word.isin(_TRUE), True), (word.isin(_FALSE), False), else_=None)


def read_clock(column: Value, forms: Sequence[str]) -> TimestampValue:
    """Read the clock time that a text or whole number spells; a time or date is what it is.

    Parameters
    ----------
    column : ibis.Value
        Time, date, text, or whole number.
    forms : sequence of str
        Tried in order: ``iso`` (2024-01-31, also with / or .), ``dmy``, ``mdy``, each with an
        optional clock time and offset; ``ymd`` (20240131); ``unix`` and ``unix_ms``. A year has
        four digits, the first not 0.

    Returns
    -------
    ibis timestamp without zone
        Missing where no form fits, or there is no such day or hour. A time with a zone, and one
        counted from the epoch, is that of UTC; see `read_offset`.
    """
    found = column.type()
    if found.is_timestamp() or found.is_date():
        return column.cast("timestamp(6)")
    text = as_text(column)
    read = [
        _read_epoch(text, form) if form in _EPOCHS else _read_calendar(text, form) for form in forms
    ]
    clock = ibis.coalesce(*read) if len(read) > 1 else read[0]
    return clock + _half_a_day(text).as_interval("h")


def read_offset(column: Value, forms: Sequence[str]) -> IntegerValue:
    """Read the minutes by which a clock time is ahead of UTC; missing where its text does not say.

    Parameters
    ----------
    column, forms
        As for `read_clock`.
    """
    found = column.type()
    if found.is_timestamp() or found.is_date():
        is_utc = found.is_timestamp() and found.timezone is not None
        return ibis.literal(0, "int64") if is_utc else ibis.null("int64")
    text = as_text(column)
    offset = text.re_extract(_OFFSET, 1)
    digits = offset.re_replace("[^0-9]", "").rpad(4, "0")
    minutes = digits.substr(0, 2).cast("int64") * 60 + digits.substr(2, 2).cast("int64")
    signed = ibis.ifelse(offset.substr(0, 1) == "-", -minutes, minutes)
    epochs = [text.re_search(pattern) for form, (pattern, _) in _EPOCHS.items() if form in forms]
    cases = [(is_epoch.fill_null(False), 0) for is_epoch in epochs]
    return ibis.cases(*cases, (offset != "", signed), else_=ibis.null("int64"))


def _read_epoch(text: StringValue, form: str) -> TimestampValue:
    pattern, unit = _EPOCHS[form]
    is_epoch = text.re_search(pattern).fill_null(False)
    number = ibis.ifelse(is_epoch, text, ibis.null("string")).cast("int64")
    return ibis.timestamp("1970-01-01 00:00:00") + number.as_interval(unit)


def _read_calendar(text: StringValue, form: str) -> TimestampValue:
    """Spell the time as the engines know it; what they do not take, as 31 April, is missing."""
    date, groups = _DATES[form]
    pattern = rf"^{date}{_CLOCK}{_END}"
    year, month, day = (text.re_extract(pattern, group) for group in groups)
    spelt = year + "-" + month + "-" + day + " " + text.re_extract(pattern, 4)
    return spelt.strip().try_cast("timestamp(6)")


def _half_a_day(text: StringValue) -> IntegerValue:
    """Hours to add to a clock time in halves of the day; missing where it is none of these."""
    hour, half = text.re_extract(_HALVES, 1), text.re_extract(_HALVES, 2).lower()
    is_twelve = hour == "12"
    return ibis.cases(
        (~text.re_search("[AaPp][Mm]").fill_null(False), 0),
        ((half == "a") & is_twelve, -12),
        ((half == "p") & ~is_twelve, 12),
        (half != "", 0),
        else_=None,
    )


def _is_plain_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
