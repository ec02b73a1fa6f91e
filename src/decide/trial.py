"""Whether the new policy decides, or the running one: judged by past rounds drawn at random."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL, Campaign
from src.decide.compare import PLAN, SURE_PLAN
from src.decide.gate import PROMOTE, REFUSE, Promotion, judge_policy
from src.decide.policy import EXPLOIT, Policy, blend_policies, mix_with_floor
from src.metrics.ope_intervals import Rounds

__all__ = ["decide_who_decides", "judge_by_rounds", "replay_policies", "replay_rounds"]

_Z_95 = 1.96

_KEY = ["campaign_id", "customer_id"]


def replay_rounds(
    rounds: pd.DataFrame, campaign: Campaign, charges: pd.Series, min_pscore: float
) -> Rounds:
    r"""Let the new policy decide past rounds anew, each by effects learnt from other customers.

    In a round it would have given :math:`1 - (k-1) m` to the arm of the highest expected profit
    and :math:`m` to every other: the greedy form of the policy, with its floor. What was earned
    in the round is the outcome minus what the arm drawn is charged, counted from what control was
    expected to bring there: that moves the value of every policy by the same amount, and takes
    out of the comparison that some customers buy more whatever is done.

    Parameters
    ----------
    rounds : DataFrame
        Table `uplift_rounds`: one row per past round and action that could have been drawn in
        it: `campaign_id`, `customer_id`, `drawn_action`, `pscore`, `outcome_value`,
        `control_value`, `action`, `uplift_value` (both as learnt without the customer).
    campaign : Campaign
        The arms.
    charges : Series of float
        By action: message, expected loss from unsubscribing, and the price of what it uses of
        the limits.
    min_pscore : float
        Floor of every arm.

    Returns
    -------
    Rounds
        Rewards above control's in shop currency, with those expected of the arm drawn and of the
        policy.
    """
    past = _lay_out(rounds, campaign, charges)
    policy = mix_with_floor(_greedy(past.profit), min_pscore)
    row = np.arange(len(policy))
    expected = np.nan_to_num(past.profit)
    return Rounds(
        reward=past.reward,
        pscore=past.pscore,
        action_prob=policy[row, past.drawn],
        predicted=expected[row, past.drawn],
        predicted_value=(policy * expected).sum(axis=1),
    )


@dataclass(frozen=True)
class _Past:
    """Rounds in arrays: expected profit of each arm (NaN: could not be drawn), and what came."""

    customer: np.ndarray
    profit: np.ndarray
    drawn: np.ndarray
    pscore: np.ndarray
    reward: np.ndarray


def _lay_out(rounds: pd.DataFrame, campaign: Campaign, charges: pd.Series) -> _Past:
    actions = list(campaign.actions)
    first = rounds.drop_duplicates(_KEY).set_index(_KEY).sort_index()
    wide = rounds.pivot(index=_KEY, columns="action", values="uplift_value").sort_index()
    cost = charges.reindex(actions).to_numpy(dtype=float)
    profit = wide.reindex(columns=actions).to_numpy(dtype=float) - cost
    drawn = pd.Index([CONTROL, *actions]).get_indexer(first["drawn_action"])
    gained = (first["outcome_value"] - first["control_value"]).to_numpy(dtype=float)
    return _Past(
        customer=pd.factorize(first.index.get_level_values("customer_id"))[0],
        profit=np.hstack([np.zeros((len(profit), 1)), profit]),
        drawn=drawn,
        pscore=first["pscore"].to_numpy(dtype=float),
        reward=gained - np.r_[0.0, cost][drawn],
    )


def _greedy(profit: np.ndarray) -> np.ndarray:
    best = np.where(np.isnan(profit), -np.inf, profit).argmax(axis=1)
    return np.eye(profit.shape[1])[best]


def replay_policies(
    rounds: pd.DataFrame,
    campaign: Campaign,
    charges: pd.Series,
    min_pscore: float,
    chosen: Policy,
    new: Policy,
) -> pd.DataFrame:
    r"""Say what policies would have earned in past rounds beyond writing to nobody.

    .. math:: d_i = \sum_a \pi_{ia} \hat q_{ia} + \frac{\pi_{i a_i}}{p_i}(r_i - \hat q_{i a_i})
              - \frac{1[a_i = 0]}{p_i}\, r_i

    the doubly robust value of a policy less that of nobody, round by round, times the customers
    of this campaign. Unlike a sum of estimated effects it does not flatter the policy that was
    chosen by them: every round is decided by effects learnt from other customers, and what
    they leave over is counted. It speaks of the customers of those rounds.

    Parameters
    ----------
    rounds, campaign, charges, min_pscore
        As for `replay_rounds`.
    chosen, new : Policy
        The plan, and the policy that the rounds were to judge; the plan can be replayed only if
        it is that one.

    Returns
    -------
    DataFrame
        One row per policy that could be replayed, named as by `compare_policies`: `policy`,
        `replayed_value`, `replayed_lower`, `replayed_upper` (95 %, customers as units).
    """
    rounds = rounds[rounds["drawn_action"].isin(campaign.arms)]
    columns = ["policy", "replayed_value", "replayed_lower", "replayed_upper"]
    if rounds.empty:
        return pd.DataFrame(columns=columns).astype(dict.fromkeys(columns[1:], float))
    past = _lay_out(rounds, campaign, charges)
    n, k = past.profit.shape
    sure, one = _greedy(past.profit), np.eye(k)
    n_customers = len(chosen.profits)
    constants = {
        f"{name} to all": np.tile(one[a + 1], (n, 1)) for a, name in enumerate(campaign.actions)
    }
    policies = constants | {"an even draw": np.full((n, k), 1 / k)}
    if chosen.version == new.version:
        policies |= {SURE_PLAN: sure, PLAN: mix_with_floor(sure, min_pscore)}
    rows = [("nobody", 0.0, 0.0, 0.0)]
    for name, shares in policies.items():
        if not (shares[np.isnan(past.profit)] > min_pscore).any():  # else some never had the arm
            rows.append((name, *(n_customers * end for end in _gain(past, shares))))
    return pd.DataFrame(rows, columns=columns)


def _gain(past: _Past, shares: np.ndarray) -> tuple[float, float, float]:
    """Mean gain per round over nobody, with its interval."""
    row, expected = np.arange(len(shares)), np.nan_to_num(past.profit)
    left = (past.reward - expected[row, past.drawn]) * shares[row, past.drawn] / past.pscore
    nobody = past.reward * (past.drawn == 0) / past.pscore
    gain = (shares * expected).sum(axis=1) + left - nobody
    mean = float(gain.mean())
    by_customer = np.bincount(past.customer, gain - mean)
    half = _Z_95 * float(np.sqrt((by_customer**2).sum())) / len(gain)
    return mean, mean - half, mean + half


def judge_by_rounds(
    rounds: pd.DataFrame,
    campaign: Campaign,
    charges: pd.Series,
    min_pscore: float,
    trial_share: float,
    seed: int,
) -> Promotion | None:
    """Hold the new policy's lower bound against what the running one earned in the same rounds.

    Parameters
    ----------
    rounds, campaign, charges, min_pscore
        As for `replay_rounds`; only rounds in which an arm of this campaign was drawn count.
    trial_share : float
        Share of the draws that a policy gets that may be better, but not surely.
    seed : int
        Of the bootstrap.

    Returns
    -------
    Promotion or None
        None without a round to judge by.
    """
    rounds = rounds[rounds["drawn_action"].isin(campaign.arms)]
    if rounds.empty:
        return None
    replayed = replay_rounds(rounds, campaign, charges, min_pscore)
    return judge_policy(replayed, seed, exploration_share=trial_share)


def decide_who_decides(promotion: Promotion | None, running: Policy, new: Policy) -> Policy:
    """Give the policy of this campaign: the new one, the running one, or both by shares.

    Parameters
    ----------
    promotion : Promotion or None
        From `judge_by_rounds`; None where there is nothing to judge by.
    running : Policy
        The one in place: what the last campaign did, or wide exploration.
    new : Policy
        From all that is known by now.
    """
    if promotion is None or new.mode != EXPLOIT:
        return new
    if promotion.verdict == PROMOTE:
        return replace(new, note=f"**It goes live.** {promotion.reason} {new.note}")
    if promotion.verdict == REFUSE:
        note = f"**The new policy is not used.** {promotion.reason} {_as_before(running)}"
        return replace(running, profits=new.profits, note=note)
    note = f"**The new policy is on trial.** {promotion.reason} {_as_before(running)}"
    return blend_policies(running, new, promotion.traffic_share, note)


def _as_before(running: Policy) -> str:
    if running.mode == EXPLOIT:
        return f"All else as before: {running.note}"
    return (
        "All other draws are spread widely over the arms, late regulars and customers of much "
        "value first, as if nothing were known."
    )
