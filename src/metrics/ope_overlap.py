"""Whether logged rounds can say anything about another policy at all."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from src.errors import OverlapError, ParameterError
from src.metrics.ope import ess, importance_weights

__all__ = ["MAX_UNSUPPORTED_SHARE", "MIN_ESS", "Overlap", "check_overlap", "require_overlap"]

MAX_UNSUPPORTED_SHARE = 0.01
MIN_ESS = 100.0
_ALARM = 4.0
_SEEN = 1e-12


@dataclass(frozen=True)
class Overlap:
    """How far the logged rounds reach.

    Parameters
    ----------
    n : int
        Rounds.
    ess : float
        Effective sample size of the weights.
    unsupported_share : float
        Share of the evaluation policy's probability that lies where the behavior policy has
        none. Exact with the behavior policy's probabilities; from logged propensities alone
        estimated as 1 minus the mean weight.
    unsupported_error : float
        Standard error of that share; 0 if it is exact.
    largest_weight : float
        The greatest weight of a round.
    is_answerable : bool
        Whether the rounds can value the policy.
    reason : str
        Why, or why not, in a sentence.
    """

    n: int
    ess: float
    unsupported_share: float
    unsupported_error: float
    largest_weight: float
    is_answerable: bool
    reason: str


def check_overlap(
    pscore: np.ndarray,
    action_prob: np.ndarray,
    policies: tuple[np.ndarray, np.ndarray] | None = None,
    min_ess: float = MIN_ESS,
    max_unsupported_share: float = MAX_UNSUPPORTED_SHARE,
) -> Overlap:
    r"""Check that the behavior policy did what the evaluation policy would do.

    The share of :math:`\pi_e` without support is

    .. math:: \frac{1}{n} \sum_i \sum_a \pi_e(a \mid x_i)\, 1[\pi_b(a \mid x_i) = 0]
              \;=\; 1 - E[w]

    and the right side needs the logged action only. Weights whose mean is far *above* 1 say
    that the propensities logged are not those that were drawn with.

    Parameters
    ----------
    pscore, action_prob : arrays of shape (n_rounds,)
        Probability of the logged action under the behavior and the evaluation policy.
    policies : pair of arrays of shape (n_rounds, n_actions), optional
        Probabilities of all actions under the behavior and the evaluation policy, if known;
        the share is then exact.
    min_ess : float, default 100
        Least effective sample size. Below it, intervals from these rounds cannot be trusted.
    max_unsupported_share : float, default 0.01
        Largest share of the policy that may lie out of sight. An estimated share is held
        against it with its error: it must be surely greater to be refused for this.

    Returns
    -------
    Overlap

    References
    ----------
    .. Sachdeva, N., Su, Y. and Joachims, T. (2020). Off-policy bandits with deficient
       support. KDD.
    """
    if not (min_ess >= 0 and 0 <= max_unsupported_share < 1):
        raise ParameterError(
            f"Expected min_ess of at least 0 and max_unsupported_share in [0, 1), found {min_ess} "
            f"and {max_unsupported_share}."
        )
    weight = importance_weights(pscore, action_prob)
    n = len(weight)
    error = float(weight.std(ddof=1) / np.sqrt(n)) if n > 1 else np.inf
    share = 1 - float(weight.mean())
    shown = _unsupported(*policies, n) if policies is not None else None
    unsupported, doubt = (max(share, 0.0), error) if shown is None else (shown, 0.0)
    effective = ess(weight)
    problem = _problem(unsupported, doubt, max_unsupported_share, effective, min_ess, n) or (
        _strange((shown or 0.0) - share, error)
    )
    return Overlap(
        n=n,
        ess=effective,
        unsupported_share=unsupported,
        unsupported_error=doubt,
        largest_weight=float(weight.max()),
        is_answerable=not problem,
        reason=problem
        or f"{n:,} rounds are worth {effective:,.0f} of the policy's own; "
        f"{unsupported:.1%} of its probability lies where nothing was logged.",
    )


def require_overlap(overlap: Overlap) -> None:
    """Refuse with the reason unless the rounds can value the policy.

    Raises
    ------
    OverlapError
        If they cannot.
    """
    if not overlap.is_answerable:
        raise OverlapError(overlap.reason)


def _unsupported(behavior: np.ndarray, evaluation: np.ndarray, n: int) -> float:
    behavior, evaluation = np.asarray(behavior, float), np.asarray(evaluation, float)
    if behavior.shape != evaluation.shape or behavior.ndim != 2 or len(behavior) != n:
        raise ParameterError(
            f"Expected both policies of shape ({n}, n_actions), found {behavior.shape} and "
            f"{evaluation.shape}."
        )
    return float((evaluation * (behavior <= _SEEN)).sum() / n)


def _problem(
    share: float, error: float, allowed: float, effective: float, least: float, n: int
) -> str:
    if share - norm.ppf(0.975) * error > allowed:
        return (
            f"Expected at most {allowed:.1%} of the new policy's probability where the running "
            f"policy has none, found {share:.1%}: what it would do there was never tried. Explore "
            "these actions first, or take them out of the policy."
        )
    if effective < least:
        return (
            f"Expected rounds worth at least {least:,.0f} of the new policy's own, found "
            f"{effective:,.1f} (effective sample size of {n:,} rounds): the policies hardly ever "
            "agree. Log more rounds, or a policy nearer to this one."
        )
    return ""


def _strange(excess: float, error: float) -> str:
    if excess > _ALARM * error and excess > 1e-9:
        return (
            f"Expected weights that average to 1, found {1 + excess:.3f}, more than {_ALARM:.0f} "
            "standard errors above: the propensities logged are not those the actions were drawn "
            "with. Find out which were."
        )
    return ""
