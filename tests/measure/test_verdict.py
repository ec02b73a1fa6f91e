"""The answer in words: what may be said, and when nothing may."""

import math

import numpy as np
import pytest

from src.measure.lift import Lift, estimate_lift
from src.measure.verdict import (
    answer_sentence,
    choose_verdict,
    customers_needed,
    detectable_now,
    planned_and_found,
    summarize_lift,
    truth_sentence,
)


def lift(estimate: float, half: float, n_treated: int = 200, n_control: int = 100) -> Lift:
    return Lift(estimate, estimate - half, estimate + half, half / 1.96, 0.95, n_treated, n_control)


UNKNOWN = Lift(math.nan, math.nan, math.nan, math.nan, 0.95, 1, 9)


@pytest.mark.parametrize(
    ("effect", "srm_p_value", "n_orders", "verdict", "reason"),
    [
        (lift(3, 2), 0.5, 9, "gain", "above zero"),
        (lift(-3, 2), 0.5, 9, "loss", "below zero"),
        (lift(1, 2), 0.5, 9, "cannot tell", "inside the interval"),
        (lift(2, 2), 0.5, 9, "cannot tell", "inside the interval"),
        (lift(3, 2), 0.0009, 9, "cannot tell", "split is broken"),
        (UNKNOWN, 0.5, 9, "cannot tell", "one customer"),
        (lift(3, 2, n_control=0), 0.5, 9, "cannot tell", "nobody was assigned to control"),
        (lift(3, 2, n_treated=0), 0.5, 9, "cannot tell", "nobody was assigned to any action"),
        (lift(3, 2, 0, 0), math.nan, 0, "cannot tell", "nobody was assigned to any arm"),
        (lift(-3, 0), 0.5, 0, "cannot tell", "nobody ordered"),
        (lift(-3, 0), 0.5, 9, "cannot tell", "did alike"),
    ],
    ids=[
        "gain", "loss", "zero inside", "zero at the end", "broken split", "one customer",
        "no control", "nobody treated", "nobody", "no orders", "no spread",
    ],
)  # fmt: skip
def test_verdict(effect, srm_p_value, n_orders, verdict, reason):
    found = choose_verdict(effect, srm_p_value, n_orders)
    assert found.verdict == verdict
    assert reason in found.reason


def test_customers_needed_by_hand():
    # error 1, so detectable is 1.959964 + .841621 = 2.801585; for an effect of half of it four
    # times as many customers are needed
    effect = Lift(2.801585 / 2, -1, 3, 1.0, 0.95, 200, 100)
    assert detectable_now(effect) == pytest.approx(2.801585, rel=1e-6)
    assert customers_needed(effect) == pytest.approx(1_200, abs=1)


@pytest.mark.parametrize("effect", [UNKNOWN, lift(0, 2), lift(3, 0)], ids=["none", "zero", "sure"])
def test_no_customers_are_needed_where_there_is_no_effect_or_no_spread(effect):
    assert customers_needed(effect) is None


def test_sentence_gives_total_interval_and_need():
    effect = lift(1, 2)
    text = answer_sentence(effect, choose_verdict(effect, 0.5, 9), 56, 56)
    assert text.startswith("**Cannot tell**: over 56 days")
    assert "**200** (95% interval -200 to 600" in text
    assert "would need about" in text
    assert "Only" not in text


def test_sentence_says_that_the_window_is_not_over():
    effect = lift(3, 2)
    text = answer_sentence(effect, choose_verdict(effect, 0.5, 9), 11, 56)
    assert text.endswith("Only 11 of 56 days are over: read it again then.")


def test_dry_run_says_what_is_true():
    assert "The interval holds that truth" in truth_sentence(lift(1, 2), "dry_run", 0.02)
    assert "one in 20 (5%) must" in truth_sentence(lift(3, 2), "dry_run", 0.02)
    assert "-4.00 in all" in truth_sentence(lift(1, 2), "dry_run", 0.02)
    assert "not known" in truth_sentence(lift(1, 2), "live", 0.02)


def test_record_is_per_campaign_and_per_customer():
    record = summarize_lift(lift(1, 2), choose_verdict(lift(1, 2), 0.5, 9))
    assert (record["incremental_profit"], record["lower"], record["upper"]) == (200, -200, 600)
    assert record["mde"] == pytest.approx(200 * record["mde_per_customer"])
    assert record["verdict"] == "cannot tell"


def test_planned_equals_found_if_the_spread_was_foreseen():
    outcome = np.random.default_rng(1).normal(size=4_000)
    effect = estimate_lift(outcome, np.arange(4_000) < 2_000, np.ones(4_000))
    table = planned_and_found(effect, detectable_now(effect), 0.0)
    assert table["found"].tolist() == pytest.approx(table["planned"].tolist(), rel=1e-3)
