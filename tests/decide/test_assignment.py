"""Draws: the same again, independent of each other, as likely as they say, kept before sending."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.decide.assignment import (
    arm_salt,
    count_kept,
    draw,
    draw_arms,
    draw_holdout,
    drawn_before,
    keep_assignments,
    planned_and_drawn,
)
from src.errors import LedgerError, ParameterError
from src.ledger import open_ledger

IDS = [f"{i:032x}" for i in range(20_000)]
SHARES = {"control": 0.34, "a": 0.33, "b": 0.33}


def even(n: int) -> pd.DataFrame:
    return pd.DataFrame([SHARES] * n)


def test_draw_is_the_same_again_and_for_each_customer_alone():
    numbers = draw(IDS[:50], "salt")
    assert (numbers == draw(IDS[:50], "salt")).all()
    assert (numbers[::-1] == draw(IDS[:50][::-1], "salt")).all()
    assert numbers[7] == draw([IDS[7]], "salt")[0]


def test_draw_is_uniform():
    numbers = draw(IDS, "salt")
    assert (numbers >= 0).all()
    assert (numbers < 1).all()
    assert stats.kstest(numbers, "uniform").pvalue > 0.01


def test_salt_and_customer_do_not_run_into_each_other():
    assert draw(["bc"], "a")[0] != draw(["c"], "ab")[0]


def test_holdout_stays_the_same_across_campaigns_and_only_grows():
    small, large = (draw_holdout(IDS, share, "shop") for share in (0.10, 0.15))
    assert (small == draw_holdout(IDS, 0.10, "shop")).all()
    assert not (small & ~large).any()
    assert small.mean() == pytest.approx(0.10, abs=0.007)
    assert not draw_holdout(IDS, 0.0, "shop").any()


def test_holdout_share_must_leave_somebody():
    with pytest.raises(ParameterError, match=r"holdout_share in \[0, 1\)"):
        draw_holdout(IDS, 1.0, "shop")


def test_two_experiments_and_the_holdout_are_independent():
    arms = [draw_arms(IDS, even(len(IDS)), arm_salt(name, 1))["action"] for name in ("x", "y")]
    for first, second in (
        (arms[0], arms[1]),
        (arms[0], pd.Series(draw_holdout(IDS, 0.10, "shop"))),
    ):
        assert stats.chi2_contingency(pd.crosstab(first, second)).pvalue > 0.01


def test_arms_by_hand():
    # the numbers of these two are .038016 and .663219: the first and, after .34 + .33, no
    # longer the second arm
    drawn = draw_arms(
        ["anna", "bert"],
        pd.DataFrame({"control": [0.34, 0.34], "a": [0.33, 0.32], "b": [0.33, 0.34]}),
        "a salt",
    )
    assert drawn["action"].tolist() == ["control", "b"]
    assert drawn["pscore"].tolist() == [0.34, 0.34]


def test_arms_are_as_likely_as_they_say():
    drawn = draw_arms(IDS, even(len(IDS)), "salt")
    counts = drawn["action"].value_counts()
    expected = [SHARES[name] * len(IDS) for name in counts.index]
    assert stats.chisquare(counts, expected).pvalue > 0.01
    assert (drawn["pscore"] == drawn["action"].map(SHARES)).all()


def test_sure_arm_is_always_drawn_and_impossible_never():
    sure = pd.DataFrame({"control": [0.0] * 99, "a": [1.0] * 99, "b": [0.0] * 99})
    assert draw_arms(IDS[:99], sure, "salt")["action"].eq("a").all()


@pytest.mark.parametrize("row", [[0.5, 0.6], [1.2, -0.2]], ids=["too much", "negative"])
def test_impossible_probabilities_are_refused(row):
    with pytest.raises(ParameterError, match="add to 1"):
        draw_arms(["anna"], pd.DataFrame([row], columns=["control", "a"]), "salt")


def test_nobody_to_draw():
    assert draw_arms([], even(0).reindex(columns=list(SHARES)), "salt").empty


@pytest.mark.slow
def test_million_customers_have_the_planned_sizes_in_seconds():
    numbers = draw([str(i) for i in range(1_000_000)], "salt")
    counts = np.histogram(numbers, [0, 0.34, 0.67, 1])[0]
    assert stats.chisquare(counts, [340_000, 330_000, 330_000]).pvalue > 0.01


def test_planned_and_drawn_by_hand():
    assigned = pd.DataFrame({"action": ["control"] * 60 + ["a"] * 40})
    probabilities = pd.DataFrame({"control": [0.5] * 100, "a": [0.5] * 100})
    table = planned_and_drawn(assigned, probabilities)
    assert table["n_planned"].tolist() == [50, 50]
    assert table["z_score"].tolist() == [2.0, -2.0]  # (60 - 50) / sqrt(100 * .25)


DECISIONS = pd.DataFrame(
    {
        "campaign_id": "test",
        "customer_id": ["anna", "bert", "cleo"],
        "action": ["control", "a", "none"],
        "pscore": [0.34, 0.33, np.nan],
    }
)


def test_arms_are_kept_once_and_nothing_else(tmp_path):
    with open_ledger(tmp_path) as ledger:
        kept = [keep_assignments(ledger, DECISIONS, "s", "v", "2017-09-30") for _ in range(2)]
        assert kept == [2, 0]
        assert count_kept(ledger, DECISIONS) == 2
        ids = DECISIONS["customer_id"]
        assert drawn_before(ledger, "test", ids) == ["anna", "bert"]
        assert drawn_before(ledger, "another", ids) == []


def test_another_arm_for_the_same_campaign_is_refused(tmp_path):
    with open_ledger(tmp_path) as ledger:
        keep_assignments(ledger, DECISIONS, "s", "v", "2017-09-30")
        changed = DECISIONS.assign(action=["a", "a", "none"])
        with pytest.raises(LedgerError, match="would change theirs"):
            keep_assignments(ledger, changed, "s", "v", "2017-09-30")
        assert count_kept(ledger, changed) == 1
