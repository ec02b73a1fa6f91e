"""Leakage guards: ten planted leaks are found by name; a shop's true features pass."""

import re

import numpy as np
import pandas as pd
import pytest

from src.data.window import days_after
from src.errors import LeakageError, ParameterError
from src.features import build_profiles
from src.models.leaks import check_incumbent, check_leaks
from src.models.splits import HAS_ORDERED, build_snapshots, plan_snapshots
from src.stage import Stage

AS_OF, LABEL_FROM = "2024-06-30", "2024-07-01"
N = 2_000


@pytest.fixture
def shop():
    """Invent customers whose past says something about the outcome, but far from all."""
    rng = np.random.default_rng(7)
    drive = rng.normal(size=N)
    y = (drive + rng.normal(size=N) > 0.5).astype(float)
    features = pd.DataFrame(
        {
            "customer_id": [f"{value:032x}" for value in rng.integers(0, 2**60, N)],
            "as_of_date": pd.Timestamp(AS_OF).date(),
            "recency_days": np.round(60 * np.exp(-drive)),
            "frequency": rng.poisson(np.exp(1 + drive)),
            "gap_mean_days": np.where(rng.random(N) < 0.3, np.nan, rng.gamma(2, 10, N)),
            "top_department": rng.choice(["TEA", "COFFEE", "BREAD"], N),
            "is_discounted": rng.random(N) < 0.4,
            "last_order_at": pd.Timestamp(AS_OF, tz="UTC")
            - pd.to_timedelta(60 * np.exp(-drive), unit="D"),
        }
    )
    return features, y


def the_label(features, y, rng):
    return features.assign(leak=y)


def noisy_copy(features, y, rng):
    return features.assign(leak=np.where(rng.random(N) < 0.005, 1 - y, y))


def future_spend(features, y, rng):
    return features.assign(leak=y * rng.gamma(2, 20, N))


def missingness(features, y, rng):
    return features.assign(leak=np.where(y == 1, np.nan, rng.normal(size=N)))


def category_code(features, y, rng):
    """Odd codes are buyers, so that no order of the codes ranks them."""
    return features.assign(leak=2 * rng.integers(0, 20, N) + y)


def date_of_next_order(features, y, rng):
    days = np.where(y == 1, rng.integers(1, 29, N), rng.integers(29, 200, N))
    return features.assign(leak=pd.Timestamp(AS_OF) + pd.to_timedelta(days, unit="D"))


def monotone_copy(features, y, rng):
    return features.assign(leak=-np.log1p(3 * y + 0.1 * rng.random(N)))


def count_in_outcome_window(features, y, rng):
    return features.assign(leak=(y * rng.integers(1, 6, N)).astype("int64"))


def id_ordered_by_label(features, y, rng):
    place = np.argsort(np.argsort(y, kind="stable"))
    return features.assign(customer_id=[f"c{value:06}" for value in place])


def stamp_off_by_one_day(features, y, rng):
    return features.assign(as_of_date=pd.Timestamp(LABEL_FROM).date())


PLANTED = {
    the_label: "leak",
    noisy_copy: "leak",
    future_spend: "leak",
    missingness: "leak",
    category_code: "leak",
    date_of_next_order: "leak",
    monotone_copy: "leak",
    count_in_outcome_window: "leak",
    id_ordered_by_label: "customer_id",
    stamp_off_by_one_day: "as_of_date",
}


@pytest.mark.parametrize("plant", PLANTED, ids=lambda plant: plant.__name__)
def test_a_planted_leak_stops_the_run_by_its_name(shop, plant):
    features, y = shop
    planted = plant(features, y, np.random.default_rng(3))
    with pytest.raises(LeakageError) as refusal:
        check_leaks(planted, y, AS_OF, LABEL_FROM)
    assert re.search(rf"\b{PLANTED[plant]}\b", str(refusal.value))
    others = set(features) - {PLANTED[plant], "as_of_date"}
    assert not [name for name in others if re.search(rf"\b{name}\b", str(refusal.value))]


def test_true_features_pass_and_are_ranked(shop):
    alone = check_leaks(*shop, AS_OF, LABEL_FROM)
    assert set(alone["feature"]) == set(shop[0]) - {"as_of_date"}
    assert alone["auc"].is_monotonic_decreasing
    assert alone["auc"].iloc[0] < 0.9
    by_name = alone.set_index("feature")["auc"]
    # recency is 60 exp(-drive), and drive ranks the outcome; the id and a coin do not
    assert by_name["recency_days"] > 0.75
    assert by_name["customer_id"] < 0.56
    assert by_name["is_discounted"] < 0.56


@pytest.mark.notebook
@pytest.mark.xdist_group("run")
def test_real_profiles_raise_no_false_alarm(smoke_run):
    """Households of the Complete Journey, on three days of the past."""
    stage = Stage("04b_purchase", smoke_run)
    names = ("orders", "products", "customers", "events", "exposures")
    inputs = [stage.table(name) for name in names]
    snapshots = plan_snapshots("2017-09-30", outcome_days=14, gap_days=0)
    labelled = build_snapshots(
        lambda date: build_profiles(*inputs, date), inputs[0], snapshots, "2017-09-30"
    )
    for snapshot in snapshots:
        profiles = labelled[snapshot.role]
        y = profiles.pop(HAS_ORDERED).to_numpy(dtype="float64")
        assert min(y.sum(), len(y) - y.sum()) >= 20
        tomorrow = days_after(snapshot.as_of_date, 1)
        alone = check_leaks(profiles, y, snapshot.as_of_date, tomorrow)
        assert len(alone) == profiles.shape[1] - 1
        assert 0.6 < alone["auc"].max() < 0.95
        with pytest.raises(LeakageError, match="leak"):
            check_leaks(profiles.assign(leak=2 - y), y, snapshot.as_of_date, tomorrow)
        for day in (days_after(snapshot.as_of_date, -1), tomorrow):
            with pytest.raises(LeakageError, match="as_of_date"):
                check_leaks(profiles, y, day, days_after(day, 1))


def test_next_orders_date_is_found_in_a_form_that_has_no_date(shop):
    features, y = shop
    days = np.where(y == 1, 10.0, 90.0)
    with pytest.raises(LeakageError, match=r"days_to_next \(1\.000 by its value\)"):
        check_leaks(features.assign(days_to_next=days), y, AS_OF, LABEL_FROM)


def test_a_shape_without_order_is_found(shop):
    features, y = shop
    rng = np.random.default_rng(5)
    middle = np.where(y == 1, rng.uniform(-1, 1, N), rng.choice([-1, 1], N) * rng.uniform(1, 2, N))
    with pytest.raises(LeakageError, match=r"leak \(.* by its level\)"):
        check_leaks(features.assign(leak=middle), y, AS_OF, LABEL_FROM)


def test_many_categories_are_no_false_alarm(shop):
    features, y = shop
    features = features.assign(store=[f"s{k}" for k in range(N)])  # its own level for everybody
    check_leaks(features, y, AS_OF, LABEL_FROM)


def test_a_strong_but_honest_looking_column_needs_the_declaration(shop):
    features, y = shop
    rng = np.random.default_rng(9)
    features = features.assign(duration=rng.gamma(2, 100, N) * (1 + 1.5 * y))
    alone = check_leaks(features, y, AS_OF, LABEL_FROM).set_index("feature")["auc"]
    assert 0.75 < alone["duration"] < 0.9
    reason = {"duration": "length of the call that is decided on"}
    with pytest.raises(LeakageError, match=r"duration \(length of the call"):
        check_leaks(features, y, AS_OF, LABEL_FROM, known_after=reason)
    with pytest.raises(LeakageError, match="found duration, declared"):
        check_leaks(features, y, AS_OF, LABEL_FROM, known_after=["duration"])
    check_leaks(features.drop(columns="duration"), y, AS_OF, LABEL_FROM, known_after=reason)


def test_an_outcome_window_that_begins_too_early_is_refused(shop):
    with pytest.raises(LeakageError, match="begins on 2024-06-30"):
        check_leaks(*shop, AS_OF, AS_OF)


def test_a_time_on_the_evening_of_the_as_of_date_is_no_leak(shop):
    features, y = shop
    features = features.assign(seen_at=pd.Timestamp("2024-06-30 23:59:59", tz="UTC"))
    check_leaks(features, y, AS_OF, LABEL_FROM)


def test_values_and_counts_are_outcomes_too(shop):
    features, y = shop
    spend = y * np.random.default_rng(1).gamma(2, 20, N)
    with pytest.raises(LeakageError, match="leak"):
        check_leaks(features.assign(leak=spend * 0.4), spend, AS_OF, LABEL_FROM)
    check_leaks(features, spend, AS_OF, LABEL_FROM)


@pytest.mark.parametrize("n_buyers", [0, 1, 19, N], ids=str)
def test_few_of_one_outcome_prove_nothing(shop, n_buyers):
    features, _ = shop
    y = (np.arange(N) < n_buyers).astype(float)
    alone = check_leaks(features.assign(same=y), y, AS_OF, LABEL_FROM)
    assert alone["auc"].isna().all()


def test_row_order_changes_nothing_that_matters_and_the_input_stays(shop):
    features, y = shop
    before = features.copy()
    first = check_leaks(features, y, AS_OF, LABEL_FROM).set_index("feature")["auc"]
    pd.testing.assert_frame_equal(features, before)
    order = np.random.default_rng(2).permutation(N)
    again = check_leaks(features.iloc[order], y[order], AS_OF, LABEL_FROM)
    again = again.set_index("feature")["auc"]
    # folds go by row, so a rate of levels moves a little; ranks do not
    assert (first - again[first.index]).abs().max() < 0.03
    assert again["recency_days"] == pytest.approx(first["recency_days"], abs=1e-12)


def test_outcomes_of_other_customers_are_refused(shop):
    with pytest.raises(ParameterError, match="found 3 outcomes and 2000 rows"):
        check_leaks(shop[0], np.zeros(3), AS_OF, LABEL_FROM)


def test_a_model_in_use_must_not_have_seen_the_comparison():
    check_incumbent("2024-06-30", "2024-06-30")
    with pytest.raises(LeakageError, match="its card says 2024-07-01"):
        check_incumbent("2024-07-01", "2024-06-30")
