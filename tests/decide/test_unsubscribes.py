"""Unsubscriptions after messages, counted from a ledger and drawn towards the assumption."""

import pandas as pd
import pytest
from sqlalchemy import update

from src.decide.unsubscribes import count_unsubscribes, estimate_unsubscribes
from src.ledger import (
    message_key,
    open_ledger,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
    suppress,
)
from src.ledger.schema import messages
from tests.ledger.sealing import sealed

IDS = ["anna", "bert", "cleo", "dora"]
MARCH, SEPTEMBER = pd.to_datetime(["2024-03-01", "2024-09-01"], utc=True)
SENT_AT = {"spring": MARCH, "fall": SEPTEMBER}


def send(ledger, campaign_id: str, action: str, ids: list[str]) -> None:
    """Assign, plan and mark as sent: what 05 to 07 leave behind."""
    plan = pd.DataFrame({"customer_id": ids}).assign(
        campaign_id=campaign_id, action=action, pscore=0.5, salt="s", policy_version="v", step=1,
        channel="email", decided_at=SENT_AT[campaign_id], subject="", html="", text="",
        message_key=[message_key(campaign_id, 1, one, "email") for one in ids],
    )  # fmt: skip
    record_assignments(ledger, plan)
    plan_messages(ledger, sealed(plan))
    with ledger.write() as connection:
        sent = update(messages).where(messages.c.campaign_id == campaign_id)
        connection.execute(sent.values(state="SENT", attempted_at=SENT_AT[campaign_id]))


def say_no(ledger, customer_id: str, moment: str) -> None:
    wish = {"customer_id": customer_id, "channel": "email", "reason": "unsubscribed"}
    suppress(ledger, pd.DataFrame([wish | {"recorded_at": pd.Timestamp(moment, tz="UTC")}]))


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(tmp_path) as ledger:
        people = pd.DataFrame({"customer_id": IDS, "first_name": "A", "last_name": "B"})
        record_people(ledger, people.assign(email=people["customer_id"] + "@example.com"))
        send(ledger, "spring", "share", IDS[:3])
        send(ledger, "fall", "amount", IDS[1:])
        yield ledger


def counts_of(ledger, as_of_date="2024-12-31"):
    return count_unsubscribes(ledger, "email", as_of_date).set_index("action").to_dict("index")


def test_the_last_message_before_it_is_to_blame(ledger):
    say_no(ledger, "anna", "2024-03-02")
    say_no(ledger, "bert", "2024-09-03")  # had both messages
    refusal = {"customer_id": ["cleo"], "channel": "email", "purpose": "marketing"}
    record_consents(
        ledger,
        pd.DataFrame(refusal).assign(
            is_granted=False,
            source="s",
            wording="",
            recorded_at=pd.Timestamp("2024-09-02", tz="UTC"),
        ),
    )
    assert counts_of(ledger) == {
        "amount": {"n_sent": 3, "n_unsubscribed": 2},
        "share": {"n_sent": 3, "n_unsubscribed": 1},
    }


def test_refusals_before_any_message_and_after_the_date_do_not_count(ledger):
    say_no(ledger, "anna", "2024-02-01")
    say_no(ledger, "bert", "2024-09-03")
    assert counts_of(ledger, "2024-08-31") == {"share": {"n_sent": 3, "n_unsubscribed": 0}}


def test_probability_by_hand(campaign):
    counts = pd.DataFrame({"action": ["share"], "n_sent": [4_000], "n_unsubscribed": [23]})
    found = estimate_unsubscribes(counts, campaign)
    # (23 + 1000 * .002) / (4000 + 1000), and the assumption where nothing was sent
    assert found.to_dict() == pytest.approx({"share": 0.005, "amount": 0.002})


def test_an_empty_ledger_leaves_the_assumption(campaign, tmp_path):
    with open_ledger(tmp_path) as empty:
        counts = count_unsubscribes(empty, "email", "2024-12-31")
    assert estimate_unsubscribes(counts, campaign).tolist() == [0.002, 0.002]


def test_refusals_without_any_message_count_for_none(tmp_path):
    with open_ledger(tmp_path) as ledger:
        people = pd.DataFrame({"customer_id": ["anna"], "first_name": "A", "last_name": "B"})
        record_people(ledger, people.assign(email="anna@example.com"))
        say_no(ledger, "anna", "2024-09-03")
        assert counts_of(ledger) == {}
