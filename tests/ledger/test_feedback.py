"""What receivers say of messages, on each kind of database."""

import pytest
import sqlalchemy as sa

from src.inbound.metrics import write_metrics
from src.ledger import contactable, message_key
from src.ledger.feedback import FeedbackKind, FeedbackReport, count_feedback, record_feedback
from src.ledger.responses import read_responses, record_response


@pytest.fixture
def keys(planned):
    with planned.write() as connection:
        connection.execute(sa.text("UPDATE messages SET state = 'SENT'"))
    return [message_key("spring", 1, customer_id, "email") for customer_id in ("c1", "c2", "c3")]


def test_what_is_said_is_kept_once_and_stops_whom_it_must(planned, keys):
    reports = [
        FeedbackReport(keys[0], FeedbackKind.HARD, "5.1.1"),
        FeedbackReport(keys[0][:32], FeedbackKind.HARD, "5.1.2"),
        FeedbackReport(keys[1], FeedbackKind.COMPLAINT),
        FeedbackReport(keys[2], FeedbackKind.SOFT, "4.2.2"),
        FeedbackReport("f" * 64, FeedbackKind.HARD),
    ]
    assert record_feedback(planned, reports, "test") == 3
    assert record_feedback(planned, reports, "again") == 0
    with planned.read() as connection:
        assert count_feedback(connection, "spring") == {"hard": 1, "complaint": 1, "soft": 1}
    found = contactable(planned, "email", "marketing", ["c1", "c2", "c3"])
    assert found["reason"].tolist() == ["hard bounce", "complaint", ""]


def test_a_call_that_is_known_changes_nothing(planned, keys):
    first, second = (FeedbackReport(key, FeedbackKind.COMPLAINT) for key in keys[:2])
    assert record_feedback(planned, [first], "acme", "call 1") == 1
    assert record_feedback(planned, [second], "acme", "call 1") == 0
    assert record_feedback(planned, [second], "acme", "Call 1") == 1


def test_responses_and_counts(planned, keys):
    for kind, agent in (("click", "person"), ("open", "machine"), ("click", "person")):
        record_response(planned, keys[0], kind, "a" * 16, agent)
    found = read_responses(planned, "spring")
    assert found["kind"].tolist() == ["click", "open", "click"]
    assert found["customer_id"].unique().tolist() == ["c1"]
    text = write_metrics(planned)
    assert 'campanile_responses{agent="person",kind="click"} 2' in text
    assert 'campanile_messages{campaign_id="spring",state="SENT"} 3' in text
