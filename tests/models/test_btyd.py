import numpy as np
import pytest
from scipy.special import hyp2f1
from scipy.stats import beta

from src.errors import ParameterError
from src.models.btyd import (
    BgNbd,
    _likelihood_of,
    fit_bgnbd,
    predict_orders,
    predict_p_alive,
)
from src.models.gamma_gamma import GammaGamma, fit_gamma_gamma, predict_order_value
from src.models.histories import merge_histories
from tests.models.cdnow import histories_of, read_sample, read_summary

PUBLISHED = BgNbd(r=0.243, alpha=4.414, a=0.793, b=2.426)


def draw_histories(model, n_customers, T, seed):
    """Live the story of BG/NBD: x, t_x of n customers observed for T."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(model.r, 1 / model.alpha, n_customers)
    p_drop = rng.beta(model.a, model.b, n_customers)
    x, t_x = np.zeros(n_customers), np.zeros(n_customers)
    clock, is_alive = np.zeros(n_customers), np.ones(n_customers, dtype=bool)
    while is_alive.any():
        clock = clock + rng.exponential(1 / rate)
        is_alive &= clock <= T
        x[is_alive] += 1
        t_x[is_alive] = clock[is_alive]
        is_alive &= rng.random(n_customers) >= p_drop
    return x, t_x


@pytest.fixture(scope="module")
def summary(shared_data):
    return read_summary(shared_data)


@pytest.fixture(scope="module")
def fitted(summary):
    return fit_bgnbd(*histories_of(summary))


def errors_off(estimate, truth):
    """Distance of an estimate from the truth, in its own standard errors (log scale)."""
    spread = np.log(estimate.upper / estimate.lower) / (2 * 1.96)
    return np.log(estimate.value / truth) / spread


class TestCdnow:
    """2,357 customers of 1997, with the figures of the papers."""

    def test_parameters_as_published(self, fitted):
        model, facts = fitted
        found = [round(value, 3) for value in (model.r, model.alpha, model.a, model.b)]
        assert found == [0.243, 4.414, 0.793, 2.426]
        assert facts["log_likelihood"] == pytest.approx(-9582.43, abs=0.005)
        assert facts["n_customers"] == 2357
        assert facts["is_converged"]

    def test_intervals_hold_the_estimates(self, fitted):
        model, facts = fitted
        for name in ("r", "alpha", "a", "b"):
            estimate = facts[name]
            assert estimate.lower < estimate.value == getattr(model, name) < estimate.upper

    def test_expected_purchases_as_published(self, fitted):
        orders = predict_orders(
            fitted[0], np.array([2]), np.array([30.43]), np.array([38.86]), 39.0
        )
        assert orders[0] == pytest.approx(1.226, abs=0.0005)

    def test_total_of_weeks_40_to_78_as_published(self, fitted, summary):
        total = predict_orders(fitted[0], *histories_of(summary), 39.0).sum()
        assert total == pytest.approx(1653, abs=0.5)

    def test_the_published_frequencies_come_out_of_the_purchases(self, summary, shared_data):
        sample = read_sample(shared_data)
        assert (sample["x"].to_numpy() == summary["x"].to_numpy()).sum() == 2357

    def test_holdout_of_weeks_40_to_78_as_published(self, fitted, summary, shared_data):
        actual = read_sample(shared_data)["later"].to_numpy()
        off = predict_orders(fitted[0], *histories_of(summary), 39.0) - actual
        assert actual.sum() == 1882
        assert np.abs(off).mean() == pytest.approx(0.785, abs=0.0005)
        assert np.sqrt(np.square(off).mean()) == pytest.approx(1.608, abs=0.0005)

    def test_gamma_gamma_as_published(self, summary):
        repeat = summary[summary["x"] > 0]
        model, facts = fit_gamma_gamma(repeat["x"].to_numpy(), repeat["zbar"].to_numpy())
        assert facts["n_customers"] == 946
        assert facts["log_likelihood"] == pytest.approx(-4055.92, abs=0.005)
        assert model.p == pytest.approx(6.25, abs=0.005)
        assert model.q == pytest.approx(3.74, abs=0.005)
        assert model.gamma == pytest.approx(15.44, abs=0.01)


def test_p_alive_by_hand():
    # odds of having left: a / (b + x - 1) * ((alpha + T) / (alpha + t_x))^(r + x)
    model = BgNbd(r=1.0, alpha=1.0, a=1.0, b=1.0)
    odds = 1 / 2 * ((1 + 3) / (1 + 1)) ** (1 + 2)  # x=2, t_x=1, T=3: 4
    alive = predict_p_alive(model, np.array([2]), np.array([1.0]), np.array([3.0]))
    assert alive[0] == pytest.approx(1 / (1 + odds))


def test_longer_silence_lowers_p_alive_and_expected_orders():
    recency = np.array([38.0, 30.0, 20.0, 5.0])
    x, T = np.full(4, 6), np.full(4, 39.0)
    for predicted in (
        predict_p_alive(PUBLISHED, x, recency, T),
        predict_orders(PUBLISHED, x, recency, T, 10.0),
    ):
        assert (np.diff(predicted) < 0).all()


def test_who_never_came_back_counts_as_alive():
    assert predict_p_alive(PUBLISHED, np.array([0]), np.array([0.0]), np.array([39.0]))[0] == 1


@pytest.mark.parametrize(
    "model",
    [
        PUBLISHED,
        BgNbd(r=1.4, alpha=1.36, a=0.03, b=26.5),
        BgNbd(r=0.5, alpha=2.0, a=1.0, b=3.0),
        BgNbd(r=2.0, alpha=3.0, a=2.5, b=0.7),
    ],
    ids=["cdnow", "nearly nobody leaves", "a is 1", "most leave"],
)
@pytest.mark.parametrize("x", [1, 7, 60])
def test_expected_orders_agree_with_the_integral_over_dropout(model, x):
    # given alive: p ~ Beta(a, b + x), rate ~ Gamma(r + x, alpha + T);
    # E = E[(1 - ((alpha + T) / (alpha + T + p t))^(r + x)) / p]
    t_x, T, t = 30.0, 39.0, 26.0
    total = model.alpha + T

    def orders_given(p):
        left_out = -np.expm1(-(model.r + x) * np.log1p(p * t / total))
        return np.divide(left_out, p, out=np.full_like(p, (model.r + x) * t / total), where=p > 0)

    n_points = 100_000
    drop = beta(model.a, model.b + x).ppf((np.arange(n_points) + 0.5) / n_points)
    expected = orders_given(drop).mean()
    arrays = np.array([x]), np.array([t_x]), np.array([T])
    expected *= predict_p_alive(model, *arrays)[0]
    assert predict_orders(model, *arrays, t)[0] == pytest.approx(expected, rel=1e-3)


def test_expected_orders_agree_with_the_published_form():
    r, alpha, a, b = PUBLISHED.r, PUBLISHED.alpha, PUBLISHED.a, PUBLISHED.b
    x, t_x, T, t = 5, 20.0, 39.0, 39.0
    series = hyp2f1(r + x, b + x, a + b + x - 1, t / (alpha + T + t))
    top = (a + b + x - 1) / (a - 1)
    top *= 1 - ((alpha + T) / (alpha + T + t)) ** (r + x) * series
    bottom = 1 + a / (b + x - 1) * ((alpha + T) / (alpha + t_x)) ** (r + x)
    found = predict_orders(PUBLISHED, np.array([x]), np.array([t_x]), np.array([T]), t)
    assert found[0] == pytest.approx(top / bottom, rel=1e-10)


def test_expected_orders_start_at_zero_and_rise_with_the_horizon():
    arrays = np.array([0, 3]), np.array([0.0, 30.0]), np.array([39.0, 39.0])
    totals = np.array([predict_orders(PUBLISHED, *arrays, t) for t in (0.0, 1.0, 10.0, 100.0)])
    assert totals[0] == pytest.approx([0, 0], abs=1e-12)
    assert (np.diff(totals, axis=0) > 0).all()


def test_hundreds_of_purchases_stay_finite():
    arrays = np.array([900]), np.array([38.9]), np.array([39.0])
    orders = predict_orders(BgNbd(1.4, 1.36, 0.03, 26.5), *arrays, 26.0)[0]
    assert 500 < orders < 900 / 39 * 26


def test_the_unit_of_time_changes_alpha_only():
    x, t_x = draw_histories(PUBLISHED, 2000, 39.0, seed=1)
    T = np.full(2000, 39.0)
    weeks, weeks_facts = fit_bgnbd(x, t_x, T)
    days, _ = fit_bgnbd(x, t_x * 7, T * 7)
    assert days.alpha == pytest.approx(7 * weeks.alpha, rel=1e-3)
    assert [days.r, days.a, days.b] == pytest.approx([weeks.r, weeks.a, weeks.b], rel=1e-2)
    assert weeks_facts["n_customers"] == 2000


def test_the_order_of_customers_changes_nothing():
    x, t_x = draw_histories(PUBLISHED, 500, 39.0, seed=2)
    T = np.linspace(30, 39, 500)
    t_x = np.minimum(t_x, T)
    order = np.random.default_rng(0).permutation(500)
    assert fit_bgnbd(x, t_x, T)[0] == fit_bgnbd(x[order], t_x[order], T[order])[0]


@pytest.mark.slow
def test_parameters_are_recovered_and_the_error_shrinks_with_customers():
    truth = BgNbd(r=0.6, alpha=4.0, a=0.8, b=2.5)
    errors = []
    for n_customers in (500, 20_000):
        x, t_x = draw_histories(truth, n_customers, 52.0, seed=3)
        model, facts = fit_bgnbd(x, t_x, np.full(n_customers, 52.0))
        errors.append(abs(np.log(model.r / truth.r)) + abs(np.log(model.alpha / truth.alpha)))
    assert errors[1] < errors[0]
    assert errors[1] < 0.1
    for name in ("r", "alpha", "a", "b"):
        assert abs(errors_off(facts[name], getattr(truth, name))) < 3


@pytest.mark.slow
def test_predicted_orders_match_a_simulated_future():
    truth = BgNbd(r=0.6, alpha=4.0, a=0.8, b=2.5)
    n_customers, past, future = 30_000, 30.0, 20.0
    rng_seed = 4
    x_all, _ = draw_histories(truth, n_customers, past + future, rng_seed)
    x_past, t_past = draw_histories_until(truth, n_customers, past, past + future, rng_seed)
    expected = predict_orders(truth, x_past, t_past, np.full(n_customers, past), future)
    assert expected.sum() == pytest.approx((x_all - x_past).sum(), rel=0.03)


def draw_histories_until(model, n_customers, cut, T, seed):
    """Draw as `draw_histories` up to T with the same draws, and tell what was seen by the cut."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(model.r, 1 / model.alpha, n_customers)
    p_drop = rng.beta(model.a, model.b, n_customers)
    x, t_x = np.zeros(n_customers), np.zeros(n_customers)
    clock, is_alive = np.zeros(n_customers), np.ones(n_customers, dtype=bool)
    while is_alive.any():
        clock = clock + rng.exponential(1 / rate)
        is_alive &= clock <= T
        is_seen = is_alive & (clock <= cut)
        x[is_seen] += 1
        t_x[is_seen] = clock[is_seen]
        is_alive &= rng.random(n_customers) >= p_drop
    return x, t_x


def test_a_start_found_on_a_thinned_sample_leads_to_the_same_end():
    # 12,000 distinct histories: more than the 10,000 up to which every start is tried on all
    truth = BgNbd(r=0.9, alpha=4.0, a=0.8, b=2.5)
    rng = np.random.default_rng(6)
    x, t_x = draw_histories(truth, 20_000, 52.0, seed=6)
    T = rng.uniform(52.0, 60.0, len(x))
    model, facts = fit_bgnbd(x, t_x, T)
    assert facts["is_converged"]
    slopes = _likelihood_of(merge_histories(x, t_x, T))(
        np.array([model.r, model.alpha, model.a, model.b])
    )[1]
    assert np.abs(slopes).max() < 0.05  # of a log-likelihood in the ten thousands: its top


def test_a_parameter_at_its_bound_is_named():
    # nobody ever leaves: regular orders up to the end, so a runs to 0
    rng = np.random.default_rng(7)
    n_customers = 400
    x = rng.poisson(rng.gamma(2.0, 5.0, n_customers)).astype(float)
    t_x = np.where(x > 0, 52.0, 0.0)
    _, facts = fit_bgnbd(x, t_x, np.full(n_customers, 52.0))
    assert not facts["is_converged"]
    assert "a" in facts["at_bound"]


@pytest.mark.parametrize(
    ("x", "t_x", "T", "found"),
    [
        ([], [], [], "none among 0"),
        ([0, 0], [0, 0], [5, 5], "none among 2"),
        ([1], [6], [5], "recency <= age"),
        ([0, 1], [2, 1], [5, 5], "no recency without"),
        ([1, 1], [1, np.nan], [5, 5], "finite counts"),
    ],
    ids=["nobody", "no repeat buyer", "recency after age", "recency without repeat", "missing"],
)
def test_impossible_histories_are_refused(x, t_x, T, found):
    with pytest.raises(ParameterError, match=found):
        fit_bgnbd(np.array(x, dtype=float), np.array(t_x, dtype=float), np.array(T, dtype=float))


def test_order_value_by_hand():
    # p (gamma + x z) / (p x + q - 1) = 2 * (10 + 3 * 20) / (6 + 3) = 15.55...
    model = GammaGamma(p=2.0, q=4.0, gamma=10.0)
    assert predict_order_value(model, np.array([3]), np.array([20.0]))[0] == pytest.approx(140 / 9)
    assert model.mean_value == pytest.approx(20 / 3)


def test_few_purchases_are_drawn_to_the_mean_and_many_are_not():
    model = GammaGamma(p=6.0, q=4.0, gamma=15.0)  # mean 30
    values = predict_order_value(model, np.array([0, 1, 10, 1000]), np.full(4, 60.0))
    assert values[0] == pytest.approx(30)
    assert (np.diff(values) > 0).all()
    assert values[-1] == pytest.approx(60, rel=0.01)


def test_without_a_mean_the_value_is_infinite():
    model = GammaGamma(p=1.0, q=0.8, gamma=10.0)
    assert model.mean_value == np.inf
    assert predict_order_value(model, np.array([0]), np.array([0.0]))[0] == np.inf


@pytest.mark.slow
def test_gamma_gamma_is_recovered():
    truth = GammaGamma(p=6.0, q=4.0, gamma=15.0)
    rng = np.random.default_rng(5)
    n_values = rng.integers(1, 10, 15_000)
    rate = rng.gamma(truth.q, 1 / truth.gamma, 15_000)
    mean_value = rng.gamma(truth.p * n_values, 1 / (rate * n_values))
    model, facts = fit_gamma_gamma(n_values, mean_value)
    for name in ("p", "q", "gamma"):
        assert abs(errors_off(facts[name], getattr(truth, name))) < 3
    assert model.mean_value == pytest.approx(truth.mean_value, rel=0.02)


@pytest.mark.parametrize(
    ("n_values", "mean_value"), [([], []), ([0], [5.0]), ([2], [0.0])], ids=["none", "x", "z"]
)
def test_values_of_nothing_are_refused(n_values, mean_value):
    with pytest.raises(ParameterError, match="above zero"):
        fit_gamma_gamma(np.array(n_values), np.array(mean_value))
