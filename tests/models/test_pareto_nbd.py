import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import check_grad
from scipy.special import gammaln, hyp2f1

from src.errors import ParameterError
from src.models.btyd import predict_orders, predict_p_alive
from src.models.histories import merge_histories
from src.models.pareto_nbd import ParetoNbd, _likelihood_of, fit_pareto_nbd, log_left
from tests.models.cdnow import histories_of, read_sample, read_summary

PUBLISHED = ParetoNbd(r=0.553, alpha=10.578, s=0.606, beta=11.669)
SMALL_BETA = ParetoNbd(r=0.7, alpha=20.0, s=1.3, beta=0.9)
MODELS = {"alpha < beta": PUBLISHED, "alpha > beta": SMALL_BETA}


def draw_pareto(model, n_customers, past, future, seed):
    """Live the story of Pareto/NBD: x, t_x by the end of the past, orders in the future."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(model.r, 1 / model.alpha, n_customers)
    leaves = rng.exponential(1 / rng.gamma(model.s, 1 / model.beta, n_customers))
    x, t_x, later = np.zeros((3, n_customers))
    clock = rng.exponential(1 / rate)
    while (is_open := clock < np.minimum(leaves, past + future)).any():
        is_past = is_open & (clock <= past)
        x[is_past] += 1
        t_x[is_past] = clock[is_past]
        later[is_open & ~is_past] += 1
        clock = clock + rng.exponential(1 / rate)
    return x, t_x, later, leaves > past


def log_likelihood(model, x, t_x, T):
    """What is fitted, of one customer."""
    theta = np.array([model.r, model.alpha, model.s, model.beta])
    rows = merge_histories(np.array([x, 1.0]), np.array([t_x, 1.0]), np.array([T, 1.0]))
    both = _likelihood_of(rows)(theta)[0]
    known = merge_histories(np.array([1.0]), np.array([1.0]), np.array([1.0]))
    return both - _likelihood_of(known)(theta)[0]


def published_log_likelihood(model, x, t_x, T):
    """Fader and Hardie's two forms with the hypergeometric function."""
    r, alpha, s, beta = model.r, model.alpha, model.s, model.beta
    least, power = min(alpha, beta), r + s + x
    most, second = (alpha, s + 1) if alpha >= beta else (beta, r + x)

    def term(t):
        series = hyp2f1(power, second, power + 1, (most - least) / (most + t))
        return series / (most + t) ** power

    dead = s / power * (term(t_x) - term(T))
    alive = 1 / ((alpha + T) ** (r + x) * (beta + T) ** s)
    front = gammaln(r + x) - gammaln(r) + r * np.log(alpha) + s * np.log(beta)
    return front + np.log(alive + dead)


@pytest.fixture(scope="module")
def sample(shared_data):
    return read_sample(shared_data)


@pytest.fixture(scope="module")
def fitted(sample):
    return fit_pareto_nbd(*histories_of(sample))


class TestCdnow:
    """2,357 customers of 1997, with the figures of the papers."""

    def test_parameters_as_published(self, fitted):
        model, facts = fitted
        found = [round(value, 3) for value in (model.r, model.alpha, model.s, model.beta)]
        assert found == [0.553, 10.578, 0.606, 11.669]
        assert facts["log_likelihood"] == pytest.approx(-9595.0, abs=0.1)
        assert facts["n_customers"] == 2357
        assert facts["is_converged"]

    def test_times_rounded_to_hundredths_move_beta_by_a_thousandth(self, shared_data):
        model, _ = fit_pareto_nbd(*histories_of(read_summary(shared_data)))
        assert model.beta == pytest.approx(11.669, abs=0.0015)

    def test_intervals_hold_the_estimates(self, fitted):
        model, facts = fitted
        for name in ("r", "alpha", "s", "beta"):
            estimate = facts[name]
            assert estimate.lower < estimate.value == getattr(model, name) < estimate.upper

    def test_holdout_of_weeks_40_to_78(self, fitted, sample):
        off = predict_orders(fitted[0], *histories_of(sample), 39.0) - sample["later"].to_numpy()
        assert np.abs(off).mean() < 0.785
        assert np.sqrt(np.square(off).mean()) < 1.608


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize(
    ("x", "t_x", "T"),
    [(0, 0.0, 39.0), (1, 1.7, 38.9), (3, 20.0, 30.0), (7, 29.4, 38.9), (25, 10.0, 39.0)],
)
class TestLikelihood:
    def test_agrees_with_the_published_form(self, model, x, t_x, T):
        found = log_likelihood(model, x, t_x, T)
        assert found == pytest.approx(published_log_likelihood(model, x, t_x, T), abs=1e-9)

    def test_agrees_with_the_integral_over_rates(self, model, x, t_x, T):
        # given lambda and mu: lambda^x (mu e^{-(lambda+mu) t_x} + lambda e^{-(lambda+mu) T})
        # / (lambda + mu); over lambda in closed form is what is tested, so integrate both
        def over_leaving(mu):
            log_density = model.s * np.log(model.beta) - gammaln(model.s)
            return np.exp(log_density + (model.s - 1) * np.log(mu) - model.beta * mu)

        def over_ordering(rate, mu):
            log_density = model.r * np.log(model.alpha) - gammaln(model.r)
            log_density += (model.r - 1) * np.log(rate) - model.alpha * rate
            seen = mu * np.exp(-(rate + mu) * t_x) + rate * np.exp(-(rate + mu) * T)
            return np.exp(log_density + x * np.log(rate)) * seen / (rate + mu)

        nodes, weights = np.polynomial.legendre.leggauss(400)
        # log rates from e^-60 to e^6: the densities are powers near 0, plain in the logarithm
        z = 33 * nodes - 27
        values = np.exp(z)
        grid = over_ordering(values[:, None], values[None, :]) * over_leaving(values)[None, :]
        total = 33**2 * (weights * values) @ grid @ (weights * values)
        assert log_likelihood(model, x, t_x, T) == pytest.approx(np.log(total), abs=1e-6)

    def test_leaving_agrees_with_adaptive_integration(self, model, x, t_x, T):
        def density(u):
            return model.s / (
                (model.alpha + u) ** (model.r + x) * (model.beta + u) ** (model.s + 1)
            )

        expected, _ = quad(density, t_x, T, epsabs=0, epsrel=1e-12, limit=200)
        found = np.exp(log_left(model, *(np.array([float(value)]) for value in (x, t_x, T))))
        assert found[0] == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
def test_the_gradient_is_that_of_the_likelihood(model):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 9, 50).astype(float)
    T = rng.uniform(10, 39, 50)
    likelihood = _likelihood_of(merge_histories(x, np.where(x > 0, T * rng.random(50), 0), T))
    at = np.log([model.r, model.alpha, model.s, model.beta])
    error = check_grad(
        lambda z: likelihood(np.exp(z))[0], lambda z: likelihood(np.exp(z))[1], at, epsilon=1e-7
    )
    assert error < 1e-3 * np.linalg.norm(likelihood(np.exp(at))[1])


def test_p_alive_by_hand():
    # r = s = alpha = beta = 1, x = 1, t_x = 1, T = 3: alive (1+3)^-2 (1+3)^-1 = 1/64,
    # left: integral of (1+u)^-4 from 1 to 3 = (2^-3 - 4^-3) / 3 = 7/192; alive 3/10
    model = ParetoNbd(1.0, 1.0, 1.0, 1.0)
    alive = predict_p_alive(model, np.array([1]), np.array([1.0]), np.array([3.0]))
    assert alive[0] == pytest.approx(0.3, rel=1e-12)


def test_who_never_came_back_may_have_left():
    # r = s = alpha = beta = 1, x = 0, T = 3: alive 1/16, left (1 - 4^-2) / 2 = 15/32; 2/17
    model = ParetoNbd(1.0, 1.0, 1.0, 1.0)
    alive = predict_p_alive(model, np.array([0]), np.array([0.0]), np.array([3.0]))
    assert alive[0] == pytest.approx(2 / 17, rel=1e-12)


def test_expected_orders_by_hand():
    # p_alive .3; (r+x)(beta+T) / ((alpha+T)(s-1)) (1 - ((beta+T)/(beta+T+t))^(s-1)), s = 1 is the
    # limit ln((beta+T+t)/(beta+T)): 2 ln(8/4)
    model = ParetoNbd(1.0, 1.0, 1.0, 1.0)
    arrays = np.array([1]), np.array([1.0]), np.array([3.0])
    assert predict_orders(model, *arrays, 4.0)[0] == pytest.approx(0.3 * 2 * np.log(2))


def test_expected_orders_are_smooth_where_s_is_1():
    arrays = np.array([2]), np.array([10.0]), np.array([39.0])
    near = [predict_orders(ParetoNbd(0.5, 10.0, s, 12.0), *arrays, 39.0)[0] for s in (1, 1 + 1e-7)]
    assert near[0] == pytest.approx(near[1], rel=1e-6)


def test_if_leaving_becomes_rare_only_rates_are_left():
    # s to 0: nobody leaves, and E = (r + x) / (alpha + T) t
    model = ParetoNbd(0.5, 10.0, 1e-9, 12.0)
    arrays = np.array([0, 4]), np.array([0.0, 5.0]), np.array([30.0, 30.0])
    assert predict_p_alive(model, *arrays) == pytest.approx(1, abs=1e-6)
    assert predict_orders(model, *arrays, 8.0) == pytest.approx([0.5 / 5, 4.5 / 5], rel=1e-6)


def test_an_order_on_the_last_day_proves_activity():
    alive = predict_p_alive(PUBLISHED, np.array([3]), np.array([39.0]), np.array([39.0]))
    assert alive[0] == 1.0


def test_longer_silence_lowers_p_alive():
    t_x = np.array([38.0, 30.0, 20.0, 5.0])
    alive = predict_p_alive(PUBLISHED, np.full(4, 6), t_x, np.full(4, 39.0))
    assert (np.diff(alive) < 0).all()


def test_hundreds_of_purchases_stay_finite():
    arrays = np.array([900.0, 900.0]), np.array([38.9, 0.1]), np.array([39.0, 39.0])
    for model in (PUBLISHED, SMALL_BETA):
        assert np.isfinite(log_left(model, *arrays)).all()
        assert predict_p_alive(model, *arrays)[1] == pytest.approx(0, abs=1e-12)
        assert 0 < predict_orders(model, *arrays, 26.0)[0] < 900


def test_blocks_change_nothing():
    rng = np.random.default_rng(1)
    x = rng.integers(0, 5, 25_000).astype(float)
    T = rng.uniform(1, 39, len(x))
    t_x = np.where(x > 0, T * rng.random(len(x)), 0)
    whole = predict_p_alive(PUBLISHED, x, t_x, T)
    parts = [predict_p_alive(PUBLISHED, x[i::3], t_x[i::3], T[i::3]) for i in range(3)]
    assert all((whole[i::3] == parts[i]).all() for i in range(3))


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [ParetoNbd(0.6, 8.0, 0.7, 10.0), ParetoNbd(1.2, 12.0, 0.9, 4.0)],
    ids=["alpha < beta", "alpha > beta"],
)
def test_a_known_truth_is_recovered_and_its_future_foreseen(truth):
    x, t_x, later, is_alive = draw_pareto(truth, 20_000, 52.0, 26.0, seed=2)
    T = np.full(len(x), 52.0)
    model, facts = fit_pareto_nbd(x, t_x, T)
    for name in ("r", "alpha", "s", "beta"):
        estimate = facts[name]
        spread = np.log(estimate.upper / estimate.lower) / (2 * 1.96)
        assert abs(np.log(estimate.value / getattr(truth, name))) < 3 * spread
    # three standard errors of a total over 20,000 customers
    for expected, actual in (
        (predict_p_alive(model, x, t_x, T), is_alive),
        (predict_orders(model, x, t_x, T, 26.0), later),
    ):
        assert expected.sum() == pytest.approx(actual.sum(), abs=3 * np.std(actual) * 20_000**0.5)


def test_nobody_to_fit_is_refused():
    with pytest.raises(ParameterError, match="none among 2"):
        fit_pareto_nbd(np.zeros(2), np.zeros(2), np.ones(2))
