import gzip

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.data.tables import TABLES
from src.engine import connect
from src.models.btyd import BgNbd
from src.models.gamma_gamma import GammaGamma
from src.models.order_models import discount_orders
from src.models.value import (
    ValueModel,
    build_btyd,
    build_order_days,
    expect_orders,
    expect_values,
    fit_value,
    predict_value,
)
from src.models.value_holdout import check_holdout, check_holdouts
from src.models.value_plots import (
    plot_alive,
    plot_holdout_weeks,
    plot_holdouts,
    plot_value_concentration,
)
from src.models.value_report import (
    describe_bias,
    describe_holdout,
    describe_value_model,
    record_holdout,
    record_model,
    summarise_estimates,
)
from src.models.value_uncertainty import total_value_interval
from src.models.value_words import describe_spend, describe_total
from tests.models.cdnow import read_sample, read_summary

POOLED = ValueModel(None, None, pooled_rate=0.5, pooled_value=10.0)


def table_of(rows):
    """Make an engine's table of order lines: customer, time, cents."""
    lines = pd.DataFrame(rows, columns=["customer_id", "ordered_at", "line_value_minor"])
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"], format="ISO8601")
    lines = lines.astype({"customer_id": "str", "line_value_minor": "int64"})
    table = connect().create_table("orders", lines)
    return table.cast({"ordered_at": "timestamp('UTC')"})


def draw_orders(n_customers, seed, n_days=200):
    """Draw order days at a constant rate of each customer, from 2017-01-01 on."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 0.1, n_customers) + 0.01
    who, when = np.nonzero(rng.random((n_customers, n_days)) < rate[:, None])
    cents = rng.integers(500, 6000, len(who))
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:04d}" for i in who],
            "ordered_at": pd.Timestamp("2017-01-01 10:00") + pd.to_timedelta(when, unit="D"),
            "line_value_minor": cents,
        }
    )


@pytest.fixture(scope="module")
def drawn():
    """Order days of 300 customers up to 2017-07-19."""
    orders = draw_orders(300, seed=1)
    return build_order_days(table_of(orders), "2017-07-19").cache()


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


ROWS = [
    ("a", "2017-01-01 09:00", 1000),
    ("a", "2017-01-01 23:59:59", 500),  # the same day: merged
    ("a", "2017-01-15 00:00", 700),
    ("a", "2017-01-22 12:00", 800),
    ("b", "2017-01-08 12:00", 300),
    ("b", "2017-01-30 12:00", 900),  # after the as-of date
]


def test_order_lines_of_a_day_are_merged():
    days = build_order_days(table_of(ROWS), "2017-01-29").to_pandas()
    values = days.set_index(["customer_id", "order_date"])["day_value_minor"].sort_index()
    assert values.to_list() == [1500, 700, 800, 300]


def test_summary_by_hand():
    # a: days 1, 15, 22 of January; x=2, t_x=21/7, T=28/7, mean (15+7+8)/3
    # 28 days from the first order to the 29th: the later half begins on the 16th
    days = build_order_days(table_of(ROWS), "2017-01-29")
    btyd = build_btyd(days, "2017-01-29").to_pandas()
    assert btyd["customer_id"].to_list() == ["a", "b"]
    assert btyd.iloc[0, 1:].to_list() == [3, 2, 3.0, 4.0, 10.0, 1, 8.0]
    assert btyd.iloc[1, 1:].to_list() == [1, 0, 0.0, 3.0, 3.0, 0, 0.0]


def test_orders_after_the_as_of_date_change_no_byte():
    poison = [*ROWS, ("a", "2017-02-03 12:00", 99), ("z", "2017-01-30 00:00", 5)]
    clean, poisoned = (
        build_btyd(build_order_days(table_of(rows), "2017-01-29"), "2017-01-29").to_pandas()
        for rows in (ROWS[:-1], poison)
    )
    pd.testing.assert_frame_equal(clean, poisoned, check_exact=True)


def test_the_summary_at_an_earlier_date_sees_only_what_was_known():
    days = build_order_days(table_of(ROWS), "2017-01-31")
    early = build_btyd(days, "2017-01-16").to_pandas().set_index("customer_id")
    assert early.loc["a", "btyd_frequency"] == 1
    assert early.loc["a", "T"] == 15 / 7


def test_cdnow_histories_come_out_of_the_raw_purchases(shared_data):
    """The sample's 2,357 (x, t_x, T), customer by customer, from the raw file of all 23,570."""
    with gzip.open(shared_data / "cdnow" / "CDNOW_master.txt.gz", "rt") as file:
        raw = pd.read_csv(file, sep=r"\s+", dtype=str)
    rows = pd.DataFrame(
        {
            "customer_id": raw["customer_id"],
            "ordered_at": pd.to_datetime(raw["date"]),
            "line_value_minor": (raw["dollar_value"].astype(float) * 100).round().astype(int),
        }
    )
    days = build_order_days(table_of(rows), "1997-09-30")
    btyd = build_btyd(days, "1997-09-30").to_pandas()
    assert len(btyd) == 23_570
    sample = read_sample(shared_data)
    found = btyd.set_index(btyd["customer_id"].astype(int)).loc[sample.index]
    assert (found["btyd_frequency"] == sample["x"]).sum() == 2357
    assert found["btyd_recency"].to_numpy() == pytest.approx(sample["t_x"].to_numpy())
    assert found["T"].to_numpy() == pytest.approx(sample["T"].to_numpy())


def test_pooled_clv_by_hand():
    # half an order day a week at 10 and 20 % margin: 1 a week; 14 days, 10 % a year:
    # 1.1^-(3.5/365) + 1.1^-(10.5/365)
    btyd = pd.DataFrame({"customer_id": ["a"], "n_days": [1], "mean_day_value": [3.0]})
    scores = predict_value(POOLED, btyd, 14, discount_rate=0.1, margin_share=0.2)
    assert scores.loc[0, "expected_orders"] == pytest.approx(1.0)
    assert scores.loc[0, "expected_order_value"] == 10.0
    assert scores.loc[0, "clv"] == pytest.approx(1.1 ** (-3.5 / 365) + 1.1 ** (-10.5 / 365))
    assert scores.loc[0, "p_alive"] == 1.0


def test_without_discounting_clv_is_margin_times_value_times_orders(drawn):
    btyd = build_btyd(drawn, "2017-07-19").to_pandas()
    model, _ = fit_value(btyd)
    scores = predict_value(model, btyd, 180, discount_rate=0.0, margin_share=0.3)
    product = 0.3 * scores["expected_orders"] * scores["expected_order_value"]
    assert scores["clv"].to_numpy() == pytest.approx(product.to_numpy())
    assert list(scores.columns) == TABLES["value_scores"].column_names


def test_clv_falls_with_the_discount_rate_and_rises_with_the_horizon(drawn):
    btyd = build_btyd(drawn, "2017-07-19").to_pandas()
    model, _ = fit_value(btyd)
    base = predict_value(model, btyd, 180, 0.10, 0.25)["clv"]
    assert (predict_value(model, btyd, 180, 0.50, 0.25)["clv"] < base).all()
    assert (predict_value(model, btyd, 365, 0.10, 0.25)["clv"] > base).all()


def test_scores_do_not_depend_on_the_order_of_customers(drawn):
    btyd = build_btyd(drawn, "2017-07-19").to_pandas()
    mixed = btyd.sample(frac=1, random_state=0)
    first, second = (
        predict_value(fit_value(frame)[0], frame, 180, 0.1, 0.25).set_index("customer_id")
        for frame in (btyd, mixed)
    )
    pd.testing.assert_frame_equal(first, second.loc[first.index], check_exact=True)


@pytest.mark.parametrize("n_customers", [0, 1, 49])
def test_too_few_customers_get_pooled_rates(drawn, n_customers):
    btyd = build_btyd(drawn, "2017-07-19").to_pandas().head(n_customers)
    model, facts = fit_value(btyd)
    assert model.orders is None
    assert model.values is None
    assert "Pooled rates only" in describe_value_model(model, facts)
    assert summarise_estimates(facts).empty
    assert record_model(model, facts)["r"] is None
    scores = predict_value(model, btyd, 180, 0.1, 0.25)
    assert len(scores) == n_customers
    assert scores["clv"].notna().all()


def test_without_repeat_buyers_rates_are_pooled_whatever_the_number():
    rows = [(f"c{i}", "2017-01-01 12:00", 100) for i in range(200)]
    btyd = build_btyd(build_order_days(table_of(rows), "2017-01-29"), "2017-01-29").to_pandas()
    model, _ = fit_value(btyd)
    assert model.orders is None
    # nobody came back in 200 times 4 weeks: half an order in those and half a year more
    assert model.pooled_rate == pytest.approx(0.5 / (800 + 26))


def test_orders_without_value_still_have_a_rate():
    orders = draw_orders(100, seed=2).assign(line_value_minor=0)
    btyd = build_btyd(build_order_days(table_of(orders), "2017-07-19"), "2017-07-19").to_pandas()
    model, facts = fit_value(btyd)
    assert model.orders is not None
    assert model.values is None
    assert "common 0.00" in describe_value_model(model, facts)
    assert "No value model" in describe_spend(facts["spend_checks"], facts["value_name"])
    assert predict_value(model, btyd, 180, 0.1, 0.25)["clv"].sum() == 0


def test_holdout_by_hand():
    # cut 2017-01-15: a has ordered on days 1 and 15, b on day 8; pooled, for there are only two
    days = build_order_days(table_of(ROWS), "2017-01-29")
    holdout = check_holdout(days, "2017-01-29", holdout_days=14)
    customers = holdout.customers.set_index("customer_id")
    assert holdout.cut_date == "2017-01-15"
    assert customers["actual_orders"].to_dict() == {"a": 1.0, "b": 0.0}
    assert customers.loc["a", "actual_value"] == 8.0
    # past rates: a 2 days in 15, b 1 in 8; pooled: one repeat (and a half) in 2 + 1 weeks (and 26)
    assert customers.loc["a", "baseline_orders"] == pytest.approx(2 / 15 * 14)
    assert customers.loc["b", "predicted_orders"] == pytest.approx(1.5 / 29 * 2)
    assert holdout.weeks["actual"].to_list() == [1.0, 1.0]
    assert holdout.ratio.estimate == pytest.approx(1 / (2 * 1.5 / 29 * 2))


def test_the_holdout_model_sees_nothing_after_the_cut(drawn):
    days = drawn.to_pandas()
    later = days["order_date"].astype(str) > "2017-05-24"
    louder = days.assign(day_value_minor=np.where(later, 10**6, days["day_value_minor"]))
    first = check_holdout(drawn, "2017-07-19", 56)
    table = connect().create_table("days", louder).cast({"order_date": "date"})
    second = check_holdout(table, "2017-07-19", 56)
    for column in ("predicted_orders", "baseline_orders", "predicted_value"):
        assert (first.customers[column] == second.customers[column]).all()
    assert first.customers["actual_value"].sum() < second.customers["actual_value"].sum()


def test_constant_rates_are_predicted_without_clear_bias(drawn):
    holdout = check_holdout(drawn, "2017-07-19", 56, seed=1)
    assert holdout.ratio.lower < 1 < holdout.ratio.upper
    assert holdout.mae_gain.estimate > 0
    assert "no clear bias" in describe_holdout(holdout)
    weeks = holdout.weeks
    assert weeks["actual"].iloc[-1] == holdout.customers["actual_orders"].sum()
    assert weeks["predicted"].iloc[-1] == pytest.approx(holdout.customers["predicted_orders"].sum())


def test_earlier_holdouts_are_tried_while_the_history_reaches(drawn):
    cuts = [holdout.cut_date for holdout in check_holdouts(drawn, "2017-07-19", 56, 5)]
    assert cuts == ["2017-05-24", "2017-03-29"]  # 2017-02-01 has 31 days before it, not 56


def test_a_history_that_begins_after_the_cut_has_no_holdout():
    days = build_order_days(table_of(ROWS), "2017-01-29")
    holdouts = check_holdouts(days, "2017-01-29", 56)
    assert len(holdouts) == 1
    assert holdouts[0].ratio is None
    assert "No hold-out" in describe_holdout(holdouts[0])
    assert "too short" in describe_bias(holdouts)
    assert record_holdout(holdouts[0])["holdout_mae"] is None
    assert plot_holdout_weeks(holdouts[0]).get_title(loc="left")
    assert plot_holdouts(holdouts).get_title(loc="left")


def test_figures_show_their_message(drawn):
    btyd = build_btyd(drawn, "2017-07-19").to_pandas()
    model, _ = fit_value(btyd)
    scores = predict_value(model, btyd, 180, 0.1, 0.25)
    holdouts = check_holdouts(drawn, "2017-07-19", 56, 2)
    figures = (
        plot_holdout_weeks(holdouts[0]),
        plot_holdouts(holdouts),
        plot_alive(btyd, scores),
        plot_value_concentration(scores),
    )
    for axes in figures:
        assert axes.get_title(loc="left")
        assert axes.get_xlabel()
        assert axes.has_data()


def test_equal_values_concentrate_nothing():
    scores = pd.DataFrame({"clv": np.ones(10)})
    assert "hold 20%" in plot_value_concentration(scores).get_title(loc="left")


def test_expected_orders_use_the_model_where_there_is_one():
    model = ValueModel(BgNbd(0.243, 4.414, 0.793, 2.426), GammaGamma(6.25, 3.74, 15.44), 1.0, 1.0)
    btyd = pd.DataFrame({"btyd_frequency": [2], "btyd_recency": [30.43], "T": [38.86]})
    assert expect_orders(model, btyd, 39.0)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.fixture(scope="module")
def cdnow(shared_data):
    """The published sample as `btyd`, mean values those of repeat purchases."""
    summary = read_summary(shared_data)
    return pd.DataFrame(
        {
            "customer_id": summary["ID"].astype(str),
            "n_days": summary["x"] + 1,
            "btyd_frequency": summary["x"],
            "btyd_recency": summary["t_x"],
            "T": summary["T"],
            "mean_day_value": summary["zbar"],
            "n_late_days": 0,
            "mean_late_value": 0.0,
        }
    )


def test_both_models_are_fitted_and_the_likelier_is_used(cdnow):
    model, facts = fit_value(cdnow)
    assert list(facts["order_fits"]) == ["bg_nbd", "pareto_nbd"]
    assert facts["order_name"] == "bg_nbd"  # -9582.4 against -9595.0
    assert model.orders.r == pytest.approx(0.243, abs=5e-4)
    assert "BG/NBD is used" in describe_value_model(model, facts)
    table = summarise_estimates(facts)
    assert table.groupby("model")["is_used"].first().to_dict() == {
        "BG/NBD": True,
        "Gamma-Gamma": True,
        "Pareto/NBD": False,
    }


def test_a_preferred_model_is_used_and_the_other_not_fitted(cdnow):
    model, facts = fit_value(cdnow, order_model="pareto_nbd")
    assert list(facts["order_fits"]) == ["pareto_nbd"]
    assert model.orders.s == pytest.approx(0.606, abs=5e-4)
    assert "Pareto/NBD is used" in describe_value_model(model, facts)
    assert record_model(model, facts)["bg_nbd_at_bound"] is None


def test_where_nobody_leaves_the_bound_is_named_and_said():
    rng = np.random.default_rng(3)
    frequency = rng.poisson(rng.gamma(2.0, 10.0, 300)) + 1.0
    btyd = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(300)],
            "n_days": frequency + 1,
            "btyd_frequency": frequency,
            "btyd_recency": 52.0,
            "T": 52.0,
            "mean_day_value": rng.gamma(5, 4, 300),
            "n_late_days": 1.0,
            "mean_late_value": 20.0,
        }
    )
    model, facts = fit_value(btyd)
    assert facts["order_fits"]["pareto_nbd"][1]["at_bound"] == ("s", "beta")
    assert not facts["order_fits"]["bg_nbd"][1]["is_converged"]
    text = describe_value_model(model, facts)
    assert "Pareto/NBD (s and beta ran to the bound of the search)" in text
    # the likelihood of BG/NBD rises towards infinite a and b ever more slowly: where the search
    # stops, at the bound or on the flat way to it, differs from one processor to another
    ran_out = facts["order_fits"]["bg_nbd"][1]["at_bound"]
    assert set(ran_out) <= {"a", "b"}
    telling = f"{' and '.join(ran_out)} ran to the bound of the search"
    assert f"BG/NBD ({telling if ran_out else 'the likelihood is flat at its top'})" in text
    assert "take `p_alive` with care" in text
    scores = predict_value(model, btyd, 180, 0.1, 0.25)
    assert scores["p_alive"].min() > 0.99
    rate = (model.orders.r + frequency) / (model.orders.alpha + 52.0)
    assert scores["expected_orders"].to_numpy() == pytest.approx(rate * 180 / 7, rel=1e-3)


def test_discounted_orders_are_those_of_the_weeks(cdnow):
    # 14 days: E[Y(1)] and E[Y(2)] - E[Y(1)], discounted by half a week and by one and a half
    model, _ = fit_value(cdnow)
    orders, discounted = discount_orders(model.orders, cdnow, 14, 0.1)
    first, both = (expect_orders(model, cdnow, weeks) for weeks in (1.0, 2.0))
    by_hand = first * 1.1 ** (-3.5 / 365) + (both - first) * 1.1 ** (-10.5 / 365)
    assert orders == pytest.approx(both)
    assert discounted == pytest.approx(by_hand)


def test_a_window_set_by_another_method_is_carried_on(cdnow):
    model, _ = fit_value(cdnow)
    values = expect_values(model, cdnow)
    window = 2 * expect_orders(model, cdnow, 8.0) * values  # twice what the model expects
    plain, doubled = (
        predict_value(model, cdnow, 180, 0.1, 0.25, given) for given in (None, (window, 56))
    )
    assert doubled["clv"].to_numpy() == pytest.approx(2 * plain["clv"].to_numpy())
    assert doubled["expected_orders"].to_numpy() == pytest.approx(
        2 * plain["expected_orders"].to_numpy()
    )
    assert (doubled["p_alive"] == plain["p_alive"]).all()


def test_a_window_with_pooled_rates_is_carried_on_in_proportion():
    # spend 30 in 28 days at 10 a day is 3 order days; 56 days without discounting: 6, margin 15
    btyd = pd.DataFrame({"customer_id": ["a"], "n_days": [1], "mean_day_value": [3.0]})
    scores = predict_value(POOLED, btyd, 56, 0.0, 0.25, (np.array([30.0]), 28))
    assert scores.loc[0, "expected_orders"] == pytest.approx(6)
    assert scores.loc[0, "clv"] == pytest.approx(0.25 * 60)


def test_drifting_spend_takes_recent_means(drawn):
    btyd = build_btyd(drawn, "2017-07-19").to_pandas()
    early = btyd["mean_day_value"] * btyd["n_days"] - btyd["mean_late_value"] * btyd["n_late_days"]
    doubled = btyd["mean_late_value"] * 2
    drifted = btyd.assign(
        mean_late_value=doubled,
        mean_day_value=(early + doubled * btyd["n_late_days"]) / btyd["n_days"],
    )
    model, facts = fit_value(drifted)
    assert facts["value_name"] == "class_means"
    assert "spend drifts" in describe_spend(facts["spend_checks"], facts["value_name"])
    total = (drifted["mean_late_value"] * drifted["n_late_days"]).sum()
    late_mean = total / drifted["n_late_days"].sum()
    assert expect_values(model, drifted).mean() == pytest.approx(late_mean, rel=0.05)


class TestTotal:
    def test_covers_the_total_and_is_that_of_new_histories(self, cdnow):
        model, facts = fit_value(cdnow)
        interval = total_value_interval(model, facts, cdnow, 180, 0.1, 0.25)
        total = predict_value(model, cdnow, 180, 0.1, 0.25)["clv"].sum()
        assert interval.estimate == pytest.approx(total)
        assert interval.lower < total < interval.upper
        assert "from the uncertainty of the fitted parameters" in describe_total(total, interval)

    def test_by_hand_where_the_total_goes_with_one_parameter(self):
        # orders (r + x) / (alpha + T) t nearly goes with 1 / alpha if T is short beside alpha, and
        # with gamma; give both a standard error of .1 on the log scale: sqrt(.02)
        orders, values = BgNbd(1.0, 1e6, 1e-6, 1.0), GammaGamma(2.0, 4.0, 10.0)
        covariance = np.zeros((4, 4))
        covariance[1, 1] = 0.01
        spend = np.zeros((3, 3))
        spend[2, 2] = 0.01
        facts = {
            "order_model": {"log_covariance": covariance},
            "value_model": {"log_covariance": spend},
        }
        btyd = pd.DataFrame(
            {
                "customer_id": ["a"],
                "n_days": [0],
                "btyd_frequency": [0],
                "btyd_recency": [0.0],
                "T": [1.0],
                "mean_day_value": [0.0],
            }
        )
        model = ValueModel(orders, values, 1.0, 1.0)
        interval = total_value_interval(model, facts, btyd, 70, 0.0, 0.5)
        half = np.log(interval.upper / interval.estimate)
        assert half == pytest.approx(1.959964 * 0.02**0.5, rel=1e-2)

    def test_without_a_model_there_is_none(self, cdnow):
        model, facts = fit_value(cdnow.head(10))
        assert total_value_interval(model, facts, cdnow.head(10), 180, 0.1, 0.25) is None
        assert "no interval" in describe_total(1.0, None)
