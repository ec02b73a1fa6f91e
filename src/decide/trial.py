"""Whether the new policy decides, or the running one: judged by past rounds drawn at random."""

from dataclasses import replace

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL, Campaign
from src.decide.gate import PROMOTE, REFUSE, Promotion, judge_policy
from src.decide.policy import EXPLOIT, Policy, blend_policies, mix_with_floor
from src.metrics.ope_intervals import Rounds

__all__ = ["decide_who_decides", "judge_by_rounds", "replay_rounds"]

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
    actions = list(campaign.actions)
    first = rounds.drop_duplicates(_KEY).set_index(_KEY).sort_index()
    wide = rounds.pivot(index=_KEY, columns="action", values="uplift_value").sort_index()
    cost = charges.reindex(actions).to_numpy(dtype=float)
    profit = wide.reindex(columns=actions).to_numpy(dtype=float) - cost
    profit = np.hstack([np.zeros((len(profit), 1)), profit])
    policy = mix_with_floor(
        np.eye(len(actions) + 1)[np.where(np.isnan(profit), -np.inf, profit).argmax(axis=1)],
        min_pscore,
    )
    drawn = pd.Index([CONTROL, *actions]).get_indexer(first["drawn_action"])
    row = np.arange(len(first))
    expected = np.nan_to_num(profit)
    gained = (first["outcome_value"] - first["control_value"]).to_numpy(dtype=float)
    return Rounds(
        reward=gained - np.r_[0.0, cost][drawn],
        pscore=first["pscore"].to_numpy(dtype=float),
        action_prob=policy[row, drawn],
        predicted=expected[row, drawn],
        predicted_value=(policy * expected).sum(axis=1),
    )


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
        note = f"**The new policy is not used.** {promotion.reason} {running.note}"
        return replace(running, profits=new.profits, note=note)
    note = f"**The new policy is on trial.** {promotion.reason} All else as before:"
    return blend_policies(running, new, promotion.traffic_share, note)
