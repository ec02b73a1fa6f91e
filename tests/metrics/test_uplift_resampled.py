import numpy as np
import pytest

from src.errors import ParameterError
from src.metrics.uplift import auuc, profit_curve, qini_coefficient
from src.metrics.uplift_resampled import compare_rankings, profit_band

N = 400


@pytest.fixture
def contacts():
    """Outcome, arm, ranking with ties, customer, weight; each customer twice."""
    rng = np.random.default_rng(1)
    ranking = rng.integers(0, 8, N).astype(float)
    treated = rng.random(N) < 0.4
    outcome = ranking * treated + rng.normal(0, 3, N)
    weight = 1 / np.where(treated, 0.4, 0.6)
    return outcome, treated, ranking, np.arange(N) // 2, weight


def test_areas_are_those_of_the_curves(contacts):
    outcome, treated, ranking, customers, weight = contacts
    rankings = {"alike": np.zeros(N), "good": ranking}
    table = compare_rankings(outcome, treated, rankings, customers, 1, weight, n_resamples=50)
    table = table.set_index("ranking")
    for name, values in rankings.items():
        arrays = outcome, treated, values, weight
        assert table.loc[name, "qini"] == pytest.approx(qini_coefficient(*arrays))
        assert table.loc[name, "auuc"] == pytest.approx(auuc(*arrays))
    assert table.loc["alike", ["qini", "qini_lower", "qini_upper"]].abs().max() < 1e-12
    assert table.loc["good", "qini_lower"] > 0


def test_a_draw_is_the_metric_on_the_drawn_rows(contacts):
    from src.metrics.uplift_resampled import _Ranked

    outcome, treated, ranking, customers, weight = contacts
    counts = np.random.default_rng(2).multinomial(N // 2, np.full(N // 2, 2 / N), size=3)
    areas = _Ranked(outcome, treated, ranking, weight, customers).areas(counts.astype(float))
    for draw, area in zip(counts, areas.T, strict=True):
        index = np.repeat(np.arange(N), draw[customers])
        arrays = [values[index] for values in (outcome, treated, ranking, weight)]
        assert area == pytest.approx([qini_coefficient(*arrays), auuc(*arrays)])


def test_contacts_of_one_customer_are_drawn_together(contacts):
    # eight copies of every contact say no more than one, if they are the same customer's
    outcome, treated, ranking, _, weight = contacts
    alone = np.arange(N)
    once = compare_rankings(outcome, treated, {"r": ranking}, alone, 1, weight)
    many = [np.tile(values, 8) for values in (outcome, treated, ranking, alone, weight)]
    copied = compare_rankings(many[0], many[1], {"r": many[2]}, many[3], 1, many[4])
    width = once["qini_upper"] - once["qini_lower"]
    assert (copied["qini_upper"] - copied["qini_lower"])[0] == pytest.approx(width[0], rel=1e-9)


def test_the_order_of_rows_changes_nothing(contacts):
    outcome, treated, ranking, customers, weight = contacts
    order = np.random.default_rng(3).permutation(N)
    first = compare_rankings(outcome, treated, {"r": ranking}, customers, 1, weight)
    second = compare_rankings(
        outcome[order], treated[order], {"r": ranking[order]}, customers[order], 1, weight[order]
    )
    assert second.iloc[0, 1:].to_numpy(float) == pytest.approx(first.iloc[0, 1:].to_numpy(float))


def test_profit_band_is_the_profit_curve_with_an_interval(contacts):
    outcome, treated, ranking, customers, weight = contacts
    band = profit_band(outcome, treated, ranking, customers, 0.5, 1, weight, n_resamples=80)
    share, profit = profit_curve(outcome, treated, ranking, 0.5, weight)
    assert band["profit"].to_numpy() == pytest.approx(np.interp(band["share"], share, profit))
    assert band["profit"].iloc[0] == 0
    assert (band["lower"] <= band["profit"]).all()
    assert (band["profit"] <= band["upper"]).all()


@pytest.mark.slow
def test_the_interval_of_a_fixed_ranking_covers_as_often_as_it_says():
    # effect = score, uniform on [0, 1]; ranked by it, the Qini coefficient in the population is
    # the area of (1 - (1 - s)^2) / 2 - s / 2 over s: 1/3 - 1/4 = 1/12
    hits, n_worlds = 0, 400
    for seed in range(n_worlds):
        rng = np.random.default_rng(seed)
        score, treated = rng.random(500), rng.random(500) < 0.5
        outcome = score * treated + rng.normal(0, 1, 500)
        table = compare_rankings(
            outcome, treated, {"r": score}, np.arange(500), seed, n_resamples=400
        )
        hits += table["qini_lower"][0] <= 1 / 12 <= table["qini_upper"][0]
    assert 0.93 <= hits / n_worlds <= 0.97


def test_gaps_in_the_numbers_of_customers_are_refused(contacts):
    outcome, treated, ranking, customers, weight = contacts
    with pytest.raises(ParameterError, match="without gaps"):
        compare_rankings(outcome, treated, {"r": ranking}, customers * 9, 1, weight)
