"""Opening the ledger: one database file in the run, or a server by URL."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
import datetime as dt
from operator import itemgetter
import os
from pathlib import Path
import random
import time
from types import TracebackType
from typing import TypeVar

import pandas as pd
from sqlalchemy import URL, Connection, Engine, Table, create_engine, event, insert, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError

from src.errors import ConfigurationError, LedgerError, ParameterError, SchemaError
from src.ledger.migrate import upgrade

__all__ = [
    "Ledger",
    "check_columns",
    "chunks",
    "insert_many",
    "open_ledger",
    "rows_of",
    "utc_now",
    "wide_cache",
]

_ENVIRONMENT_PREFIX = "env:"
_BUSY_SECONDS = 60
_CHUNK_ROWS = 500
_WIDE_CACHE = -262_144  # kibibytes
_MYSQL = ("mysql", "mariadb")
_LOST_RACES = {"40P01", "40001", 1205, 1213, 1020}
"""Deadlock, serialization, lock wait: codes after which the same work may simply be done again."""

_N_RACES = 20

Answer = TypeVar("Answer")


def utc_now() -> dt.datetime:
    """Time by the wall clock."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True)
class Ledger:
    """An open ledger; use it as a context manager or close it.

    Parameters
    ----------
    engine : sqlalchemy.Engine
        Connections to the database.
    folder : Path or None
        Folder beside the database file, where senders show that they are alive.
    now : callable, default the wall clock
        Time of leases, retries and transitions; a simulation brings its own.
    """

    engine: Engine = field(repr=False)
    folder: Path | None = field(default=None, repr=False)
    now: Callable[[], dt.datetime] = field(default=utc_now, repr=False)
    _writer: Engine = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_writer", self.engine.execution_options(is_writing=True))

    def read(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that only reads."""
        return self.engine.begin()

    def write(self) -> AbstractContextManager[Connection]:
        """Begin a transaction that writes; on SQLite it waits for the one writer's place."""
        return self._writer.begin()

    def transact(self, work: Callable[[Connection], Answer]) -> Answer:
        """Do work in one transaction that writes; from the start again if it loses a race.

        Parameters
        ----------
        work : callable
            Takes the connection; touches nothing but the database, since it may run twice.
        """
        for n_lost in range(_N_RACES):
            try:
                with self.write() as connection:
                    return work(connection)
            except DBAPIError as error:
                if _code(error) not in _LOST_RACES or n_lost == _N_RACES - 1:
                    raise
                time.sleep(random.uniform(0, 0.01 * 2 ** min(n_lost, 6)))  # noqa: S311
        raise AssertionError("unreachable")

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def open_ledger(run: Path, url: str = "") -> Ledger:
    """Open the ledger of a run, and make its tables at first use.

    Parameters
    ----------
    run : Path
        Folder of the run.
    url : str, default ""
        Empty: the SQLite file ``ledger/ledger.db`` in the run. Else an SQLAlchemy URL without
        password, or ``env:NAME`` for a URL kept in the environment variable `NAME`.

    Returns
    -------
    Ledger

    Raises
    ------
    ParameterError
        If the URL cannot be read or carries a password.
    ConfigurationError
        If the environment variable is missing.
    LedgerError
        If the database cannot be opened.
    """
    address = _address(run, url)
    is_file = address.get_backend_name() == "sqlite"
    folder = Path(address.database).parent if is_file and address.database else None
    if folder:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    engine = create_engine(address, hide_parameters=True, **_isolation(address))
    if is_file:
        _prepare_sqlite(engine)
    ledger = Ledger(engine, folder)
    try:
        upgrade(ledger.write)
    except DBAPIError as error:
        engine.dispose()
        raise LedgerError(
            f"Expected a ledger at {address.render_as_string()}, but the database answered "
            f"{type(error.orig).__name__}: {error.orig}; check that it is there and whole."
        ) from None
    return ledger


def _isolation(address: URL) -> dict[str, str]:
    """Read what others have committed, on every server: MariaDB's own choice locks gaps."""
    is_mysql = address.get_backend_name() in _MYSQL
    return {"isolation_level": "READ COMMITTED"} if is_mysql else {}


def _code(error: DBAPIError) -> object:
    """Code of a database error: SQLSTATE of PostgreSQL, number of MariaDB."""
    arguments = getattr(error.orig, "args", ())
    return getattr(error.orig, "sqlstate", None) or (arguments[0] if arguments else None)


def rows_of(frame: pd.DataFrame, columns: Sequence[str]) -> list[dict]:
    """Take the named columns of a frame as plain rows, with None for what is missing."""
    check_columns(frame, columns)
    return [dict(zip(columns, row, strict=True)) for row in _tuples(frame, columns)]


def _tuples(frame: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple]:
    """Go through rows as plain Python values, column by column, which is several times faster."""
    values = []
    for name in columns:
        plain = frame[name].tolist()
        if (missing := frame[name].isna().to_numpy()).any():
            plain = [None if gap else v for v, gap in zip(plain, missing, strict=True)]
        values.append(plain)
    return zip(*values, strict=True)


def check_columns(frame: pd.DataFrame, columns: Sequence[str]) -> None:
    """Refuse a frame that lacks columns.

    Raises
    ------
    SchemaError
        If one is missing.
    """
    missing = sorted(set(columns) - set(frame.columns))
    if missing:
        raise SchemaError(
            f"Expected the columns {list(columns)} for the ledger, but missing are {missing}; "
            "add them to the frame."
        )


def insert_many(connection: Connection, table: Table, rows: list[dict]) -> None:
    """Insert many rows of the same columns, on each database by its fastest way."""
    is_copied = connection.dialect.name == "postgresql"
    if len(rows) < _CHUNK_ROWS or not (is_copied or connection.dialect.positional):
        for piece in chunks(rows):  # MariaDB's driver makes one statement of each piece
            connection.execute(insert(table), piece)
        return
    names = list(rows[0])
    plain = map(itemgetter(*names), rows)
    if processes := _processes(connection, table, names):
        plain = (_processed(row, processes) for row in plain)
    if is_copied:
        _copy(connection, table.name, names, plain)
        return
    compiled = insert(table).compile(dialect=connection.dialect, column_keys=names)
    in_order = itemgetter(*(names.index(name) for name in compiled.positiontup))
    connection.exec_driver_sql(str(compiled), [in_order(row) for row in plain])


def _processes(
    connection: Connection, table: Table, names: Sequence[str]
) -> list[tuple[int, Callable[[object], object]]]:
    """Give the places whose values the database takes in another form."""
    types = (table.c[name].type for name in names)
    found = [
        kind.dialect_impl(connection.dialect).bind_processor(connection.dialect) for kind in types
    ]
    return [(place, process) for place, process in enumerate(found) if process]


def _processed(row: tuple, processes: list[tuple[int, Callable[[object], object]]]) -> list:
    values = list(row)
    for place, process in processes:
        values[place] = process(values[place])
    return values


def _copy(
    connection: Connection, table: str, names: Sequence[str], rows: Iterable[Sequence]
) -> None:
    text = f"COPY {table} ({', '.join(names)}) FROM STDIN"  # names of our own schema
    with connection.connection.cursor() as cursor, cursor.copy(text) as copy:
        for row in rows:
            copy.write_row(row)


@contextmanager
def wide_cache(connection: Connection) -> Iterator[None]:
    """Give SQLite more memory for a while: keys come in no order, so pages are met again."""
    if connection.dialect.name != "sqlite":
        yield
        return
    (before,) = connection.exec_driver_sql("PRAGMA cache_size").one()
    connection.exec_driver_sql(f"PRAGMA cache_size = {_WIDE_CACHE}")
    try:
        yield
    finally:
        connection.exec_driver_sql(f"PRAGMA cache_size = {before}")


def chunks(items: Sequence) -> Iterator[Sequence]:
    """Cut a sequence into pieces that fit into one statement."""
    for start in range(0, len(items), _CHUNK_ROWS):
        yield items[start : start + _CHUNK_ROWS]


def _address(run: Path, url: str) -> URL:
    if not url:
        return URL.create("sqlite", database=str(run / "ledger" / "ledger.db"))
    if url.startswith(_ENVIRONMENT_PREFIX):
        return _parse(_environment(url.removeprefix(_ENVIRONMENT_PREFIX)))
    address = _parse(url)
    if address.password:
        raise ParameterError(
            "Expected a ledger URL without password, found one with; parameters are kept in the "
            "executed notebook: put the URL into an environment variable and give env:NAME."
        )
    return address


def _parse(url: str) -> URL:
    try:
        return make_url(url)
    except ArgumentError:
        raise ParameterError(
            "Expected a ledger URL such as postgresql+psycopg://host/name, found something else; "
            "check 07_send.ledger_url."
        ) from None


def _environment(name: str) -> str:
    if not os.environ.get(name):
        raise ConfigurationError(
            f"Expected the ledger's URL in the environment variable {name}, found none; set it."
        )
    return os.environ[name]


def _prepare_sqlite(engine: Engine) -> None:
    """Keep everything that only SQLite needs in one place."""

    @event.listens_for(engine, "connect")
    def _connect(connection: object, _: object) -> None:
        connection.isolation_level = None  # transactions are begun below, DDL included
        connection.execute(f"PRAGMA busy_timeout = {_BUSY_SECONDS * 1000}")
        _use_wal(connection)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA cache_size = -65536")  # kibibytes
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA foreign_keys = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        is_writing = connection.get_execution_options().get("is_writing", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


def _use_wal(connection: object) -> None:
    """Switch to the write-ahead log; the switch itself does not wait for a busy database."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            if connection.execute("PRAGMA journal_mode = WAL").fetchone()[0] == "wal":
                return
        except Exception as error:  # sqlite3.OperationalError, without naming the driver
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)
