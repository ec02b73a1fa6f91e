"""Windows in time around one date; a day ends at midnight UTC."""

import datetime as dt
from typing import TYPE_CHECKING

from src.errors import ParameterError

if TYPE_CHECKING:
    from ibis.expr.types import Table, TimestampScalar

__all__ = ["days_after", "end_of_day", "known_by", "parse_date", "within"]


def parse_date(text: str) -> dt.date:
    """Read an ISO date.

    Examples
    --------
    >>> parse_date("2017-09-30")
    datetime.date(2017, 9, 30)
    """
    try:
        return dt.date.fromisoformat(text)
    except (TypeError, ValueError):
        raise ParameterError(
            f"Expected an ISO date in quotes such as '2024-01-31', found {text!r}."
        ) from None


def days_after(date: str, days: int) -> str:
    """Shift an ISO date; negative days go back.

    Examples
    --------
    >>> days_after("2017-09-30", 1)
    '2017-10-01'
    """
    return (parse_date(date) + dt.timedelta(days=days)).isoformat()


def end_of_day(date: str) -> "TimestampScalar":
    """First moment after a date, in UTC."""
    import ibis  # half a second, which senders that only read dates need not wait

    return ibis.timestamp(f"{days_after(date, 1)} 00:00:00", timezone="UTC")


def known_by(table: "Table", column: str, as_of_date: str) -> "Table":
    """Keep the rows whose time in `column` is not after the as-of date."""
    return table.filter(table[column] < end_of_day(as_of_date))


def within(table: "Table", column: str, after_date: str, last_date: str) -> "Table":
    """Keep the rows after `after_date` (that day excluded) up to `last_date` (included)."""
    return table.filter(
        (table[column] >= end_of_day(after_date)) & (table[column] < end_of_day(last_date))
    )
