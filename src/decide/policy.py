"""Which arm with which probability: learn where nothing is known, else what should pay."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
import hashlib
import logging

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL, Campaign
from src.decide.estimates import profit_draws, profit_grid
from src.errors import ParameterError

__all__ = [
    "EXPLOIT",
    "EXPLORE",
    "Floor",
    "Policy",
    "blend_policies",
    "choose_policy",
    "explore_shares",
    "floors_of",
    "mix_with_floor",
    "name_version",
    "thompson_shares",
]

logger = logging.getLogger(__name__)

Floor = float | np.ndarray
"""Least probability of every arm, or of each, control first."""

EXPLORE = "explore"
EXPLOIT = "exploit"


@dataclass(frozen=True)
class Policy:
    """Probabilities of arms, and what each arm should earn.

    Parameters
    ----------
    mode : str
        `explore` if nobody's response is known, else `exploit`.
    version : str
        Mode and a hash of settings and estimates, kept with every assignment.
    probabilities : DataFrame of shape (n_customers, n_arms)
        Row per customer (index `customer_id`), column per arm, control first.
    profits : DataFrame of shape (n_customers, n_arms)
        Expected incremental profit of each arm, shop currency; control is 0.
    best_arm : Series of str
        Arm that the policy would choose if it were sure; empty where a customer is only explored.
    note : str
        What the policy does, in words.
    """

    mode: str
    version: str
    probabilities: pd.DataFrame
    profits: pd.DataFrame
    best_arm: pd.Series
    note: str


def choose_policy(
    estimates: pd.DataFrame,
    campaign: Campaign,
    is_first: np.ndarray,
    control_share: float,
    later_ratio: float,
    min_pscore: Floor,
    exploration: float = 1.0,
) -> Policy:
    r"""Choose the probability of every arm for every customer.

    Where an action's effect is known, by Thompson sampling: an arm's share :math:`s_{ia}` is the
    share of the ensemble's members for whom it earns most (control earns 0, so an action must
    promise more). A floor keeps every arm possible:

    .. math:: p_{ia} = m_a + (1 - \textstyle\sum_b m_b)\, s_{ia}

    with :math:`m` = `min_pscore`. Where no effect is known: pure exploration
    (`explore_shares`). Limits come afterwards, in `src.decide.spending`.

    Parameters
    ----------
    estimates : DataFrame
        From `src.decide.estimates.build_estimates`.
    campaign : Campaign
        The arms.
    is_first : array of bool, shape (n_customers,)
        From `src.decide.rules.is_first_in_line`.
    control_share : float, in (0, 1)
        Probability of control for those first in line while purely exploring.
    later_ratio : float, in (0, 1]
        All others are then contacted so much less often.
    min_pscore : float in (0, 1 / k], or array of shape (k,)
        No arm is less likely than this, so that every arm can be learned about later; of every
        arm, or arm by arm from `floors_of`.
    exploration : float, in [0, 1], default 1
        Share of the ensemble's spread that Thompson sampling sees; see
        `src.decide.estimates.profit_draws`.

    Returns
    -------
    Policy

    Raises
    ------
    ParameterError
        If the shares leave some arm below `min_pscore`, or `exploration` is out of its range.

    References
    ----------
    .. Thompson, W. (1933). On the likelihood that one unknown probability exceeds another in view
       of the evidence of two samples. Biometrika 25(3/4).
    .. Eckles, D. and Kaptein, M. (2019). Bootstrap Thompson sampling and sequential decision
       problems in the behavioral sciences. SAGE Open 9(2): an ensemble of resamples as posterior.
    .. Langford, J., Strehl, A. and Wortman, J. (2008). Exploration scavenging. ICML: why a
       policy must keep every arm possible to be learned from.
    """
    arms = list(campaign.arms)
    _check_shares(len(arms), control_share, later_ratio, min_pscore)
    if not 0 <= exploration <= 1:
        raise ParameterError(
            f"Expected exploration from 0 to 1, found {exploration}; 1 is Thompson sampling."
        )
    profits, is_known = profit_grid(estimates, campaign)
    is_explored = ~is_known.any(axis=1)
    shares = explore_shares(is_first, len(arms), control_share, later_ratio)
    if not is_explored.all():
        draws = profit_draws(estimates, campaign, exploration)
        learnt = mix_with_floor(thompson_shares(draws), min_pscore)
        shares[~is_explored] = learnt[~is_explored]
    greedy = np.where(is_known | (np.arange(len(arms)) == 0), profits, -np.inf).argmax(axis=1)
    customer_ids = pd.Index(estimates["customer_id"].unique(), name="customer_id")
    mode = EXPLORE if is_explored.all() else EXPLOIT
    logger.info("choose_policy: %s, %d of %d only explored", mode, is_explored.sum(), len(profits))
    return Policy(
        mode=mode,
        version=name_version(mode, campaign, shares, profits),
        probabilities=pd.DataFrame(shares, index=customer_ids, columns=arms),
        profits=pd.DataFrame(profits, index=customer_ids, columns=arms),
        best_arm=pd.Series(np.where(is_explored, "", np.array(arms)[greedy]), index=customer_ids),
        note=_note(is_explored, control_share, later_ratio, min_pscore, exploration),
    )


def explore_shares(
    is_first: np.ndarray, n_arms: int, control_share: float, later_ratio: float
) -> np.ndarray:
    """Spread the draws widely while nothing is known, by rules and value first.

    Those first in line get control with `control_share` and the actions with equal shares of the
    rest; all others are contacted `later_ratio` times as often.

    Examples
    --------
    >>> explore_shares(np.array([True, False]), 3, 0.4, 0.5).round(2).tolist()
    [[0.4, 0.3, 0.3], [0.7, 0.15, 0.15]]
    """
    contacted = (1 - control_share) * np.where(is_first, 1.0, later_ratio)
    each = np.repeat(contacted[:, None] / (n_arms - 1), n_arms - 1, axis=1)
    return np.hstack([1 - contacted[:, None], each])


def thompson_shares(draws: np.ndarray) -> np.ndarray:
    """Share of the members for whom each arm earns most; of equal arms the first counts.

    Parameters
    ----------
    draws : array of shape (n_members, n_customers, n_arms)
        From `src.decide.estimates.profit_draws`.

    Returns
    -------
    array of shape (n_customers, n_arms)

    Examples
    --------
    >>> thompson_shares(np.array([[[0.0, 1.0]], [[0.0, -1.0]], [[0.0, 2.0]], [[0.0, 0.0]]]))
    array([[0.5, 0.5]])
    """
    best = draws.argmax(axis=2)
    return np.stack([(best == arm).mean(axis=0) for arm in range(draws.shape[2])], axis=1)


def floors_of(arms: Sequence[str], min_pscore: float, min_control: float) -> np.ndarray:
    """Give the least probability of each arm: control may need more than the actions.

    By those in control a campaign is measured, and where a budget binds they cost little: the
    letter goes to the next best. An action at its floor is a letter to somebody for whom it is
    not expected to pay.

    Examples
    --------
    >>> floors_of(["control", "mail", "text"], 0.01, 0.1).tolist()
    [0.1, 0.01, 0.01]
    """
    return np.array([max(min_control, min_pscore), *[min_pscore] * (len(arms) - 1)])


def mix_with_floor(shares: np.ndarray, min_pscore: Floor) -> np.ndarray:
    """Keep every arm at least as likely as its floor, and take that evenly from all shares."""
    floor = np.broadcast_to(min_pscore, shares.shape[1])
    return floor + (1 - floor.sum()) * shares


def blend_policies(running: Policy, new: Policy, new_share: float, note: str) -> Policy:
    """Let the new policy decide for a share of the draws, and the running one for the others.

    Which of the two decides is part of the draw, so an arm's probability is the mean of both:
    all that is learnt from such a round can be used for either.

    Parameters
    ----------
    running, new : Policy
        Of the same customers and arms.
    new_share : float, in [0, 1]
        Probability of the new one.
    note : str
        What is done, and why.
    """
    shares = (1 - new_share) * running.probabilities + new_share * new.probabilities
    return replace(
        new,
        version=f"{new.version}@{new_share:g}+{running.version}",
        probabilities=shares,
        best_arm=running.best_arm,
        note=note,
    )


def name_version(mode: str, campaign: Campaign, *grids: np.ndarray) -> str:
    """Name a policy by its mode and a hash of the campaign file and the grids given."""
    file = campaign.model_dump_json(exclude={"tracking_url"})  # decides nothing
    digest = hashlib.blake2b(file.encode(), digest_size=6)
    for grid in grids:
        digest.update(np.ascontiguousarray(grid.round(6) + 0.0).tobytes())
    return f"{mode}-{digest.hexdigest()}"


def _check_shares(n_arms: int, control: float, ratio: float, minimum: Floor) -> None:
    floor = np.broadcast_to(minimum, n_arms)
    if not (floor.min() > 0 and floor.sum() <= 1 + 1e-12):
        raise ParameterError(
            f"Expected min_pscore in (0, {1 / n_arms:.3f}] for {n_arms} arms, and with min_control "
            f"at most 1 in all, found {', '.join(f'{one:g}' for one in floor)}; lower them."
        )
    least = (1 - control) * ratio / (n_arms - 1)  # of an action for those who come later
    if not (0 < ratio <= 1 and control >= floor[0] and least >= floor[1:].max() - 1e-12):
        raise ParameterError(
            "Expected later_ratio in (0, 1] and control_share to leave every arm at least "
            f"min_pscore = {floor[1:].max():g} and control {floor[0]:g}, found later_ratio {ratio} "
            f"and control_share {control}, which leave an action {least:.3f}; lower one, or raise "
            "the other."
        )


def _note(
    is_explored: np.ndarray, control: float, ratio: float, minimum: Floor, exploration: float
) -> str:
    if is_explored.all():
        return (
            "No randomised history yet: the effect of a message is unknown, so arms are drawn to "
            f"learn it. Late regulars and the third of most value get {CONTROL} with probability "
            f"{control:.0%} and the actions with equal shares of the rest; all others are "
            f"contacted {ratio:.0%} as often. No choice below claims to be better than another."
        )
    floor = np.atleast_1d(minimum)
    note = (
        "Each arm is as likely as it is to be the best one: its probability is the share of the "
        "resampled estimates for which it earns most"
        + (f", with {exploration:.0%} of their spread" if exploration < 1 else "")
        + f". No arm falls below {floor.min():.1%}, control not below {floor[0]:.1%}, to keep "
        "learning."
    )
    if is_explored.any():
        note += f" {is_explored.sum():,} customers without an estimate are purely explored."
    return note
