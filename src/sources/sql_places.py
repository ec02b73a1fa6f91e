"""Databases: reached by a URL from the environment, their errors told without it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from src.errors import MarketingError, ParameterError, SourceError
from src.root import PROJECT_ROOT
from src.sources.reasons import find_reason, innermost
from src.sources.secrets import read_secret, without_secrets

if TYPE_CHECKING:
    import sqlalchemy as sa

__all__ = ["open_engine", "sql_errors"]

_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_PATIENCE = {"psycopg": {"connect_timeout": 10}, "pymysql": {"connect_timeout": 10}}


@contextmanager
def open_engine(secret: str, place: str) -> Iterator["sa.Engine"]:
    """Make the engine of a database, and close its connections in the end.

    Parameters
    ----------
    secret : str
        Where its URL is: ``env/NAME``.
    place : str
        Raw table that it feeds, for the words of an error.

    Raises
    ------
    ParameterError
        If it is no URL of a database, or its driver is not installed.
    SourceError
        If it is a file that is not there.
    """
    import sqlalchemy as sa

    url = _read_url(secret, place)
    try:
        engine = sa.create_engine(url, connect_args=_PATIENCE.get(url.get_driver_name(), {}))
    except (ModuleNotFoundError, sa.exc.NoSuchModuleError):
        raise ParameterError(
            f"Expected a database that is supported at {secret} of tables.{place}.sql, found "
            f"{url.drivername}; take postgresql, mariadb, mysql or sqlite, or install its driver."
        ) from None
    except (TypeError, ValueError, sa.exc.ArgumentError):
        raise ParameterError(_no_url(secret, place)) from None
    try:
        yield engine
    finally:
        engine.dispose()


def _read_url(secret: str, place: str) -> "sa.URL":
    import sqlalchemy as sa

    try:
        url = sa.make_url(read_secret(secret))
    except (sa.exc.ArgumentError, ValueError):
        raise ParameterError(_no_url(secret, place)) from None
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite" and url.database:
        file = PROJECT_ROOT / url.database  # an absolute path stays what it is
        if not file.is_file():
            raise SourceError(
                f"Expected the SQLite file {Path(url.database).name} that {secret} names, found "
                "none; correct the URL (a relative path starts at the project's folder)."
            )
        url = url.set(database=str(file))
    return url


def _no_url(secret: str, place: str) -> str:
    return (
        f"Expected the URL of a database such as postgresql://user:password@host/name in {secret}, "
        f"which tables.{place}.sql names, found something else; correct the variable."
    )


@contextmanager
def sql_errors(engine: "sa.Engine", secret: str, name: str, place: str) -> Iterator[None]:
    """Tell errors of drivers in one sentence, without password, URL or values of rows.

    Raises
    ------
    SourceError
        Instead of what SQLAlchemy, dlt or a driver raises.
    """
    try:
        yield
    except (MarketingError, KeyboardInterrupt):
        raise
    except Exception as error:
        told = find_reason(error, MarketingError)
        raise told or SourceError(_sentence(error, engine, secret, name, place)) from None


def _sentence(error: Exception, engine: "sa.Engine", secret: str, name: str, place: str) -> str:
    import sqlalchemy as sa

    found = find_reason(error, sa.exc.DBAPIError)
    if isinstance(found, sa.exc.OperationalError | sa.exc.InternalError | sa.exc.InterfaceError):
        remedy = "see that it runs and that the URL is right, then run again"
        what = f"the database at {secret} to give {name}"
    elif isinstance(found, sa.exc.ProgrammingError | sa.exc.NotSupportedError):
        remedy = f"correct tables.{place}.sql"
        what = f"the database at {secret} to understand what is asked of {name}"
    elif isinstance(first := innermost(error), OSError):
        reason = (first.strerror or type(first).__name__).lower()
        return f"Expected room and rights to keep {name} on this disk, found: {reason}; mend that."
    else:
        # the words of other errors may hold values of rows
        kind = type(find_reason(error, sa.exc.SQLAlchemyError) or first).__name__
        return (
            f"Expected values that fit the columns of {name}, which tables.{place}.sql reads, "
            f"found one that cannot be read ({kind}); cast that column to text in a query."
        )
    return f"Expected {what}, found: {_words(found, engine)}; {remedy}."


def _words(error: "sa.exc.DBAPIError", engine: "sa.Engine") -> str:
    """First words of a driver's error, without secrets."""
    args = error.orig.args if error.orig is not None else ()
    text = str(args[1] if len(args) > 1 else (args or [error.orig])[0])
    line = " ".join((text.strip().splitlines() or ["no reason given"])[0].split())
    url = engine.url
    hidden = [url.password or "", url.render_as_string(hide_password=False)]
    hidden += [value for value in url.query.values() if isinstance(value, str)]
    return without_secrets(line, hidden).rstrip(".;")
