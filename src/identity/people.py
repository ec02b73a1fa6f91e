"""The people of a source, read into memory and never written."""

import pandas as pd
import pyarrow as pa

from src.errors import SchemaError
from src.sources.config import Constant, Source
from src.sources.in_memory import read_files, read_query
from src.sources.origins import FileOrigin
from src.sources.raw_columns import PEOPLE_COLUMNS

__all__ = ["read_people"]

_TRUE = frozenset("1 1.0 true t yes y ja j oui o si sí s x granted subscribed opt-in 是".split())
_FALSE = frozenset("0 0.0 false f no n nein non denied unsubscribed opt-out 否".split())
_CLOCKS = ("", " %H:%M:%S", " %H:%M", "T%H:%M:%S")
_DATE_FORMATS = {
    "iso": ("%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d"),
    "dmy": ("%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"),
    "mdy": ("%m/%d/%Y", "%m-%d-%Y"),
    "ymd": ("%Y%m%d",),
}


def read_people(path: str, source: Source) -> pd.DataFrame:
    """Read the people of a source into memory.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        The shop; its `people` must say where they are.

    Returns
    -------
    DataFrame
        One row per row of the source, with all of `PEOPLE_COLUMNS`: texts as given, missing
        where blank; `birth_date` as a day and `consented_at` as a moment in UTC, missing where
        neither ISO nor one of the source's forms fits; `has_email_consent` as boolean, missing
        where it is neither yes nor no. It must not be written anywhere.

    Raises
    ------
    SchemaError
        If a column is not there.
    ParameterError, SourceError
        If the file or database cannot be read.
    """
    origin = source.people.origin
    if isinstance(origin, FileOrigin):
        rows = read_files(path, source, origin)
    else:
        rows = read_query("people", origin)
    columns = {name: _texts(path, source, rows, name) for name in PEOPLE_COLUMNS}
    people = pd.DataFrame(columns, dtype="str")
    missing = {text.strip().casefold() for text in source.missing}
    people = people.mask(people.apply(lambda column: column.str.casefold().isin(missing)))
    flags = people["has_email_consent"].str.casefold()
    return people.assign(
        birth_date=_times(people["birth_date"], source).dt.normalize(),
        consented_at=_times(people["consented_at"], source)
        .dt.tz_localize(source.time_zone, ambiguous=True, nonexistent="shift_forward")
        .dt.tz_convert("UTC"),
        has_email_consent=pd.Series(None, people.index, dtype="boolean")
        .mask(flags.isin(_TRUE), True)
        .mask(flags.isin(_FALSE), False),
    )


def _texts(path: str, source: Source, rows: pa.Table, name: str) -> pd.Series:
    """One column as text without blanks at its ends; a whole number has no decimals."""
    mapped = source.people.columns.get(name)
    if mapped is None or isinstance(mapped, Constant):
        value = None if mapped is None else str(mapped.value)
        return pd.Series([value] * rows.num_rows, dtype="str")
    if mapped not in rows.column_names:
        raise SchemaError(
            f"Expected the column {mapped!r} that people.columns.{name} of {path} names, but it is "
            f"not there (it has {sorted(rows.column_names)}); correct the name."
        )
    column = rows[mapped]
    if pa.types.is_floating(column.type):
        texts = column.to_pandas().map("{:.15g}".format, na_action="ignore")
    else:
        texts = column.cast(pa.string()).to_pandas()
    texts = texts.astype("str").str.strip()
    return texts.mask(texts == "")


def _times(texts: pd.Series, source: Source) -> pd.Series:
    """Moments of texts by the first of the source's forms that fits, or ISO; none is guessed."""
    found = pd.Series(pd.NaT, texts.index, dtype="datetime64[us]")
    seconds = texts.str.replace(r"(:\d\d)(?:\.\d+)?(?: ?(?:Z|[+-]00:?00))?$", r"\1", regex=True)
    dates = [date for form in (*source.times, "iso") for date in _DATE_FORMATS.get(form, ())]
    for pattern in (date + clock for date in dates for clock in _CLOCKS):
        is_open = found.isna() & seconds.notna()
        if is_open.any():
            read = pd.to_datetime(seconds[is_open], format=pattern, errors="coerce")
            found = found.fillna(read.astype("datetime64[us]"))
    return found
