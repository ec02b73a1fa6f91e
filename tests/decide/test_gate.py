import numpy as np
import pytest

from src.decide.gate import EXPLORE, PROMOTE, REFUSE, judge_policy
from src.errors import ParameterError
from src.metrics.ope_intervals import Rounds

N = 4000


def _rounds(prob_of_good, lead, seed=1):
    """Two actions logged evenly, the second earns `lead` more; the policy takes it so often."""
    rng = np.random.default_rng(seed)
    action = rng.integers(0, 2, N)
    reward = 1.0 + lead * action + rng.normal(0, 1, N)
    prob = np.where(action == 1, prob_of_good, 1 - prob_of_good)
    return Rounds(reward, np.full(N, 0.5), prob)


def test_a_policy_that_is_surely_better_goes_live():
    answer = judge_policy(_rounds(0.9, lead=0.5), seed=1)
    assert (answer.verdict, answer.traffic_share) == (PROMOTE, 1.0)
    assert answer.candidate.lower > answer.running
    # .9 of the better action earns 1 + .9 * .5, the even policy 1.25
    assert answer.candidate.estimate == pytest.approx(1.45, abs=0.06)
    assert "is above the running policy's" in answer.reason


def test_a_policy_that_may_be_better_is_explored_a_little():
    answer = judge_policy(_rounds(0.9, lead=0.0), seed=1, exploration_share=0.02)
    assert (answer.verdict, answer.traffic_share) == (EXPLORE, 0.02)
    assert "decides for 2% to learn" in answer.reason


def test_a_worse_policy_does_not_go_live():
    assert judge_policy(_rounds(0.1, lead=0.5), seed=1).verdict == EXPLORE


def test_the_same_policy_is_not_better_than_itself():
    rounds = _rounds(0.5, lead=0.5)
    answer = judge_policy(rounds, seed=1)
    assert answer.verdict == EXPLORE
    assert answer.candidate.estimate == pytest.approx(answer.running)


def test_without_overlap_nobody_is_given_to_it():
    rounds = Rounds(np.ones(N), np.full(N, 0.5), np.zeros(N))
    answer = judge_policy(rounds, seed=1)
    assert (answer.verdict, answer.traffic_share, answer.candidate) == (REFUSE, 0.0, None)
    assert "found 100.0%" in answer.reason


def test_an_action_never_tried_is_seen_from_the_probabilities():
    """The new policy gives .2 to a third action; the log could never draw it."""
    rounds = _rounds(0.8, lead=0.5)
    shorter = Rounds(rounds.reward, rounds.pscore, rounds.action_prob * 0.8)
    behavior = np.tile([0.5, 0.5, 0.0], (N, 1))
    evaluation = np.tile([0.16, 0.64, 0.2], (N, 1))
    answer = judge_policy(shorter, seed=1, policies=(behavior, evaluation))
    assert answer.verdict == REFUSE
    assert answer.overlap.unsupported_share == pytest.approx(0.2)


def test_another_running_policy_is_valued_on_the_same_rounds():
    rounds = _rounds(0.9, lead=0.5)
    running = np.where(rounds.action_prob > 0.5, 0.7, 0.3)
    answer = judge_policy(rounds, seed=1, running_prob=running)
    assert answer.running == pytest.approx(1.35, abs=0.06)
    with pytest.raises(ParameterError, match="value the running policy"):
        judge_policy(rounds, seed=1, running_prob=np.zeros(N))


def test_a_model_makes_it_judge_by_dr():
    """A perfect model leaves no noise: the interval closes on the truth."""
    rng = np.random.default_rng(2)
    action = rng.integers(0, 2, N)
    reward = action.astype(float)
    prob = np.where(action == 1, 0.9, 0.1)
    rounds = Rounds(reward, np.full(N, 0.5), prob, reward, np.full(N, 0.9))
    answer = judge_policy(rounds, seed=1)
    assert answer.candidate.lower == pytest.approx(0.9)
    assert answer.verdict == PROMOTE


def test_a_policy_no_better_is_rarely_promoted():
    """At level .95 the lower bound lies above an equal policy's true value in 2.5 % of logs."""
    verdicts = [
        judge_policy(_rounds(0.9, lead=0.0, seed=seed), seed, n_resamples=100).verdict
        for seed in range(40)
    ]
    assert verdicts.count(PROMOTE) <= 3


def test_an_exploration_share_of_all_is_refused():
    with pytest.raises(ParameterError, match="exploration_share"):
        judge_policy(_rounds(0.5, 0.0), seed=1, exploration_share=0.9)
