"""The door of a stage: order, contracts, publication."""

import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.errors import ParameterError, SchemaError, StageOrderError
from src.features.families import BUILT_IN
from src.features.profiles_contract import profiles_contract
from src.stage import open_stage, tables_path

GOOD = pd.DataFrame(
    {
        "customer_id": ["b", "a"],
        "p_alive": [0.1, 0.2],
        "expected_orders": [1.0, 2.0],
        "expected_order_value": [1.0, 2.0],
        "clv": [1.0, np.nan],
    }
).fillna(3.0)


@pytest.fixture
def stage(tmp_path):
    return open_stage("04c_value", str(tmp_path / "run"))


def test_a_written_table_is_read_back_in_the_order_of_its_key(stage):
    stage.write("value_scores", GOOD)
    stage.record(n_customers=2)
    later = open_stage("05_decide", str(stage.run))
    assert later.frame("value_scores")["customer_id"].tolist() == ["a", "b"]
    assert json.loads((stage.run / "results/04c_value.json").read_text()) == {"n_customers": 2}


def test_nothing_is_visible_before_the_stage_records(stage):
    stage.write("value_scores", GOOD)
    assert not tables_path(stage.run, "04c_value").exists()


def test_a_second_open_drops_what_the_first_left_half_done(stage):
    stage.write("value_scores", GOOD)
    again = open_stage("04c_value", str(stage.run))
    with pytest.raises(StageOrderError, match="to write"):
        again.record()


@pytest.mark.parametrize("name", ["decisions", "segments", "value_scores"])
def test_reading_forward_or_sideways_is_refused(stage, name):
    with pytest.raises(StageOrderError, match="only tables of earlier stages"):
        stage.table(name)


def test_reading_before_it_is_written_names_the_stage_to_run(stage):
    with pytest.raises(StageOrderError, match="run 03_tag first"):
        stage.table("profiles")


def test_writing_anothers_table_is_refused(stage):
    with pytest.raises(StageOrderError, match="belongs to 03_tag"):
        stage.write("profiles", GOOD)


def test_a_table_whose_columns_depend_on_the_run_needs_its_whole_contract(tmp_path):
    stage = open_stage("03_tag", str(tmp_path / "run"))
    day = pd.Timestamp("2017-09-30").date()
    rows = pd.DataFrame({"customer_id": ["a"], "as_of_date": [day], "recency_days": [3]})
    with pytest.raises(SchemaError, match="the whole contract of profiles"):
        stage.write("profiles", rows)
    features = BUILT_IN.choose(["recency_days"])
    assert stage.write("profiles", rows, contract=profiles_contract(features)) == 1
    stage.write("profiles", rows.assign(more=1), contract=profiles_contract(features))
    written = pq.read_table(stage.run / ".staging/03_tag/tables/profiles")
    assert written.column_names == ["customer_id", "as_of_date", "recency_days"]
    with pytest.raises(SchemaError, match="recency_days >= 0"):
        stage.write("profiles", rows.assign(recency_days=-1), contract=profiles_contract(features))


def test_unknown_tables_and_stages_are_refused(stage):
    with pytest.raises(StageOrderError, match="'valu_scores'"):
        stage.table("valu_scores")
    with pytest.raises(StageOrderError, match="'09_more'"):
        open_stage("09_more", str(stage.run))


# what is wrong | changed columns | telling part
BROKEN = {
    "key repeated": ({"customer_id": "a"}, "one row per customer_id"),
    "value missing": ({"clv": None}, '"clv" IS NOT NULL'),
    "truth broken": ({"p_alive": 1.5}, "p_alive BETWEEN 0 AND 1"),
    "wrong type": ({"clv": "much"}, "to be float64, found string"),
    "infinite probability": ({"p_alive": np.inf}, "p_alive BETWEEN 0 AND 1"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_contract_is_refused_and_leaves_nothing(stage, case):
    change, telling = BROKEN[case]
    with pytest.raises(SchemaError) as refusal:
        stage.write("value_scores", GOOD.assign(**change))
    assert telling in str(refusal.value)
    assert "04c_value" in str(refusal.value)
    assert not list(stage.run.rglob("*.parquet"))


def test_missing_columns_are_named(stage):
    with pytest.raises(SchemaError, match=r"missing are \['clv'\]"):
        stage.write("value_scores", GOOD.drop(columns="clv"))


def test_columns_without_a_contract_are_left_out(stage):
    stage.write("value_scores", GOOD.assign(email="a@example.com"))
    stage.record()
    frame = open_stage("05_decide", str(stage.run)).frame("value_scores")
    assert "email" not in frame


def test_an_empty_column_takes_the_type_of_its_contract(tmp_path):
    stage = open_stage("04d_uplift", str(tmp_path))
    scores = pd.DataFrame(
        {"customer_id": ["a"], "action": ["x"], "uplift_value": [None], "lower": [np.nan]}
    ).assign(upper=None, basis="no_randomised_history", draws=None)
    assert stage.write("uplift_scores", scores) == 1


def test_a_table_without_rows_keeps_its_contract(stage):
    assert stage.write("value_scores", GOOD.head(0)) == 0


@pytest.mark.parametrize("value", [{"a": 1}, object(), pd.DataFrame({"a": [1]})])
def test_only_plain_results_are_recorded(stage, value):
    stage.write("value_scores", GOOD)
    with pytest.raises(ParameterError, match="number, text or list"):
        stage.record(odd=value)


def test_results_are_plain_json(stage):
    stage.write("value_scores", GOOD)
    stage.record(a=np.int64(3), b=np.float64(0.5), c=np.nan, d=[np.float32(1)], e=np.bool_(True))
    results = json.loads((stage.run / "results/04c_value.json").read_text())
    assert results == {"a": 3, "b": 0.5, "c": None, "d": [1.0], "e": True}


def test_writing_does_not_change_the_frame(stage):
    before = GOOD.copy()
    stage.write("value_scores", GOOD)
    pd.testing.assert_frame_equal(GOOD, before)
