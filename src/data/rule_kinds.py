"""Kinds of cleaning rules that several raw tables share."""

from collections.abc import Callable
import functools
import operator

import ibis
from ibis.expr.types import BooleanValue, Table

from src.data.judge import Family, Rule
from src.data.values import as_id, as_number, as_text, has_control
from src.data.window import end_of_day
from src.sources.raw_columns import UNREADABLE, column_kind

__all__ = [
    "RAGGED_ROW",
    "UNREADABLE_TEXT",
    "UNREADABLE_VALUE",
    "any_of",
    "impossible_date",
    "missing",
    "missing_id",
    "needed",
    "repeated_key",
    "repeated_row",
    "tests_of_shop",
    "unreadable_number",
]

_LARGEST_NUMBER = 1e12
_RAGGED = "_ragged="

_Condition = Callable[[Table], BooleanValue]


def _has_control_text(table: Table) -> BooleanValue:
    texts = [name for name in table.columns if column_kind(name) == "text"]
    return any_of([has_control(table[name]) for name in texts if name != "customer_id"])  # a hash


def any_of(conditions: list[BooleanValue]) -> BooleanValue:
    """Whether at least one of the conditions holds."""
    return functools.reduce(operator.or_, conditions)


RAGGED_ROW = Rule(
    "ragged_row",
    "unreadable",
    "the row has more or fewer fields than the others",
    "put fields that hold the delimiter or a line break into quotes",
    lambda t: as_text(t[UNREADABLE]).startswith(_RAGGED),
)
UNREADABLE_TEXT = Rule(
    "unreadable_text",
    "unreadable",
    "a text holds control characters, such as a NUL byte",
    "take control characters out of texts",
    _has_control_text,
)
UNREADABLE_VALUE = Rule(
    "unreadable_value",
    "unreadable",
    "what should be a number, a time, or true or false cannot be read as one",
    "write one kind of number and of date in a column, or name its format in the source file",
    lambda t: as_text(t[UNREADABLE]).notnull(),
)


def needed(name: str, family: Family, reason: str, mend: str, is_broken: _Condition) -> Rule:
    """Make a rule that cannot be switched off, since later stages rest on it."""
    return Rule(name, family, reason, mend, is_broken, is_needed=True)


def tests_of_shop(test_accounts: Table | None) -> Rule:
    """Refuse the rows of the shop's own tests; without any there is nothing to look up."""
    has_any = test_accounts is not None and int(test_accounts.count().execute()) > 0
    return Rule(
        "test_account",
        "test_account",
        "the customer is a test of the shop, not a person",
        "nothing: test where no campaign looks, if that is easy",
        None if has_any else lambda t: ibis.literal(False),
        listed=test_accounts if has_any else None,
    )


def missing_id(*columns: str) -> Rule:
    """Refuse rows without one of their ids."""
    return missing("missing_id", *columns)


def missing(name: str, *columns: str) -> Rule:
    """Refuse rows without a value in one of the columns."""
    return needed(
        name,
        "missing",
        f"{' or '.join(columns)} is missing",
        f"fill {' and '.join(columns)} in every row",
        lambda t: any_of([_is_missing(t[column]) for column in columns]),
    )


def _is_missing(column: ibis.Value) -> BooleanValue:
    found = column.type()
    is_typed = found.is_integer() or found.is_temporal()
    return column.isnull() if is_typed else as_id(column).isnull()


def unreadable_number(required: tuple[str, ...], others: tuple[str, ...]) -> Rule:
    """Refuse what is missing, NaN, infinite, or too large to be counted in whole cents."""
    names = " or ".join(required + others)
    return needed(
        "unreadable_number",
        "unreadable",
        f"{names} is missing or no finite number" if required else f"{names} is no finite number",
        f"give {names} as plain numbers",
        lambda t: any_of(
            [_is_unreadable(t, column).fill_null(True) for column in required]
            + [_is_unreadable(t, column).fill_null(False) for column in others]
        ),
    )


def _is_unreadable(table: Table, column: str) -> BooleanValue:
    number = as_number(table[column])
    return number.isnan() | (number.abs() > _LARGEST_NUMBER)


def impossible_date(first_date: str, last_date: str, column: str, is_required: bool = True) -> Rule:
    """Refuse times outside the plausible dates; a missing one only where it is required."""
    first = ibis.timestamp(f"{first_date} 00:00:00", timezone="UTC")
    missing = "missing, " if is_required else ""
    return needed(
        "impossible_date",
        "impossible",
        f"{column} is {missing}before {first_date} or after {last_date}",
        f"correct {column}, or the plausible dates of 02_clean",
        lambda t: ((t[column] < first) | (t[column] >= end_of_day(last_date))).fill_null(
            is_required
        ),
    )


def repeated_key(*key: str, filled: str = "", is_needed: bool = False) -> Rule:
    """Refuse all rows of a key but the first."""
    names = " and ".join(key)
    return Rule(
        "duplicate_key",
        "twice",
        f"an earlier row has the same {names}",
        f"give each {names} once",
        key=key,
        filled=filled,
        is_needed=is_needed,
    )


def repeated_row(*key: str, is_on: bool = True) -> Rule:
    """Refuse all rows that say the same but the first, where there is no key."""
    return Rule(
        "duplicate_row",
        "twice",
        "an earlier row says exactly the same",
        "export each row once",
        key=key,
        is_on=is_on,
    )
