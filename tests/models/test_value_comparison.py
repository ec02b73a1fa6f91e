from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.engine import connect
from src.errors import LeakageError, ParameterError
from src.models.design import DEMOGRAPHICS, purchase_columns
from src.models.splits import plan_snapshots
from src.models.store import ModelParts, read_kept, write_kept
from src.models.value import build_order_days, fit_value, predict_value
from src.models.value_candidates import (
    BASELINES,
    CANDIDATES,
    ValueSettings,
    expect_spend,
    expect_window,
    fit_champion_trees,
    use_champion,
)
from src.models.value_card import build_value_card, build_value_parts, read_value_parts
from src.models.value_comparison import (
    choose_value_contender,
    compare_values,
    misplaced_share,
    spend_tenths,
)
from src.models.value_holdout import check_holdouts
from src.models.value_looks import build_looks, window_spend
from src.models.value_plots import plot_holdouts, plot_tenths
from src.models.value_report import (
    describe_bias,
    describe_holdout,
    describe_value_model,
    record_holdout,
    record_model,
    summarise_estimates,
)
from src.models.value_uncertainty import total_value_interval
from src.models.value_words import (
    describe_champion,
    describe_choice,
    describe_spend,
    describe_total,
    list_candidates,
    record_comparison,
    record_scores,
)

AS_OF = "2018-06-30"
SETTINGS = ValueSettings(n_trees=20, n_resamples=200)


def table_of(lines):
    lines = pd.DataFrame(lines, columns=["customer_id", "ordered_at", "line_value_minor"])
    lines["ordered_at"] = pd.to_datetime(lines["ordered_at"], format="ISO8601")
    lines = lines.astype({"customer_id": "str", "line_value_minor": "int64"})
    return connect().create_table("orders", lines).cast({"ordered_at": "timestamp('UTC')"})


def draw_lines(n_customers, n_days, seed, leaving=0.004, cents=None):
    """Customers at own rates and own mean values, who leave at a daily chance; up to AS_OF."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(1.0, 0.08, n_customers)
    mean = rng.gamma(4.0, 700.0, n_customers)
    joins = rng.integers(0, max(n_days // 2, 1), n_customers)
    leaves = joins + rng.geometric(leaving, n_customers)
    day = np.arange(n_days)
    is_open = (day >= joins[:, None]) & (day <= leaves[:, None])
    orders = is_open & (rng.random(is_open.shape) < rate[:, None])
    orders[np.arange(n_customers), joins] = True
    who, when = np.nonzero(orders)
    spent = rng.gamma(3.0, mean[who] / 3.0) if cents is None else np.full(len(who), cents)
    start = pd.Timestamp(AS_OF) - pd.Timedelta(days=n_days - 1) + pd.Timedelta(hours=10)
    return pd.DataFrame(
        {
            "customer_id": [f"c{i:05d}" for i in who],
            "ordered_at": start + pd.to_timedelta(when, unit="D"),
            "line_value_minor": np.maximum(spent, 1).astype(int),
        }
    )


def profile_of(order_days, as_of_date):
    """As much of `profiles` as the trees need."""
    days = order_days.to_pandas()
    days = days[days["order_date"].astype(str) <= as_of_date]
    last = pd.to_datetime(days["order_date"])
    grouped = days.assign(last=last).groupby("customer_id")
    profiles = pd.DataFrame(
        {
            "recency_days": (pd.Timestamp(as_of_date) - grouped["last"].max()).dt.days,
            "monetary_value": grouped["day_value_minor"].mean() / 100,
            "n_orders_90": grouped.size(),
        }
    ).reset_index()
    for name in (*purchase_columns(400), *DEMOGRAPHICS):
        if name not in profiles:
            profiles[name] = None if name in DEMOGRAPHICS else np.nan
    return profiles


class Frame:
    """What stands for a lazy table."""

    def __init__(self, frame):
        self.frame = frame

    def to_pandas(self):
        return self.frame


def looks_of(lines, window_days=56, with_profiles=True):
    order_days = build_order_days(table_of(lines), AS_OF).cache()
    snapshots = plan_snapshots(AS_OF, window_days, 7)
    build = (lambda date: Frame(profile_of(order_days, date))) if with_profiles else None
    now = profile_of(order_days, AS_OF) if with_profiles else None
    return order_days, build_looks(order_days, snapshots, AS_OF, build, now)


@pytest.fixture(scope="module")
def shop():
    return looks_of(draw_lines(1500, 400, seed=1))


@pytest.fixture(scope="module")
def comparison(shop):
    return compare_values(shop[1], 200, SETTINGS)


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class TestLooks:
    LINES = (
        ("a", "2018-04-01 09:00", 1000),
        ("a", "2018-05-05 09:00", 200),  # last day of the window before the test look
        ("a", "2018-05-06 09:00", 300),  # first day of its window after
        ("b", "2018-05-05 23:59:59", 700),
        ("b", "2018-06-30 23:59:59", 50),
        ("c", "2018-06-01 12:00", 900),  # not known at the test look
    )

    def test_spend_before_and_after_by_hand(self):
        # windows of 56 days: the test look is of 2018-05-05, the window before from 2018-03-11
        _, looks = looks_of(self.LINES, with_profiles=False)
        test = looks["test"]
        assert test.as_of_date == "2018-05-05"
        assert test.btyd["customer_id"].tolist() == ["a", "b"]
        assert test.past_value.tolist() == [12.0, 7.0]
        assert test.spend_value.tolist() == [3.0, 0.5]
        assert len(looks["now"]) == 3
        assert looks["now"].spend_value.size == 0

    def test_window_spend_leaves_the_first_day_out_and_takes_the_last(self):
        days = build_order_days(table_of(self.LINES), AS_OF)
        ids = pd.Series(["b", "a", "nobody"])
        found = window_spend(days, ids, "2018-05-05", "2018-05-06")
        assert found.tolist() == [0.0, 3.0, 0.0]

    def test_a_window_past_the_as_of_date_is_refused(self):
        days = build_order_days(table_of(self.LINES), AS_OF)
        late = [replace(plan_snapshots(AS_OF, 56, 7)[2], label_until="2018-07-01")]
        with pytest.raises(LeakageError, match="until 2018-07-01"):
            build_looks(days, late, AS_OF)


def test_nothing_after_the_look_changes_a_prediction():
    lines = draw_lines(400, 400, seed=2)
    _, looks = looks_of(lines)
    cut = looks["test"].as_of_date
    louder = lines.assign(
        line_value_minor=np.where(
            lines["ordered_at"] > pd.Timestamp(cut) + pd.Timedelta(days=1),
            10**6,
            lines["line_value_minor"],
        )
    )
    _, poisoned = looks_of(louder)
    found, expected = (
        expect_spend(each["test"], each["validation"], 200, SETTINGS)[0]
        for each in (poisoned, looks)
    )
    assert set(found) >= {"pooled_rate", "last_period", "spend_trees"}
    for name in found:
        assert (found[name] == expected[name]).all(), name
    assert poisoned["test"].spend_value.sum() > looks["test"].spend_value.sum()


def test_misplaced_money_by_hand():
    # 20 customers, tenths of 2: expected 1..20 in order; actual the same but for the last tenth,
    # which spends 19 + 20 - 10: 10 of 200 misplaced
    expected = np.arange(1.0, 21.0)
    spend = expected.copy()
    spend[-1] -= 10
    tenths = spend_tenths(spend, expected)
    assert tenths["n"].tolist() == [2] * 10
    assert tenths["expected"].tolist() == [1.5 + 2 * k for k in range(10)]
    assert misplaced_share(spend, expected) == pytest.approx(10 / 200)
    assert misplaced_share(expected, expected) == 0


def test_two_errors_in_one_tenth_cancel_and_in_two_do_not():
    expected = np.arange(1.0, 21.0)
    swapped_within, swapped_between = expected.copy(), expected.copy()
    swapped_within[[0, 1]] = swapped_within[[1, 0]]
    swapped_between[[0, 19]] = swapped_between[[19, 0]]
    assert misplaced_share(swapped_within, expected) == 0
    assert misplaced_share(swapped_between, expected) == pytest.approx(38 / 210)


def test_the_plainest_of_equals_is_chosen_and_the_uncalibrated_left_out():
    rng = np.random.default_rng(0)
    noise = rng.gamma(1, 1, 1000)
    losses = {"plain": noise + 0.001, "fine": noise, "sharp": noise * 0.2}
    fair = dict.fromkeys(losses, 0.1)
    assert choose_value_contender(losses, fair, 0.25) == "sharp"
    assert choose_value_contender(losses, fair | {"sharp": 0.3}, 0.25) == "fine"
    # no candidate is calibrated: error alone
    assert choose_value_contender(losses, dict.fromkeys(losses, 0.9), 0.25) == "sharp"


def test_a_model_beats_the_baseline_where_customers_leave(comparison):
    assert comparison.is_compared
    assert comparison.champion not in BASELINES
    assert comparison.gain.lower > 0
    figures = comparison.candidates.set_index("candidate")
    assert set(figures.index) == set(CANDIDATES)
    assert figures.loc[comparison.champion, "misplaced"] < 0.25
    losses = {
        name: np.square(comparison.spend - expected).mean()
        for name, expected in comparison.expected.items()
    }
    assert figures.loc["bg_nbd", "rmse"] == pytest.approx(losses["bg_nbd"] ** 0.5)
    assert comparison.gain.estimate == pytest.approx(
        1 - losses[comparison.contender] / losses[comparison.baseline]
    )
    text = describe_choice(comparison, SETTINGS)
    assert "calibrated" in text
    assert f"{comparison.gain.estimate:.1%}" in text
    assert record_comparison(comparison)["champion"] == comparison.champion
    assert "was not where it was expected" in plot_tenths(comparison).get_title(loc="left")


def test_a_gain_that_may_be_luck_leaves_the_baseline(shop):
    # spends are dealt out anew among the customers, at the level of the common rate: nothing is
    # left to foresee
    rng = np.random.default_rng(3)
    dealt = {}
    for role in ("train", "validation", "test"):
        look = shop[1][role]
        model, _ = fit_value(look.btyd)
        level = model.pooled_rate * model.pooled_value * 8 / look.spend_value.mean()
        dealt[role] = replace(look, spend_value=rng.permutation(look.spend_value) * level)
    comparison = compare_values(dealt, 200, SETTINGS)
    assert comparison.baseline == comparison.champion == "pooled_rate"
    figures = comparison.candidates.set_index("candidate")
    assert figures.loc["bg_nbd", "gain_upper"] < 0
    assert "the baseline is used" in describe_choice(comparison, SETTINGS)


def test_a_contender_that_is_not_surely_better_on_the_test_is_not_used(shop):
    # on the test all carry on as before, up to a seventh
    test = shop[1]["test"]
    noise = np.random.default_rng(4).gamma(50, 1 / 50, len(test))
    looks = shop[1] | {"test": replace(test, spend_value=test.past_value * noise)}
    comparison = compare_values(looks, 200, SETTINGS)
    assert comparison.contender not in BASELINES
    assert comparison.gain.lower <= 0
    assert comparison.champion == comparison.baseline
    assert "not surely above zero" in describe_choice(comparison, SETTINGS)


@pytest.mark.parametrize("champion", ["last_period", "spend_trees", "pooled_rate"])
def test_every_champion_gives_scores(shop, champion):
    looks = shop[1]
    now = looks["now"]
    model, facts = use_champion(champion, *fit_value(now.btyd))
    trees = fit_champion_trees(champion, looks, 200, SETTINGS)
    window = expect_window(champion, looks, trees)
    scores = predict_value(model, now.btyd, 180, 0.1, 0.25, window)
    assert scores.notna().all(axis=None)
    assert (scores["expected_orders"] <= 180).all()
    # without discounting the window itself is worth what was expected of it
    own = predict_value(model, now.btyd, 56, 0.0, 1.0, window)["clv"]
    assert own.sum() == pytest.approx(window[0].sum(), rel=1e-6)
    assert champion != "last_period" or "period before" in describe_champion(
        champion, facts["order_name"]
    )


@pytest.mark.parametrize("champion", ["spend_trees", "bg_nbd", "pareto_nbd"])
def test_a_kept_model_gives_the_same_scores_and_its_card_the_figures(
    shop, comparison, champion, tmp_path
):
    looks = shop[1]
    btyd = looks["now"].btyd
    model, _ = use_champion(champion, *fit_value(btyd))
    trees = fit_champion_trees(champion, looks, 200, SETTINGS)
    scores = predict_value(model, btyd, 180, 0.1, 0.25, expect_window(champion, looks, trees))
    card = build_value_card(comparison, looks, scores, (), "as **said**", 1)
    write_kept(tmp_path / "kept", build_value_parts(champion, model, trees), card)
    kept = read_kept(tmp_path / "kept", "04c_value")
    _, again, trees = read_value_parts(kept.parts)
    found = predict_value(again, btyd, 180, 0.1, 0.25, expect_window(champion, looks, trees))
    pd.testing.assert_frame_equal(found, scores, check_exact=True)
    assert kept.card.verdict == "as said"
    assert kept.card.metrics[0].figure == comparison.gain
    assert sum(tenth.n for tenth in kept.card.calibration) == len(comparison.spend)
    assert [window.last_date for window in kept.card.windows][-1] == AS_OF


def test_a_kept_kind_that_is_not_known_is_refused():
    plain = {"orders": {"kind": "nbd"}, "values": None, "pooled_rate": 1.0, "pooled_value": 1.0}
    with pytest.raises(ParameterError, match="found 'nbd'"):
        read_value_parts(ModelParts(plain | {"champion": "", "trees": None}))


def test_an_order_model_as_champion_takes_the_place_of_the_likelier(shop):
    model, facts = fit_value(shop[1]["now"].btyd)
    for name in ("bg_nbd", "pareto_nbd"):
        used, told = use_champion(name, model, facts)
        assert used.orders == facts["order_fits"][name][0]
        assert told["order_name"] == name
        assert expect_window(name, shop[1]) is None
    assert use_champion("spend_trees", model, facts)[0] is model


def without_repeats(n_customers):
    lines = draw_lines(n_customers, 400, seed=4)
    return lines.drop_duplicates("customer_id")


POOR_SHOPS = {
    "200 customers": draw_lines(200, 400, seed=5),
    "no repeat buyer": without_repeats(300),
    "all-equal spend": draw_lines(300, 400, seed=6, cents=1999),
    "all spend nothing": draw_lines(200, 400, seed=7).assign(line_value_minor=0),
    "one customer": draw_lines(1, 400, seed=8),
    "one order": draw_lines(1, 400, seed=9).head(1),
    "one day of history": draw_lines(200, 1, seed=10),
    "three weeks of history": draw_lines(200, 21, seed=11),
    "everybody on the last day again": pd.concat(
        [
            without_repeats(100),
            without_repeats(100).assign(ordered_at=pd.Timestamp(AS_OF) + pd.Timedelta(hours=9)),
        ]
    ),
}


@pytest.mark.parametrize("lines", POOR_SHOPS.values(), ids=POOR_SHOPS)
def test_a_poor_shop_ends_with_a_simpler_answer_and_its_reason(lines, tmp_path):
    order_days, looks = looks_of(lines)
    now = looks["now"]
    comparison = compare_values(looks, 200, SETTINGS)
    model, facts = use_champion(comparison.champion, *fit_value(now.btyd))
    trees = fit_champion_trees(comparison.champion, looks, 200, SETTINGS)
    window = expect_window(comparison.champion, looks, trees)
    terms = (now.btyd, 180, 0.1, 0.25)
    scores = predict_value(model, *terms, window)
    total = None if window else total_value_interval(model, facts, *terms)
    holdouts = check_holdouts(order_days, AS_OF, 56, 2, order_model=facts["order_name"])
    said = [
        describe_value_model(model, facts),
        describe_spend(facts["spend_checks"], facts["value_name"]),
        describe_choice(comparison, SETTINGS),
        describe_champion(comparison.champion, facts["order_name"]),
        describe_total(float(scores["clv"].sum()), total),
        describe_holdout(holdouts[0]),
        describe_bias(holdouts),
    ]
    assert all(said)
    assert len(list_candidates(comparison)) == len(comparison.candidates) + len(
        set(comparison.lacks) - set(comparison.candidates["candidate"])
    )
    assert plot_tenths(comparison).get_title(loc="left")
    assert plot_holdouts(holdouts).get_title(loc="left")
    assert summarise_estimates(facts).shape[1] == 7
    recorded = record_model(model, facts) | record_comparison(comparison)
    recorded |= record_scores(scores, total, 1) | record_holdout(holdouts[0])
    assert recorded["n_repeat_buyers"] == (now.btyd["btyd_frequency"] > 0).sum()
    assert scores["p_alive"].between(0, 1).all()
    assert scores["expected_orders"].between(0, 180).all()
    assert np.isfinite(scores["clv"]).all()
    assert (scores["clv"] >= 0).all()
    card = build_value_card(comparison, looks, scores, (), said[2], 1)
    write_kept(tmp_path / "kept", build_value_parts(comparison.champion, model, trees), card)
    kept = read_kept(tmp_path / "kept", "04c_value")
    champion, again, trees = read_value_parts(kept.parts)
    assert (champion, again) == (comparison.champion, model)
    window = expect_window(champion, looks, trees)
    pd.testing.assert_frame_equal(predict_value(again, *terms, window), scores, check_exact=True)


def test_a_shop_without_repeat_buyers_says_so_and_expects_little():
    _, looks = looks_of(POOR_SHOPS["no repeat buyer"])
    model, facts = fit_value(looks["now"].btyd)
    assert "Pooled rates only" in describe_value_model(model, facts)
    _, lacks = expect_spend(looks["test"], looks["validation"], 200, SETTINGS)
    assert "0 of them repeat buyers" in lacks["bg_nbd"]
    scores = predict_value(model, looks["now"].btyd, 180, 0.1, 0.25)
    assert scores["expected_orders"].max() < 0.01  # half an order in 300 customers' half-years


def test_equal_spend_has_no_value_model_and_the_common_value():
    _, looks = looks_of(POOR_SHOPS["all-equal spend"])
    model, _ = fit_value(looks["now"].btyd)
    scores = predict_value(model, looks["now"].btyd, 180, 0.1, 0.25)
    assert scores["expected_order_value"].to_numpy() == pytest.approx(19.99, rel=1e-3)


def test_a_short_history_is_not_compared_and_the_reason_said():
    _, looks = looks_of(POOR_SHOPS["three weeks of history"])
    comparison = compare_values(looks, 0, SETTINGS)
    assert not comparison.is_compared
    assert "knows 0 customers" in describe_choice(comparison, SETTINGS)
    assert "used untried" in describe_choice(comparison, SETTINGS)
