"""Planning: one row per message, only where an assignment allows it."""

import hashlib
import hmac

import pandas as pd
import pytest
from sqlalchemy import text

from src.errors import LedgerError
from src.ledger import count_states, message_key, plan_messages, record_assignments
from tests.ledger.sealing import sealed


def test_the_key_is_a_hash_keyed_by_the_pseudonym():
    expected = hmac.new(b"c1", b"spring|1|email", hashlib.sha256).hexdigest()
    assert message_key("spring", 1, "c1", "email") == expected


@pytest.mark.parametrize("other", [("s", 1, "c1", "email"), ("spring", 2, "c1", "email")], ids=str)
def test_every_part_makes_another_key(other):
    assert message_key(*other) != message_key("spring", 1, "c1", "email")
    assert message_key("spring", 1, "c2", "email") != message_key("spring", 1, "c1", "email")
    assert message_key("spring", 1, "c1", "sms") != message_key("spring", 1, "c1", "email")


def test_planning_again_changes_nothing(planned, message_frame):
    assert plan_messages(planned, message_frame("c1", "c2", "c3")) == 0
    assert count_states(planned, "spring") == {"PLANNED": 3}


@pytest.mark.parametrize(
    ("customer_id", "action"),
    [("c1", "coupon"), ("c2", "control"), ("c2", "coupon"), ("c3", "none"), ("c9", "coupon")],
    ids=["other action", "control", "action for a control", "outside", "no assignment"],
)
def test_a_message_without_its_assignment_is_refused(
    ledger, assignment_frame, message_frame, customer_id, action
):
    record_assignments(ledger, assignment_frame(c0="coupon", c1="gift", c2="control", c3="none"))
    planned = pd.concat([message_frame("c0"), message_frame(customer_id, action=action)])
    with pytest.raises(LedgerError, match="follow an assignment"):
        plan_messages(ledger, planned)
    assert count_states(ledger, "spring") == {}


def test_changed_content_is_refused(planned, message_frame):
    with pytest.raises(LedgerError, match="start a new run"):
        plan_messages(planned, message_frame("c1", text="⟦unsubscribe_url⟧ and more"))


def test_a_foreign_key_is_refused(planned, message_frame):
    with pytest.raises(LedgerError, match="message_key"):
        plan_messages(planned, sealed(message_frame("c1").assign(message_key="a" * 64)))


def test_the_same_message_twice_in_one_frame_is_refused(planned, message_frame):
    with pytest.raises(LedgerError, match="some repeat"):
        plan_messages(planned, message_frame("c1", "c1"))


def test_no_message_is_fine(planned, message_frame):
    assert plan_messages(planned, message_frame()) == 0


def test_many_messages_are_planned_whole_on_every_database(ledger, assignment_frame, message_frame):
    """More rows than go by single statements: each database takes them its own way."""
    ids = [f"c{k:04d}" for k in range(1_203)]
    record_assignments(ledger, assignment_frame(**dict.fromkeys(ids, "coupon")))
    profits = [float(k % 5) for k in range(1_203)]
    frame = message_frame(*ids, expected_profit_value=profits, cost_value=0.25)
    frame = sealed(frame.assign(text=[f"one of {k % 700}" for k in range(1_203)]))
    hashes = frame["content_sha256"].tolist()
    assert plan_messages(ledger, frame) == 1_203
    assert plan_messages(ledger, frame) == 0
    with ledger.read() as connection:
        query = text("SELECT customer_id, content_sha256, expected_profit_value, cost_micro,"
                     " planned_at FROM messages ORDER BY customer_id")  # fmt: skip
        rows = connection.execute(query).all()
        assert connection.scalar(text("SELECT count(*) FROM contents")) == 700
    assert [row[:3] for row in rows] == list(zip(ids, hashes, profits, strict=True))
    assert {row[3] for row in rows} == {250_000}
    assert len({str(row[4]) for row in rows}) == 1
