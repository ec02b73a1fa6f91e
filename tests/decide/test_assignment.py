"""Draws: the same again, independent of each other, as likely as they say, balanced in strata."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from src.decide.assignment import (
    arm_salt,
    build_strata,
    draw,
    draw_arms,
    draw_arms_in_strata,
    draw_holdout,
    draw_in_strata,
    planned_and_drawn,
)
from src.errors import ParameterError

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


def strata_of(n: int) -> np.ndarray:
    """Strata of very unequal sizes, the last of them a single customer."""
    names = np.digitize(np.arange(n), [n // 2, n * 3 // 4, n - 9, n - 1]).astype(str)
    return names.astype(object)


def test_in_strata_the_draw_is_the_same_again_in_any_order():
    strata = strata_of(200)
    numbers = draw_in_strata(IDS[:200], strata, "salt")
    assert (numbers == draw_in_strata(IDS[:200], strata, "salt")).all()
    assert (numbers[::-1] == draw_in_strata(IDS[:200][::-1], strata[::-1], "salt")).all()


def test_each_stratum_has_one_number_in_every_piece_of_the_line():
    strata = strata_of(200)
    numbers = draw_in_strata(IDS[:200], strata, "salt")
    for name in np.unique(strata):
        own = np.sort(numbers[strata == name])
        assert (np.floor(own * len(own)) == np.arange(len(own))).all()


def test_arms_of_a_stratum_are_within_one_of_their_plan():
    strata = strata_of(1_000)
    drawn = draw_arms_in_strata(IDS[:1_000], even(1_000), "salt", strata)
    counts = pd.crosstab(strata, drawn["action"])
    planned = np.outer(counts.sum(axis=1), [SHARES[name] for name in counts.columns])
    assert (np.abs(counts - planned) < 1).to_numpy().all()


@pytest.mark.parametrize("customer", [0, 180, 199], ids=["large", "small", "alone"])
def test_in_strata_the_number_of_a_customer_is_uniform_over_salts(customer):
    strata = strata_of(200)
    numbers = [draw_in_strata(IDS[:200], strata, f"salt {k}")[customer] for k in range(600)]
    assert stats.kstest(numbers, "uniform").pvalue > 0.01


def test_in_strata_probabilities_hold_even_if_each_customer_has_other_ones():
    # nine customers in a stratum, whose probabilities of control run from .1 to .9
    p_control = np.linspace(0.1, 0.9, 9)
    shares = pd.DataFrame({"control": p_control, "a": 1 - p_control})
    salts = [f"salt {k}" for k in range(4_000)]
    drawn = [draw_arms_in_strata(IDS[:9], shares, salt, ["s"] * 9)["action"] for salt in salts]
    found = np.mean([arms == "control" for arms in drawn], axis=0)
    error = np.sqrt(p_control * (1 - p_control) / len(salts))
    assert (np.abs(found - p_control) < 3.5 * error).all()


def test_two_experiments_in_strata_are_independent():
    strata = strata_of(len(IDS))
    first, second = (
        draw_arms_in_strata(IDS, even(len(IDS)), arm_salt(name, 1), strata)["action"]
        for name in ("x", "y")
    )
    assert stats.chi2_contingency(pd.crosstab(first, second)).pvalue > 0.01


def test_nobody_to_draw_in_strata():
    drawn = draw_arms_in_strata([], even(0).reindex(columns=list(SHARES)), "salt", [])
    assert drawn.empty


def test_strata_by_hand():
    ids = pd.Series(["anna", "bert", "cleo", "dora"])
    segments = pd.DataFrame({"customer_id": ["anna", "bert", "cleo"], "segment": ["x", "y", "x"]})
    values = pd.DataFrame({"customer_id": ["dora", "bert", "anna"], "clv": [9.0, 5.0, 1.0]})
    # shares by rank 1/3, 2/3 and 1 of those with a value; cleo has none
    assert build_strata(ids, segments, values).tolist() == [
        "x | value band 1",
        "y | value band 2",
        "x | value band 0",
        "no segment | value band 3",
    ]


@pytest.mark.slow
def test_two_experiments_with_a_million_customers():
    ids = [str(i) for i in range(1_000_000)]
    strata = np.array([f"s{i % 24}" for i in range(1_000_000)], dtype=object)
    shares = even(1_000_000)
    each = [draw_arms(ids, shares, arm_salt(name, 1))["action"] for name in ("x", "y")]
    spread = [
        draw_arms_in_strata(ids, shares, arm_salt(name, 1), strata)["action"] for name in ("x", "y")
    ]
    for first, second in (each, spread):
        assert stats.chi2_contingency(pd.crosstab(first, second)).pvalue > 0.01
        for arms in (first, second):
            counts = arms.value_counts()
            expected = [SHARES[name] * 1_000_000 for name in counts.index]
            assert stats.chisquare(counts, expected).pvalue > 0.01
    held = pd.Series(draw_holdout(ids, 0.10, "shop"))
    assert stats.binomtest(int(held.sum()), len(held), 0.10).pvalue > 0.01
    assert stats.chi2_contingency(pd.crosstab(held, each[0])).pvalue > 0.01


def test_planned_and_drawn_by_hand():
    assigned = pd.DataFrame({"action": ["control"] * 60 + ["a"] * 40})
    probabilities = pd.DataFrame({"control": [0.5] * 100, "a": [0.5] * 100})
    table = planned_and_drawn(assigned, probabilities)
    assert table["n_planned"].tolist() == [50, 50]
    assert table["z_score"].tolist() == [2.0, -2.0]  # (60 - 50) / sqrt(100 * .25)
