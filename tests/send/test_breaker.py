"""The circuit breaker: what stops a wave, what only warns, and who may let it go on."""

import logging

import pytest
import sqlalchemy as sa

from src.ledger import resume_campaign
from src.ledger.feedback import FeedbackKind, FeedbackReport, record_feedback
from src.send import deliver
from src.send.breaker import Breaker
from src.send.channels import MemoryChannel, Outcome, Verdict


@pytest.fixture
def sent(ledger, plan):
    """A campaign of 1,200 messages, the first thousand of them out."""
    keys = sorted(plan(1_200, is_refusing=lambda _: False)["message_key"])
    with ledger.write() as connection:
        connection.execute(
            sa.text("UPDATE messages SET state='SENT' WHERE message_key <= :key"),
            {"key": keys[999]},
        )
    return keys


def report(ledger, keys, kind):
    record_feedback(ledger, [FeedbackReport(key, kind) for key in keys], "test")


def state(ledger):
    with ledger.read() as connection:
        return connection.scalar(sa.text("SELECT state FROM campaigns"))


@pytest.mark.parametrize(
    ("kind", "n", "is_warned", "is_stopped"),
    [
        (FeedbackKind.COMPLAINT, 0, False, False),
        (FeedbackKind.COMPLAINT, 1, True, False),  # .1 %
        (FeedbackKind.COMPLAINT, 2, True, False),
        (FeedbackKind.COMPLAINT, 3, False, True),  # .3 %
        (FeedbackKind.HARD, 19, False, False),
        (FeedbackKind.HARD, 20, True, False),  # 2 %
        (FeedbackKind.HARD, 49, True, False),
        (FeedbackKind.HARD, 50, False, True),  # 5 %
        (FeedbackKind.BLOCK, 50, False, True),
        (FeedbackKind.SOFT, 500, False, False),
    ],
)
def test_shares(ledger, sent, caplog, kind, n, is_warned, is_stopped):
    report(ledger, sent[:n], kind)
    with caplog.at_level(logging.WARNING):
        assert Breaker(ledger, "spring").check() is not is_stopped
    assert state(ledger) == ("PAUSED" if is_stopped else "RUNNING")
    assert [record.levelname for record in caplog.records] == (
        ["ERROR"] if is_stopped else ["WARNING"] if is_warned else []
    )


def test_of_few_messages_one_complaint_stops_nothing(ledger, plan):
    keys = plan(3, is_refusing=lambda _: False)["message_key"]
    with ledger.write() as connection:
        connection.execute(sa.text("UPDATE messages SET state='SENT'"))
    report(ledger, keys[:1], FeedbackKind.COMPLAINT)
    assert Breaker(ledger, "spring").check()


def test_a_wave_stops_between_batches(ledger, sent, campaign, clock):
    class Complained(MemoryChannel):
        def deliver(self, envelope):
            super().deliver(envelope)
            if len(self.delivered) == 20:
                report(ledger, sent[:4], FeedbackKind.COMPLAINT)

    channel = Complained()
    deliver(ledger, channel, campaign, clock, batch_rows=10)
    assert len(channel.delivered) < 60
    assert state(ledger) == "PAUSED"
    assert deliver(ledger, channel, campaign, clock)["n_sent"] == 0


def test_a_person_may_let_it_go_on_until_more_comes_back(ledger, sent):
    report(ledger, sent[:5], FeedbackKind.COMPLAINT)
    assert not Breaker(ledger, "spring").check()
    resume_campaign(ledger, "spring", "ann@shop")
    assert Breaker(ledger, "spring").check()
    report(ledger, sent[5:6], FeedbackKind.COMPLAINT)
    assert not Breaker(ledger, "spring").check()


def test_a_recipient_refused_by_the_server_is_a_bounce(ledger, plan, campaign, clock):
    plan(4, is_refusing=lambda _: False)

    class Refusing(MemoryChannel):
        def deliver_all(self, envelopes):
            self.delivered += envelopes
            reasons = {0: "550 5.1.1 at RCPT, mx", 1: "550 5.7.1 at RCPT, mx", 2: "554 at body, mx"}
            taken = Outcome(Verdict.TAKEN)
            return [
                Outcome(Verdict.REFUSED, reasons[n]) if n in reasons else taken
                for n, _ in enumerate(envelopes)
            ]

    channel = Refusing()
    channel.n_at_once = 4
    deliver(ledger, channel, campaign, clock)
    with ledger.read() as connection:
        kinds = sorted(connection.scalars(sa.text("SELECT kind FROM feedback")))
        reasons = set(connection.scalars(sa.text("SELECT reason FROM suppressions")))
    assert kinds == ["block", "block", "hard"]
    assert reasons == {"hard bounce"}
