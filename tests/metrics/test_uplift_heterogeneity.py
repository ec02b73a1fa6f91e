import numpy as np
import pytest

from src.errors import ParameterError
from src.metrics.uplift_heterogeneity import (
    calibrate_effects,
    effect_scores,
    effect_slope,
    judge_rankings,
)


class TestScores:
    def test_by_hand(self):
        # treated by action 1: (3 - 1) + (5 - 3) / .5 = 6, against action 2: 2 - 1 = 1
        # control: (3 - 1) - (2 - 1) / .25 = -2, and 1 - 4 = -3
        expected = np.array([[1.0, 3.0, 2.0], [1.0, 3.0, 2.0]])
        outcome, arm, pscore = np.array([5.0, 2.0]), np.array([1, 0]), np.array([0.5, 0.25])
        scores = effect_scores(outcome, arm, pscore, expected)
        assert scores.tolist() == [[6.0, 1.0], [-2.0, -3.0]]

    @pytest.mark.parametrize("wrong", [0.0, 50.0, -50.0], ids=["zero", "far above", "far below"])
    def test_a_wrong_expectation_does_not_bias_them(self, wrong):
        # expectations are off by as much as 50, in every arm; the effect is x, of mean 1/2
        rng = np.random.default_rng(1)
        n = 400_000
        x = rng.random(n)
        pscore_of = np.column_stack([0.7 - 0.4 * x, 0.3 + 0.4 * x])  # depends on the customer
        arm = (rng.random(n) < pscore_of[:, 1]).astype(int)
        outcome = 3.0 + x * arm
        expected = np.column_stack([np.full(n, wrong), wrong * x])
        pscore = pscore_of[np.arange(n), arm]
        scores = effect_scores(outcome, arm, pscore, expected)[:, 0]
        error = scores.std() / np.sqrt(n)
        assert abs(scores.mean() - 0.5) < 3.5 * error

    def test_a_right_expectation_makes_them_sharper(self):
        rng = np.random.default_rng(2)
        x, arm = rng.normal(size=5000), rng.integers(0, 2, 5000)
        outcome = 10 * x + arm + rng.normal(size=5000)
        right = np.column_stack([10 * x, 10 * x + 1])
        half = np.full(5000, 0.5)
        sharp = effect_scores(outcome, arm, half, right)[:, 0]
        blunt = effect_scores(outcome, arm, half, 0 * right)[:, 0]
        assert sharp.std() < blunt.std() / 5


class TestSlope:
    def test_by_hand(self):
        # predictions -1, 0, 1; scores 0, 5, 4: (0 * -1 + 4 * 1) / 2
        assert effect_slope(np.array([0.0, 5, 4]), np.array([-1.0, 0, 1])) == pytest.approx(2)

    def test_weights_stand_for_repeated_rows(self):
        scores, predicted = np.array([0.0, 5, 4]), np.array([-1.0, 0, 1])
        weight = np.array([2, 1, 3])
        index = np.repeat(np.arange(3), weight)
        repeated = effect_slope(scores[index], predicted[index])
        assert effect_slope(scores, predicted, weight.astype(float)) == pytest.approx(repeated)

    def test_predictions_that_do_not_differ_have_none(self):
        assert effect_slope(np.array([1.0, 2]), np.array([3.0, 3])) == 0.0


def judge(scores, *rankings, customers=None, seed=1, n_draws=1000):
    scores = scores[:, None] if scores.ndim == 1 else scores
    named = {f"r{i}": ranking.reshape(len(scores), -1) for i, ranking in enumerate(rankings)}
    customers = np.arange(len(scores)) if customers is None else customers
    return judge_rankings(
        scores, np.ones(scores.shape, bool), named, customers, seed, n_draws=n_draws
    )


class TestJudge:
    def test_by_hand(self):
        # ranks (.5, 1.5, 2.5, 3.5) / 4 - 1/2 = -3/8, -1/8, 1/8, 3/8; scores less their mean 1:
        # -1, -1, 1, 1: mean of 3/8, 1/8, 1/8, 3/8 is 1/4
        table = judge(np.array([0.0, 0, 2, 2]), np.array([1.0, 2, 3, 4]))
        assert table["rank_effect"][0] == pytest.approx(0.25)

    def test_ties_share_their_rank_and_all_tied_know_nothing(self):
        table = judge(np.array([0.0, 0, 2, 2]), np.array([1.0, 1, 2, 2]), np.ones(4))
        # ranks -1/4, -1/4, 1/4, 1/4
        assert table["rank_effect"].tolist() == pytest.approx([0.25, 0.0])
        assert table["t"][1] == 0.0
        assert table["p_corrected"][1] > 0.4

    def test_it_is_the_qini_of_the_population(self):
        # effect uniform on [0, 1], ranked by itself: covariance with its rank is 1/12
        rng = np.random.default_rng(1)
        effect = rng.random(100_000)
        table = judge(effect + rng.normal(0, 1, 100_000), effect)
        assert table["rank_effect"][0] == pytest.approx(1 / 12, abs=0.004)
        assert table["lower_corrected"][0] < 1 / 12

    def test_the_best_of_many_useless_rankings_is_not_believed(self):
        rng = np.random.default_rng(2)
        scores = rng.normal(size=1000)
        table = judge(scores, *rng.normal(size=(200, 1000)))
        assert table["p_value"].min() < 0.02
        assert table["p_corrected"].min() > 0.05

    def test_copies_of_one_ranking_need_no_correction(self):
        rng = np.random.default_rng(3)
        scores, ranking = rng.normal(size=2000), rng.normal(size=2000)
        table = judge(scores, *[ranking] * 50, n_draws=20_000)
        assert table["p_corrected"].to_numpy() == pytest.approx(table["p_value"], abs=0.02)

    def test_contacts_of_one_customer_count_as_one(self):
        rng = np.random.default_rng(4)
        scores, ranking = rng.normal(size=300), rng.normal(size=300)
        once = judge(scores, ranking)
        copied = judge(
            np.tile(scores, 9), np.tile(ranking, 9), customers=np.tile(np.arange(300), 9)
        )
        assert copied["standard_error"][0] == pytest.approx(once["standard_error"][0], rel=0.02)

    @pytest.mark.slow
    @pytest.mark.parametrize("tail", ["normal", "money"])
    def test_by_chance_it_finds_something_in_one_of_twenty(self, tail):
        # nine correlated useless rankings of two actions; "money": nine in ten spend nothing
        n_worlds, n, found = 1000, 500, 0
        for seed in range(n_worlds):
            rng = np.random.default_rng(seed)
            scores = rng.normal(size=(n, 2))
            if tail == "money":
                scores = np.sign(scores) * rng.lognormal(3, 1, (n, 2)) * (rng.random((n, 2)) < 0.1)
            shared = rng.normal(size=(n, 2))
            rankings = [shared + rng.normal(size=(n, 2)) for _ in range(9)]
            found += judge(scores, *rankings, seed=seed, n_draws=400)["p_corrected"].min() <= 0.05
        assert 0.025 <= found / n_worlds <= 0.064  # .05 + 2 standard deviations

    def test_nothing_to_judge_is_refused(self):
        with pytest.raises(ParameterError, match="at least one ranking"):
            judge(np.zeros(3))


class TestCalibration:
    def test_groups_by_hand(self):
        scores, predicted = np.array([1.0, 3, 5, 9]), np.array([0.1, 0.2, 0.8, 0.9])
        table = calibrate_effects(scores, predicted, np.arange(4), n_groups=2)
        assert table["group"].tolist() == [1, 2]
        assert table["predicted"].tolist() == pytest.approx([0.15, 0.85])
        assert table["realised"].tolist() == [2.0, 7.0]
        # 1.96 * sqrt(1 + 1) / 2
        assert (table["upper"] - table["realised"])[0] == pytest.approx(1.96 * 2**0.5 / 2, rel=1e-4)

    def test_equal_predictions_stay_together(self):
        table = calibrate_effects(np.arange(100.0), np.zeros(100), np.arange(100))
        assert table["n"].tolist() == [100]

    @pytest.mark.slow
    def test_the_interval_covers_as_often_as_it_says(self):
        hits, n_groups = 0, 0
        for seed in range(300):
            rng = np.random.default_rng(seed)
            effect = rng.normal(size=600)
            table = calibrate_effects(effect + rng.normal(0, 3, 600), effect, np.arange(600), 4)
            # effect is its own prediction: the group's mean of it is the truth
            inside = table["predicted"].between(table["lower"], table["upper"])
            hits, n_groups = hits + inside.sum(), n_groups + len(table)
        assert 0.93 <= hits / n_groups <= 0.97
