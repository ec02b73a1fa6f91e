import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from src.metrics.classification import auc
from src.models.design import Design, fit_design, purchase_columns
from src.models.purchase_candidates import (
    BASELINES,
    CANDIDATES,
    BaseRate,
    BoostedTrees,
    DecisionTree,
    Entry,
    LastPeriod,
    LinearSvm,
    LogisticModel,
    NeuralNetwork,
    RandomForest,
    RfmRule,
)
from src.models.purchase_network import _active_share
from src.models.purchase_settings import PurchaseSettings, list_entries
from src.models.splits import HAS_ORDERED

COLUMNS = purchase_columns(175)
ENTRIES = list_entries(COLUMNS, PurchaseSettings(n_trees=20, seed=3))
ON_A_MATRIX = [LogisticModel, LinearSvm, DecisionTree, RandomForest, BoostedTrees, NeuralNetwork]


@pytest.fixture(scope="module")
def customers(draw_customers):
    return draw_customers(600, seed=5)


@pytest.fixture(scope="module")
def others(draw_customers):
    return draw_customers(400, seed=6)


def labels(customers):
    return customers[HAS_ORDERED].to_numpy(dtype=float)


def test_base_rate_by_hand():
    # (3 + 1) / (4 + 2)
    assert BaseRate().fit(pd.DataFrame(), np.array([1, 1, 1, 0])).rate_ == pytest.approx(2 / 3)


def test_rfm_rule_by_hand():
    customers = pd.DataFrame({"r_score": [1, 1, 5, 5], "f_score": [1, 1, 5, 5]})
    rule = RfmRule(prior_customers=2).fit(customers, np.array([0, 0, 1, 1]))
    # rate of all (2 + 1) / (4 + 2) = 1/2; score 2: (0 + 2 * 1/2) / (2 + 2), score 10: (2 + 1) / 4
    assert rule.predict(customers) == pytest.approx([0.25, 0.25, 0.75, 0.75])
    # a score nobody had gets the rate of all
    assert rule.predict(pd.DataFrame({"r_score": [3], "f_score": [3]})) == pytest.approx([0.5])
    assert rule.contributions(customers)["rf_score"].tolist() == [-0.25, -0.25, 0.25, 0.25]


def test_same_as_last_period_by_hand():
    customers = pd.DataFrame({"recency_days": [0, 27, 28, 90]})
    rule = LastPeriod(outcome_days=28, prior_customers=2).fit(customers, np.array([1, 1, 0, 0]))
    # rate of all 1/2; 0 and 27 days ago lie in the last 28 days, 28 does not: (2 + 1) / 4, 1 / 4
    assert rule.predict(customers) == pytest.approx([0.75, 0.75, 0.25, 0.25])


def test_a_tree_leaf_is_the_rate_of_its_customers():
    customers = pd.DataFrame({"recency_days": [1.0] * 40 + [50.0] * 40})
    y = np.r_[np.ones(30), np.zeros(10), np.ones(4), np.zeros(36)]
    tree = DecisionTree(("recency_days",), n_leaves=2, leaf_customers=20, categories=())
    p = tree.fit(customers, y).predict(customers)
    # the only split there is: 30 of 40, and 4 of 40
    assert np.unique(p) == pytest.approx([0.1, 0.75])


def test_a_forest_is_the_mean_of_its_trees(customers):
    y = labels(customers)
    forest = RandomForest(COLUMNS, n_trees=5, seed=1).fit(customers, y)
    X = forest.design_.transform(customers)
    trees = [forest.booster_.predict(X, start_iteration=i, num_iteration=1) for i in range(5)]
    assert forest.predict(customers) == pytest.approx(np.mean(trees, axis=0), abs=1e-12)


def test_design_drops_what_cannot_tell_customers_apart(customers):
    some = customers.assign(n_exposures_365=0, age_band=["old"] * 30 + [None] * 570)
    design = fit_design(some, ("recency_days", "n_exposures_365"))
    assert design.names == ["recency_days", "age_band = old"]
    assert design.sources == ["recency_days", "age_band"]
    X = design.transform(some)
    assert X[:, 1].tolist() == [1.0] * 30 + [0.0] * 570
    assert X[:, 0] == pytest.approx(np.log1p(some["recency_days"]))


def test_a_level_that_nobody_has_now_is_0():
    design = Design((), (("age_band", "old"), ("age_band", "new")))
    X = design.transform(pd.DataFrame({"age_band": ["old", None, "other"]}))
    assert X.tolist() == [[1.0, 0.0], [0.0, 0.0], [0.0, 0.0]]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_candidate_is_the_same_after_two_fits_and_after_reading(entry, customers, others):
    y = labels(customers)
    fitted, again = (entry.make().fit(customers, y) for _ in range(2))
    p = fitted.predict(others)
    assert p.tolist() == again.predict(others).tolist()
    assert ((p >= 0) & (p <= 1)).all()
    plain = json.loads(json.dumps(fitted.to_json(), allow_nan=False))
    read = CANDIDATES[entry.kind].from_json(plain)
    assert read.predict(others) == pytest.approx(p, abs=1e-12)
    assert read.contributions(others).equals(fitted.contributions(others))
    assert set(fitted.reads) <= set(customers.columns)


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_a_customer_scores_the_same_alone_as_among_others(entry, customers, others):
    fitted = entry.make().fit(customers, labels(customers))
    together, alone = fitted.predict(others), fitted.predict(others.iloc[[7]])
    assert alone == pytest.approx(together[7:8], abs=1e-12)


@pytest.mark.parametrize("kind", ON_A_MATRIX)
def test_models_find_what_matters(kind, customers, others):
    fitted = kind(COLUMNS).fit(customers, labels(customers))
    # the true probabilities themselves reach this
    best = auc(labels(others), others["p_true"].to_numpy())
    assert auc(labels(others), fitted.predict(others)) > best - 0.06
    strength = fitted.contributions(others).abs().mean()
    assert strength.idxmax() == "recency_days"


@pytest.mark.parametrize("kind", [LogisticModel, BoostedTrees, NeuralNetwork])
def test_contributions_add_up_to_the_log_odds(kind, customers, others):
    fitted = kind(COLUMNS).fit(customers, labels(customers))
    rest = logit(fitted.predict(others)) - fitted.contributions(others).sum(axis=1)
    # what is left is the same for everybody: the log-odds of the average customer
    assert np.ptp(rest) < 1e-9


def test_contributions_of_a_regression_are_zero_at_the_mean(customers):
    fitted = LogisticModel(("monetary_value",), categories=()).fit(customers, labels(customers))
    average = pd.DataFrame({"monetary_value": [np.expm1(fitted.means_[0]), np.nan]})
    assert fitted.contributions(average)["monetary_value"].tolist() == pytest.approx([0, 0])


def test_share_of_the_way_on_which_a_unit_is_active_by_hand():
    # 2t - 1 > 0 from t = 1/2; -2t + 1 until 1/2; 2t + 1 always; -2t - 1 never; 0t + 1 always
    way, bias = np.array([2.0, -2.0, 2.0, -2.0, 0.0]), np.array([-1.0, 1.0, 1.0, -1.0, 1.0])
    assert _active_share(way, bias).tolist() == [0.5, 0.5, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("kind", ON_A_MATRIX)
@pytest.mark.parametrize("case", ["nothing_differs", "one_class", "all_missing", "one_customer"])
def test_nothing_to_learn_from_gives_the_rate(kind, case, customers, others):
    some, y = customers.copy(), labels(customers)
    if case == "nothing_differs":
        some = pd.concat([customers.head(1)] * len(customers), ignore_index=True)
    elif case == "one_class":
        y = np.ones(len(y))
    elif case == "all_missing":
        some[[*COLUMNS]], some["age_band"] = np.nan, None
    else:
        some, y = customers.head(1), y[:1]
    fitted = kind(COLUMNS).fit(some, y)
    rate = (y.sum() + 1) / (len(y) + 2)
    assert fitted.predict(others) == pytest.approx(np.full(len(others), rate))
    assert fitted.contributions(others).shape == (len(others), 0)
    read = kind.from_json(json.loads(json.dumps(fitted.to_json())))
    assert read.predict(others) == pytest.approx(np.full(len(others), rate))


@pytest.mark.parametrize("kind", ON_A_MATRIX)
def test_a_column_that_is_missing_for_all_changes_nothing(kind, customers, others):
    y = labels(customers)
    columns = tuple(name for name in COLUMNS if name != "items_per_order")
    without = kind(columns).fit(customers, y).predict(others)
    empty = customers.assign(items_per_order=np.nan)
    assert kind(COLUMNS).fit(empty, y).predict(others).tolist() == without.tolist()


def test_entries_are_the_candidates_plainest_first():
    assert [entry.kind for entry in ENTRIES] == list(CANDIDATES)
    assert set(BASELINES) < set(CANDIDATES)
    assert Entry("lightgbm", is_searched=True).name == "lightgbm_searched"


@pytest.mark.parametrize("kind", [RandomForest, BoostedTrees])
def test_trees_do_not_depend_on_the_number_of_threads(kind, monkeypatch):
    rng = np.random.default_rng(2)
    customers = pd.DataFrame(rng.normal(size=(20_000, 5)), columns=list("abcde"))
    y = (rng.random(20_000) < 0.3 + 0.2 * (customers["a"] > 0)).to_numpy(dtype=float)
    found = []
    for n_threads in (1, 2, 3):
        monkeypatch.setattr("src.models.purchase_trees._n_threads", lambda n, k=n_threads: k)
        fitted = kind(tuple("abcde"), n_trees=20, categories=()).fit(customers, y)
        found.append(fitted.predict(customers).tolist())
    assert found[0] == found[1] == found[2]
