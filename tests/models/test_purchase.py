from functools import partial

import ibis
import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from src.data.tables import TABLES
from src.engine import connect
from src.errors import ParameterError
from src.features import build_profiles
from src.metrics.classification import log_loss
from src.models.calibration import METHODS, cross_calibrate, fit_calibration
from src.models.design import fit_design, purchase_columns
from src.models.purchase import fit_purchase, read_model, score_customers, write_model
from src.models.purchase_candidates import BaseRate, BoostedTrees, LogisticModel, RfmRule
from src.models.purchase_comparison import (
    PurchaseSettings,
    choose_contender,
    compare_candidates,
    fit_champion,
)
from src.models.purchase_words import describe_choice, list_candidates, name_figures
from src.models.splits import HAS_ORDERED, build_snapshots, observed_days, plan_snapshots

AS_OF = "2017-09-30"
SETTINGS = PurchaseSettings(n_trees=20, n_resamples=100, seed=1)


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


def test_a_window_longer_than_the_history_is_no_feature():
    assert "n_orders_365" not in purchase_columns(364)
    assert "n_orders_365" in purchase_columns(365)
    for days in (0, 10_000):
        assert not {"frequency", "tenure_days"} & set(purchase_columns(days))


def test_design_drops_what_cannot_tell_customers_apart(shop):
    customers = shop[2]["train"].assign(
        age_band=["old"] * 30 + [None] * (len(shop[2]["train"]) - 30)
    )
    design = fit_design(customers, ("recency_days", "n_exposures_365"))
    assert design.names == ["recency_days", "age_band = old"]
    X = design.transform(customers)
    assert X[:, 1].sum() == 30
    assert X[:, 0] == pytest.approx(np.log1p(customers["recency_days"]))


def test_platt_recovers_a_known_distortion():
    rng = np.random.default_rng(1)
    truth = rng.uniform(0.05, 0.95, 20_000)
    raw = expit(2 * logit(truth) - 0.5)
    found = fit_calibration(rng.random(20_000) < truth, raw, "platt")
    # truth = line of slope 1/2 and intercept 1/4 in log-odds
    assert (found.slope, found.intercept) == pytest.approx((0.5, 0.25), abs=0.04)
    assert np.abs(found.predict(raw) - truth).max() < 0.02


def test_isotonic_by_hand_stays_off_0_and_1():
    raw, y = np.array([0.1, 0.2, 0.3, 0.4]), np.array([0, 1, 0, 1])
    # the middle two are pooled to 1/2; the ends are kept 1 / (4 + 2) off 0 and 1
    assert fit_calibration(y, raw, "isotonic").predict(raw) == pytest.approx(
        [1 / 6, 0.5, 0.5, 5 / 6]
    )


@pytest.mark.parametrize("method", METHODS)
def test_calibration_never_turns_the_order_round(method):
    rng = np.random.default_rng(2)
    raw = rng.random(200)
    rates = fit_calibration(rng.random(200) < 1 - raw, raw, method).predict(np.linspace(0, 1, 50))
    assert (np.diff(rates) >= 0).all()


def test_calibration_that_does_not_help_is_not_chosen():
    rng = np.random.default_rng(4)
    raw = rng.uniform(0.05, 0.95, 4000)
    y = (rng.random(4000) < raw).astype(float)
    calibration, crossed = cross_calibrate(y, raw, np.arange(4000) % 5)
    assert calibration.method in ("none", "platt")
    assert log_loss(y, crossed) <= log_loss(y, raw) + 1e-12


def test_contender_is_the_plainest_within_one_standard_error():
    plain = np.array([0.4, 0.6, 0.4, 0.6])
    # 0.01 better on average, standard error of the difference 0.1 / 2: not clear
    assert choose_contender({"plain": plain, "fine": plain - [0.11, -0.09, 0.11, -0.09]}) == "plain"
    # always 0.01 better: clear
    assert choose_contender({"plain": plain, "fine": plain - 0.01}) == "fine"


@pytest.mark.parametrize(
    "make",
    [
        BaseRate,
        RfmRule,
        lambda: LogisticModel(purchase_columns(175)),
        lambda: BoostedTrees(purchase_columns(175), n_trees=15, seed=3),
    ],
    ids=["base_rate", "rfm_rule", "logistic_regression", "lightgbm"],
)
def test_a_model_is_the_same_after_two_fits_and_after_reading(make, shop, tmp_path):
    labelled, now = shop[2], shop[4]
    model, crossed = fit_purchase(make, labelled["train"], labelled["validation"])
    again, crossed_again = fit_purchase(make, labelled["train"], labelled["validation"])
    p = model.predict(now)
    assert p.tolist() == again.predict(now).tolist()
    assert crossed.tolist() == crossed_again.tolist()
    assert ((p >= 0) & (p <= 1)).all()
    write_model(model, tmp_path)
    assert read_model(tmp_path).predict(now).tolist() == p.tolist()
    assert not list(tmp_path.glob("*.pkl"))


def test_a_model_left_by_another_champion_does_not_stay(shop, tmp_path):
    (tmp_path / "trees.txt").write_text("of an earlier run")
    write_model(fit_purchase(BaseRate, shop[2]["train"], shop[2]["test"])[0], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["model.json"]


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
    monkeypatch.setattr(
        "src.models.purchase_comparison.RfmRule.fit", lambda self, profiles, y: _constant(self)
    )
    compare_candidates(shop[2], shop[3], SETTINGS)
    tested = {customer for customer, date in reported if date == "2017-09-02"}
    assert tested
    assert fitted
    assert not tested & fitted
    for role, frame in shop[2].items():
        pd.testing.assert_frame_equal(frame, before[role])


def _constant(rule):
    rule.rate_, rule.rate_by_score_ = 0.5, np.full(9, 0.5)
    return rule


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
    table = comparison.candidates
    assert (table["lower"] <= table["log_loss"]).all()
    assert (table["log_loss"] <= table["upper"]).all()
    rule = table.set_index("candidate").loc["rfm_rule"]
    assert (rule["gain"], rule["gain_lower"], rule["gain_upper"]) == (0, 0, 0)
    figures = name_figures(comparison)
    assert figures["auc_lower"] <= figures["auc"] <= figures["auc_upper"]
    assert "test" in describe_choice(comparison) or "seen" in describe_choice(comparison)
    assert len(list_candidates(comparison)) == 4


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


@pytest.mark.parametrize(
    ("cut", "match"),
    [
        (few, "50 customers, and 100"),
        (short, "40 days of history"),
        (unknown, "0 days of history"),
        (one_class, "only 0 customers ordered, or only 0 did not"),
    ],
)
def test_too_little_data_gives_the_pooled_rate_and_says_so(shop, cut, match):
    labelled, history_days = cut(shop[2], shop[3])
    comparison = compare_candidates(labelled, history_days, SETTINGS)
    scores = score_customers(fit_champion(comparison, labelled), shop[4])
    n = sum(len(frame) for frame in labelled.values())
    n_yes = sum(frame[HAS_ORDERED].sum() for frame in labelled.values())
    assert scores["p_purchase"].to_numpy() == pytest.approx((n_yes + 1) / (n + 2))
    assert scores["model"].unique().tolist() == ["base_rate"]
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
