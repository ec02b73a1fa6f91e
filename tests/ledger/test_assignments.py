"""Assignments: written before anything is sent, and never redrawn."""

import pandas as pd
import pytest

from src.errors import LedgerError
from src.ledger import record_assignments
from src.ledger.assignments import assigned_actions


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
