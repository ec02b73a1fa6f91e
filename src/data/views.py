"""Tables that can be told from another table of their stage, and so need not be stored."""

from collections.abc import Callable
from dataclasses import dataclass

import ibis
from ibis.expr.types import Table

__all__ = ["VIEWS", "View", "carried_tags"]


@dataclass(frozen=True)
class View:
    """How a table follows from another.

    Parameters
    ----------
    of : str
        The other table; of the same stage.
    build : callable
        Gives the rows, from the other table and the values that the run kept, by name.
    """

    of: str
    build: Callable[..., Table]


def carried_tags(history: Table, as_of_date: str) -> Table:
    """Say who carries what on a date: rules that hold, of tags that have not expired.

    Parameters
    ----------
    history : ibis.Table
        ``tag_history`` of that date.
    as_of_date : str
        ISO date.

    Returns
    -------
    ibis.Table
        Contents of ``tags``: `customer_id`, `tag`, `as_of_date`, `entered_date`,
        `expires_date`.
    """
    today = ibis.date(as_of_date)
    is_valid = history.expires_date.isnull() | (history.expires_date > today)
    carried = history.filter(history.left_date.isnull() & is_valid)
    return carried.select(
        "customer_id", "tag", "entered_date", "expires_date", as_of_date=today
    ).select("customer_id", "tag", "as_of_date", "entered_date", "expires_date")


VIEWS = {"tags": View("tag_history", carried_tags)}
"""By the name of the table that may be stored as a view."""
