import math

import pytest

from src.report.words import describe_verdict, format_number

MEASURED = {
    "verdict": "cannot tell",
    "incremental_profit": 320.5,
    "lower": -1234.2,
    "upper": 2345.7,
    "mde": 1500.3,
    "level": 0.95,
    "srm_p_value": 0.45,
}


def test_cannot_tell_gives_the_interval_and_what_could_not_be_seen():
    verdict = describe_verdict(MEASURED)
    assert verdict.kind == "open"
    assert verdict.short == "Cannot tell"
    assert "between −1,234 and 2,346 (95 % interval)" in verdict.sentence
    assert "smaller than 1,500 could hardly have been seen" in verdict.sentence
    assert verdict.warning == ""


def test_loss_is_said_as_a_positive_amount_lost():
    verdict = describe_verdict(
        MEASURED | {"verdict": "loss", "incremental_profit": -500.0, "upper": -10.0}
    )
    assert verdict.kind == "loss"
    assert "cost 500 more than it earned" in verdict.sentence
    assert "between −1,234 and −10.00" in verdict.sentence


def test_currency_is_named_when_it_is_known():
    gain = MEASURED | {"verdict": "gain", "lower": 120.0, "currency": "USD"}
    assert "earned 320 USD more" in describe_verdict(gain).sentence  # 320.5 rounds to even


def test_broken_split_warns_against_the_verdict():
    warning = describe_verdict(MEASURED | {"srm_p_value": 0.0000004}).warning
    assert "do not act on this verdict" in warning
    assert "p under 0.001" in warning


@pytest.mark.parametrize(
    ("results", "short"),
    [
        ({}, "Not measured"),
        ({"verdict": "cannot tell"}, "Cannot tell"),
        ({"verdict": "gain"}, "No verdict"),
        ({"verdict": "no outcome yet"}, "No verdict"),
    ],
    ids=["nothing", "no interval", "no profit", "unknown answer"],
)
def test_missing_numbers_are_left_out(results, short):
    verdict = describe_verdict(results)
    assert verdict.short == short
    assert "None" not in verdict.sentence
    assert verdict.sentence.endswith(".")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("n_sent", 1490, "1,490"),
        ("is_known", True, "yes"),
        ("k", None, "not known"),
        ("p_churn", 0.1234, "12.3 %"),
        ("srm_p_value", 0.00001, "under 0.001"),
        ("recency_days", 30.25, "30.2 days"),
        ("mean_order_value", 31.234, "31.23"),
        ("log_likelihood", -9582.4, "−9,582"),
        ("names", ["a", 2], "a, 2"),
        ("auc", math.pi / 4, "0.785"),
    ],
)
def test_number_is_written_with_the_unit_its_name_tells(name, value, text):
    assert format_number(name, value) == text
