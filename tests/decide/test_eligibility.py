"""Who may be contacted, and the reason of who may not."""

import ibis
import pandas as pd
import pytest

from src.decide.catalogue import Audience
from src.decide.eligibility import build_eligibility, combine_contacts, find_outsiders
from src.errors import ParameterError

PROFILES = pd.DataFrame(
    {"customer_id": ["anna", "bert", "cleo", "dora"], "recency_days": [365, 366, 1, 1]}
)
CONTACTS = pd.DataFrame(
    {
        "customer_id": ["cleo", "bert", "anna"],
        "is_contactable": [False, True, True],
        "reason": ["no consent", "", ""],
    }
)


def test_reasons_by_hand():
    eligible = build_eligibility(PROFILES, CONTACTS, 365)
    assert eligible["customer_id"].tolist() == ["anna", "bert", "cleo", "dora"]
    assert eligible["is_eligible"].tolist() == [True, False, False, False]
    assert eligible["reason"].tolist() == [
        "",
        "no order in 365 days",
        "no consent",
        "unknown to the ledger",
    ]


def test_who_was_drawn_stays_in_even_after_unsubscribing():
    eligible = build_eligibility(PROFILES, CONTACTS, 365, already_drawn=["cleo"])
    assert eligible["is_eligible"].tolist() == [True, False, True, False]
    assert eligible.loc[2, "reason"] == ""


def test_ledger_that_knows_nobody():
    eligible = build_eligibility(PROFILES, CONTACTS.head(0), 365)
    assert not eligible["is_eligible"].any()
    assert eligible["reason"].eq("unknown to the ledger").all()


def test_inputs_stay_as_they_are():
    before = PROFILES.copy(), CONTACTS.copy()
    build_eligibility(PROFILES, CONTACTS, 365, ["cleo"])
    pd.testing.assert_frame_equal(PROFILES, before[0])
    pd.testing.assert_frame_equal(CONTACTS, before[1])


def wide(columns):
    return ibis.memtable(pd.DataFrame(columns))


PEOPLE = {
    "customer_id": ["anna", "bert", "cleo", "dora"],
    "frequency": [5, 1, 9, None],
    "recency_days": [3, 4, 5, 6],
}
TAGS = {"customer_id": ["anna", "bert", "cleo"], "tag": ["champion", "newcomer", "champion"]}
SEGMENTS = pd.DataFrame({"customer_id": ["anna", "bert"], "segment": ["Gold", "Iron"]})


@pytest.mark.parametrize(
    ("audience", "expected"),
    [
        ({}, {}),
        (
            {"tags": ["champion"]},
            {"bert": "no tag of champion", "dora": "no tag of champion"},
        ),
        ({"tags": ["champion", "newcomer"]}, {"dora": "no tag of champion, newcomer"}),
        ({"without_tags": ["newcomer"]}, {"bert": "has the tag newcomer"}),
        (
            {"segments": ["Gold"]},
            dict.fromkeys(("bert", "cleo", "dora"), "in another segment"),
        ),
        (  # of dora the rule cannot be known
            {"rule": "frequency >= 5"},
            dict.fromkeys(("bert", "dora"), "outside the campaign's rule"),
        ),
        (
            {"tags": ["champion"], "rule": "frequency > quantile(frequency, 0.5)"},
            {
                "anna": "outside the campaign's rule",
                "bert": "no tag of champion",
                "dora": "no tag of champion",
            },
        ),
    ],
    ids=["all", "tag", "either tag", "without", "segment", "rule", "first failing counts"],
)
def test_who_is_outside_the_audience_and_why(audience, expected):
    found = find_outsiders(Audience(**audience), wide(PEOPLE), wide(TAGS), SEGMENTS)
    assert found.to_dict() == expected


def test_rule_of_the_audience_is_no_way_into_the_engine():
    with pytest.raises(ParameterError, match=r"audience\.rule.*position"):
        find_outsiders(Audience(rule="1=1; drop table x"), wide(PEOPLE), wide(TAGS), SEGMENTS)


def test_segment_that_is_not_there_is_named():
    with pytest.raises(ParameterError, match="'Silver'"):
        find_outsiders(Audience(segments=["Silver"]), wide(PEOPLE), wide(TAGS), SEGMENTS)


def test_outsiders_are_left_out_with_their_reason_but_who_was_drawn_stays():
    outsiders = pd.Series({"anna": "in another segment", "bert": "in another segment"})
    eligible = build_eligibility(PROFILES, CONTACTS, 365, outsiders=outsiders)
    assert not eligible["is_eligible"].any()
    assert eligible["reason"].tolist()[:2] == ["in another segment", "no order in 365 days"]
    kept = build_eligibility(PROFILES, CONTACTS, 365, ["anna"], outsiders)
    assert kept["is_eligible"].tolist() == [True, False, False, False]
    assert kept.loc[0, "grounds"] == "was drawn before"


def test_every_channel_has_to_be_open():
    answers = {
        "email": CONTACTS,
        "sms": CONTACTS.assign(is_contactable=[True, False, True], reason=["", "no address", ""]),
    }
    combined = combine_contacts(answers)
    assert combined["is_contactable"].tolist() == [False, False, True]
    assert combined["reason"].tolist() == ["no consent on email", "no address on sms", ""]
    assert combine_contacts({"email": CONTACTS}) is CONTACTS
