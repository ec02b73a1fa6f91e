import numpy as np
import pytest

from src.errors import OverlapError, ParameterError
from src.metrics.ope import (
    dm,
    dr,
    ess,
    importance_weights,
    ips,
    policy_rewards,
    sndr,
    snips,
    switch_dr,
)
from src.metrics.ope_intervals import (
    ESTIMATORS,
    Rounds,
    bootstrap_values,
    compare_estimators,
    influence_interval,
    round_values,
)
from src.metrics.ope_overlap import check_overlap, require_overlap
from src.metrics.ope_tuning import choose_max_weight

# Four rounds by hand: weights 2, 0, 1, .5; residuals r - q = .5, -.5, 1, 0
REWARD = np.array([1.0, 0.0, 2.0, 1.0])
PSCORE = np.array([0.5, 0.5, 0.25, 0.8])
PROB = np.array([1.0, 0.0, 0.25, 0.4])
PREDICTED = np.array([0.5, 0.5, 1.0, 1.0])
VALUE = np.array([0.5, 0.25, 1.0, 0.75])
ROUNDS = Rounds(REWARD, PSCORE, PROB, PREDICTED, VALUE)


class TestByHand:
    def test_weights_and_effective_sample_size(self):
        weight = importance_weights(PSCORE, PROB)
        assert weight.tolist() == [2.0, 0.0, 1.0, 0.5]
        assert ess(weight) == pytest.approx(3.5**2 / 5.25)
        assert importance_weights(PSCORE, PROB, 1.5).tolist() == [1.5, 0.0, 1.0, 0.5]

    @pytest.mark.parametrize(
        ("estimate", "expected"),
        [
            (ips(REWARD, PSCORE, PROB), (2 + 0 + 2 + 0.5) / 4),
            (ips(REWARD, PSCORE, PROB, 1.5), (1.5 + 0 + 2 + 0.5) / 4),
            (snips(REWARD, PSCORE, PROB), 4.5 / 3.5),
            (dm(VALUE), 2.5 / 4),
            (dr(REWARD, PSCORE, PROB, PREDICTED, VALUE), (2.5 + 1 + 0 + 1 + 0) / 4),
            (sndr(REWARD, PSCORE, PROB, PREDICTED, VALUE), 2.5 / 4 + 2 / 3.5),
            (switch_dr(REWARD, PSCORE, PROB, PREDICTED, VALUE, 1.5), (2.5 + 1) / 4),
            (switch_dr(REWARD, PSCORE, PROB, PREDICTED, VALUE), (2.5 + 2) / 4),
        ],
        ids=["ips", "ips capped", "snips", "dm", "dr", "sndr", "switch", "switch without a cap"],
    )
    def test_estimates(self, estimate, expected):
        assert estimate == pytest.approx(expected, rel=1e-12)

    def test_what_a_reward_model_says_of_each_round(self):
        expected = np.array([[1.0, 3.0], [0.0, 4.0]])
        policy = np.array([[0.5, 0.5], [1.0, 0.0]])
        prob, predicted, value = policy_rewards(expected, policy, np.array([1, 0]))
        assert (prob.tolist(), predicted.tolist(), value.tolist()) == (
            [0.5, 1.0],
            [3.0, 0.0],
            [2.0, 0.0],
        )


class TestLimits:
    def test_the_logging_policy_itself_is_worth_its_mean_reward(self):
        same = (REWARD, PSCORE, PSCORE, PREDICTED, PREDICTED)
        for estimate in (dr(*same), sndr(*same), switch_dr(*same), ips(*same[:3])):
            assert estimate == pytest.approx(REWARD.mean())

    def test_a_perfect_model_leaves_nothing_to_correct(self):
        for estimate in (dr, sndr, switch_dr):
            assert estimate(REWARD, PSCORE, PROB, REWARD, VALUE) == pytest.approx(VALUE.mean())

    def test_a_switch_at_nothing_is_the_direct_method(self):
        assert switch_dr(REWARD, PSCORE, PROB, PREDICTED, VALUE, 1e-9) == dm(VALUE)

    def test_names_and_functions_agree(self):
        found = round_values(ROUNDS, max_weight=1.5)
        model = (REWARD, PSCORE, PROB, PREDICTED, VALUE, 1.5)
        expected = {
            "dm": dm(VALUE),
            "ips": ips(REWARD, PSCORE, PROB, 1.5),
            "snips": snips(REWARD, PSCORE, PROB, 1.5),
            "dr": dr(*model),
            "sndr": sndr(*model),
            "switch_dr": switch_dr(*model),
        }
        assert found == pytest.approx(expected, rel=1e-12)

    def test_the_order_of_rounds_changes_nothing(self):
        turned = Rounds(*(values[::-1] for values in (REWARD, PSCORE, PROB, PREDICTED, VALUE)))
        assert round_values(turned) == pytest.approx(round_values(ROUNDS), rel=1e-12)

    @pytest.mark.parametrize(
        ("arguments", "said"),
        [
            ((REWARD, PSCORE * 0, PROB), "pscore in (0, 1]"),
            ((REWARD, PSCORE, PROB + 1), "action_prob in [0, 1]"),
            ((REWARD[:3], PSCORE, PROB), "one length above 0"),
            ((REWARD * np.nan, PSCORE, PROB), "finite"),
            ((REWARD, PSCORE, PROB * 0), "all 4 weights are 0"),
        ],
        ids=["pscore", "probability", "lengths", "missing", "no overlap"],
    )
    def test_wrong_rounds_are_refused(self, arguments, said):
        with pytest.raises(ParameterError) as error:
            snips(*arguments)
        assert said in str(error.value)

    def test_a_policy_that_does_not_add_to_one_is_refused(self):
        with pytest.raises(ParameterError, match=r"round 1 adds to 0\.7"):
            policy_rewards(np.zeros((2, 2)), np.array([[0.5, 0.5], [0.5, 0.2]]), np.array([0, 1]))

    def test_a_model_is_asked_for_where_it_is_needed(self):
        with pytest.raises(ParameterError, match="predictions of a reward model for \\['dr'\\]"):
            round_values(Rounds(REWARD, PSCORE, PROB), ["dr"])
        with pytest.raises(ParameterError, match="estimators among"):
            round_values(ROUNDS, ["ipw"])


class TestIntervals:
    def test_the_denominator_is_drawn_too(self):
        """With rewards all 1 a self-normalised estimate is 1 in every draw, the plain one not."""
        rng = np.random.default_rng(1)
        prob = rng.uniform(0, 1, 200)
        rounds = Rounds(np.ones(200), np.full(200, 0.5), prob)
        found = bootstrap_values(rounds, seed=1, estimators=["ips", "snips"], n_resamples=200)
        assert found["snips"].lower == pytest.approx(1.0)
        assert found["snips"].upper == pytest.approx(1.0)
        assert found["ips"].upper - found["ips"].lower > 0.05

    def test_both_kinds_of_interval_agree_on_many_rounds(self):
        rounds = _many_rounds(4000, 3)
        drawn = bootstrap_values(rounds, seed=1, n_resamples=2000)
        for name in ("ips", "snips", "dr", "sndr", "switch_dr"):
            quick = influence_interval(rounds, name)
            assert quick.estimate == pytest.approx(drawn[name].estimate)
            width = drawn[name].upper - drawn[name].lower
            assert quick.upper - quick.lower == pytest.approx(width, rel=0.07), name

    def test_the_same_seed_gives_the_same_interval(self):
        rounds = _many_rounds(100, 4)
        first, second = (bootstrap_values(rounds, seed=7, n_resamples=50) for _ in range(2))
        assert first == second

    def test_the_direct_method_has_no_quick_interval(self):
        with pytest.raises(ParameterError, match="as unsure as its model"):
            influence_interval(ROUNDS, "dm")

    def test_the_table_says_what_each_estimate_rests_on(self):
        rounds = _many_rounds(500, 5)
        found = compare_estimators(rounds, seed=1, max_weight=1.5, n_resamples=50)
        found = found.set_index("estimator")
        assert found.index.tolist() == ["on_policy", *ESTIMATORS]
        assert found.loc["on_policy", "estimate"] == pytest.approx(rounds.reward.mean())
        weight = np.minimum(importance_weights(rounds.pscore, rounds.action_prob), 1.5)
        assert found.loc["ips", "ess"] == pytest.approx(ess(weight))
        assert 0 < found.loc["ips", "capped_share"] < 1
        assert (found["lower"] <= found["upper"]).all()


def _many_rounds(n, seed):
    """Two actions logged evenly; the policy takes the second with probability .2 to 1."""
    rng = np.random.default_rng(seed)
    action, x = rng.integers(0, 2, n), rng.uniform(0, 1, n)
    second = 0.2 + 0.8 * x
    reward = x + action * (x - 0.3) + rng.normal(0, 1, n)
    expected = np.column_stack([x, 2 * x - 0.3]) + rng.normal(0, 0.2, (n, 2))
    policy = np.column_stack([1 - second, second])
    return Rounds(reward, np.full(n, 0.5), *policy_rewards(expected, policy, action))


class TestOverlap:
    def test_a_policy_never_tried_is_refused(self):
        overlap = check_overlap(np.full(500, 0.5), np.zeros(500))
        assert not overlap.is_answerable
        assert overlap.unsupported_share == 1.0
        with pytest.raises(OverlapError, match=r"found 100\.0%: what it would do there was never"):
            require_overlap(overlap)

    def test_the_share_out_of_sight_is_exact_with_both_policies(self):
        """Action 2 was impossible; the new policy gives it .3 in every second round."""
        behavior = np.tile([0.5, 0.5, 0.0], (1000, 1))
        evaluation = np.tile([[0.5, 0.5, 0.0], [0.2, 0.5, 0.3]], (500, 1))
        action = np.tile([0, 0, 1, 1], 250)
        prob = evaluation[np.arange(1000), action]
        overlap = check_overlap(np.full(1000, 0.5), prob, (behavior, evaluation))
        assert overlap.unsupported_share == pytest.approx(0.15)
        assert overlap.unsupported_error == 0
        assert "15.0%" in overlap.reason
        guessed = check_overlap(np.full(1000, 0.5), prob)
        assert guessed.unsupported_share == pytest.approx(1 - np.mean(prob / 0.5))
        assert not guessed.is_answerable

    def test_few_rounds_that_agree_are_refused(self):
        rng = np.random.default_rng(1)
        agrees = rng.random(1000) < 0.02
        overlap = check_overlap(np.full(1000, 0.02), agrees.astype(float))
        assert not overlap.is_answerable
        assert "effective sample size of 1,000 rounds" in overlap.reason
        assert overlap.ess == pytest.approx(agrees.sum())

    def test_wrong_propensities_are_noticed(self):
        overlap = check_overlap(np.full(1000, 0.25), np.full(1000, 0.5))
        assert not overlap.is_answerable
        assert "average to 1, found 2.000" in overlap.reason

    def test_the_same_policy_overlaps_with_itself(self):
        overlap = check_overlap(np.full(1000, 0.3), np.full(1000, 0.3))
        assert overlap.is_answerable
        assert overlap.ess == pytest.approx(1000)
        require_overlap(overlap)


class TestTuning:
    def test_a_model_that_is_wrong_where_weights_are_large_keeps_them(self):
        rounds = _rare_arm(bias=-3.0)
        assert choose_max_weight(rounds, candidates=[np.inf, 5.0]).max_weight == np.inf

    def test_a_model_that_is_right_lets_them_go(self):
        rounds = _rare_arm(bias=0.0)
        assert choose_max_weight(rounds, candidates=[np.inf, 5.0]).max_weight == 5.0


def _rare_arm(bias, n=20_000):
    """Action 1 was logged with .05 and is what the policy does half the time; it earns 1."""
    rng = np.random.default_rng(8)
    action = (rng.random(n) < 0.05).astype(int)
    reward = action + rng.normal(0, 1, n)
    expected = np.tile([0.0, 1.0 + bias], (n, 1))
    policy = np.full((n, 2), 0.5)
    pscore = np.where(action == 1, 0.05, 0.95)
    return Rounds(reward, pscore, *policy_rewards(expected, policy, action))
