"""The policy within budgets, capacities and least shares, with exploration paid from them."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from src.decide.budget import Allocation, choose_within_budget
from src.decide.budget_curve import budget_curve
from src.decide.budget_rows import BUDGET, CAPACITY, Candidates, Limits, Rows, build_rows
from src.decide.catalogue import CONTROL, Campaign, Spending, family_of
from src.decide.estimates import profit_draws, profit_grid, spend_grid
from src.decide.policy import (
    EXPLORE,
    Floor,
    Policy,
    mix_with_floor,
    name_version,
    thompson_shares,
)
from src.errors import ParameterError

__all__ = [
    "CURRENCY",
    "Kept",
    "build_choices",
    "charge_actions",
    "charge_limits",
    "keep_limits",
    "limits_left",
    "profit_curve",
    "say_prices",
]

CURRENCY = "unit of money"


@dataclass(frozen=True)
class Kept:
    """A policy that keeps the campaign's limits in expectation.

    Parameters
    ----------
    policy : Policy
    limits : Limits
        What the greedy part may use: the campaign's limits less what the floor takes.
    allocation : Allocation or None
        The greedy part, with what every limit is worth; none without limits.
    priced : array of shape (n_customers, n_arms)
        What each arm is charged for its use of the limits; control's 0 first.
    """

    policy: Policy
    limits: Limits
    allocation: Allocation | None
    priced: np.ndarray


def build_choices(
    estimates: pd.DataFrame,
    campaign: Campaign,
    profiles: pd.DataFrame,
    segments: pd.DataFrame,
) -> Candidates:
    """Lay out who could get what, for `src.decide.budget`.

    Parameters
    ----------
    estimates : DataFrame
        From `src.decide.estimates.build_estimates`. An action without an estimate is worth its
        price of learning, so that it is chosen only where a least share asks for contacts.
    campaign : Campaign
        Actions, channel, and the column that names the groups of fairness.
    profiles : DataFrame
        One row per customer: `customer_id` and that column.
    segments : DataFrame
        One row per customer: `customer_id`, `segment`.
    """
    customer_ids = pd.Index(estimates["customer_id"].unique())
    segment = segments.set_index("customer_id")["segment"].reindex(customer_ids)
    by = campaign.spending.fairness_by if campaign.spending else None
    groups = None
    if by is not None:
        if by not in profiles.columns:
            raise ParameterError(
                f"Expected a column of profiles in spending.fairness_by, found {by!r}; name one "
                "of those in docs/features.md."
            )
        groups = profiles.set_index("customer_id")[by].reindex(customer_ids)
        groups = groups.astype(object).where(groups.notna(), "unknown").astype(str).to_numpy()
    return Candidates(
        profit=profit_grid(estimates, campaign)[0][:, 1:],
        cost=spend_grid(estimates, campaign)[:, 1:],
        actions=tuple(campaign.actions),
        channels=tuple(campaign.channel_of(name) for name in campaign.actions),
        segments=segment.fillna("no segment").to_numpy(dtype=object),
        groups=groups,
    )


def keep_limits(
    policy: Policy,
    estimates: pd.DataFrame,
    campaign: Campaign,
    choices: Candidates,
    min_pscore: Floor,
    exploration: float = 1.0,
) -> Kept:
    r"""Bend a policy so that what it does keeps the campaign's limits in expectation.

    The floor takes :math:`\sum_{ia} m_a A_{ia}` out of every limit first, since it is paid in any
    case. Within what is left, expected profit is maximized (`choose_within_budget`): the greedy
    part. Its prices :math:`\lambda` are charged to every member of the ensemble, so that Thompson
    sampling explores around the same choice, :math:`\arg\max_a (\pi_{ia}^{(j)} - \lambda^\top
    A_{ia})`. Where these shares would leave a least share open, they are mixed with the greedy
    choice in that segment; where they would use too much, contacts elsewhere are drawn in by one
    factor. Every limit is linear in the probabilities, so it then holds for their sum. The draw
    itself scatters around that sum, little within strata.

    Parameters
    ----------
    policy : Policy
        From `choose_policy`, with the same `min_pscore` and `exploration`.
    estimates : DataFrame
        What it was chosen by.
    campaign : Campaign
        With or without limits; without, the policy stays as it is.
    choices : Candidates
        From `build_choices`.
    min_pscore : float, or array of shape (n_arms,)
        Floor of every arm, or of each.
    exploration : float, in [0, 1], default 1
        Share of the ensemble's spread that is explored by.

    Returns
    -------
    Kept

    Raises
    ------
    ParameterError
        If a limit cannot pay for the floor, or the least shares cannot be met.
    """
    if campaign.spending is None or not len(policy.profits):
        return Kept(policy, Limits(), None, np.zeros(policy.profits.shape))
    limits = limits_left(campaign.spending, choices, min_pscore)
    allocation = choose_within_budget(choices, limits, CURRENCY)
    rows = build_rows(choices, limits)
    greedy = np.eye(len(choices.actions) + 1)[allocation.choice + 1]
    priced = _priced(rows, choices, allocation)
    wanted = policy.probabilities.to_numpy(dtype=float)
    floor = np.broadcast_to(min_pscore, wanted.shape[1])
    wanted = (wanted - floor) / (1 - floor.sum())
    if policy.mode != EXPLORE:  # explored customers stay as they are, others face the prices
        draws = profit_draws(estimates, campaign, exploration) - priced
        is_explored = policy.best_arm.eq("").to_numpy()[:, None]
        wanted = np.where(is_explored, wanted, thompson_shares(draws))
    shares = mix_with_floor(_within(rows, choices, wanted, greedy), min_pscore)
    bent = _bent(policy, campaign, shares, allocation.choice + 1)
    return Kept(bent, limits, allocation, priced)


def _bent(policy: Policy, campaign: Campaign, shares: np.ndarray, best: np.ndarray) -> Policy:
    arms = np.array(campaign.arms, dtype=object)
    frame = pd.DataFrame(shares, policy.profits.index, policy.profits.columns)
    return replace(
        policy,
        version=name_version(policy.mode, campaign, shares, policy.profits.to_numpy()),
        probabilities=frame,
        best_arm=policy.best_arm.where(policy.best_arm.eq(""), arms[best]),
        note=f"{policy.note} All of it keeps the campaign's limits, exploration included.",
    )


def limits_left(spending: Spending, choices: Candidates, min_pscore: Floor) -> Limits:
    """Give what is left of the limits once every arm has its least probability.

    Raises
    ------
    ParameterError
        If that alone is more than a limit.
    """
    floor = np.broadcast_to(min_pscore, len(choices.actions) + 1)
    scale, least = 1 - floor.sum(), floor[1:]
    cost = least * np.broadcast_to(choices.cost, choices.profit.shape).sum(axis=0)
    count = least * choices.n
    families = [family_of(name) for name in choices.actions]
    names = np.array([choices.channels, choices.actions, families], dtype=object)

    def left(limit: float, use: np.ndarray, kind: str, name: str = "") -> float:
        meant = (names == name).any(axis=0) | (not name)
        return _left(limit, float(use[meant].sum()), scale, f"{kind}.{name}".rstrip("."))

    total, budgets, caps = spending.total_budget, spending.channel_budgets, spending.capacities
    return Limits(
        total_budget=None if total is None else left(total, cost, "total_budget"),
        channel_budgets={
            name: left(limit, cost, "channel_budgets", name) for name, limit in budgets.items()
        },
        capacities={name: left(limit, count, "capacities", name) for name, limit in caps.items()},
        min_shares={
            name: max(0.0, (share - least.sum()) / scale)
            for name, share in spending.min_shares.items()
        },
        fairness_floor=spending.fairness_floor,
    )


def _left(limit: float, use: float, scale: float, name: str) -> float:
    """Take the floor's use off a limit; what is left is for shares that add up to 1 again."""
    if limit < use or scale <= 0:
        raise ParameterError(
            f"Expected spending.{name} to pay for keeping every arm at min_pscore, which takes "
            f"{use:,.2f} of its {limit:,.2f}; raise it, or lower min_pscore."
        )
    return (limit - use) / scale


def _priced(rows: Rows, choices: Candidates, allocation: Allocation) -> np.ndarray:
    """Charge each arm for what it uses, at the limits' prices; control's 0 comes first."""
    prices = allocation.limits["price"].to_numpy(dtype=float)
    by_action = (prices @ rows.by_cost) * choices.cost + prices @ rows.by_count
    by_action = by_action + (prices @ rows.by_cell)[rows.cell][:, None]
    return np.hstack([np.zeros((choices.n, 1)), by_action])


def _within(rows: Rows, choices: Candidates, wanted: np.ndarray, greedy: np.ndarray) -> np.ndarray:
    """Bend the wanted shares until every limit holds: least shares, then caps, then all."""
    met, is_floored = _meet_least_shares(rows, choices, wanted, greedy)
    bent = _draw_in(rows, choices, met, is_floored)
    used, sure = _use(rows, choices, bent), _use(rows, choices, greedy)
    over = used > rows.limit + 1e-9
    part = np.clip((rows.limit - sure)[over] / (used - sure)[over], 0, 1).min(initial=1.0)
    return part * bent + (1 - part) * greedy


def _meet_least_shares(
    rows: Rows, choices: Candidates, wanted: np.ndarray, greedy: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Mix wanted and greedy shares in segments that would get too little; also who is in any."""
    met, is_floored = wanted.copy(), np.zeros(choices.n, dtype=bool)
    for j in np.flatnonzero(rows.is_floor & (rows.limit < 0)):
        inside = rows.by_cell[j][rows.cell] != 0
        is_floored |= inside
        used, sure = (_use(rows, choices, shares)[j] for shares in (met, greedy))
        if used > rows.limit[j]:
            part = np.clip((rows.limit[j] - sure) / (used - sure), 0, 1)
            met[inside] = part * met[inside] + (1 - part) * greedy[inside]
    return met, is_floored


def _draw_in(
    rows: Rows, choices: Candidates, shares: np.ndarray, is_floored: np.ndarray
) -> np.ndarray:
    """Draw contacts in by one factor, where no least share asks for them, until caps hold."""
    free = shares * ~is_floored[:, None]
    used, by_free = _use(rows, choices, shares), _use(rows, choices, free)
    over = np.isin(rows.kinds, (BUDGET, CAPACITY)) & (used > rows.limit) & (by_free > 0)
    left = (rows.limit - used + by_free)[over] / by_free[over]
    factor = np.where(is_floored, 1.0, np.clip(left, 0, 1).min(initial=1.0))[:, None]
    drawn_in = factor * shares
    drawn_in[:, 0] = 1 - drawn_in[:, 1:].sum(axis=1)
    return drawn_in


def _use(rows: Rows, choices: Candidates, shares: np.ndarray) -> np.ndarray:
    """Add up the expected use of each limit by shares of arms."""
    weights = shares[:, 1:]
    spent = (weights * choices.cost).sum(axis=0)
    cells = np.bincount(rows.cell, weights.sum(axis=1), minlength=rows.by_cell.shape[1])
    return rows.by_cost @ spent + rows.by_count @ weights.sum(axis=0) + rows.by_cell @ cells


def charge_actions(estimates: pd.DataFrame, kept: Kept) -> pd.Series:
    """Mean charge of each action: message, loss from unsubscribing, price of what it uses."""
    costs = (estimates["cost_value"] + estimates["unsubscribe_loss_value"]).groupby(
        estimates["action"]
    )
    priced = pd.Series(kept.priced.mean(axis=0), kept.policy.profits.columns)
    return costs.mean().add(priced.drop(CONTROL))


def charge_limits(kept: Kept) -> float:
    """Add up what the plan is charged for its use of the limits, shop currency per customer."""
    if not len(kept.policy.probabilities):
        return 0.0
    return float((kept.policy.probabilities.to_numpy() * kept.priced).sum(axis=1).mean())


def profit_curve(choices: Candidates, kept: Kept) -> pd.DataFrame:
    """Give the profit of the greedy part against its total budget, as from `budget_curve`."""
    return budget_curve(choices, kept.limits)


def say_prices(allocation: Allocation | None) -> str:
    """Say in Markdown what every limit is worth at the margin."""
    if allocation is None:
        return "The campaign has no budget, capacity or least share, so nothing has a price."
    lines = [f"- {row.words}" for row in allocation.limits.itertuples()]
    gap = f"No plan within these limits earns over {allocation.gap_share:.2%} more than this one."
    return "\n".join([*lines, "", gap])
