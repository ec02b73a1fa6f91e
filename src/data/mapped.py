"""A raw table from landed rows by the mapping of a source file, what cannot be read kept aside."""

import functools
import operator

import ibis
from ibis.expr.types import StringValue, Table, Value

from src.data.reading import (
    is_missing_text,
    read_clock,
    read_flag,
    read_number,
    read_offset,
    without_missing,
)
from src.data.tables import TABLES
from src.data.values import UTC, as_text
from src.data.zones import clocks_to_utc
from src.sources.config import (
    ColumnSource,
    Constant,
    Numbered,
    Product,
    Renamed,
    Scaled,
    Source,
    TableSource,
    source_columns,
)
from src.sources.header import RAGGED
from src.sources.raw_columns import UNREADABLE, column_kind

__all__ = ["map_table"]

_EMPTY_TYPES = {"time": "timestamp(6)", "number": "float64", "flag": "boolean", "text": "string"}
_KEPT_LENGTH = 200


class _Mapping:
    """How the rows of one table are read: its forms, else those of its source."""

    def __init__(self, source: Source, table: TableSource, rows: Table) -> None:
        self.rows = rows
        self.columns = table.columns
        self.currency = source.currency
        self.times = table.times or source.times
        self.numbers = table.numbers or source.numbers
        signs = table.amount_signs
        self.signs = source.amount_signs if signs is None else signs
        self.missing = source.missing if table.missing is None else table.missing
        self.time_zone = table.time_zone or source.time_zone

    def plain(self, name: str) -> Value:
        return without_missing(self.rows[name], self.missing)

    def number(self, name: str) -> Value:
        return read_number(self.plain(name), self.numbers, self.signs)

    def read(self, kind: str, name: str) -> Value:
        """Value of one source column as what it should be."""
        if kind == "number":
            return self.number(name)
        if kind == "time":
            return read_clock(self.plain(name), self.times)
        return read_flag(self.plain(name)) if kind == "flag" else self.plain(name)

    def value(self, column: str) -> Value:
        """Value of one raw column."""
        kind, mapped = column_kind(column), self.columns.get(column)
        if mapped is None or any(self._is_empty(name) for name in source_columns(mapped)):
            return ibis.null(_EMPTY_TYPES[kind])
        value = self._value(kind, mapped)
        if column == "currency":
            code = as_text(value).upper()
            return code.nullif(self.currency)  # missing means the shop's own
        return value

    def offset(self, column: str) -> Value:
        """Minutes by which the clock of a time column is ahead of UTC, where its values say."""
        mapped = self.columns.get(column)
        if mapped is None or self._is_empty(mapped):
            return ibis.null("int64")
        return read_offset(self.plain(mapped), self.times)

    def _is_empty(self, name: str) -> bool:
        return self.rows[name].type().is_null()

    def _value(self, kind: str, mapped: ColumnSource) -> Value:
        if isinstance(mapped, Constant):
            return ibis.literal(mapped.value)
        if isinstance(mapped, Numbered):
            return self.rows["source_row"].cast("string")
        if isinstance(mapped, list):
            return functools.reduce(
                operator.add, [self.number(name).fill_null(0.0) for name in mapped]
            )
        if isinstance(mapped, Product):
            return functools.reduce(operator.mul, [self.number(name) for name in mapped.product])
        if isinstance(mapped, Scaled):
            return self.number(mapped.column) * mapped.scale
        if isinstance(mapped, Renamed):
            text = as_text(self.plain(mapped.column))
            cases = [(text == old, new) for old, new in mapped.names.items()]
            return ibis.cases(*cases, else_=text)
        return self.read(kind, mapped)

    def unreadable(self) -> StringValue:
        """Keep what stands where a number, time or flag should, as ``column=text``."""
        notes = [ibis.literal(f"{RAGGED}=") + self.rows[RAGGED]] if self._is_ragged() else []
        notes += [
            self._note(kind, name)
            for kind, name in self._read_columns()
            if self.rows[name].type().is_string()
        ]
        if not notes:
            return ibis.null("string")
        parts = [ibis.ifelse(note.notnull(), note + "; ", "") for note in notes]
        joined = functools.reduce(operator.add, parts)
        return joined.substr(0, joined.length() - 2).nullif("")

    def _is_ragged(self) -> bool:
        return RAGGED in self.rows.columns

    def _read_columns(self) -> list[tuple[str, str]]:
        """Kind and name of every source column that is read as something, each once."""
        pairs = [
            (column_kind(column), name)
            for column, mapped in self.columns.items()
            if column_kind(column) != "text"
            for name in source_columns(mapped)
        ]
        return list(dict.fromkeys(pairs))

    def _note(self, kind: str, name: str) -> StringValue:
        text = self.rows[name]
        is_lost = ~is_missing_text(text, self.missing) & self.read(kind, name).isnull()
        note = ibis.literal(f"{name}=") + text.substr(0, _KEPT_LENGTH)
        return ibis.ifelse(is_lost, note, ibis.null("string"))


def map_table(rows: Table, source: Source, raw_table: str) -> Table:
    """Read landed rows as a raw table.

    Parameters
    ----------
    rows : ibis.Table
        Landed rows with `source_row`.
    source : Source
        A checked source that has the table.
    raw_table : str
        Which one.

    Returns
    -------
    ibis.Table
        The columns of the contract. A text that is no number, time or flag where one should
        be gives a missing value, and stands in the column `unreadable`.
    """
    table = source.tables[raw_table]
    mapping = _Mapping(source, table, rows)
    names = [name for name in TABLES[raw_table].column_names[1:] if name != UNREADABLE]
    times = [name for name in names if column_kind(name) == "time"]
    read = rows.select(
        source_row=rows["source_row"],
        **{name: mapping.value(name) for name in names},
        **{UNREADABLE: mapping.unreadable()},
        **{f"{name}_offset": mapping.offset(name) for name in times},
    )
    zone = (
        "UTC" if raw_table == "rates_raw" else mapping.time_zone
    )  # a rate is of a day, not a clock
    raw = _as_moments(read, times, zone).select("source_row", *names, UNREADABLE)
    return raw if table.one_per is None else _one_per(raw, table)


def _as_moments(read: Table, times: list[str], time_zone: str) -> Table:
    """Put clock times into UTC: by their own offset, else by that of the zone."""
    own = {
        f"{name}_moment": (read[name] - read[f"{name}_offset"].fill_null(0).as_interval("m")).cast(
            UTC
        )
        for name in times
    }
    moments = read.mutate(**own)
    if time_zone == "UTC":
        return moments.mutate(**{name: moments[f"{name}_moment"] for name in times})
    zoned = clocks_to_utc(moments, times, time_zone)
    return zoned.mutate(
        **{
            name: ibis.ifelse(
                zoned[f"{name}_offset"].isnull(), zoned[name], zoned[f"{name}_moment"]
            )
            for name in times
        }
    )


def _one_per(raw: Table, table: TableSource) -> Table:
    """Take one row for each value of a column: the commonest by content, whatever the row order."""
    key = table.one_per
    content = [name for name in table.columns if name != key]
    known = raw.filter(raw[key].notnull())
    alike = known.group_by([key, *content]).agg(
        n_alike=known.count(), first_row=known["source_row"].min()
    )
    order = [alike["n_alike"].desc(), *(alike[name] for name in content), alike["first_row"]]
    same = ibis.window(group_by=alike[key], order_by=order)
    ranked = alike.mutate(rank=ibis.row_number().over(same))
    chosen = ranked.filter(ranked["rank"] == 0).select(source_row="first_row")
    return raw.semi_join(chosen, "source_row")
