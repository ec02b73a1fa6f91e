"""Methods tried on last baskets, the choice among them, and what is kept."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.engine import connect
from src.errors import ModelRefusedError
from src.models.recommend import build_shelf, score_items
from src.models.recommend_card import (
    build_recommender_card,
    read_recommender_parts,
    recommender_parts,
)
from src.models.recommend_check import (
    Trial,
    sample_customers,
    sample_purchases,
    summarise_trials,
    try_methods,
)
from src.models.recommend_choice import choose_method, describe_choice, list_gains, record_choice
from src.models.recommend_items import ItemRules
from src.models.recommend_methods import BASELINES, METHODS, fit_recommender
from src.models.recommend_plots import plot_gains, plot_hits_by_rank, plot_recall
from src.models.store import read_kept, write_kept

AS_OF = "2017-03-31"
RULES = ItemRules()

# before the cut 2017-03-03 all bought milk, a also bread twice; the last baskets after it are
# bread and eggs (a) and milk (b); a's cheese of 03-05 is known when a's last basket comes
HISTORY = (
    ("a", "MILK", "2017-03-01"),
    ("b", "MILK", "2017-03-01"),
    ("c", "MILK", "2017-03-01"),
    ("a", "BREAD", "2017-02-20"),
    ("a", "BREAD", "2017-03-01"),
    ("c", "EGGS", "2017-03-01"),
    ("a", "CHEESE", "2017-03-05"),
    ("a", "BREAD", "2017-03-10"),
    ("a", "EGGS", "2017-03-10"),
    ("b", "MILK", "2017-03-31"),
)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def days_of(rows):
    table = pd.DataFrame(rows, columns=["customer_id", "item", "order_date"]).astype(str)
    table["order_date"] = pd.to_datetime(table["order_date"])
    return connect().create_table("days", table).cast({"order_date": "date"})


def trials(rows=HISTORY, k=1, last_date=AS_OF, rules=RULES, **rest):
    return try_methods(days_of(list(rows)), last_date, 28, rules, k, **rest)


def by_name(found):
    return {(trial.target, trial.method): trial for trial in found}


class TestTrials:
    def test_recall_by_hand(self):
        by = by_name(trials())
        # popularity names milk: a bought none of bread and eggs, b bought it
        assert by["any", "popularity"].recall.tolist() == [0.0, 1.0]
        # habit names bread to a (1 of 2), milk to b
        assert by["any", "repurchase"].recall.tolist() == [0.5, 1.0]
        # new: only a's eggs; the most popular item that is new to a
        assert by["new", "popularity"].recall.tolist() == [1.0]
        assert by["any", "popularity"].coverage == pytest.approx(1 / 3)
        assert by["any", "popularity"].cut_date == "2017-03-03"
        assert {method for _, method in by} == set(METHODS)

    def test_only_the_last_basket_counts_and_all_before_it_is_known(self):
        # b buys bread often within the window before the last basket: habit then names bread
        often = [("b", "BREAD", f"2017-03-{day}") for day in (20, 22, 24)]
        by = by_name(trials([*HISTORY, *often]))
        assert by["any", "repurchase"].recall.tolist() == [0.5, 0.0]
        by = by_name(trials([*HISTORY, *often, ("b", "BREAD", "2017-03-31")]))
        assert by["any", "repurchase"].recall.tolist() == [0.5, 0.5]

    def test_the_basket_itself_is_never_known(self):
        # an item first bought in the last basket is new on that day
        by = by_name(trials([*HISTORY, ("b", "BREAD", "2017-03-31")], k=3))
        assert by["new", "popularity"].recall.tolist() == [1.0, 1.0]

    def test_purchases_after_the_window_are_not_read(self):
        later = [*HISTORY, ("b", "BREAD", "2017-04-01"), ("c", "MILK", "2017-04-02")]
        for one, other in zip(trials(), trials(later), strict=True):
            assert one.recall.tolist() == other.recall.tolist()

    def test_what_is_learnt_ends_before_the_window(self):
        # tea and jam go together only within the window
        new = [(f"n{i}", item, "2017-03-20") for i in range(9) for item in ("TEA", "JAM")]
        old = [(f"n{i}", "MILK", "2017-03-01") for i in range(9)]
        shelf = build_shelf(days_of([*HISTORY, *new, *old]), 12, "2017-03-03", RULES)
        assert "TEA" not in shelf.items

    def test_blocks_of_customers_change_nothing(self, monkeypatch):
        rng = np.random.default_rng(1)
        rows = [
            (f"c{rng.integers(30):02d}", f"I{rng.integers(8)}", f"2017-{m:02d}-{d:02d}")
            for m, d in zip(rng.integers(1, 4, 600), rng.integers(1, 29, 600), strict=True)
        ]
        whole = trials(rows, k=3)
        monkeypatch.setattr("src.models.recommend_check._BLOCK", 7)
        for one, other in zip(whole, trials(rows, k=3), strict=True):
            assert one.recall.tolist() == other.recall.tolist()
            assert one.coverage == other.coverage

    def test_only_so_many_customers_are_tried(self):
        assert sample_customers(days_of(HISTORY), AS_OF, 2) == ["a", "b"]
        found = by_name(trials(n_most=1))
        assert found["any", "popularity"].recall.tolist() == [0.0]

    def test_without_history_before_the_window_nothing_is_tried(self):
        found = trials([("a", "MILK", "2017-03-30")])
        assert found == []
        summary = summarise_trials(found, seed=1)
        choice = choose_method([], [], "any", seed=1)
        assert record_choice(choice, summary, 5)["recall_at_5"] is None
        assert "untried" in describe_choice(choice, [], [])
        assert plot_recall(summary, "popularity", 5).get_suptitle()
        assert plot_hits_by_rank(found, "popularity", "any").get_title(loc="left")
        assert plot_gains(choice).get_title(loc="left")


def made_trials(n=400, seed=1, **recalls):
    """Trials whose recall has the means given, paired by customer."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 0.05, n)
    found = []
    for method in METHODS:
        recall = np.clip(recalls.get(method, 0.1) + hard + rng.normal(0, 0.02, n), 0, 1)
        hit = rng.random((n, 5)) < 0.2
        dates = ("2017-03-03", AS_OF)
        found.append(Trial(method, "any", *dates, hit, recall, recall, recall, 0.5))
    return found


class TestChoice:
    def test_a_method_that_surely_beats_both_baselines_makes_the_lists(self):
        found = made_trials(repurchase=0.2, als=0.25)
        choice = choose_method(found, made_trials(seed=2, repurchase=0.2, als=0.25), "any", 1)
        assert (choice.method, choice.challenger, choice.baseline) == ("als", "als", "repurchase")
        assert set(choice.gains) == {(m, b) for m in ("recall", "ndcg") for b in BASELINES}
        assert choice.gains["recall", "repurchase"].estimate == pytest.approx(0.05, abs=0.01)
        assert len(list_gains(choice)) == 4
        assert "surely beats both" in plot_gains(choice).get_title(loc="left")

    @pytest.mark.parametrize("better", BASELINES)
    def test_one_that_does_not_surely_beat_either_baseline_gives_way(self, better):
        found = made_trials(repurchase=0.2, als=0.25)
        later = made_trials(seed=2, als=0.25, **({"repurchase": 0.2} | {better: 0.25}))
        choice = choose_method(found, later, "any", 1)
        assert choice.challenger == "als"
        assert choice.method == "repurchase"
        text = describe_choice(choice, found, later)
        assert text.startswith("**The baseline `repurchase`")
        assert "not surely better than both" in text
        assert "does not surely beat" in plot_gains(choice).get_title(loc="left")
        numbers = record_choice(choice, summarise_trials(later, 1), 5)
        assert numbers["method"] == "repurchase"
        assert numbers[f"recall_gain_over_{better}_lower"] <= 0

    def test_the_later_window_never_chooses(self):
        found = made_trials(repurchase=0.2, als=0.25)
        later = made_trials(seed=2, repurchase=0.2, als=0.1, item_ridge=0.9)
        choice = choose_method(found, later, "any", 1)
        assert choice.challenger == "als"
        assert choice.method == "repurchase"

    def test_among_equals_the_plainest_and_no_gain_over_itself(self):
        found = trials()
        choice = choose_method(found, found, "any", 1)
        assert choice.method == "repurchase"
        assert choice.gains == {}
        assert "nothing did better" in describe_choice(choice, found, found)

    def test_summary_text_and_numbers_agree(self):
        found = trials(k=5)
        choice = choose_method(found, found, "any", seed=1)
        summary = summarise_trials(found, seed=1)
        numbers = record_choice(choice, summary, 5)
        assert numbers["n_test"] == 2
        assert (
            numbers["recall_at_5_lower"] <= numbers["recall_at_5"] <= numbers["recall_at_5_upper"]
        )
        assert numbers["popularity_recall_at_5"] is not None
        assert numbers["repurchase_ndcg_at_5_lower"] is not None
        assert numbers["coverage"] == pytest.approx(1.0)
        assert f"`{choice.method}`" in describe_choice(choice, found, found)
        assert plot_recall(summary, choice.method, 5).get_suptitle()
        assert plot_hits_by_rank(found, choice.method, "any").get_title(loc="left")


@pytest.mark.parametrize("method", METHODS)
def test_what_makes_the_lists_is_kept_sealed_and_scores_the_same(tmp_path, method):
    found = trials(k=2)
    days = days_of(HISTORY)
    shelf = build_shelf(days, 3, AS_OF, ItemRules(rest_days=1))
    purchases = sample_purchases(days, AS_OF, shelf)
    model = fit_recommender(purchases.n_days, method, seed=1)
    choice = choose_method(found, found, "any", 1)
    text = describe_choice(choice, found, found)
    card = build_recommender_card(choice, found, found, text, (), AS_OF, 1)
    folder = tmp_path / "04e"
    write_kept(folder, recommender_parts(model, shelf), card)
    kept = read_kept(folder, "04e_recommend")
    again, same = read_recommender_parts(kept.parts)
    assert (score_items(again, purchases) == score_items(model, purchases)).all()
    assert same.items.tolist() == shelf.items.tolist()
    assert same.rest_days == 1
    assert {metric.name for metric in kept.card.metrics} >= {"recall", "NDCG"}
    assert [window.role for window in kept.card.windows] == ["validation", "test"]
    (folder / "arrays.npz").write_bytes(b"other")
    with pytest.raises(ModelRefusedError, match="not what was written"):
        read_kept(folder, "04e_recommend")
