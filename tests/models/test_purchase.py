from dataclasses import replace
from functools import partial
import json

import ibis
import numpy as np
import pandas as pd
import pytest

from src.data.tables import TABLES
from src.engine import connect
from src.errors import ParameterError
from src.features import build_profiles
from src.metrics.classification import auc
from src.models.design import purchase_columns
from src.models.purchase import (
    fit_purchase,
    model_from,
    model_parts,
    score_customers,
)
from src.models.purchase_candidates import CANDIDATES, BaseRate
from src.models.purchase_comparison import (
    PurchaseSettings,
    choose_contender,
    compare_candidates,
    fit_champion,
)
from src.models.purchase_plots import plot_candidates, plot_contributions, plot_deciles
from src.models.purchase_settings import list_entries
from src.models.purchase_words import (
    describe_choice,
    describe_order,
    describe_search,
    list_candidates,
    name_figures,
)
from src.models.splits import HAS_ORDERED, build_snapshots, observed_days, plan_snapshots

AS_OF = "2017-09-30"
SETTINGS = PurchaseSettings(n_trees=20, n_resamples=100, n_trials=2, search_seconds=60, seed=1)


def draw_orders(n_customers, seed, n_days=300):
    """Draw orders at a constant rate of each customer, from 2017-01-01 on; and the rates."""
    rng = np.random.default_rng(seed)
    rates = rng.gamma(0.7, 0.12, n_customers) + 0.003
    days = rng.random((n_customers, n_days)) < 1 - np.exp(-rates)[:, None]
    who, when = np.nonzero(days)
    value = rng.integers(100, 5000, len(who))
    orders = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(len(who))],
            "line_number": 1,
            "customer_id": [f"c{i:04d}" for i in who],
            "product_id": rng.choice(["milk", "bread"], len(who)),
            "store_id": "s1",
            "ordered_at": pd.Timestamp("2017-01-01 12:00") + pd.to_timedelta(when, unit="D"),
            "quantity": 1,
            "line_value_minor": value,
            "discount_minor": value // 10,
            "coupon_minor": 0,
            "is_discounted": True,
            "is_outlier": False,
        }
    )
    return orders, pd.Series(rates, index=[f"c{i:04d}" for i in range(n_customers)])


@pytest.fixture(scope="module")
def build():
    """Make a builder of profiles, and the orders as a table, from a frame of orders."""
    engine = connect()
    types = {"timestamp": "timestamp('UTC')"}

    def empty(name):
        schema = {c.name: types.get(c.type, c.type) for c in TABLES[name].columns}
        return engine.create_table(name, schema=ibis.schema(schema), overwrite=True)

    def make(frame):
        table = ibis.memtable(frame).cast({"ordered_at": "timestamp('UTC')"})
        orders = engine.create_table("orders", table, overwrite=True)
        products = pd.DataFrame(
            {"product_id": ["milk", "bread"], "department": ["dairy", "bakery"]}
        )
        for column in TABLES["products"].column_names[2:]:
            products[column] = pd.Series(["x", "x"])
        return partial(
            build_profiles,
            orders,
            engine.create_table("products", ibis.memtable(products), overwrite=True),
            empty("customers"),
            empty("events"),
            empty("exposures"),
        ), orders

    return make


def label(build, frame, as_of_date=AS_OF):
    profiles, orders = build(frame)
    snapshots = plan_snapshots(as_of_date)
    labelled = build_snapshots(
        lambda date: profiles(as_of_date=date), orders, snapshots, as_of_date
    )
    history_days = observed_days(orders, snapshots[0].as_of_date)
    now = profiles(as_of_date=as_of_date).to_pandas().sort_values("customer_id", ignore_index=True)
    return labelled, history_days, now


@pytest.fixture(scope="module")
def shop(build):
    frame, rates = draw_orders(500, seed=3)
    labelled, history_days, now = label(build, frame)
    return frame, rates, labelled, history_days, now


@pytest.fixture(scope="module")
def comparison(shop):
    return compare_candidates(shop[2], shop[3], SETTINGS)


def test_a_window_longer_than_the_history_is_no_feature():
    assert "n_orders_365" not in purchase_columns(364)
    assert "n_orders_365" in purchase_columns(365)
    for days in (0, 10_000):
        assert not {"frequency", "tenure_days"} & set(purchase_columns(days))


def test_the_next_candidate_must_be_surely_better():
    rng = np.random.default_rng(1)
    plain = rng.uniform(0.3, 0.7, 400)
    settings = PurchaseSettings(n_resamples=500)
    # 0.01 better with a spread of 0.2: standard error 0.01, so about 1 of it: not sure
    unsure = plain - 0.01 + 0.2 * rng.choice([-1, 1], 400)
    assert choose_contender({"plain": plain, "fine": unsure}, settings) == "plain"
    # always 0.01 better: sure; and what comes after must beat that
    sure = {"plain": plain, "fine": plain - 0.01, "finer": plain - 0.01}
    assert choose_contender(sure, settings) == "fine"
    assert choose_contender(sure | {"finest": plain - 0.02}, settings) == "finest"


@pytest.mark.parametrize(
    "entry", list_entries(purchase_columns(175), SETTINGS), ids=lambda entry: entry.name
)
def test_a_model_is_the_same_after_two_fits_and_after_reading(entry, shop):
    labelled, now = shop[2], shop[4]
    model, crossed = fit_purchase(entry.make, labelled["train"], labelled["validation"])
    again, crossed_again = fit_purchase(entry.make, labelled["train"], labelled["validation"])
    p = model.predict(now)
    assert p.tolist() == again.predict(now).tolist()
    assert crossed.tolist() == crossed_again.tolist()
    assert ((p >= 0) & (p <= 1)).all()
    parts = model_parts(model)
    read = model_from(replace(parts, plain=json.loads(json.dumps(parts.plain, allow_nan=False))))
    assert read.predict(now) == pytest.approx(p, abs=1e-12)
    assert set(parts.texts) <= {"trees"}
    assert not parts.arrays


def test_reported_customers_are_never_fitted_on_and_input_stays(shop, monkeypatch):
    before = {role: frame.copy() for role, frame in shop[2].items()}
    fitted, reported = set(), set()
    fit, predict = BaseRate.fit, BaseRate.predict

    def spy_fit(self, profiles, y):
        fitted.update(profiles["customer_id"])
        return fit(self, profiles, y)

    def spy_predict(self, profiles):
        reported.update(
            zip(profiles["customer_id"], profiles["as_of_date"].astype(str), strict=True)
        )
        return predict(self, profiles)

    monkeypatch.setattr(BaseRate, "fit", spy_fit)
    monkeypatch.setattr(BaseRate, "predict", spy_predict)
    compare_candidates(shop[2], shop[3], SETTINGS)
    tested = {customer for customer, date in reported if date == "2017-09-02"}
    assert tested
    assert fitted
    assert not tested & fitted
    for role, frame in shop[2].items():
        pd.testing.assert_frame_equal(frame, before[role])


@pytest.mark.slow
def test_the_true_probabilities_are_recovered(shop, comparison):
    _, rates, labelled, _, now = shop
    scores = score_customers(fit_champion(comparison, labelled), now)
    truth = 1 - np.exp(-28 * rates[scores["customer_id"]].to_numpy())
    assert comparison.champion != "base_rate"
    assert np.corrcoef(scores["p_purchase"], truth)[0, 1] > 0.9
    # 500 customers: the rate itself is known to about 0.02
    assert scores["p_purchase"].mean() == pytest.approx(truth.mean(), abs=0.04)


def test_a_comparison_says_what_it_found(comparison):
    names = comparison.candidates["candidate"].tolist()
    assert [name for name in names if not name.endswith("_searched")] == list(CANDIDATES)
    figures = comparison.figures.dropna(subset="estimate")
    assert (figures["lower"] <= figures["estimate"]).mean() > 0.95
    lead = comparison.lead("log_loss", comparison.baseline)
    assert (lead.estimate, lead.lower, lead.upper) == (0, 0, 0)
    recorded = name_figures(comparison)
    assert recorded["auc_lower"] <= recorded["auc"] <= recorded["auc_upper"]
    assert recorded["auc"] == pytest.approx(
        auc(comparison.y, comparison.p[comparison.champion]), abs=1e-12
    )
    assert "test" in describe_choice(comparison) or "seen" in describe_choice(comparison)
    assert "train snapshot" in describe_search(comparison)
    assert "of 100 such pairs" in describe_order(comparison)
    assert len(list_candidates(comparison)) == len(names)


def test_a_model_that_the_test_does_not_confirm_gives_way(shop, comparison, monkeypatch):
    monkeypatch.setattr(
        "src.models.purchase_comparison.choose_contender", lambda losses, settings: "neural_network"
    )
    # the outcomes of the test weeks are drawn anew, so that nothing foresees them
    rng = np.random.default_rng(1)
    drawn = rng.random(len(shop[2]["test"])) < 0.5
    labelled = {**shop[2], "test": shop[2]["test"].assign(**{HAS_ORDERED: drawn})}
    unlucky = compare_candidates(labelled, shop[3], replace(SETTINGS, search_seconds=0))
    assert unlucky.contender == "neural_network"
    assert unlucky.champion == unlucky.baseline
    assert "not surely above zero" in describe_choice(unlucky)
    assert "the given ones are used" in describe_search(unlucky)


def test_more_customers_than_allowed_are_drawn_and_the_champion_learns_from_all(shop):
    some = compare_candidates(
        shop[2], shop[3], replace(SETTINGS, max_customers=250, search_seconds=0)
    )
    # half of about 500 are drawn, and 30 % of these are reported on
    assert 50 <= len(some.y) <= 100
    model = fit_champion(some, shop[2])
    assert model.predict(shop[4]).shape == (len(shop[4]),)


def test_figures_can_be_drawn(shop, comparison):
    assert plot_candidates(comparison).get_title(loc="left")
    assert plot_deciles(comparison).get_title(loc="left")
    model = fit_champion(comparison, shop[2])
    axes = plot_contributions(model.candidate, shop[4], n_shown=4)
    assert len(axes.get_yticklabels()) <= 4
    none = BaseRate().fit(shop[4], np.ones(len(shop[4])))
    assert "all customers get one rate" in plot_contributions(none, shop[4]).get_title(loc="left")


@pytest.mark.slow
def test_nothing_after_the_as_of_date_changes_a_score(build, shop, comparison):
    frame, _, labelled, _, now = shop
    future = frame["ordered_at"] >= pd.Timestamp("2017-10-01")
    assert future.any()
    later = frame[~future].assign(
        order_id=lambda orders: "p" + orders["order_id"],
        ordered_at=lambda orders: orders["ordered_at"] + pd.Timedelta(days=300),
        line_value_minor=10**9,
        customer_id="c0001",
    )
    # the real future is deleted, a false one is added, and the rows are shuffled
    poisoned = pd.concat([frame[~future], later]).sample(frac=1, random_state=1)
    labelled_again, history_days, now_again = label(build, poisoned)
    again = compare_candidates(labelled_again, history_days, SETTINGS)
    pd.testing.assert_frame_equal(again.candidates, comparison.candidates, check_exact=True)
    pd.testing.assert_frame_equal(again.figures, comparison.figures, check_exact=True)
    pd.testing.assert_frame_equal(
        score_customers(fit_champion(again, labelled_again), now_again),
        score_customers(fit_champion(comparison, labelled), now),
        check_exact=True,
    )


def few(labelled, history_days):
    return {role: frame.head(50) for role, frame in labelled.items()}, history_days


def short(labelled, history_days):
    return labelled, 40


def unknown(labelled, history_days):
    return {**labelled, "train": labelled["train"].head(0)}, 0


def one_class(labelled, history_days):
    return {role: frame.assign(**{HAS_ORDERED: True}) for role, frame in labelled.items()}, 175


def all_equal(labelled, history_days):
    same = {}
    for role, frame in labelled.items():
        first = frame.iloc[[0] * len(frame)].drop(columns=["customer_id", HAS_ORDERED])
        kept = frame[["customer_id", HAS_ORDERED]]
        same[role] = pd.concat([kept, first.set_axis(frame.index)], axis=1)
    return same, 175


def one_customer(labelled, history_days):
    return {role: frame.head(1) for role, frame in labelled.items()}, 175


@pytest.mark.parametrize(
    ("cut", "match"),
    [
        (few, "50 customers, and 100"),
        (short, "40 days of history"),
        (unknown, "0 days of history"),
        (one_class, "only 0 customers ordered, or only 0 did not"),
        (all_equal, "no column that may be looked at differs"),
        (one_customer, "1 customers, and 100"),
    ],
    ids=lambda cut: getattr(cut, "__name__", None),
)
def test_too_little_data_gives_the_pooled_rate_and_says_so(shop, cut, match):
    labelled, history_days = cut(shop[2], shop[3])
    comparison = compare_candidates(labelled, history_days, SETTINGS)
    scores = score_customers(fit_champion(comparison, labelled), shop[4])
    n = sum(len(frame) for frame in labelled.values())
    n_yes = sum(frame[HAS_ORDERED].sum() for frame in labelled.values())
    assert scores["p_purchase"].to_numpy() == pytest.approx((n_yes + 1) / (n + 2))
    assert scores["model"].unique().tolist() == ["base_rate"]
    assert scores["reason"].unique().tolist() == ["the same rate for everybody"]
    assert not comparison.is_compared
    assert match in describe_choice(comparison)
    assert np.isnan(name_figures(comparison)["auc"])


def test_without_any_snapshot_the_rate_is_unknown(shop):
    nobody = {role: frame.head(0) for role, frame in shop[2].items()}
    comparison = compare_candidates(nobody, 0, SETTINGS)
    scores = score_customers(fit_champion(comparison, nobody), shop[4])
    assert scores["p_purchase"].unique().tolist() == [0.5]
    assert "an unknown share" in describe_choice(comparison)


def test_scores_keep_their_contract(shop, comparison):
    scores = score_customers(fit_champion(comparison, shop[2]), shop[4].iloc[::-1])
    assert list(scores.columns) == TABLES["purchase_scores"].column_names
    assert scores["customer_id"].tolist() == shop[4]["customer_id"].tolist()
    assert (scores["p_purchase"] + scores["p_churn"]).to_numpy() == pytest.approx(1.0, abs=1e-12)
    assert score_customers(fit_champion(comparison, shop[2]), shop[4].head(0)).empty


@pytest.mark.parametrize("fit_share", [0.0, 1.0])
def test_some_must_be_fitted_on_and_some_reported_on(fit_share):
    with pytest.raises(ParameterError, match="fit_share between 0 and 1"):
        PurchaseSettings(fit_share=fit_share)


@pytest.mark.parametrize(
    "case", ["as_they_are", "a_column_is_missing_for_all", "few_do_not_order", "scored_alone"]
)
def test_200_customers_end_with_scores_and_a_reason(case, snapshots_drawn):
    labelled = snapshots_drawn(200)
    if case == "a_column_is_missing_for_all":
        labelled = {
            role: frame.assign(items_per_order=np.nan, monetary_value=None)
            for role, frame in labelled.items()
        }
    if case == "few_do_not_order":
        late = np.arange(200) < 21
        labelled = {role: frame.assign(**{HAS_ORDERED: ~late}) for role, frame in labelled.items()}
    comparison = compare_candidates(labelled, 175, SETTINGS)
    assert comparison.is_compared
    now = labelled["test"].head(1) if case == "scored_alone" else labelled["test"]
    scores = score_customers(fit_champion(comparison, labelled), now)
    assert scores["p_purchase"].between(0, 1).all()
    assert scores["reason"].str.len().gt(0).all()
    assert "is used" in describe_choice(comparison) or "model used" in describe_choice(comparison)


def test_settings_that_cannot_be_meant_are_refused():
    with pytest.raises(ParameterError, match="search_seconds of at least 0"):
        PurchaseSettings(search_seconds=-1)
    with pytest.raises(ParameterError, match="n_trials of at least 1"):
        PurchaseSettings(n_trials=0)
