"""Earlier campaigns, predictions and crossings, on hand-made records."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from src.ledger import open_ledger
from src.measure.complier import ComplierEffect
from src.measure.guardrails import count_crossings
from src.measure.lift import Lift
from src.measure.past import pool_past, read_past
from src.measure.predicted import predicted_and_realised
from src.measure.second_lines import crossing_sentence, promise_sentence, summarize, tabulate
from src.send import deliver
from src.send.channels import MemoryChannel
from tests.reliability.campaigns import CAMPAIGN, plan_campaign

LIFT = Lift(2.0, -2.0, 6.0, 2.0, 0.95, 100, 90)


@pytest.fixture
def recorded(tmp_path, monkeypatch):
    monkeypatch.setattr("src.measure.past.PROJECT_ROOT", tmp_path)

    def write(name, **fields):
        known = {"campaign_id": name, "level": 0.95, "srm_p_value": 0.4}
        known |= {
            f"{end}_per_customer": x
            for end, x in zip(
                ("incremental_profit", "lower", "upper"), (1.0, 0.02, 1.98), strict=True
            )
        }
        path = tmp_path / "runs" / name / "results" / "08_measure.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(known | fields))

    return write


PATTERN = "runs/*/results/08_measure.json"


def test_earlier_campaigns_are_read_once_each_and_only_if_they_may_be(recorded):
    recorded("a")
    recorded(
        "b", incremental_profit_per_customer=2.0, lower_per_customer=0.04, upper_per_customer=3.96
    )
    recorded("b2", campaign_id="b")  # measured again in another run
    recorded("broken", srm_p_value=1e-6)
    recorded("now")
    recorded("empty", lower_per_customer=None)
    recorded("old", level="x")
    found = np.array(read_past(PATTERN, "now"))
    assert found == pytest.approx(np.array([(1.0, 0.5), (2.0, 1.0)]), abs=1e-3)
    assert read_past("", "now") == []


def test_a_campaign_is_drawn_towards_its_like(recorded):
    for k, effect in enumerate((0.9, 1.0, 1.1)):
        recorded(
            f"c{k}",
            incremental_profit_per_customer=effect,
            lower_per_customer=effect - 0.98,
            upper_per_customer=effect + 0.98,
        )
    view = pool_past(PATTERN, "now", LIFT)
    # nothing but chance between them: mean 1, error .5/sqrt(3); weight of its own 1/13 of 2^2
    assert view.pooled.mean == pytest.approx(1.0, abs=1e-3)
    assert view.estimate == pytest.approx(1 + (1 / 12) / (1 / 12 + 4), abs=1e-3)
    assert view.lower > LIFT.lower
    assert view.upper < LIFT.upper
    assert pool_past("runs/c0/*/08*", "now", LIFT) is None


def test_predictions_that_came_true_and_those_that_did_not():
    rng = np.random.default_rng(6)
    n = 4_000
    promised = rng.uniform(-2, 6, n)
    is_treated = rng.random(n) < 0.5
    ids = [f"c{k}" for k in range(n)]
    outcomes = pd.DataFrame(
        {
            "customer_id": ids,
            "action": np.where(is_treated, "letter", "control"),
            "is_treated": is_treated,
            "pscore": 0.5,
            "cost_value": 0.5 * is_treated,
            "before_profit_value": rng.standard_normal(n),
        }
    )
    scores = pd.DataFrame({"customer_id": ids, "action": "letter", "uplift_value": promised})
    noise = rng.standard_normal(n) + outcomes["before_profit_value"]
    true = outcomes.assign(profit_value=noise + is_treated * (promised - 0.5))
    table = predicted_and_realised(true, scores, 0.95)
    assert table["predicted_value"].is_monotonic_increasing
    assert table["predicted_value"].between(table["lower"], table["upper"]).sum() >= 4
    assert "brought more" in promise_sentence(table)
    false = outcomes.assign(profit_value=noise + is_treated * (1.0 - promised))
    table = predicted_and_realised(false, scores, 0.95)
    assert table["predicted_value"].between(table["lower"], table["upper"]).sum() <= 2
    assert "no more" in promise_sentence(table)
    unknown = predicted_and_realised(true, scores.assign(uplift_value=np.nan), 0.95)
    assert unknown.empty
    assert "nothing to compare" in promise_sentence(unknown)


def test_lines_are_left_out_where_nothing_is_known():
    complier = ComplierEffect(3.0, np.nan, np.nan, 0.1)
    table = tabulate(LIFT, LIFT, complier, None)
    assert len(table) == 3
    assert np.isnan(table.loc["of a message that arrived", "lower"])
    found = summarize(LIFT, complier, None)
    assert found["seq_lower"] == -200.0
    assert found["n_past_campaigns"] == 0


def test_other_campaigns_in_the_same_weeks_are_counted_by_arm(tmp_path):
    noon = dt.datetime(2024, 6, 3, 12, tzinfo=dt.UTC)
    frame = pd.DataFrame(
        {"customer_id": ["c00000", "c00001", "x"], "is_treated": [True, False, True]}
    )
    with open_ledger(tmp_path) as ledger:
        plan_campaign(ledger, 4)
        assert deliver(ledger, MemoryChannel(), CAMPAIGN, lambda: noon)["n_sent"] == 4
        window = frame, "2024-06-01", "2024-06-30"
        found = count_crossings(ledger, "another", *window)
        own = count_crossings(ledger, "spring", *window)
        later = count_crossings(ledger, "another", frame, "2024-06-03", "2024-06-30")
    assert found == {"n_two_arms": 0, "n_other_treated": 1, "n_other_control": 1}
    nothing = {"n_two_arms": 0, "n_other_treated": 0, "n_other_control": 0}
    assert own == later == nothing
    assert "Nobody" in crossing_sentence(nothing, LIFT)
    told = crossing_sentence(nothing | {"n_other_treated": 25}, LIFT)
    assert "25 of the treated (25%) and 0 of control (0%)" in told
    assert "not theirs" in crossing_sentence(nothing | {"n_two_arms": 1}, LIFT)
