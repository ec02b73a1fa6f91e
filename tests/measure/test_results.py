"""The table of results: its rows, its totals, its widened intervals."""

import numpy as np
import pandas as pd
import pytest

from src.data.tables import table_contract
from src.measure import plots
from src.measure.results import METRICS, build_results, campaign_lift, unadjusted_lift
from src.measure.sample_ratio import balance_before, sample_ratio_table

ARMS = ("control", "a", "b")


def outcomes_of(n: int, seed: int) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    action = np.array(ARMS)[rng.choice(3, n, p=[0.34, 0.33, 0.33])]
    before = rng.lognormal(3, 1, n)
    after = before * rng.lognormal(0, 0.4, n)
    columns = {}
    for column in METRICS.values():
        columns |= {column: after, f"before_{column}": before}
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:04d}" for i in range(n)],
            "action": action,
            "pscore": np.where(action == "control", 0.34, 0.33),
            "is_treated": action != "control",
            **columns,
        }
    )


OUTCOMES = outcomes_of(600, 1)
SEGMENTS = pd.DataFrame(
    {"customer_id": OUTCOMES["customer_id"].head(598), "segment": ["x", "y"] * 299}
)


@pytest.fixture(scope="module")
def results() -> pd.DataFrame:
    return build_results(OUTCOMES, SEGMENTS, "test", ARMS, 0.95)


def one(results, segment, arm, metric) -> pd.Series:
    rows = results.query("segment == @segment and arm == @arm and metric == @metric")
    assert len(rows) == 1
    return rows.iloc[0]


def test_table_keeps_its_contract(results):
    contract = table_contract("campaign_results")
    assert set(results.columns) == set(contract.column_names)
    assert not results.duplicated(list(contract.key)).any()
    assert not results.isna().any().any()
    assert (results["lower"] <= results["estimate"]).all()
    assert (results["estimate"] <= results["upper"]).all()


def test_total_is_the_effect_times_the_treated(results):
    each = one(results, "all", "any_action", "profit_per_customer")
    total = one(results, "all", "any_action", "incremental_profit")
    for end in ("estimate", "lower", "upper"):
        assert total[end] == pytest.approx(each["n_treated"] * each[end])
    assert each["estimate"] == campaign_lift(OUTCOMES, 0.95).estimate


def test_headline_keeps_its_level_and_families_are_widened(results):
    assert one(results, "all", "any_action", "profit_per_customer")["level"] == 0.95
    # two arms: 1 - .05 / 2; three segments, one of them for customers without any: 1 - .05 / 3
    assert one(results, "all", "a", "profit_per_customer")["level"] == pytest.approx(0.975)
    assert one(results, "x", "any_action", "profit_per_customer")["level"] == pytest.approx(
        1 - 0.05 / 3
    )


def test_segment_with_too_few_customers_has_no_row(results):
    assert set(results["segment"]) == {"all", "x", "y"}


def test_adjusted_interval_is_shorter_than_plain(results):
    adjusted = one(results, "all", "any_action", "profit_per_customer")
    plain = one(results, "all", "any_action", "profit_per_customer_unadjusted")
    assert adjusted["upper"] - adjusted["lower"] < 0.7 * (plain["upper"] - plain["lower"])
    assert plain["estimate"] == unadjusted_lift(OUTCOMES, 0.95).estimate


def test_row_order_changes_nothing(results):
    again = build_results(OUTCOMES.sample(frac=1, random_state=1), SEGMENTS, "test", ARMS, 0.95)
    pd.testing.assert_frame_equal(again, results, rtol=1e-9)


@pytest.mark.parametrize("n", [600, 5, 1], ids=["many", "five", "one"])
def test_figures_are_drawn_for_any_size(n):
    outcomes = OUTCOMES.head(n)
    results = build_results(outcomes, SEGMENTS, "test", ARMS, 0.95)
    ratio = sample_ratio_table(outcomes["action"], outcomes["pscore"], ARMS)
    assert plots.plot_arms(results, 3.0).get_title(loc="left")
    assert "segments" in plots.plot_segments(results).get_title(loc="left")
    figure = plots.plot_balance(ratio, balance_before(outcomes, ARMS, 0.95), 0.4, 0.001)
    figure.canvas.draw()
