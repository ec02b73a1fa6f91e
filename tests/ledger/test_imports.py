"""Lists from elsewhere: taken line by line, never twice, and no line is ever shown."""

import csv
from dataclasses import replace
import datetime as dt

import pandas as pd
import pytest

from src.ledger import contactable, count_states, record_people, send_log, verify_audit
from src.ledger.erasure import erase_people
from src.ledger.imports import import_consents, import_provider_log, import_suppressions
from src.ledger.queue import begin_attempts, claim_messages
from src.ledger.recovery import recover
from src.ledger.tokens import normalize_phone, phone_token

T0 = dt.datetime(2024, 1, 2, 9, tzinfo=dt.UTC)


@pytest.fixture
def write(tmp_path):
    def build(*rows):
        path = tmp_path / "list.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            names = list(dict.fromkeys(name for row in rows for name in row))
            writer = csv.DictWriter(file, names)
            writer.writeheader()
            writer.writerows(rows)
        return path

    return build


def reasons(ledger, *ids, channel="email"):
    return contactable(ledger, channel, "marketing", list(ids))["reason"].tolist()


def test_suppressions_by_any_way_hold(planned, write, people_frame, consent_frame):
    path = write(
        {"email": "C1+news@EXAMPLE.com", "reason": "complaint"},
        {"customer_id": "c2", "channel": "email"},
        {"email": "nobody@example.com"},
    )
    done = import_suppressions(planned, path)
    assert (done.n_rows, done.n_rejected) == (3, 0)
    assert done.n_new == 4  # two of c2: the person and the mailbox
    assert reasons(planned, "c1", "c2", "c3") == ["complaint", "imported", ""]
    assert import_suppressions(planned, path).n_new == 0
    record_people(planned, people_frame("c9", email="nobody@example.com"))
    assert reasons(planned, "c9") == ["imported"]


def test_an_imported_suppression_takes_a_claim_back(planned, write):
    claims, _ = claim_messages(planned, "a", "spring", "email", lambda *_: {}, T0)
    import_suppressions(planned, write({"email": "c2@example.com"}))
    begun = begin_attempts(planned, claims, "memory", T0)
    assert sorted(row.customer_id for row in begun) == ["c1", "c3"]


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ({"email": "kanari", "phone": ""}, "no address"),
        ({"email": "", "phone": "12 kanari"}, "no number"),
        ({"email": "kanari@x.example", "phone": "+4930123456"}, "one of email"),
        ({"email": "kanari@x.example", "reason": "Kanari was angry"}, "lower-case"),
        ({"email": "kanari@x.example", "channel": "KANARI!"}, "channel"),
        ({"email": "kanari@x.example", "recorded_at": "2024-01-01T08:00:00"}, "no zone"),
        ({"email": "kanari@x.example", "recorded_at": "kanari"}, "ISO 8601"),
        ({"other": "kanari"}, "one of email"),
    ],
)
def test_a_bad_line_is_left_named_by_its_number_and_not_shown(file_ledger, write, row, told):
    done = import_suppressions(file_ledger, write({"email": "ok@x.example"}, row))
    assert (done.n_rows, done.n_new, done.n_rejected) == (2, 1, 1)
    ((line, what),) = done.rejected
    assert line == 3
    assert told in what
    assert "kanari" not in what.lower()


@pytest.mark.parametrize(
    "spelling",
    [
        "+49 30 123456",
        "0049 30 123456",
        "+49-30-123456",
        "+49 (30) 123456",
        "＋４９３０１２３４５６",
    ],
)
def test_one_telephone_has_one_token(spelling):
    assert normalize_phone(spelling) == "+4930123456"
    assert phone_token(spelling) == phone_token("+4930123456")


def test_consents_are_imported_by_pseudonym_or_address(planned, write):
    base = {"channel": "sms", "purpose": "marketing", "source": "till", "wording": "Yes."}
    base |= {"recorded_at": "2024-03-01T10:00:00+01:00", "is_granted": "true", "proof": "form 7"}
    path = write(
        base | {"customer_id": "c1", "email": ""},
        base | {"customer_id": "", "email": "C2@example.com"},
        base | {"customer_id": "", "email": "stranger@example.com"},
        base | {"customer_id": "c3", "is_granted": "perhaps"},
        base | {"customer_id": "c3", "recorded_at": "2999-01-01T00:00:00Z"},
        base | {"customer_id": "c3", "wording": ""},
    )
    done = import_consents(planned, path)
    assert (done.n_rows, done.n_new, done.n_rejected) == (6, 2, 3)
    assert [line for line, _ in done.rejected] == [5, 6, 7]
    assert import_consents(planned, path).n_new == 0
    # they agreed, but there is no telephone yet
    assert reasons(planned, "c1", "c3", channel="sms") == ["no address", "no address"]
    record_people(
        planned,
        pd.DataFrame({"customer_id": ["c1", "c3"], "first_name": "", "last_name": "",
                      "email": "", "phone": "+4930123456"}),
    )  # fmt: skip
    assert reasons(planned, "c1", "c3", channel="sms") == ["", "no consent"]


def left_unknown(ledger):
    claims, _ = claim_messages(ledger, "a", "spring", "email", lambda *_: {}, T0)
    begun = begin_attempts(ledger, claims, "smtp", T0)
    later = replace(ledger, now=lambda: ledger.now() + dt.timedelta(hours=1))
    recover(later, "spring", "email")
    return [row.message_key for row in begun]


def test_a_provider_log_settles_what_is_unknown_once(planned, write):
    one, two, three = left_unknown(planned)
    path = write(
        {"message": f"<{one}@shop.example>", "outcome": "sent"},
        {"message": two, "outcome": "not sent"},
        {"message": three, "outcome": "sent"},
        {"message": three, "outcome": "not sent"},
        {"message": "f" * 64, "outcome": "sent"},
        {"message": "what", "outcome": "sent"},
        {"message": two, "outcome": "perhaps"},
    )
    done = import_provider_log(planned, path)
    assert (done.n_rows, done.n_new, done.n_rejected) == (7, 2, 3)
    assert count_states(planned, "spring") == {
        "RESOLVED_NOT_SENT": 1,
        "RESOLVED_SENT": 1,
        "UNKNOWN": 1,
    }
    log = send_log(planned, "spring")
    assert import_provider_log(planned, path).n_new == 0
    pd.testing.assert_frame_equal(send_log(planned, "spring"), log)
    assert verify_audit(planned).n_entries >= 2


def test_a_log_of_a_thousand_settles_a_thousand(
    file_ledger, write, people_frame, consent_frame, assignment_frame, message_frame
):
    from src.ledger import plan_messages, record_assignments, record_consents

    ids = [f"c{k:04d}" for k in range(1_000)]
    record_people(file_ledger, people_frame(*ids))
    record_consents(file_ledger, consent_frame(*ids))
    record_assignments(file_ledger, assignment_frame(**dict.fromkeys(ids, "coupon")))
    plan_messages(file_ledger, message_frame(*ids))
    claims, _ = claim_messages(file_ledger, "a", "spring", "email", lambda *_: {}, T0, n_rows=1_000)
    begun = begin_attempts(file_ledger, claims, "smtp", T0)
    recover(file_ledger, "spring", "email")
    path = write(*({"message": row.message_key, "outcome": "sent"} for row in begun))
    assert import_provider_log(file_ledger, path).n_new == 1_000
    assert count_states(file_ledger, "spring") == {"RESOLVED_SENT": 1_000}
    assert import_provider_log(file_ledger, path).n_new == 0


def test_who_was_erased_stays_left_alone_and_waits_for_nothing(
    planned, people_frame, consent_frame
):
    claims, _ = claim_messages(planned, "a", "spring", "email", lambda *_: {}, T0, n_rows=1)
    erased = claims[0].customer_id
    assert erase_people(planned, [erased]) == 1
    assert begin_attempts(planned, claims, "memory", T0) == []
    assert count_states(planned, "spring") == {"CANCELLED": 1, "PLANNED": 2}
    assert erase_people(planned, [erased]) == 0
    record_people(planned, people_frame(erased, email=f"{erased}@example.com"))
    record_people(planned, people_frame("again", email=f"{erased}@example.com"))
    record_consents_for(planned, consent_frame, erased, "again")
    assert reasons(planned, erased, "again") == ["erased", "erased"]
    assert reasons(planned, erased, channel="sms") == ["erased"]


def record_consents_for(ledger, consent_frame, *ids):
    from src.ledger import record_consents

    record_consents(ledger, consent_frame(*ids, recorded_at=pd.Timestamp("2025-01-01", tz="UTC")))
