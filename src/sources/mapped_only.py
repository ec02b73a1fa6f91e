"""Columns that no table asks for: their names are kept, their values are not."""

from collections.abc import Collection, Iterable

import pyarrow as pa

from src.sources.config import Source, source_columns
from src.sources.header import RAGGED
from src.sources.origins import KafkaOrigin, Origin

__all__ = ["asked_columns", "blank_unasked", "of_columns"]


def of_columns(columns: Collection[str] | None) -> str:
    """Spell the asked columns, for the name of what is kept of them."""
    return "all" if columns is None else " ".join(map(repr, sorted(columns)))


def asked_columns(source: Source) -> dict[str, frozenset[str]]:
    """Find which columns the tables of a source ask for, by what they come from.

    Parameters
    ----------
    source : Source
        A checked source.

    Returns
    -------
    dict of str to frozenset of str
        By the JSON of each origin: the mapped columns of all tables that it feeds, and those by
        which its rows are told apart, ordered or deleted. A file that is only counted asks for
        none.
    """
    asked: dict[str, frozenset[str]] = {}

    def add(origin: Origin, columns: Iterable[str]) -> None:
        name = origin.model_dump_json()
        asked[name] = asked.get(name, frozenset()) | {*columns, *_own_columns(origin)}

    for table in source.tables.values():
        columns = [part for column in table.columns.values() for part in source_columns(column)]
        if table.lookup is not None:
            columns.append(table.lookup.key)
            add(table.lookup.file, columns)
        add(table.origin, columns)
    for origin in source.registered:
        add(origin, ())
    return asked


def _own_columns(origin: Origin) -> set[str]:
    """Columns that landing itself needs."""
    own = {getattr(origin, "cursor", None), getattr(origin, "deleted", None)}
    if isinstance(origin, KafkaOrigin):
        own |= {"_partition", "_offset", "_timestamp"}
    return {RAGGED, *(getattr(origin, "key", None) or ()), *own} - {None}


def blank_unasked(table: pa.Table, columns: Collection[str] | None) -> pa.Table:
    """Empty the columns of a table that nobody asks for.

    A shop's export has names and addresses beside what is mapped. They must not lie about
    unencrypted; that the column is there, and of which type, stays known, so that a new column
    is still noticed.

    Parameters
    ----------
    table : pyarrow.Table
        Rows as the source gives them.
    columns : collection of str, optional
        Names of the columns that keep their values; None for all.

    Examples
    --------
    >>> table = pa.table({"id": [1, 2], "email": ["a@b.example", "c@d.example"]})
    >>> blank_unasked(table, {"id"}).to_pylist()
    [{'id': 1, 'email': None}, {'id': 2, 'email': None}]
    """
    if columns is None:
        return table
    arrays = [
        column if field.name in columns else pa.nulls(table.num_rows, field.type)
        for field, column in zip(table.schema, table.columns, strict=True)
    ]
    return pa.Table.from_arrays(arrays, schema=table.schema)
