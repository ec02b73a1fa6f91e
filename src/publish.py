"""Profiles and tags for other systems: tables of a database that change whole or not at all."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
import logging

import ibis
from ibis.expr.types import Table
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql, sqlite

from src.data.contract import Column
from src.data.contract import Table as TableContract
from src.data.tables import table_contract
from src.data.window import parse_date
from src.errors import ConfigurationError, MarketingError, ParameterError, SourceError
from src.sources.reasons import find_reason
from src.sources.secrets import read_secret, without_secrets

__all__ = ["PREFIX", "check_publish", "describe_published", "publish_tables"]

logger = logging.getLogger(__name__)

PREFIX = "campanile_"
"""What the names of published tables begin with."""

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "sqlite": "sqlite+pysqlite",
}
_WAIT_SECONDS = 60
_BATCH_ROWS = 20_000
_KEY_LENGTH = 64


def check_publish(secret: str) -> None:
    """Refuse a place to publish to that cannot be one, without going there.

    Parameters
    ----------
    secret : str
        As for `publish_tables`.

    Raises
    ------
    ParameterError
        If `secret` is no reference, or what it names no URL of such a database.
    ConfigurationError
        If the environment variable or the driver is missing.
    """
    _open(secret).dispose()


def publish_tables(
    secret: str,
    tables: dict[str, Table],
    as_of_date: str,
    contracts: Mapping[str, TableContract] | None = None,
) -> pd.DataFrame:
    """Bring tables of a database to what is known on a date, all in one transaction.

    A table `profiles` becomes ``campanile_profiles``, with `as_of` instead of `as_of_date`:
    new rows are put in, changed ones replaced, and those that are no longer there removed.
    Whoever reads meanwhile sees the old state or the new one; to read several tables of one
    state, they need one transaction of the level REPEATABLE READ. If it breaks off, the old
    state stays. Publishing the same again changes no row.

    Parameters
    ----------
    secret : str
        ``env/NAME``, where the environment variable `NAME` holds the URL of a PostgreSQL,
        MySQL, MariaDB or SQLite database, such as ``postgresql://user:password@host/name``.
        The user needs the right to create tables, at least the first time.
    tables : dict of str to ibis.Table
        Tables with a contract and an `as_of_date`, by name.
    as_of_date : str
        ISO date of their facts.
    contracts : mapping of str to TableContract, optional
        Whole contracts of tables whose own are open, by name. Their columns that a run did not
        make are published empty, so that the published table has the same columns every time;
        a table of an older make gets those that are new.

    Returns
    -------
    DataFrame
        One row per table: `database` (its kind), `table`, `as_of`, `n_rows`, `n_removed`.

    Raises
    ------
    ParameterError
        If `secret` is no reference, or what it names no URL of such a database; or if a later
        date is published already.
    ConfigurationError
        If the environment variable or the driver is missing.
    SourceError
        If the database cannot be reached or refuses.
    """
    as_of = parse_date(as_of_date)
    engine = _open(secret)
    known = {name: table_contract(name) for name in tables} | dict(contracts or {})
    targets = {name: _target(known[name]) for name in tables}
    rows = []
    try:
        with _errors(engine, secret):
            _create(engine, targets)
            with engine.begin() as connection:
                _lock(connection, targets)
                _check_date(connection, targets, as_of)
                for name, target in targets.items():
                    counts = _replace(connection, _whole(tables[name], known[name]), target)
                    rows.append((engine.dialect.name, target.name, as_of_date, *counts))
    finally:
        engine.dispose()
    published = pd.DataFrame(rows, columns=["database", "table", "as_of", "n_rows", "n_removed"])
    for row in published.itertuples():
        logger.info("publish: %s %s rows, %s removed", row.table, row.n_rows, row.n_removed)
    return published


def describe_published(published: pd.DataFrame | None) -> str:
    """Say in Markdown what was published where; None is nothing."""
    if published is None:
        return "Nothing is published: `publish` names no database."
    rows = [
        f"`{row.table}` ({row.n_rows:,} rows, {row.n_removed:,} removed)"
        for row in published.itertuples()
    ]
    first = published.iloc[0]
    return f"Published as of {first['as_of']} to {first['database']}: {' and '.join(rows)}."


def _open(secret: str) -> sa.Engine:
    if not secret.startswith("env/"):
        raise ParameterError(
            "Expected publish to name an environment variable as env/NAME, found something else; "
            "put the URL of the database into that variable."
        )
    no_url = ParameterError(
        f"Expected the URL of a PostgreSQL, MySQL, MariaDB or SQLite database in {secret}, found "
        "something else; correct the variable."
    )
    try:
        url = sa.make_url(read_secret(secret))
    except (sa.exc.ArgumentError, ValueError):
        raise no_url from None
    kind = url.get_backend_name()
    if kind not in _DRIVERS or not url.database:
        raise no_url
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    patience = {"timeout": _WAIT_SECONDS} if kind == "sqlite" else {"connect_timeout": 10}
    try:
        engine = sa.create_engine(url, connect_args=patience, hide_parameters=True)
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            f"Expected the driver {error.name} for the database in {secret}, found none; "
            "install it by pip install 'campanile[databases]'."
        ) from None
    if kind == "sqlite":  # its driver would begin a transaction late, and end it at a CREATE
        sa.event.listen(engine, "connect", lambda raw, _: setattr(raw, "isolation_level", None))
        sa.event.listen(engine, "begin", lambda c: c.exec_driver_sql("BEGIN IMMEDIATE"))
    return engine


def _target(contract: TableContract) -> sa.Table:
    """Make the published form of a contract."""
    kinds = {
        "string": sa.Text(),
        "int64": sa.BigInteger(),
        "float64": sa.Double(),
        "boolean": sa.Boolean(),
        "date": sa.Date(),
        "timestamp": sa.DateTime(timezone=True).with_variant(
            mysql.DATETIME(fsp=6), "mysql", "mariadb"
        ),
    }
    columns = [
        sa.Column(
            _published(column.name),
            _key_text() if column.name in contract.key else kinds[column.type],
            primary_key=column.name in contract.key,
            nullable=_may_lack(column, contract),
            autoincrement=False,
        )
        for column in contract.columns
    ]
    return sa.Table(f"{PREFIX}{contract.name}", sa.MetaData(), *columns, mysql_charset="utf8mb4")


def _may_lack(column: Column, contract: TableContract) -> bool:
    """Whether a published column may be empty: in an open table, a run may not have made it."""
    is_fixed = column.name in (*contract.key, "as_of_date")
    is_open = contract.is_open and not is_fixed
    return is_open or column.is_nullable or column.type == "float64"


def _whole(table: Table, contract: TableContract) -> Table:
    """Add to an open table the columns that the run did not make, empty."""
    types = {"timestamp": "timestamp('UTC')"}
    missing = {
        column.name: ibis.null(types.get(column.type, column.type))
        for column in contract.columns
        if contract.is_open and column.name not in table.columns
    }
    return table.mutate(**missing) if missing else table


def _key_text() -> sa.types.TypeEngine:
    """Text of a key, told apart byte by byte everywhere."""
    binary = sa.String(_KEY_LENGTH, collation="utf8mb4_bin")
    return sa.String(_KEY_LENGTH).with_variant(binary, "mysql", "mariadb")


def _published(column: str) -> str:
    return "as_of" if column == "as_of_date" else column


def _create(engine: sa.Engine, targets: dict[str, sa.Table]) -> None:
    """Make the tables that are not there; give those that are ours the columns that are new."""
    for target in targets.values():
        target.create(engine, checkfirst=True)
        found = {column["name"] for column in sa.inspect(engine).get_columns(target.name)}
        missing = [column for column in target.columns if column.name not in found]
        if not all(column.nullable for column in missing):
            raise ParameterError(
                f"Expected {target.name} to have all columns that are published, but missing are "
                f"{sorted(column.name for column in missing)}; add them, or drop the table so that "
                "it is made anew."
            )
        with engine.begin() as connection:
            for column in missing:
                definition = sa.schema.CreateColumn(column).compile(dialect=engine.dialect)
                connection.execute(sa.text(f"ALTER TABLE {target.name} ADD COLUMN {definition}"))


def _lock(connection: sa.Connection, targets: dict[str, sa.Table]) -> None:
    """Let one publish at a time; readers go on. SQLite has locked itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'"))
        for target in targets.values():
            connection.execute(sa.text(f"LOCK TABLE {target.name} IN SHARE ROW EXCLUSIVE MODE"))
    elif connection.dialect.name in ("mysql", "mariadb"):
        name = f"LEFT(CONCAT('{PREFIX}', DATABASE()), 64)"  # locks are of the whole server
        wait = sa.text(f"SELECT GET_LOCK({name}, {_WAIT_SECONDS})")
        if connection.scalar(wait) != 1:
            raise SourceError(
                f"Expected to publish alone, but another has done so for {_WAIT_SECONDS} seconds; "
                "wait for it, then run again."
            )


def _check_date(connection: sa.Connection, targets: dict[str, sa.Table], as_of: object) -> None:
    for target in targets.values():
        known = connection.scalar(sa.select(sa.func.max(target.c.as_of)))
        if known is not None and known > as_of:
            raise ParameterError(
                f"Expected as_of_date of {known} or later, since {target.name} is as of that day, "
                f"found {as_of}; publish a later state, or empty the table first."
            )


def _replace(connection: sa.Connection, table: Table, target: sa.Table) -> tuple[int, int]:
    """Make the rows of a table those of another; count them, and those taken out."""
    draft = target.to_metadata(sa.MetaData(), name=f"{target.name}_draft")
    draft._prefixes = ["TEMPORARY"]  # gone with the connection
    draft.create(connection, checkfirst=False)
    n_rows = sum(_load(connection, draft, batch) for batch in _batches(table, target))
    if connection.dialect.name == "postgresql":
        connection.execute(sa.text(f"ANALYZE {draft.name}"))  # else the plans expect few rows
    key = [target.c[column.name] == draft.c[column.name] for column in target.primary_key]
    gone = ~sa.exists().where(*key).correlate(target)
    n_removed = connection.execute(sa.delete(target).where(gone)).rowcount
    connection.execute(_upsert(connection.dialect.name, draft, target))
    return n_rows, n_removed


def _upsert(kind: str, draft: sa.Table, target: sa.Table) -> sa.sql.dml.Insert:
    """Put in what is new, replace what has changed, leave what is the same."""
    rows = sa.select(draft).where(sa.true())  # SQLite needs a WHERE before ON CONFLICT
    names = [column.name for column in target.columns]
    values = [name for name in names if not target.c[name].primary_key]
    if kind in ("mysql", "mariadb"):
        statement = mysql.insert(target).from_select(names, rows)
        return statement.on_duplicate_key_update({name: draft.c[name] for name in values})
    insert = postgresql.insert if kind == "postgresql" else sqlite.insert
    statement = insert(target).from_select(names, rows)
    changed = sa.or_(
        *(target.c[name].is_distinct_from(statement.excluded[name]) for name in values)
    )
    return statement.on_conflict_do_update(
        index_elements=list(target.primary_key),
        set_={name: statement.excluded[name] for name in values},
        where=changed,
    )


def _batches(table: Table, target: sa.Table) -> Iterator[pa.RecordBatch]:
    """Rows in the order of the target's columns; a number that is none is missing."""
    named = table.rename({_published(name): name for name in table.columns})
    ordered = named.select(*(column.name for column in target.columns))
    for batch in ordered.to_pyarrow_batches(chunk_size=_BATCH_ROWS):
        columns = [
            pc.if_else(pc.is_finite(column), column, None)
            if pa.types.is_floating(column.type)
            else column
            for column in batch.columns
        ]
        yield pa.RecordBatch.from_arrays(columns, names=batch.schema.names)


def _load(connection: sa.Connection, draft: sa.Table, batch: pa.RecordBatch) -> int:
    """Put a batch into an empty table, by COPY where there is one."""
    if connection.dialect.name == "postgresql":
        sink = pa.BufferOutputStream()
        pa_csv.write_csv(batch, sink, pa_csv.WriteOptions(include_header=False))
        with (
            connection.connection.cursor() as cursor,
            cursor.copy(f"COPY {draft.name} FROM STDIN (FORMAT csv)") as copy,
        ):
            copy.write(sink.getvalue().to_pybytes())
    else:
        mark = "?" if connection.dialect.name == "sqlite" else "%s"
        names, marks = ", ".join(batch.schema.names), ", ".join([mark] * batch.num_columns)
        rows = list(zip(*(column.to_pylist() for column in batch.columns), strict=True))
        text = f"INSERT INTO {draft.name} ({names}) VALUES ({marks})"  # noqa: S608 - our own names
        connection.exec_driver_sql(text, rows)
    return batch.num_rows


@contextmanager
def _errors(engine: sa.Engine, secret: str) -> Iterator[None]:
    """Tell a database's errors in one sentence, without URL, password or values of rows."""
    try:
        yield
    except MarketingError:
        raise
    except sa.exc.SQLAlchemyError as error:
        raise SourceError(_sentence(error, engine, secret)) from None


def _sentence(error: Exception, engine: sa.Engine, secret: str) -> str:
    found = find_reason(error, sa.exc.DBAPIError)
    arguments = getattr(getattr(found, "orig", None), "args", None) or [type(error).__name__]
    words = str(arguments[1] if len(arguments) > 1 else arguments[0]).strip().splitlines()
    url = engine.url
    hidden = [url.password or "", url.render_as_string(hide_password=False)]
    reason = without_secrets(" ".join((words or ["no reason"])[0].split()), hidden).rstrip(".;")
    return (
        f"Expected the database in {secret} to take the tables, found: {reason}; see that it runs "
        "and that its user may create and write tables, then run again."
    )
