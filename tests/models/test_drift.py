import json

import numpy as np
import pandas as pd
import pytest

from src.engine import connect
from src.models.drift import (
    compare_profiles,
    describe_drift,
    list_drift,
    read_earlier,
    stability_index,
)
from src.stage import Stage


def test_index_by_hand():
    before = pd.Series(["a"] * 59 + ["b"] * 39)
    now = pd.Series(["a"] * 19 + ["b"] * 79)
    # with half a customer more in each: 59.5, 39.5 of 99 and 19.5, 79.5 of 99
    p, q = np.array([59.5, 39.5]) / 99, np.array([19.5, 79.5]) / 99
    by_hand = (q[0] - p[0]) * np.log(q[0] / p[0]) + (q[1] - p[1]) * np.log(q[1] / p[1])
    assert stability_index(before, now) == (pytest.approx(by_hand), 2)


def test_the_same_customers_have_not_moved():
    values = pd.Series(np.random.default_rng(1).normal(size=500))
    assert stability_index(values, values)[0] == 0


def test_a_number_has_bins_of_equally_many_earlier_customers():
    before = pd.Series(np.arange(100.0))
    index, n_bins = stability_index(before, before + 1000)
    assert n_bins == 10
    # all now in the last bin: 100.5 of 105, before 10.5 of 105; nine bins the other way
    last = (100.5 - 10.5) / 105 * np.log(100.5 / 10.5)
    rest = 9 * (0.5 - 10.5) / 105 * np.log(0.5 / 10.5)
    assert index == pytest.approx(last + rest)


def test_what_goes_missing_is_seen():
    before = pd.Series([1.0] * 50 + [2.0] * 50)
    now = before.where(np.arange(100) % 2 == 0)
    assert stability_index(before, now)[0] > 0.25
    assert stability_index(now, now)[0] == 0


@pytest.mark.parametrize("kind", ["number", "text"])
def test_new_and_empty_columns_do_not_break_it(kind):
    known = pd.Series([1.0, 2.0] * 30 if kind == "number" else ["a", "b"] * 30)
    lost = pd.Series([np.nan if kind == "number" else None] * 60, dtype=known.dtype)
    assert stability_index(known, lost)[0] > 0.25
    assert stability_index(lost, known)[0] > 0.25
    assert stability_index(lost, lost)[0] == 0
    assert np.isnan(stability_index(known, known.head(0))[0])


def test_chance_alone_rarely_exceeds_its_limit():
    rng = np.random.default_rng(4)
    n_moved = 0
    for _ in range(200):
        frames = [pd.DataFrame({"x": rng.normal(size=300)}) for _ in range(2)]
        row = compare_profiles(*frames, ["x"], (0.5, 0.5), "then").columns.iloc[0]
        n_moved += row["psi"] > row["chance"]
    # one in twenty is 10 of 200, give or take 3 at each standard error
    assert 2 <= n_moved <= 20


def test_what_moved_is_named_with_the_score():
    rng = np.random.default_rng(2)
    before = pd.DataFrame({"spend": rng.gamma(2, 5, 800), "orders": rng.poisson(3, 800)})
    now = before.assign(spend=before["spend"] * 2)
    moved = compare_profiles(before, now, ["orders", "spend", "gone"], (0.5, 0.62), "the run a")
    assert moved.moved["column"].tolist() == ["spend"]
    words = describe_drift(moved)
    assert "Since the run a, 1 of 2 columns" in words
    assert "`spend` most and much" in words
    assert "0.500 to 0.620 (+0.120)" in words
    assert list_drift(moved).index.tolist() == ["spend", "orders"]


def test_nothing_moved_and_nothing_to_compare_are_said():
    frame = pd.DataFrame({"x": np.arange(100)})
    same = compare_profiles(frame, frame, ["x"], (0.5, 0.5), "then")
    assert "none of 1 columns" in describe_drift(same)
    nothing = compare_profiles(frame.head(0), frame, ["x"], (np.nan, 0.5), "then")
    assert "cannot be told" in describe_drift(nothing)
    unread = compare_profiles(frame, frame, [], (0.4, 0.5), "then")
    assert describe_drift(unread).endswith("from 0.400 to 0.500 (+0.100).")


def test_an_earlier_run_is_read_back(tmp_path):
    earlier = tmp_path / "earlier"
    for stage, name, frame in (
        ("03_tag", "profiles", pd.DataFrame({"customer_id": ["a", "b"], "recency_days": [1, 2]})),
        ("04b_purchase", "purchase_scores", pd.DataFrame({"p_purchase": [0.2, 0.6]})),
    ):
        folder = earlier / "tables" / stage / name
        folder.mkdir(parents=True)
        frame.to_parquet(folder / "part.parquet")
    (earlier / "run.json").write_text(json.dumps({"as_of_date": "2017-08-01"}))
    stage = Stage("04b_purchase", tmp_path / "now", connect())
    profiles, mean = read_earlier(stage, str(earlier), ["recency_days", "newer"], n_customers=1)
    assert profiles.to_dict("list") == {"customer_id": ["a"], "recency_days": [1]}
    assert mean == pytest.approx(0.4)
    assert read_earlier(stage, "", ["recency_days"]) is None
