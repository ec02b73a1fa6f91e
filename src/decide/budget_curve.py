"""Profit against budget: what a smaller or larger one would bring."""

from dataclasses import replace

import numpy as np
import pandas as pd

from src.decide.budget_dual import build_problem, minimize_dual, sample
from src.decide.budget_rows import TOTAL, Candidates, Limits, build_rows
from src.errors import ParameterError

__all__ = ["budget_curve"]

_PEOPLE = 100_000


def budget_curve(
    candidates: Candidates, limits: Limits, name: str = TOTAL, n_points: int = 21
) -> pd.DataFrame:
    r"""Give the best profit for budgets from nothing to twice the one chosen.

    Each point is the bound :math:`\min_\lambda D(\lambda)` with one budget changed and all
    other limits kept: concave in the budget, its slope the price. What whole people reach lies
    below it by the gap, which is far less than the line is wide. With more than 100,000 people
    the curve is that of a sample of so many, scaled up.

    Parameters
    ----------
    candidates : Candidates
        Profits and costs.
    limits : Limits
        The limits chosen.
    name : str, default "total"
        `total`, or a channel with a budget.
    n_points : int, default 21
        Points along the curve, at least 2; the chosen budget is one more unless it is among them.

    Returns
    -------
    DataFrame
        Row per budget, rising: `budget_value`, `profit_value`, `price` (profit of one more unit
        of money there) and `is_chosen`. Without a budget chosen, the largest is what would be
        spent freely. Budgets too small for the floors have NaN.
    """
    chosen = limits.total_budget if name == TOTAL else limits.channel_budgets.get(name)
    if name != TOTAL and chosen is None:
        raise ParameterError(
            f"Expected a channel with a budget among {sorted(limits.channel_budgets)}, found "
            f"{name!r}."
        )
    if n_points < 2:
        raise ParameterError(f"Expected at least 2 points, found {n_points}.")
    most = 2 * chosen if chosen else _free_spend(candidates, limits)
    budgets = np.unique(np.r_[np.linspace(0.0, most, n_points), [] if chosen is None else chosen])
    problem, row = _with_budget(candidates, limits, name)
    problem, share = sample(problem, _PEOPLE)
    points, prices = [], None
    for budget in budgets[::-1]:
        limit = problem.rows.limit.copy()
        limit[row] = budget * share
        dual = minimize_dual(
            replace(problem, rows=replace(problem.rows, limit=limit)), start=prices, tolerance=1e-5
        )
        prices = dual.prices if dual.is_possible else prices
        points.append((budget, dual.bound / share, dual.prices[row], dual.is_possible))
    curve = pd.DataFrame(points[::-1], columns=["budget_value", "profit_value", "price", "is_met"])
    curve.loc[~curve["is_met"], ["profit_value", "price"]] = np.nan
    chosen = most if chosen is None else chosen
    return curve.drop(columns="is_met").assign(is_chosen=curve["budget_value"] == chosen)


def _with_budget(candidates: Candidates, limits: Limits, name: str) -> tuple:
    if name == TOTAL and limits.total_budget is None:
        limits = replace(limits, total_budget=0.0)
    rows = build_rows(candidates, limits)
    row = next(
        i
        for i, (named, kind) in enumerate(zip(rows.names, rows.kinds, strict=True))
        if named == name and kind == "budget"
    )
    return build_problem(candidates, rows), row


def _free_spend(candidates: Candidates, limits: Limits) -> float:
    """Add up what everybody's best action costs; the other limits may allow less."""
    profit = np.where(np.isnan(candidates.profit), -np.inf, candidates.profit)
    best = profit.argmax(axis=1)
    cost = np.broadcast_to(candidates.cost, candidates.profit.shape)
    rounds = np.arange(len(best))
    return float(np.where(profit[rounds, best] > 0, cost[rounds, best], 0.0).sum())
