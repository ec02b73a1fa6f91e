"""Names of the columns of a file, refused where they cannot be told apart."""

from pathlib import Path
import re

from src.errors import SchemaError

__all__ = ["MAX_COLUMNS", "RAGGED", "check_names", "header_names", "is_name"]

RAGGED = "_ragged"
"""Column of a text file some of whose rows have more or fewer fields than its header."""

MAX_COLUMNS = 4_000

_LONGEST_NAME = 200
_DATUM = re.compile(r"[-+]?\d+([.,:/ -]\d+)*|[^@\s]+@[^@\s]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def header_names(file: Path, cells: list[str]) -> list[str]:
    """Read the header row of a file that has one.

    Blanks around a name are dropped, and a line break in it becomes a blank; a column without
    a name is called ``column_3`` by its place.

    Parameters
    ----------
    file : Path
        The file, for the words of an error.
    cells : list of str
        Its first row.

    Raises
    ------
    SchemaError
        If the row looks like data, or two names are alike. Its text is not shown, except for
        names that repeat.
    """
    names = [" ".join(cell.strip("\ufeff").split()) for cell in cells]
    for place, name in enumerate(names, 1):
        if name and not is_name(name):
            raise SchemaError(
                f"Expected a header row in {file.name}, found a number, date, address or broken "
                f"text in the place of the name of column {place}; write the names of the columns "
                "into the first row."
            )
    if not any(names):
        raise SchemaError(
            f"Expected a header row in {file.name}, found an empty one; write the names of the "
            "columns into the first row."
        )
    names = [name or f"column_{place}" for place, name in enumerate(names, 1)]
    check_names(file, names)
    return names


def is_name(text: str) -> bool:
    """Whether a text may be the name of a column, and is not a number, date or address.

    Examples
    --------
    >>> [is_name(text) for text in ("Unit price", "12.50", "2024-01-31", "jane@example.com", "")]
    [True, False, False, False, False]
    """
    is_text = text.strip() and not _CONTROL.search(text) and len(text) <= _LONGEST_NAME
    return bool(is_text) and not _DATUM.fullmatch(text)


def check_names(file: Path, names: list[str]) -> None:
    """Refuse names that an engine cannot tell apart, which may not see upper and lower case.

    Raises
    ------
    SchemaError
        If names repeat, are reserved, or are too many.
    """
    if len(names) > MAX_COLUMNS:
        raise SchemaError(
            f"Expected at most {MAX_COLUMNS:,} columns in {file.name}, found more; see whether "
            "values stand in the place of names."
        )
    seen: dict[str, str] = {}
    for name in names:
        if name.casefold() == RAGGED:
            raise SchemaError(
                f"Expected no column {RAGGED} in {file.name}, found one; rename it, the name is "
                "used for rows that do not fit the header."
            )
        if name.casefold() in seen:
            raise SchemaError(
                f"Expected every column of {file.name} to have a name of its own, found "
                f"{seen[name.casefold()]!r} and {name!r}; rename one."
            )
        seen[name.casefold()] = name
