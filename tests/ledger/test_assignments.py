"""Assignments: written before anything is sent, and never redrawn."""

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
import pandas as pd
import pytest
from sqlalchemy import create_engine, text

from src.errors import LedgerError
from src.ledger import open_ledger, record_assignments
from src.ledger.assignments import assigned_actions, read_assignments
from src.root import PROJECT_ROOT


def test_the_same_draw_again_changes_nothing(ledger, assignment_frame):
    drawn = assignment_frame(c1="coupon", c2="control")
    assert record_assignments(ledger, drawn) == 2
    assert record_assignments(ledger, drawn.iloc[::-1]) == 0
    with ledger.read() as connection:
        assert assigned_actions(connection, "spring", ["c1", "c2", "c3"]) == {
            "c1": "coupon",
            "c2": "control",
        }


@pytest.mark.parametrize(
    "change", [{"action": "control"}, {"pscore": 0.4}, {"pscore": None}], ids=str
)
def test_another_draw_is_refused_and_nothing_is_written(ledger, assignment_frame, change):
    record_assignments(ledger, assignment_frame(c1="coupon"))
    changed = assignment_frame(c0="coupon", c1="coupon").assign(**change)
    with pytest.raises(LedgerError, match="'c1'"):
        record_assignments(ledger, changed)
    with ledger.read() as connection:
        assert assigned_actions(connection, "spring", ["c0"]) == {}


def test_campaigns_draw_apart(ledger, assignment_frame):
    record_assignments(ledger, assignment_frame(c1="coupon"))
    assert record_assignments(ledger, assignment_frame(c1="control").assign(campaign_id="b")) == 1


def test_two_rows_for_one_customer_are_refused(ledger, assignment_frame):
    twice = pd.concat([assignment_frame(c1="coupon"), assignment_frame(c1="control")])
    with pytest.raises(LedgerError, match="one assignment per campaign and customer"):
        record_assignments(ledger, twice)


def test_no_draw_is_fine(ledger, assignment_frame):
    assert record_assignments(ledger, assignment_frame()) == 0


def test_many_customers_fit(ledger, assignment_frame):
    drawn = assignment_frame(**{f"c{i}": "coupon" for i in range(1203)})
    assert record_assignments(ledger, drawn) == 1203
    assert record_assignments(ledger, drawn) == 0


def test_what_led_to_a_draw_is_kept_and_read_back(ledger, assignment_frame):
    drawn = assignment_frame(c1="coupon", c2="control").assign(
        stratum="regulars", eligibility_id="e" * 64, eligibility_reason=["agreed", None]
    )
    record_assignments(ledger, drawn)
    with ledger.read() as connection:
        found = read_assignments(connection, "spring", ["c2", "c1", "c3"])
    assert found["customer_id"].tolist() == ["c1", "c2"]
    assert found["stratum"].eq("regulars").all()
    assert found["eligibility_reason"].isna().tolist() == [False, True]
    assert found["pscore"].tolist() == [0.5, 0.5]


def test_nothing_is_read_where_nothing_was_drawn(ledger):
    with ledger.read() as connection:
        assert read_assignments(connection, "spring", ["c1"]).empty


def test_a_ledger_of_the_first_revision_keeps_its_assignments(tmp_path):
    path = tmp_path / "ledger" / "ledger.db"
    path.parent.mkdir()
    engine = create_engine(f"sqlite:///{path}")
    config = Config()
    config.set_main_option("script_location", str(PROJECT_ROOT / "src/ledger/migrations"))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        with EnvironmentContext(
            config, scripts, fn=lambda revision, _: scripts._upgrade_revs("0001", revision)
        ) as environment:
            environment.configure(connection=connection)
            environment.run_migrations()
        connection.execute(
            text(
                "INSERT INTO assignments VALUES "
                "('spring', 'c1', 'coupon', 0.5, 'salt', '1', '2024-01-01')"
            )
        )
    engine.dispose()
    with open_ledger(tmp_path) as ledger, ledger.read() as connection:
        found = read_assignments(connection, "spring", ["c1"])
    assert found["action"].tolist() == ["coupon"]
    assert found[["stratum", "eligibility_id", "eligibility_reason"]].isna().all(axis=None)
