"""Whether the new policy decides, or the running one: judged by past rounds drawn at random."""

from dataclasses import dataclass, replace
import json

import numpy as np
import pandas as pd

from src.decide.catalogue import CONTROL, Campaign
from src.decide.compare import PLAN, SURE_PLAN
from src.decide.gate import EXPLORE as ONLY_TRIED
from src.decide.gate import PROMOTE, REFUSE, Promotion, judge_policy
from src.decide.policy import (
    EXPLOIT,
    EXPLORE,
    Floor,
    Policy,
    blend_policies,
    mix_with_floor,
)
from src.earlier import check_earlier
from src.errors import StageOrderError
from src.metrics.ope_intervals import Rounds
from src.stage import Stage, results_path, run_path

__all__ = [
    "decide_who_decides",
    "judge_by_rounds",
    "leave_alone",
    "replay_policies",
    "replay_rounds",
    "run_in_place",
]

_Z_95 = 1.96

_KEY = ["campaign_id", "customer_id"]


def replay_rounds(
    rounds: pd.DataFrame, campaign: Campaign, charges: pd.Series, min_pscore: Floor
) -> Rounds:
    r"""Let the new policy decide past rounds anew, each by effects learnt from other customers.

    In a round it would have given every arm its floor, and the rest to the arm of the highest
    expected profit: the greedy form of the policy, with its floor. What was earned
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
    min_pscore : float, or array of shape (n_arms,)
        Floor of every arm, or of each.

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
    """Rounds in arrays: expected profit of each arm (NaN: could not be drawn), and what came.

    `n_contacts` counts those too whose toss was as good as decided, and who are no rounds.
    """

    customer: np.ndarray
    profit: np.ndarray
    drawn: np.ndarray
    pscore: np.ndarray
    reward: np.ndarray
    n_contacts: float


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
        n_contacts=float((1 / first["open_share"]).sum()),
    )


def _greedy(profit: np.ndarray) -> np.ndarray:
    best = np.where(np.isnan(profit), -np.inf, profit).argmax(axis=1)
    return np.eye(profit.shape[1])[best]


def replay_policies(
    rounds: pd.DataFrame,
    campaign: Campaign,
    charges: pd.Series,
    min_pscore: Floor,
    chosen: Policy,
    new: Policy,
    unspent: float = 0.0,
) -> pd.DataFrame:
    r"""Say what policies would have earned in past rounds beyond writing to nobody.

    .. math:: d_i = \sum_a \pi_{ia} \hat q_{ia} + \frac{\pi_{i a_i}}{p_i}(r_i - \hat q_{i a_i})
              - \frac{1[a_i = 0]}{p_i}\, r_i

    the doubly robust value of a policy less that of nobody, round by round, times the customers
    of this campaign. Unlike a sum of estimated effects it does not flatter the policy that was
    chosen by them: every round is decided by effects learnt from other customers, and what
    they leave over is counted. It speaks of the customers of those campaigns. Of contacts whose
    toss was as good as decided nothing can be learnt: mostly customers left alone, who count with
    no gain; what a policy would do for all cannot be replayed then.

    Parameters
    ----------
    rounds, campaign, charges, min_pscore
        As for `replay_rounds`.
    chosen, new : Policy
        The plan, and the policy that the rounds were to judge; the plan can be replayed only if
        it is that one.
    unspent : float, default 0
        As for `judge_by_rounds`: given back to the plan, which keeps the limits, so that it is
        valued in money and not net of what the limits would be worth to others.

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
    n_customers, open_share = len(chosen.profits), n / past.n_contacts
    policies = {}
    if open_share > 1 - 1e-9:
        policies = {
            f"{name} to all": np.tile(one[a + 1], (n, 1)) for a, name in enumerate(campaign.actions)
        } | {"an even draw": np.full((n, k), 1 / k)}
    if chosen.version == new.version:
        policies |= {SURE_PLAN: sure, PLAN: mix_with_floor(sure, min_pscore)}
    rows = [("nobody", 0.0, 0.0, 0.0)]
    for name, shares in policies.items():
        beyond = shares > np.broadcast_to(min_pscore, k)
        if not beyond[np.isnan(past.profit)].any():  # else some never had the arm
            back = unspent if name in (SURE_PLAN, PLAN) else 0.0
            ends = (open_share * end + back for end in _gain(past, shares))
            rows.append((name, *(n_customers * end for end in ends)))
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
    min_pscore: Floor,
    trial_share: float,
    seed: int,
    unspent: float = 0.0,
) -> Promotion | None:
    """Hold the new policy's lower bound against the running one and nobody, in the same rounds.

    It goes live only if it surely earns more than the running one did, and surely more than
    writing to nobody would have, whichever is the better: where messages change nothing, what an
    exploring policy has wasted is no bar.

    Parameters
    ----------
    rounds, campaign, charges, min_pscore
        As for `replay_rounds`; only rounds in which an arm of this campaign was drawn count.
    trial_share : float
        Share of the draws that a policy gets that may be better, but not surely.
    seed : int
        Of the bootstrap.
    unspent : float, default 0
        What the plan is charged for its use of the limits, per customer, from
        `src.decide.spending.charge_limits`: nobody uses nothing, and saves nothing by it.

    Returns
    -------
    Promotion or None
        None without a round to judge by.
    """
    rounds = rounds[rounds["drawn_action"].isin(campaign.arms)]
    if rounds.empty:
        return None
    replayed = replay_rounds(rounds, campaign, charges, min_pscore)
    promotion = judge_policy(replayed, seed, exploration_share=trial_share)
    if promotion.verdict != PROMOTE:
        return promotion
    past = _lay_out(rounds, campaign, charges)
    gain, lower, upper = (
        end + unspent for end in _gain(past, mix_with_floor(_greedy(past.profit), min_pscore))
    )
    said = f"Beyond writing to nobody it earns {gain:.4g} per round ({lower:.4g} to {upper:.4g})"
    if lower > 0:
        return replace(promotion, reason=f"{promotion.reason} {said}.")
    reason = f"{said}, which may be nothing. It decides for {trial_share:.0%} to learn."
    return replace(promotion, verdict=ONLY_TRIED, traffic_share=trial_share, reason=reason)


def run_in_place(stage: Stage, previous_run: str) -> str:
    """Name the run whose effects the policy in place decides by; empty where none was let through.

    A policy that was only on trial in the earlier run is not in place after it: what was in place
    there still is.

    Parameters
    ----------
    stage : Stage
        05 of this run.
    previous_run : str
        Folder of the earlier run; empty: none.

    Raises
    ------
    StageOrderError, ParameterError
        If the run is this one, has not decided, is of a later date or of another source.
    """
    if not previous_run:
        return ""
    earlier = run_path(previous_run)
    check_earlier(previous_run, earlier, stage.run.resolve())
    file = results_path(earlier, stage.name)
    if not file.is_file():
        raise StageOrderError(
            f"Expected the results of {stage.name} in the earlier run {previous_run}, found none; "
            f"name a run whose {stage.name} is finished as previous_run, or leave it empty the "
            "first time."
        )
    return str(json.loads(file.read_text(encoding="utf-8")).get("run_in_place", previous_run))


def leave_alone(running: Policy, promotion: Promotion | None, min_pscore: Floor) -> Policy:
    """Put an end to wide exploration once it has been judged by: all draws go to control.

    Exploring is paid to find out whether messages earn. While the log cannot judge, or nobody has
    looked yet, it goes on; once the log could judge and no policy was surely better than the
    exploration itself, more of the same is not worth its price: what is left is the floor of
    every arm, and the share of the policy on trial.

    Parameters
    ----------
    running : Policy
        The one in place.
    promotion : Promotion or None
        From `judge_by_rounds`.
    min_pscore : float, or array of shape (n_arms,)
        Floor of every arm, or of each.

    Returns
    -------
    Policy
        `running` itself unless it only explores and the log has judged.
    """
    if running.mode != EXPLORE or promotion is None or promotion.verdict != ONLY_TRIED:
        return running
    nobody = np.zeros(running.probabilities.shape)
    nobody[:, 0] = 1.0
    shares = mix_with_floor(nobody, min_pscore)
    frame = pd.DataFrame(shares, running.probabilities.index, running.probabilities.columns)
    return replace(
        running,
        version=f"{running.version}-alone",
        probabilities=frame,
        note="Nobody is written to but for the few of each arm that keep learning.",
    )


def decide_who_decides(promotion: Promotion | None, running: Policy, new: Policy) -> Policy:
    """Give the policy of this campaign: the new one, the running one, or both by shares.

    Parameters
    ----------
    promotion : Promotion or None
        From `judge_by_rounds`; None where there is nothing to judge by.
    running : Policy
        The one in place: what the last campaign did, or exploration as `leave_alone` left it.
    new : Policy
        From all that is known by now.
    """
    if promotion is None or new.mode != EXPLOIT:
        return new
    if promotion.verdict == PROMOTE:
        return replace(new, note=f"**It goes live.** {promotion.reason} {new.note}")
    as_before = _as_before(running, promotion.verdict)
    if promotion.verdict == REFUSE:
        note = f"**The new policy is not used.** {promotion.reason} {as_before}"
        return replace(running, profits=new.profits, note=note)
    note = f"**The new policy is on trial.** {promotion.reason} {as_before}"
    return blend_policies(running, new, promotion.traffic_share, note)


def _as_before(running: Policy, verdict: str) -> str:
    if running.mode == EXPLOIT:
        return f"All else as before: {running.note}"
    if verdict == ONLY_TRIED:  # see `leave_alone`
        return "All other draws go to control, but for the few of each arm that keep learning."
    return (
        "All other draws are spread widely over the arms, late regulars and customers of much "
        "value first, as if nothing were known."
    )
