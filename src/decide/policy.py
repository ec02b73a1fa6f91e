"""Which arm with which probability: learn where nothing is known, else what should pay."""

from dataclasses import dataclass
import hashlib
import logging

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL, Campaign
from src.errors import ParameterError

__all__ = ["EXPLOIT", "EXPLORE", "Policy", "build_estimates", "choose_policy"]

logger = logging.getLogger(__name__)

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
        Mode and a hash of its settings, kept with every assignment.
    probabilities : DataFrame of shape (n_customers, n_arms)
        Row per customer (index `customer_id`), column per arm, control first.
    profits : DataFrame of shape (n_customers, n_arms)
        Expected incremental profit of each arm, shop currency; control is 0.
    best_arm : Series of str
        Arm with the highest expected profit; empty where a customer is only explored.
    note : str
        What the policy does, in words.
    """

    mode: str
    version: str
    probabilities: pd.DataFrame
    profits: pd.DataFrame
    best_arm: pd.Series
    note: str


def build_estimates(
    uplift_scores: pd.DataFrame,
    discounts: pd.DataFrame,
    customer_ids: pd.Series,
    campaign: Campaign,
) -> pd.DataFrame:
    r"""Estimate the incremental profit of every action for every customer.

    .. math:: \hat\pi_{ia} = \hat\tau_{ia} - c_a - \bar d_{ia}

    the uplift in margin, minus the cost of one message, minus the discount expected to go to
    orders that would have come anyway (`src.decide.offers`). Without randomised history
    :math:`\tau` is unknown and stands at 0: what is left is the price of learning, and
    `is_known` is false.

    Parameters
    ----------
    uplift_scores : DataFrame
        One row per customer and action: `customer_id`, `action`, `uplift_value`, `lower`,
        `upper` (shop currency per contact, null if unknown).
    discounts : DataFrame
        One row per customer and action: `customer_id`, `action`, `expected_discount_value`.
    customer_ids : Series of str
        Customers to estimate.
    campaign : Campaign
        The actions and their costs.

    Returns
    -------
    DataFrame
        One row per customer and action, both in the order given: `customer_id`, `action`,
        `uplift_value`, `lower`, `upper`, `cost_value`, `expected_discount_value`, `is_known`,
        `expected_profit_value`.
    """
    costs = pd.DataFrame(
        {
            "action": list(campaign.actions),
            "cost_value": [action.cost_value for action in campaign.actions.values()],
        }
    )
    estimates = pd.DataFrame({"customer_id": customer_ids.to_numpy()}).merge(costs, how="cross")
    key = ["customer_id", "action"]
    scores = uplift_scores[[*key, "uplift_value", "lower", "upper"]]
    estimates = estimates.merge(scores, on=key, how="left").merge(discounts, on=key, how="left")
    estimates["is_known"] = estimates["uplift_value"].notna()
    estimates["expected_discount_value"] = estimates["expected_discount_value"].fillna(0.0)
    estimates["expected_profit_value"] = (
        estimates["uplift_value"].astype(float).fillna(0.0)
        - estimates["cost_value"]
        - estimates["expected_discount_value"]
    )
    return estimates


def choose_policy(
    estimates: pd.DataFrame,
    campaign: Campaign,
    exploration_share: float,
    control_share: float,
    min_pscore: float,
) -> Policy:
    r"""Choose the probability of every arm for every customer.

    Where an action's uplift is known: epsilon-greedy. The arm with the highest expected profit
    (control earns 0, so an action must promise more than that) gets
    :math:`1-\varepsilon+\varepsilon/k`, each of the other :math:`k-1` arms
    :math:`\varepsilon/k`. Where none is known: pure exploration, control with `control_share`
    and the actions with equal shares of the rest.

    Parameters
    ----------
    estimates : DataFrame
        From `build_estimates`.
    campaign : Campaign
        The arms.
    exploration_share : float, in [0, 1]
        :math:`\varepsilon`; raised to :math:`k` times `min_pscore` if that is more.
    control_share : float, in (0, 1)
        Probability of control while purely exploring.
    min_pscore : float, in (0, 1 / k]
        No arm is less likely than this, so that every arm can be learned about later.

    Returns
    -------
    Policy

    Raises
    ------
    ParameterError
        If the shares leave some arm below `min_pscore`.

    References
    ----------
    .. Sutton, R. and Barto, A. (2018). Reinforcement Learning, 2nd ed., section 2.2.
    .. Langford, J., Strehl, A. and Wortman, J. (2008). Exploration scavenging. ICML: why a
       policy must keep every arm possible to be learned from.
    """
    arms = list(campaign.arms)
    _check_shares(len(arms), exploration_share, control_share, min_pscore)
    exploration = max(exploration_share, len(arms) * min_pscore)
    profits, is_known = _by_arm(estimates, arms)
    best = np.where(is_known, profits, -np.inf)
    best[:, 0] = 0.0
    greedy = best.argmax(axis=1)
    is_explored = ~is_known.any(axis=1)
    even = np.array([control_share] + [(1 - control_share) / (len(arms) - 1)] * (len(arms) - 1))
    shares = np.eye(len(arms))[greedy] * (1 - exploration) + exploration / len(arms)
    shares[is_explored] = even
    customer_ids = pd.Index(estimates["customer_id"].unique(), name="customer_id")
    mode = EXPLORE if is_explored.all() else EXPLOIT
    logger.info("choose_policy: %s, %d of %d only explored", mode, is_explored.sum(), len(profits))
    return Policy(
        mode=mode,
        version=_version(mode, campaign, exploration, control_share),
        probabilities=pd.DataFrame(shares, index=customer_ids, columns=arms),
        profits=pd.DataFrame(profits, index=customer_ids, columns=arms),
        best_arm=pd.Series(np.where(is_explored, "", np.array(arms)[greedy]), index=customer_ids),
        note=_note(is_explored, exploration, exploration_share, control_share),
    )


def _check_shares(n_arms: int, exploration: float, control: float, minimum: float) -> None:
    if not (0 <= exploration <= 1 and 0 < minimum and n_arms * minimum <= 1):
        raise ParameterError(
            f"Expected exploration_share in [0, 1] and min_pscore in (0, {1 / n_arms:.3f}] for "
            f"{n_arms} arms, found {exploration} and {minimum}; lower one of them."
        )
    if not minimum <= control <= 1 - (n_arms - 1) * minimum:
        raise ParameterError(
            f"Expected control_share to leave every arm at least min_pscore = {minimum}, found "
            f"{control}; choose between {minimum} and {1 - (n_arms - 1) * minimum:.3f}."
        )


def _by_arm(estimates: pd.DataFrame, arms: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Profits and whether they are known, customers by arms, with control's zero in front."""
    shape = (-1, len(arms) - 1)  # estimates run through all actions of one customer, then the next
    profits = estimates["expected_profit_value"].to_numpy(dtype=float).reshape(shape)
    is_known = estimates["is_known"].to_numpy(dtype=bool).reshape(shape)
    zero = np.zeros((len(profits), 1))
    return np.hstack([zero, profits]), np.hstack([zero.astype(bool), is_known])


def _version(mode: str, campaign: Campaign, exploration: float, control: float) -> str:
    settings = f"{campaign.model_dump_json()}|{exploration!r}|{control!r}"
    return f"{mode}-{hashlib.blake2b(settings.encode(), digest_size=4).hexdigest()}"


def _note(is_explored: np.ndarray, exploration: float, asked: float, control: float) -> str:
    if is_explored.all():
        return (
            "No randomised history yet: the effect of a message is unknown, so arms are drawn to "
            f"learn it ({CONTROL} with probability {control:.0%}, the actions with equal shares "
            "of the rest). No choice below claims to be better than another."
        )
    note = (
        "Each customer gets the arm with the highest expected profit, and "
        f"{exploration:.0%} of the draws are spread evenly over all arms to keep learning."
    )
    if exploration > asked:
        note += f" (Raised from {asked:.0%}, so that no arm falls below the least probability.)"
    if is_explored.any():
        note += f" {is_explored.sum():,} customers without an estimate are purely explored."
    return note
