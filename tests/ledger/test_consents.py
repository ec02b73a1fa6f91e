"""Who may be contacted: the last word counts, and a refusal reaches what is already claimed."""

import pandas as pd
import pytest

from src.errors import SchemaError
from src.ledger import contactable, record_consents, record_people, suppress
from src.ledger.consents import withdraw_consent
from src.ledger.queue import begin_attempts, claim_messages
from src.ledger.senders import sending

T0 = pd.Timestamp("2024-01-01T08:00:00Z")


def reasons(ledger, *customer_ids, channel="email", purpose="marketing"):
    found = contactable(ledger, channel, purpose, list(customer_ids))
    assert (found["reason"] == "").equals(found["is_contactable"])
    return found["reason"].tolist()


def wish(customer_id, reason="unsubscribed"):
    return pd.DataFrame(
        {"customer_id": [customer_id], "channel": "email", "reason": reason, "recorded_at": T0}
    )


@pytest.fixture
def known(ledger, people_frame, consent_frame):
    record_people(ledger, people_frame("c1", "c2"))
    record_consents(ledger, consent_frame("c1", "c2"))
    return ledger


def test_each_reason_in_its_order(known, people_frame, consent_frame):
    record_people(known, people_frame("c3", "c4"))
    record_consents(known, consent_frame("c4", is_granted=False))
    record_consents(known, consent_frame("nobody"))
    assert reasons(known, "c1", "c3", "c4", "nobody") == [
        "",
        "no consent",
        "no consent",
        "no address",
    ]


def test_nobody_asked_gives_an_empty_answer(known):
    assert list(contactable(known, "email", "marketing", []).columns) == [
        "customer_id",
        "is_contactable",
        "reason",
    ]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ([(0, True), (1, False)], "consent withdrawn"),
        ([(0, False), (1, True)], ""),
        ([(1, False), (0, True)], "consent withdrawn"),  # recorded late, said last
        ([(0, True), (0, False)], "consent withdrawn"),  # same moment: the refusal counts
        ([(0, False)], "no consent"),
    ],
    ids=["withdrawn", "given", "out of order", "tie", "never"],
)
def test_the_last_word_counts(ledger, people_frame, consent_frame, answers, reason):
    record_people(ledger, people_frame("c1"))
    for hours, is_granted in answers:
        said_at = T0 + pd.Timedelta(hours=hours)
        record_consents(ledger, consent_frame("c1", is_granted=is_granted, recorded_at=said_at))
    assert reasons(ledger, "c1") == [reason]


def test_consent_is_for_one_channel_and_purpose(known):
    assert reasons(known, "c1", channel="sms") == ["no address"]
    assert reasons(known, "c1", purpose="survey") == ["no consent"]


def test_the_same_event_again_changes_nothing(known, consent_frame):
    assert record_consents(known, consent_frame("c1", "c2")) == 0
    assert record_consents(known, consent_frame("c1", is_granted=False)) == 1


def test_suppression_beats_consent_and_is_idempotent(known):
    assert suppress(known, wish("c1")) == 2  # the person and the mailbox
    assert suppress(known, wish("c1", "complaint")) == 0
    assert reasons(known, "c1", "c2") == ["unsubscribed", ""]


def test_a_suppressed_mailbox_stays_so_under_another_id(known, people_frame, consent_frame):
    suppress(known, wish("c1"))
    record_people(known, people_frame("c9", email="C1+again@EXAMPLE.com"))
    record_consents(known, consent_frame("c9"))
    assert reasons(known, "c9") == ["unsubscribed"]


def test_a_person_without_address_can_be_suppressed(known, people_frame, consent_frame):
    suppress(known, wish("c9"))
    record_people(known, people_frame("c9"))
    record_consents(known, consent_frame("c9"))
    assert reasons(known, "c9") == ["unsubscribed"]


@pytest.mark.parametrize("reason", ["ann@example.com wrote", "Angry", "", "x" * 41])
def test_free_text_is_no_reason(known, reason):
    with pytest.raises(SchemaError, match="lower-case") as caught:
        suppress(known, wish("c1", reason))
    assert "ann@" not in str(caught.value)


@pytest.mark.parametrize("refuse", ["suppress", "withdraw", "shared mailbox"])
def test_a_refusal_takes_a_claim_back(planned, people_frame, consent_frame, refuse):
    with sending(planned) as sender:
        claims, _ = claim_messages(planned, sender, "spring", "email", lambda *_: {}, T0)
        if refuse == "suppress":
            suppress(planned, wish("c2"))
        elif refuse == "withdraw":
            later = T0 + pd.Timedelta(days=1)
            record_consents(planned, consent_frame("c2", is_granted=False, recorded_at=later))
        else:
            record_people(planned, people_frame("c9", email="c2@example.com"))
            suppress(planned, wish("c9"))
        begun = begin_attempts(planned, claims, "memory", T0)
    assert sorted(row.customer_id for row in begun) == ["c1", "c3"]


@pytest.mark.parametrize("ahead_hours", [-1, 1])
def test_a_refusal_said_now_counts_whatever_the_clocks_show(
    ledger, people_frame, consent_frame, ahead_hours
):
    record_people(ledger, people_frame("c1"))
    agreed_at = pd.Timestamp(ledger.now()) + pd.Timedelta(hours=ahead_hours)
    record_consents(ledger, consent_frame("c1", recorded_at=agreed_at))
    said_at = withdraw_consent(ledger, "c1", "email", "marketing", "link", "No.")
    assert said_at >= agreed_at
    assert reasons(ledger, "c1") == ["consent withdrawn"]
    later = said_at + pd.Timedelta(seconds=1)
    record_consents(ledger, consent_frame("c1", recorded_at=later))
    assert reasons(ledger, "c1") == [""]
