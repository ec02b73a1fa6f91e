"""Whether a new policy goes live, by what the running one has logged."""

from dataclasses import dataclass

import numpy as np

from src.errors import ParameterError
from src.metrics.intervals import Interval
from src.metrics.ope_intervals import Rounds, bootstrap_values, round_values
from src.metrics.ope_overlap import Overlap, check_overlap

__all__ = ["EXPLORE", "PROMOTE", "REFUSE", "Promotion", "judge_policy"]

PROMOTE, EXPLORE, REFUSE = "promote", "explore", "refuse"


@dataclass(frozen=True)
class Promotion:
    """What becomes of a new policy.

    Parameters
    ----------
    verdict : str
        `promote`: it takes the running one's place. `explore`: it decides for a small share of
        people, so that it can be judged later. `refuse`: the log cannot judge it, and nobody is
        given to it.
    traffic_share : float, in [0, 1]
        Share of people that it decides for.
    candidate : Interval or None
        Its value in reward per round, with the bounds judged by; none if refused.
    running : float
        The running policy's estimate on the same rounds.
    overlap : Overlap
        How far the rounds reach.
    reason : str
        Why, in a sentence.
    """

    verdict: str
    traffic_share: float
    candidate: Interval | None
    running: float
    overlap: Overlap
    reason: str


def judge_policy(
    candidate: Rounds,
    seed: int,
    running_prob: np.ndarray | None = None,
    policies: tuple[np.ndarray, np.ndarray] | None = None,
    exploration_share: float = 0.05,
    n_resamples: int = 1000,
    level: float = 0.95,
) -> Promotion:
    """Judge a policy by the rounds that were logged before it.

    It goes live only if the lower end of its interval beats the running policy's estimate.
    Weights are not capped: a cap would move the estimate, and towards promotion where rewards
    are losses.

    Parameters
    ----------
    candidate : Rounds
        Matured rounds, with the new policy's probability of each logged action. With a
        reward model's answers it is judged by `dr`, else by `snips`.
    seed : int
        Of the bootstrap.
    running_prob : array of shape (n_rounds,), optional
        Probability of the logged actions under the running policy, if that is not the one
        that logged.
    policies : pair of arrays of shape (n_rounds, n_actions), optional
        All probabilities of the logging and the new policy, for an exact check of overlap.
    exploration_share : float, in (0, 0.5], default 0.05
        Share of people a policy gets that may be better, but not surely.
    n_resamples, level
        Of the interval.

    Returns
    -------
    Promotion

    References
    ----------
    .. Thomas, P., Theocharous, G. and Ghavamzadeh, M. (2015). High-confidence policy
       improvement. ICML: deploy only what is surely better.
    """
    if not 0 < exploration_share <= 0.5:
        raise ParameterError(
            f"Expected exploration_share in (0, 0.5], found {exploration_share}; try 0.05."
        )
    running = _running_value(candidate, running_prob)
    overlap = check_overlap(candidate.pscore, candidate.action_prob, policies)
    if not overlap.is_answerable:
        return Promotion(REFUSE, 0.0, None, running, overlap, overlap.reason)
    name = "dr" if candidate.has_model else "snips"
    value = bootstrap_values(candidate, seed, [name], n_resamples=n_resamples, level=level)[name]
    if value.lower > running:
        return Promotion(PROMOTE, 1.0, value, running, overlap, _say(value, running, "above"))
    reason = (
        _say(value, running, "not above") + f" It decides for {exploration_share:.0%} to learn."
    )
    return Promotion(EXPLORE, exploration_share, value, running, overlap, reason)


def _running_value(candidate: Rounds, running_prob: np.ndarray | None) -> float:
    if running_prob is None:
        return float(np.mean(candidate.reward))
    overlap = check_overlap(candidate.pscore, running_prob)
    if not overlap.is_answerable:
        raise ParameterError(
            f"Expected rounds that can value the running policy, too: {overlap.reason}"
        )
    rounds = Rounds(candidate.reward, candidate.pscore, running_prob)
    return round_values(rounds, ["snips"])["snips"]


def _say(value: Interval, running: float, how: str) -> str:
    return (
        f"The new policy is worth {value.estimate:.4g} per round, surely more than "
        f"{value.lower:.4g} ({value.level:.0%} interval, {value.n:,} rounds), which is {how} the "
        f"running policy's {running:.4g}."
    )
