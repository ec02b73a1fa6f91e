"""Who gets what within budgets: at most one action per person, and what each limit is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
import logging

import numpy as np
import pandas as pd

from src.decide.budget_dual import Dual, Problem, build_problem, minimize_dual
from src.decide.budget_rounding import round_plan, slack, use_of
from src.decide.budget_rows import (
    BUDGET,
    CAPACITY,
    SHARE,
    TOTAL,
    Candidates,
    Limits,
    Rows,
    build_rows,
)
from src.errors import ParameterError

__all__ = [
    "NOTHING",
    "Allocation",
    "Candidates",
    "Limits",
    "build_candidates",
    "choose_within_budget",
    "solve_prices",
]

logger = logging.getLogger(__name__)

NOTHING = ""
"""Action of those who get none."""


@dataclass(frozen=True)
class Allocation:
    """A plan within the limits.

    Parameters
    ----------
    action : array of str, shape (n_people,)
        Action of each person, empty for nothing.
    choice : array of int8, shape (n_people,)
        The same as a column of the candidates, -1 for nothing.
    limits : DataFrame
        Row per limit: `name`, `kind` (`budget`, `capacity`, `share`, `fairness`), `limit_value`,
        `used_value`, `price` (profit that one more unit of it brings, at the margin; for a floor
        what one contact less would save) and `words`.
    profit_value : float
        Expected incremental profit of the plan, shop currency.
    bound_value : float
        No plan within the limits can earn more.
    gap_share : float
        Distance of the two as a share of the bound.
    """

    action: np.ndarray
    choice: np.ndarray
    limits: pd.DataFrame
    profit_value: float
    bound_value: float
    gap_share: float


def build_candidates(
    estimates: pd.DataFrame,
    channels: Mapping[str, str],
    segments: pd.Series | None = None,
    groups: pd.Series | None = None,
) -> tuple[Candidates, pd.Index]:
    """Turn estimates into candidates, people in the order in which they first appear.

    Parameters
    ----------
    estimates : DataFrame
        One row per customer and action: `customer_id`, `action`, `expected_profit_value`,
        `cost_value`. A pair that is missing is not allowed.
    channels : mapping of str to str
        Channel of each action; its order is that of the actions.
    segments, groups : Series of str, optional
        By customer (index `customer_id`).

    Returns
    -------
    Candidates
    Index of customer_id
        Who each row is.
    """
    lost = sorted(set(estimates["action"]) - set(channels))
    if lost:
        raise ParameterError(f"Expected the channel of every action, found none for {lost}.")
    repeated = int(estimates.duplicated(["customer_id", "action"]).sum())
    if repeated:
        raise ParameterError(
            f"Expected one row per customer and action, but {repeated:,} repeat; drop duplicates."
        )
    people = pd.Index(estimates["customer_id"].unique(), name="customer_id")
    row = people.get_indexer(estimates["customer_id"])
    column = pd.Index(list(channels)).get_indexer(estimates["action"])
    profit = np.full((len(people), len(channels)), np.nan)
    cost = np.zeros_like(profit)
    profit[row, column] = estimates["expected_profit_value"].to_numpy(float)
    cost[row, column] = estimates["cost_value"].to_numpy(float)
    return Candidates(
        profit,
        cost,
        tuple(channels),
        tuple(channels.values()),
        None if segments is None else segments.reindex(people).astype(str).to_numpy(),
        None if groups is None else groups.reindex(people).astype(str).to_numpy(),
    ), people


def choose_within_budget(
    candidates: Candidates, limits: Limits, currency: str = "yuan"
) -> Allocation:
    r"""Choose at most one action per person, to earn most within all limits.

    .. math:: \max_x \sum_{i,a} p_{ia} x_{ia} \quad\text{with}\quad
              \sum_a x_{ia} \le 1,\quad A x \le b,\quad x_{ia} \in \{0, 1\}

    Solved by the prices of the limits (`src.decide.budget_dual`) and a rounding that keeps
    every limit (`src.decide.budget_rounding`); the same input gives the same plan.

    Parameters
    ----------
    candidates : Candidates
        Profits and costs.
    limits : Limits
        Budgets, capacities, least shares, fairness.
    currency : str, default "yuan"
        Word for one unit of money.

    Returns
    -------
    Allocation

    Raises
    ------
    ParameterError
        If the least shares cannot be met within the budgets and capacities: it names both, and
        says how many contacts are lacking.
    """
    rows = build_rows(candidates, limits)
    problem = build_problem(candidates, rows)
    dual = solve_prices(problem)
    choice = round_plan(problem, dual)
    left = slack(problem, choice)
    if (left < 0).any():  # a plan that breaks a limit must never leave this function
        raise RuntimeError(f"The plan breaks {rows.names[int(left.argmin())]} by {-left.min()}.")
    taken = np.flatnonzero(choice >= 0)
    profit = float(problem.profit[choice[taken], taken].sum())
    logger.info("choose_within_budget: %d of %d people get an action", len(taken), problem.n)
    return Allocation(
        action=np.array([*candidates.actions, NOTHING], dtype=object)[choice],
        choice=choice,
        limits=_describe(problem, dual, choice, currency),
        profit_value=profit,
        bound_value=max(dual.bound, profit),  # they may differ in the last bit
        gap_share=max(dual.bound - profit, 0.0) / max(abs(dual.bound), 1e-12),
    )


def solve_prices(problem: Problem, start: np.ndarray | None = None) -> Dual:
    """Find the prices of the limits; floors that cannot be met are refused, and named."""
    dual = minimize_dual(problem, start=start)
    if not dual.is_possible:
        _refuse_floors(problem)
    return dual


def _refuse_floors(problem: Problem) -> None:
    r"""Say which floors cannot be met, and by how many contacts.

    The most contacts that floors can get is a problem of the same kind, with no profits and
    a price of at most 1 on each floor: by duality any value below 0 proves that at least so
    many contacts are lacking (a Farkas certificate), and rows with a price are those to blame.
    """
    rows = problem.rows
    nothing = np.where(np.isfinite(problem.profit), 0.0, -np.inf)
    most = np.where(rows.is_floor, 1.0, np.inf)
    dual = minimize_dual(Problem(nothing, problem.cost, rows), most=most, least=-np.inf)
    raise ParameterError(_lacking(rows, dual))


def _lacking(rows: Rows, dual: Dual) -> str:
    is_priced = dual.prices > 1e-6 * max(float(dual.prices.max()), 1e-12)
    floors = [i for i in np.flatnonzero(is_priced & rows.is_floor)]
    others = [
        f"{rows.kinds[i]} {rows.names[i]!r} = {rows.limit[i]:g}"
        for i in np.flatnonzero(is_priced & ~rows.is_floor)
    ]
    asked = " and ".join(f"{-rows.limit[i]:,.0f} of segment {rows.names[i]!r}" for i in floors)
    lacking = int(np.ceil(-dual.bound - 1e-6))
    return (
        f"Expected limits that can be kept together, but the least shares ask for {asked}, and "
        f"{' and '.join(others) if others else 'the actions allowed'} leave at least {lacking:,} "
        "of these contacts out; lower the shares or raise what stands against them."
    )


def _describe(problem: Problem, dual: Dual, choice: np.ndarray, currency: str) -> pd.DataFrame:
    rows = problem.rows
    used = use_of(problem, choice)
    sign = np.where(rows.is_floor, -1.0, 1.0)
    table = pd.DataFrame(
        {
            "name": rows.names,
            "kind": rows.kinds,
            "limit_value": sign * rows.limit,
            "used_value": sign * used,
            "price": dual.prices,
        }
    )
    table["words"] = [_say(row, currency) for row in table.itertuples()]
    return table


def _say(row: tuple, currency: str) -> str:
    """Give a limit's price in a sentence, such as 'one more yuan on SMS brings 1.37'."""
    is_free = row.price < 5e-4
    if row.kind == BUDGET:
        where = "in total" if row.name == TOTAL else f"on {row.name}"
        if is_free:
            return f"one more {currency} {where} brings nothing"
        return f"one more {currency} {where} brings {row.price:.2f}"
    if row.kind == CAPACITY:
        brings = "nothing" if is_free else f"{row.price:.2f}"
        return f"one more contact by {row.name} brings {brings}"
    saves = "nothing" if is_free else f"{row.price:.2f}"
    if row.kind == SHARE:
        return f"one contact less asked for in {row.name} saves {saves}"
    return f"one contact less asked for in fairness to {row.name} saves {saves}"
