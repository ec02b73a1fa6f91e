"""Revisions: up from a ledger with rows in it, down, and up again, on each kind of database."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
import pytest
from sqlalchemy import create_engine, inspect, text

from src import ledger as ledger_package
from src.ledger import count_states, open_ledger
from src.ledger.people import read_people
from tests.ledger.databases import KINDS, empty_database

ROWS = (
    "INSERT INTO contents VALUES ('h', 's', 'html', 'text')",
    "INSERT INTO messages (message_key, campaign_id, step, customer_id, channel, purpose, action,"
    " content_sha256, state, attempt, fence) VALUES ('k1', 'spring', 1, 'c1', 'email',"
    " 'marketing', 'coupon', 'h', 'SENT', 1, 3)",
    "INSERT INTO messages (message_key, campaign_id, step, customer_id, channel, purpose, action,"
    " content_sha256, state, attempt, fence) VALUES ('k2', 'spring', 1, 'C1 ', 'email',"
    " 'marketing', 'coupon', 'h', 'PLANNED', 0, 0)",
    "INSERT INTO transitions (message_key, to_state, attempt, fence, moved_at)"
    " VALUES ('k1', 'PLANNED', 0, 0, '2024-01-01 00:00:00')",
    "INSERT INTO attempts VALUES ('k1', 1, 'maildir', 'SENT', NULL, '2024-01-01 00:00:00')",
    "INSERT INTO people (customer_id, key_version) VALUES ('c1', 1)",
    "INSERT INTO consents VALUES ('i', 'c1', 'email', 'marketing', {true}, 'form', 'Yes.',"
    " '2024-01-01 00:00:00')",
)


@pytest.fixture(params=KINDS)
def url(request, tmp_path):
    if request.param == "sqlite":
        (tmp_path / "ledger").mkdir()
        yield f"sqlite:///{tmp_path / 'ledger' / 'ledger.db'}"
        return
    with empty_database(request.param) as url:
        yield url


def move_to(url, revision):
    """Go up or down to a revision."""
    config = Config()
    migrations = Path(ledger_package.__file__).parent / "migrations"
    config.set_main_option("script_location", str(migrations))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    engine = create_engine(url)

    def steps(found, _):
        is_down = revision == "0001" and found
        way = scripts._downgrade_revs if is_down else scripts._upgrade_revs
        return way(revision, found)

    with engine.begin() as connection, EnvironmentContext(config, scripts, fn=steps) as context:
        context.configure(connection=connection)
        context.run_migrations()
    return engine


def test_rows_survive_the_way_up_down_and_up(url, tmp_path):
    engine = move_to(url, "0001")
    is_file = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for row in ROWS:
            connection.execute(text(row.format(true="1" if is_file else "true")))
    move_to(url, "head").dispose()
    move_to(url, "0001").dispose()
    assert "audit" not in inspect(engine).get_table_names()
    engine.dispose()
    with open_ledger(tmp_path, url) as ledger:
        assert count_states(ledger, "spring") == {"PLANNED": 1, "SENT": 1}
        with ledger.read() as connection:
            assert list(read_people(connection, ["c1"])) == ["c1"]
            values = "expected_profit_value, cost_micro"
            assert connection.execute(text(f"SELECT {values} FROM messages")).all() == [(0, 0)] * 2
            query = text("SELECT count(*) FROM messages WHERE customer_id = 'c1'")
            assert connection.scalar(query) == 1  # a name is its bytes
            assert connection.scalar(text("SELECT count(*) FROM transitions")) == 1
