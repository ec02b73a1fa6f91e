import pandas as pd
import pytest

from src.errors import ParameterError
from src.ledger import contactable, open_ledger
from src.rehearsal.people import (
    NO_CONSENT_SHARE,
    SUPPRESSED_SHARE,
    invent_people,
    register_people,
)

IDS = pd.Series([f"customer-{number:05d}" for number in range(4000)])


def test_the_same_customer_is_always_the_same_person():
    people = invent_people(IDS)
    later = invent_people(IDS.iloc[::-1].reset_index(drop=True))
    pd.testing.assert_frame_equal(people.iloc[::-1].reset_index(drop=True), later)


def test_other_customers_change_nobody():
    pd.testing.assert_frame_equal(invent_people(IDS).head(10), invent_people(IDS.head(10)))


def test_addresses_are_plain_unique_and_at_example_com():
    emails = invent_people(IDS)["email"]
    assert emails.is_unique
    assert emails.str.fullmatch(r"[a-z]+\.[a-z]+\.[0-9a-f]{10}@example\.com").all()


def test_names_come_from_several_languages_and_are_never_empty():
    people = invent_people(IDS)
    names = pd.concat([people["first_name"], people["last_name"]])
    assert names.str.len().min() >= 1
    assert names.nunique() > 100
    assert not names.map(str.isascii).all()
    assert {"O'Brien", "Łukasz", "芳", "Øyvind"} <= set(names)
    assert names.str.contains("[:@<>{}]").sum() == 0


def test_shares_without_consent_and_of_objections_are_as_announced():
    people = invent_people(IDS)
    # four standard errors of a share at n = 4000: .015 at 6 %, .0063 at 1 %
    assert 1 - people["has_email_consent"].mean() == pytest.approx(NO_CONSENT_SHARE, abs=0.015)
    assert people["is_suppressed"].mean() == pytest.approx(SUPPRESSED_SHARE, abs=0.0063)


def test_nobody_makes_an_empty_table():
    people = invent_people(pd.Series([], dtype="str"))
    assert people.empty
    assert "email" in people.columns


def test_only_those_who_agreed_may_be_written_to(tmp_path):
    ids = IDS.head(200)
    kinds = register_people(tmp_path, "invented", ids, "2016-12-31").set_index("kind")
    people = invent_people(ids).set_index("customer_id")
    expected = people["has_email_consent"] & ~people["is_suppressed"]
    assert kinds.loc["may be written to", "n_customers"] == expected.sum()
    assert kinds["n_customers"].sum() == 200
    with open_ledger(tmp_path) as ledger:
        found = contactable(ledger, "email", "marketing", list(ids)).set_index("customer_id")
    assert found["is_contactable"].tolist() == expected.tolist()
    refused = people["is_suppressed"]
    assert set(found.loc[refused, "reason"]) == {"unsubscribed"}


def test_registering_twice_changes_nothing(tmp_path):
    first = register_people(tmp_path, "invented", IDS.head(20), "2016-12-31")
    again = register_people(tmp_path, "invented", IDS.head(20), "2016-12-31")
    pd.testing.assert_frame_equal(first, again)


def test_a_source_without_people_enters_nobody(tmp_path):
    kinds = register_people(tmp_path, "none", IDS.head(20), "2016-12-31")
    assert kinds.values.tolist() == [["without a known address", 20]]
    assert not (tmp_path / "ledger").exists()


def test_a_date_of_consent_that_is_none_is_refused(tmp_path):
    with pytest.raises(ParameterError, match=r"found '31\.12\.2016'"):
        register_people(tmp_path, "invented", IDS.head(2), "31.12.2016")
