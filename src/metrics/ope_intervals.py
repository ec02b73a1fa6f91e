"""Estimates of a policy's value with their intervals, from the same draws of rounds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from src.errors import ParameterError
from src.metrics.intervals import Interval
from src.metrics.ope import check_rounds, ess, importance_weights
from src.metrics.resampled import draw_counts

__all__ = [
    "ESTIMATORS",
    "Refit",
    "Rounds",
    "bootstrap_values",
    "compare_estimators",
    "influence_interval",
    "round_values",
]

Refit = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Takes counts of shape (n_draws, n_rounds), fits the reward model on each draw, and gives
`predicted` and `predicted_value`, both of shape (n_draws, n_rounds)."""


@dataclass(frozen=True)
class Rounds:
    """Logged rounds, and what a reward model says of them.

    Parameters
    ----------
    reward : array of shape (n_rounds,)
        Observed reward.
    pscore : array of shape (n_rounds,), in (0, 1]
        Probability of the logged action under the behavior policy.
    action_prob : array of shape (n_rounds,), in [0, 1]
        The same under the evaluation policy.
    predicted, predicted_value : arrays of shape (n_rounds,), optional
        From `src.metrics.ope.policy_rewards`; what `dm`, `dr`, `sndr`, `switch_dr` need.
    """

    reward: np.ndarray
    pscore: np.ndarray
    action_prob: np.ndarray
    predicted: np.ndarray | None = None
    predicted_value: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse rounds that no estimate can be made from."""
        importance_weights(self.pscore, self.action_prob)
        named = {"reward": self.reward, "pscore": self.pscore}
        if self.has_model:
            named |= {"predicted": self.predicted, "predicted_value": self.predicted_value}
        elif self.predicted is not None or self.predicted_value is not None:
            raise ParameterError("Expected predicted and predicted_value together, found one.")
        check_rounds(**named)

    @property
    def has_model(self) -> bool:
        """Whether a reward model's answers are there."""
        return self.predicted is not None and self.predicted_value is not None

    @property
    def n(self) -> int:
        """Number of rounds."""
        return len(self.reward)


@dataclass(frozen=True)
class _Terms:
    """An estimate as the mean of `base`, plus the ratio of the sums of `top` and `bottom`.

    Each is of shape (n_rounds,), or (n_draws, n_rounds) where the model was fitted anew.
    """

    base: np.ndarray | None = None
    top: np.ndarray | None = None
    bottom: np.ndarray | None = None

    def value(self, counts: np.ndarray) -> np.ndarray:
        total = np.zeros(len(counts))
        if self.base is not None:
            total = total + _sums(counts, self.base) / counts.sum(axis=1)
        if self.top is not None:
            bottom = _sums(counts, self.bottom)
            ratio = np.full(len(counts), np.nan)
            np.divide(_sums(counts, self.top), bottom, out=ratio, where=bottom > 0)
            total = total + ratio
        return total

    def influence(self) -> np.ndarray:
        """How far each round pulls the estimate: the terms of its first-order expansion."""
        pull = np.zeros(len(self.base if self.base is not None else self.top))
        if self.base is not None:
            pull = pull + self.base - self.base.mean()
        if self.top is not None:
            ratio = self.top.sum() / self.bottom.sum()
            pull = pull + (self.top - ratio * self.bottom) / self.bottom.mean()
        return pull


def _sums(counts: np.ndarray, values: np.ndarray) -> np.ndarray:
    if values.ndim == 1:
        return counts @ values
    return np.einsum("bn,bn->b", counts, values)


def _ips(rounds: Rounds, weight: np.ndarray, max_weight: float) -> _Terms:
    return _Terms(base=np.minimum(weight, max_weight) * rounds.reward)


def _snips(rounds: Rounds, weight: np.ndarray, max_weight: float) -> _Terms:
    weight = np.minimum(weight, max_weight)
    return _Terms(top=weight * rounds.reward, bottom=weight)


def _dm(rounds: Rounds, weight: np.ndarray, max_weight: float) -> _Terms:
    return _Terms(base=rounds.predicted_value)


def _dr(rounds: Rounds, weight: np.ndarray, max_weight: float) -> _Terms:
    weight = np.minimum(weight, max_weight)
    return _Terms(base=rounds.predicted_value + weight * (rounds.reward - rounds.predicted))


def _sndr(rounds: Rounds, weight: np.ndarray, max_weight: float) -> _Terms:
    weight = np.minimum(weight, max_weight)
    top = weight * (rounds.reward - rounds.predicted)
    return _Terms(base=rounds.predicted_value, top=top, bottom=weight)


def _switch_dr(rounds: Rounds, weight: np.ndarray, max_weight: float) -> _Terms:
    weight = np.where(weight <= max_weight, weight, 0.0)
    return _Terms(base=rounds.predicted_value + weight * (rounds.reward - rounds.predicted))


_TERMS = {
    "dm": _dm,
    "ips": _ips,
    "snips": _snips,
    "dr": _dr,
    "sndr": _sndr,
    "switch_dr": _switch_dr,
}
ESTIMATORS = tuple(_TERMS)
"""Names of the estimators; each is defined in `src.metrics.ope`."""

_WITHOUT_MODEL = ("ips", "snips")


def round_values(
    rounds: Rounds, estimators: Sequence[str] = ESTIMATORS, max_weight: float = np.inf
) -> dict[str, float]:
    """Point estimates by name, as the functions of `src.metrics.ope` give them."""
    once = np.ones((1, rounds.n))
    return {
        name: float(terms.value(once)[0])
        for name, terms in _terms(rounds, estimators, max_weight).items()
    }


def _terms(rounds: Rounds, estimators: Sequence[str], max_weight: float) -> dict[str, _Terms]:
    unknown = sorted(set(estimators) - set(_TERMS))
    if unknown:
        raise ParameterError(f"Expected estimators among {list(_TERMS)}, found {unknown}.")
    lacking = sorted(set(estimators) - set(_WITHOUT_MODEL))
    if lacking and not rounds.has_model:
        raise ParameterError(
            f"Expected predictions of a reward model for {lacking}, found none; give predicted "
            "and predicted_value, or use ips or snips."
        )
    if not max_weight > 0:
        raise ParameterError(f"Expected max_weight above 0, found {max_weight}; inf is no cap.")
    weight = importance_weights(rounds.pscore, rounds.action_prob)
    return {name: _TERMS[name](rounds, weight, max_weight) for name in estimators}


def bootstrap_values(
    rounds: Rounds,
    seed: int,
    estimators: Sequence[str] = ESTIMATORS,
    max_weight: float = np.inf,
    n_resamples: int = 1000,
    level: float = 0.95,
    refit: Refit | None = None,
) -> dict[str, Interval]:
    r"""Percentile bootstrap that draws rounds with replacement, all estimators on the same draws.

    A ratio is taken anew in each draw, so that the doubt in its denominator counts.

    Parameters
    ----------
    rounds : Rounds
        The logged rounds.
    seed : int
        Of the draws.
    estimators : sequence of str
        Names out of `ESTIMATORS`.
    max_weight : float, default inf
        Cap on the weights; for `switch_dr` the weight from which the model answers alone.
    n_resamples, level
        As in `src.metrics.intervals.bootstrap_interval`.
    refit : callable, optional
        Fits the reward model anew on each draw. Without it the model counts as given: right
        for `dr` and `sndr` with a cross-fitted model, whose error then matters in second order
        only, and too narrow for `dm`, and for `switch_dr` where it switches, which are as
        unsure as the model is.

    Returns
    -------
    dict of str to Interval
        By estimator, in reward per round.

    References
    ----------
    .. Efron, B. and Tibshirani, R. (1993). An Introduction to the Bootstrap, chapter 13.
    .. Chernozhukov, V. et al. (2018). Double/debiased machine learning. The Econometrics
       Journal 21(1): why the model's error is of second order in `dr`.
    """
    if not 0 < level < 1:
        raise ParameterError(f"Expected a level between 0 and 1 such as 0.95, found {level}.")
    fixed = _terms(rounds, estimators, max_weight)
    draws: dict[str, list[np.ndarray]] = {name: [] for name in estimators}
    for counts in draw_counts(rounds.n, seed, n_resamples):
        terms = fixed
        if refit is not None:
            anew = _Drawn(rounds.reward, *refit(counts))
            weight = importance_weights(rounds.pscore, rounds.action_prob)
            terms = {name: _TERMS[name](anew, weight, max_weight) for name in estimators}
        for name in estimators:
            draws[name].append(terms[name].value(counts))
    estimates = round_values(rounds, estimators, max_weight)
    return {
        name: _percentiles(estimates[name], np.concatenate(draws[name]), level, rounds.n)
        for name in estimators
    }


@dataclass(frozen=True)
class _Drawn:
    """Rounds with one row of predictions per draw."""

    reward: np.ndarray
    predicted: np.ndarray
    predicted_value: np.ndarray


def _percentiles(estimate: float, draws: np.ndarray, level: float, n: int) -> Interval:
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return Interval(estimate, float("nan"), float("nan"), level, n)
    lower, upper = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Interval(estimate, float(lower), float(upper), level, n)


def influence_interval(
    rounds: Rounds, estimator: str, max_weight: float = np.inf, level: float = 0.95
) -> Interval:
    r"""Interval from the estimator's influence function: quick, for many rounds.

    .. math:: \hat V \pm t_{n-1}\, \sqrt{\tfrac{1}{n(n-1)} \textstyle\sum_i \psi_i^2},\qquad
              \psi_i^{\text{snips}} = \frac{w_i\,(r_i - \hat V)}{\bar w}

    and for a mean over rounds :math:`\psi_i` is a round's distance from it. The reward model
    counts as given; for `dm` that leaves out most of the doubt, so it is refused here.

    References
    ----------
    .. Owen, A. (2013). Monte Carlo theory, methods and examples, equation 9.7: the ratio.
    """
    if estimator == "dm":
        raise ParameterError(
            "Expected an estimator whose doubt lies in the rounds, found 'dm': it is as unsure as "
            "its model; use bootstrap_values with refit."
        )
    terms = _terms(rounds, [estimator], max_weight)[estimator]
    n = rounds.n
    estimate = float(terms.value(np.ones((1, n)))[0])
    error = np.sqrt(np.square(terms.influence()).sum() / (n * (n - 1))) if n > 1 else np.inf
    half = float(student.ppf(0.5 + level / 2, max(n - 1, 1)) * error)
    return Interval(estimate, estimate - half, estimate + half, level, n)


def compare_estimators(
    rounds: Rounds,
    seed: int,
    estimators: Sequence[str] = ESTIMATORS,
    max_weight: float = np.inf,
    n_resamples: int = 1000,
    level: float = 0.95,
    refit: Refit | None = None,
) -> pd.DataFrame:
    """Estimates side by side, with what each rests on and the behavior policy as the baseline.

    Returns
    -------
    DataFrame
        Row per estimator, the behavior policy's own mean first (`on_policy`): `estimator`,
        `estimate`, `lower`, `upper` (reward per round), `n`, `ess` (of the weights used),
        `capped_share` (rounds whose weight is above `max_weight`).
    """
    values = bootstrap_values(rounds, seed, estimators, max_weight, n_resamples, level, refit)
    once = Rounds(rounds.reward, np.ones(rounds.n), np.ones(rounds.n))
    values = {"on_policy": influence_interval(once, "ips", level=level)} | values
    weight = importance_weights(rounds.pscore, rounds.action_prob)
    capped = float((weight > max_weight).mean())
    rows = [
        {
            "estimator": name,
            "estimate": value.estimate,
            "lower": value.lower,
            "upper": value.upper,
            "n": value.n,
            "ess": float(value.n) if name == "on_policy" else ess(_used(name, weight, max_weight)),
            "capped_share": 0.0 if name in ("on_policy", "dm") else capped,
        }
        for name, value in values.items()
    ]
    return pd.DataFrame(rows)


def _used(name: str, weight: np.ndarray, max_weight: float) -> np.ndarray:
    if name == "dm":
        return np.ones(len(weight))
    if name == "switch_dr":
        return np.where(weight <= max_weight, weight, 0.0)
    return np.minimum(weight, max_weight)
