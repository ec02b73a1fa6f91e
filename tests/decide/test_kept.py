"""Arms in the ledger: written once, with all that led to them, and never drawn again."""

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import select

from src.decide.assignment import arm_salt
from src.decide.eligibility import build_eligibility
from src.decide.kept import (
    count_kept,
    draw_remaining,
    eligibility_id,
    keep_assignments,
    kept_assignments,
)
from src.errors import LedgerError
from src.ledger import open_ledger
from src.ledger.schema import assignments

AS_OF = "2017-09-30"
DECISIONS = pd.DataFrame(
    {
        "campaign_id": "test",
        "customer_id": ["anna", "bert", "cleo"],
        "action": ["control", "a", "none"],
        "pscore": [0.34, 0.33, np.nan],
        "pscores": ['{"control": 0.34, "a": 0.66}', '{"control": 0.67, "a": 0.33}', None],
        "stratum": ["x", "y", None],
        "policy_version": ["v", "v", None],
    }
)
ELIGIBILITY = build_eligibility(
    pd.DataFrame({"customer_id": ["anna", "bert", "cleo"], "recency_days": [3, 40, 900]}),
    pd.DataFrame(
        {"customer_id": ["anna", "bert", "cleo"], "is_contactable": True, "reason": [""] * 3}
    ),
    365,
)


def keep(ledger, decisions=DECISIONS):
    return keep_assignments(ledger, decisions, ELIGIBILITY, "s", AS_OF)


def test_arms_are_kept_once_and_nothing_else(tmp_path):
    with open_ledger(tmp_path) as ledger:
        assert [keep(ledger), keep(ledger)] == [2, 0]
        assert count_kept(ledger, DECISIONS) == 2
        ids = DECISIONS["customer_id"]
        kept = kept_assignments(ledger, "test", ids)
        assert kept["customer_id"].tolist() == ["anna", "bert"]
        assert kept["pscore"].tolist() == [0.34, 0.33]
        assert kept_assignments(ledger, "another", ids).empty


def test_the_ledger_says_all_that_led_to_an_arm(tmp_path):
    with open_ledger(tmp_path) as ledger:
        keep(ledger)
        with ledger.read() as connection:
            row = connection.execute(
                select(assignments).where(assignments.c.customer_id == "bert")
            ).one()
    assert row._asdict() == {
        "campaign_id": "test",
        "customer_id": "bert",
        "action": "a",
        "pscore": 0.33,
        "salt": "s",
        "policy_version": "v",
        "decided_at": pd.Timestamp("2017-10-01", tz="UTC"),  # the end of the as-of date
        "stratum": "y",
        "eligibility_id": eligibility_id(ELIGIBILITY),
        "eligibility_reason": "may be contacted, ordered 40 days before",
        "pscores": '{"control": 0.67, "a": 0.33}',
    }


def test_eligibility_is_named_by_what_it_says_in_any_order():
    assert eligibility_id(ELIGIBILITY) == eligibility_id(ELIGIBILITY.iloc[::-1])
    other = ELIGIBILITY.assign(reason=["", "no consent", "no order in 365 days"])
    assert eligibility_id(ELIGIBILITY) != eligibility_id(other)


def test_another_arm_for_the_same_campaign_is_refused(tmp_path):
    with open_ledger(tmp_path) as ledger:
        keep(ledger)
        changed = DECISIONS.assign(action=["a", "a", "none"])
        with pytest.raises(LedgerError, match="would change theirs"):
            keep(ledger, changed)
        assert count_kept(ledger, changed) == 1


SALT = arm_salt("test", 1)
NOBODY = pd.DataFrame(columns=["customer_id", "action", "pscore", "stratum", "policy_version"])


def drawn(kept, n, share=0.5, version="v"):
    ids = pd.Index([f"c{i:03d}" for i in range(n)], name="customer_id")
    shares = pd.DataFrame({"control": share, "a": 1 - share}, index=ids)
    strata = pd.Series(np.where(np.arange(n) % 3, "x", "y"))
    return draw_remaining(kept, shares, strata, SALT, version)


def test_who_was_drawn_stays_when_others_come_and_the_policy_changes():
    first = drawn(NOBODY, 90)
    second = drawn(first, 200, share=0.2, version="w")
    pd.testing.assert_frame_equal(second.head(90), first, check_dtype=False)
    assert second["policy_version"].tail(110).eq("w").all()
    assert second["pscore"].tail(110).isin([0.2, 0.8]).all()


def test_newcomers_are_balanced_among_themselves():
    second = drawn(drawn(NOBODY, 90), 201)
    counts = second.tail(111).groupby(["stratum", "action"]).size().unstack()
    assert counts.loc["x"].tolist() == [37, 37]  # 74 of them, half in either arm
    assert sorted(counts.loc["y"]) == [18, 19]


def test_newcomers_who_come_one_by_one_do_not_share_an_arm():
    kept, arms = NOBODY, []
    for n in range(1, 61):
        kept = drawn(kept, n)
        arms.append(kept["action"].iloc[-1])
    assert 18 <= arms.count("a") <= 42  # of 60 fair draws, beyond three standard deviations


def test_drawing_again_changes_nothing():
    first = drawn(NOBODY, 90)
    pd.testing.assert_frame_equal(drawn(first, 90, share=0.9), first, check_dtype=False)


def test_nobody_is_drawn():
    assert drawn(NOBODY, 0).empty
