"""Bring the tables of the ledger up to date with Alembic, once, whoever comes first."""

from collections.abc import Callable
from contextlib import AbstractContextManager
import logging
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from src.errors import LedgerError

__all__ = ["upgrade"]

_MIGRATIONS = Path(__file__).parent / "migrations"

logger = logging.getLogger(__name__)


def upgrade(write: Callable[[], AbstractContextManager[Connection]]) -> None:
    """Run the revisions that are missing, in one transaction.

    Parameters
    ----------
    write : callable
        Begins a writing transaction.

    Raises
    ------
    LedgerError
        If the ledger was made by a newer version of this project.
    """
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    try:
        with write() as connection:
            _run(config, scripts, connection)
    except DBAPIError:  # where tables cannot be made in a transaction another may have been first
        with write() as connection:
            if _revision(connection) != scripts.get_current_head():
                raise


def _run(config: Config, scripts: ScriptDirectory, connection: Connection) -> None:
    found, head = _revision(connection), scripts.get_current_head()
    if found == head:
        return
    if found is not None and found not in {
        revision.revision for revision in scripts.walk_revisions()
    }:
        raise LedgerError(
            f"Expected a ledger up to revision {head}, found {found}; it was made by a newer "
            "version: upgrade the project."
        )
    logger.info("ledger: revision %s → %s", found, head)
    with EnvironmentContext(
        config, scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision)
    ) as environment:
        environment.configure(connection=connection)
        environment.run_migrations()


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()
