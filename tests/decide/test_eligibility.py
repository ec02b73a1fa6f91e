"""Who may be contacted, and the reason of who may not."""

import pandas as pd

from src.decide.eligibility import build_eligibility

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
