"""Tables and queries of a database, through dlt: all rows, or those changed since last time."""

from collections.abc import Callable, Collection
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from src.errors import ParameterError, SchemaError
from src.sources.dlt_loads import own_dlt, run_dlt, spool_resource
from src.sources.increments import check_drift, drop_known, has_rows, last_cursor
from src.sources.landed import Landed
from src.sources.loads import LoadFolder, open_loads
from src.sources.mapped_only import blank_unasked, of_columns
from src.sources.origins import SqlOrigin
from src.sources.sql_places import open_engine, sql_errors
from src.sources.uniform import rows_to_table

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["land_sql"]

_CHUNK = 50_000
_SCALE, _DIGITS = 9, 38


def land_sql(
    source_name: str,
    place: str,
    origin: SqlOrigin,
    folder: Path,
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> Landed:
    """Bring a table or query of a database into reach as Parquet files.

    Parameters
    ----------
    source_name : str
        Name of the shop.
    place : str
        Raw table that it feeds, for the words of an error.
    origin : SqlOrigin
        Which database, and what of it.
    folder : Path
        Where the files are kept, for this origin alone.
    tell : callable
        Is told how many rows have come so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all.

    Returns
    -------
    Landed
        With a cursor, several versions of a row may be in the files: the last one counts.

    Raises
    ------
    SourceError
        If the database cannot be reached or breaks off; what has been landed stays.
    ParameterError, SchemaError
        If the table or a column is not there, or the cursor cannot be used.
    """
    name = origin.table or "query"
    asked = origin.model_dump_json(include={"table", "query", "cursor", "key"})
    with (
        open_loads(folder, f"sql {asked} {of_columns(columns)}") as loads,
        open_engine(origin.secret, place) as engine,
        sql_errors(engine, origin.secret, name, place),
    ):
        since = _since(origin, loads)
        reader = _Reader(engine, origin, place, since)
        with own_dlt(loads.work):
            resource = reader.resource(loads.work, tell, columns)
            prepared = run_dlt(resource, loads.work)
        n_read = _publish(loads, prepared, origin, reader, name)
        return loads.landed(
            name, f"{source_name}/{name}", n_read, tuple(origin.key), origin.deleted
        )


def _since(origin: SqlOrigin, loads: LoadFolder) -> Any:
    """Value of the cursor from which to read, a little before the last one; None for all."""
    if origin.cursor is None:
        return None
    last = last_cursor(loads.files(), origin.cursor)
    if last is None or not origin.lag_seconds:
        return last
    return last - dt.timedelta(seconds=origin.lag_seconds)


def _publish(
    loads: LoadFolder, prepared: Path, origin: SqlOrigin, reader: "_Reader", name: str
) -> int:
    """Put the rows that are new into place; say how many."""
    is_whole = origin.cursor is None or not any(map(has_rows, loads.files()))
    landed = [] if is_whole else loads.files()
    check_drift(prepared, landed, name)
    n_read = drop_known(prepared, landed, tuple(origin.key))
    if not n_read and is_whole:
        pq.write_table(reader.empty(), prepared / "part-00000.parquet")
    if n_read or origin.cursor is None or not loads.files():
        loads.publish(prepared, replaces=is_whole)
    return n_read


class _Reader:
    """One table or query, looked into and ready to be read.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Of its database.
    origin : SqlOrigin
        Which table or query, and its columns.
    place : str
        Raw table that it feeds.
    since : object, optional
        Value of the cursor from which to read.
    """

    def __init__(self, engine: "sa.Engine", origin: SqlOrigin, place: str, since: Any) -> None:
        self.engine, self.origin, self.place, self.since = engine, origin, place, since
        self.table = self._look_up() if origin.table else self._look_into_query()
        self._check_columns()
        self.as_text = _take_as_text(self.table) if origin.table else set()

    def resource(
        self, work: Path, tell: Callable[[int], None], columns: Collection[str] | None
    ) -> Any:
        """Make the dlt resource of the rows; under `own_dlt`."""
        if self.origin.query is not None:
            return spool_resource(self._query_pages, work, tell, columns)
        from dlt.sources.sql_database import sql_table

        resource = sql_table(
            credentials=self.engine,
            table=self.table.name,
            schema=self.table.schema,
            metadata=self.table.metadata,
            backend="pyarrow",
            chunk_size=_CHUNK,
            reflection_level="full",
            query_adapter_callback=lambda _query, _table: self.select(),
        )
        n_rows = 0

        def counted(table: pa.Table) -> pa.Table:
            nonlocal n_rows
            n_rows += table.num_rows
            tell(n_rows)
            return blank_unasked(table, columns)

        return resource.add_map(counted)

    def select(self) -> "sa.Select":
        """Statement for the rows from the cursor on, with every column of a type that lands."""
        import sqlalchemy as sa

        columns = [
            sa.cast(column, sa.types.Text()).label(column.name)
            if column.name in self.as_text
            else _with_scale(column)
            for column in self.table.columns
        ]
        statement = sa.select(*columns)
        if self.since is None:
            return statement
        cursor = self.table.columns[self.origin.cursor]
        return statement.where(sa.or_(cursor >= self.since, cursor.is_(None)))

    def empty(self) -> pa.Table:
        """Table without rows, for what has none yet."""
        return pa.table({column.name: pa.array([], pa.string()) for column in self.table.columns})

    def _query_pages(self) -> Any:
        with self.engine.connect() as connection:
            result = connection.execution_options(yield_per=_CHUNK).execute(self.select())
            names = list(result.keys())
            for rows in result.partitions():
                yield rows_to_table([dict(zip(names, row, strict=True)) for row in rows])

    def _look_up(self) -> "sa.Table":
        import sqlalchemy as sa

        schema, _, name = self.origin.table.rpartition(".")
        try:
            return sa.Table(name, sa.MetaData(), schema=schema or None, autoload_with=self.engine)
        except sa.exc.NoSuchTableError:
            raise SchemaError(
                f"Expected the table {self.origin.table} that tables.{self.place}.sql names in the "
                "database, found none of that name; correct it, or ask for the right to read it."
            ) from None

    def _look_into_query(self) -> "sa.TableClause":
        """Columns of a query, found out by asking for none of its rows."""
        import sqlalchemy as sa

        inner = self.origin.query.strip().rstrip(";")
        subquery = sa.text(f"({inner}) AS q".replace(":", r"\:"))
        statement = sa.select(sa.text("*")).select_from(subquery).where(sa.false())
        with self.engine.connect() as connection:
            names = list(connection.execute(statement).keys())
        query = sa.text(inner.replace(":", r"\:")).columns(*map(sa.column, names))
        return query.subquery("q")

    def _check_columns(self) -> None:
        names = self.table.columns.keys()
        wanted = {"key": self.origin.key, "cursor": [self.origin.cursor]}
        for field, columns in (wanted | {"deleted": [self.origin.deleted]}).items():
            for column in filter(None, columns):
                if column not in names:
                    raise SchemaError(
                        f"Expected the column {column!r} that tables.{self.place}.sql.{field} "
                        f"names, found {sorted(names)}; correct its name."
                    )
        if self.origin.cursor is not None:
            self._check_cursor(self._cursor_kind())

    def _cursor_kind(self) -> str:
        """Kind of values of the cursor: by its type, or by its values where a query has none."""
        import sqlalchemy as sa

        column = self.table.columns[self.origin.cursor]
        if isinstance(column.type, sa.types.NullType):
            with self.engine.connect() as connection:
                value = connection.execute(
                    sa.select(column).where(column.isnot(None)).limit(1)
                ).scalar()
            return _kind_of_value(value)
        if isinstance(column.type, sa.types.DateTime | sa.types.Date):
            return "time"
        is_number = isinstance(column.type, sa.types.Integer | sa.types.Numeric)
        if is_number and not isinstance(column.type, sa.types.Float):
            return "number"
        return type(column.type).__name__.lower()

    def _check_cursor(self, kind: str) -> None:
        if kind not in ("time", "number", "nothing"):
            raise SchemaError(
                f"Expected a time or a whole number as cursor at tables.{self.place}.sql.cursor, "
                f"found {self.origin.cursor!r} of type {kind}; name a column that grows with every "
                "change, or leave the cursor out."
            )
        if kind == "number" and self.origin.lag_seconds:
            raise ParameterError(
                f"Expected a time as cursor where tables.{self.place}.sql.lag_seconds is given, "
                f"found the number {self.origin.cursor!r}; leave lag_seconds out."
            )


def _kind_of_value(value: Any) -> str:
    from decimal import Decimal

    if value is None:
        return "nothing"
    if isinstance(value, dt.date):
        return "time"
    is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


def _with_scale(column: "sa.ColumnElement") -> "sa.ColumnElement":
    """Give a number without a declared scale nine decimals, so that all its rows fit one type."""
    import sqlalchemy as sa

    kind = column.type
    if isinstance(kind, sa.types.Numeric) and kind.asdecimal and kind.precision is None:
        return sa.cast(column, sa.types.Numeric(_DIGITS, _SCALE)).label(column.name)
    return column


def _take_as_text(table: "sa.Table") -> set[str]:
    """Columns of kinds that Parquet or dlt lacks, such as intervals and addresses."""
    from sqlalchemy import types as sql

    numbers = (sql.Integer, sql.Numeric, sql.Float, sql.Boolean)
    landable = (*numbers, sql.String, sql.DateTime, sql.Date, sql.JSON, sql.ARRAY, sql.Uuid)
    names = {
        column.name
        for column in table.columns
        if not isinstance(column.type, (*landable, sql.LargeBinary, sql.BINARY, sql.VARBINARY))
    }
    for name in names:
        table.columns[name].type = sql.Text()
    return names
