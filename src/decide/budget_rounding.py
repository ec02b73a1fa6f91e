r"""From prices to whole people: a plan that keeps every limit, and is near the bound.

At the best prices nearly everybody's choice is clear. Those few for whom two choices are nearly
as good make up the core; for them a small integer program is solved exactly, everybody else's
use taken off the limits first.

.. Balas, E. and Zemel, E. (1980). An algorithm for large zero-one knapsack problems. Operations
   Research 28(5): the core.
"""

import logging

import numpy as np
from scipy import sparse
from scipy.optimize import Bounds, LinearConstraint, milp

from src.decide.budget_dual import Dual, Problem, respond
from src.decide.silence import silence_output
from src.errors import ParameterError

__all__ = ["round_plan", "slack", "use_of"]

logger = logging.getLogger(__name__)

_GOLDEN = 0.6180339887498949
_CORES = (120, 400, 2_000, 10_000, 40_000)
_OF_CELLS = 150  # people of the core who are there for their cell
_GOOD_GAP = 2e-4
_NODES = 100


def use_of(problem: Problem, choice: np.ndarray) -> np.ndarray:
    """Count what a plan uses of each row, shape (n_rows,)."""
    rows, taken = problem.rows, np.flatnonzero(choice >= 0)
    action, cells = choice[taken], rows.cell[taken]
    cost = problem.cost[action, taken if problem.cost.shape[1] != 1 else 0]
    n_actions = len(problem.profit)
    spent = np.bincount(action, weights=cost, minlength=n_actions)
    count = np.bincount(action, minlength=n_actions)
    cells = np.bincount(cells, minlength=rows.by_cell.shape[1])
    return rows.by_cost @ spent + rows.by_count @ count + rows.by_cell @ cells


def slack(problem: Problem, choice: np.ndarray) -> np.ndarray:
    """Count what a plan leaves of each row; below 0 only by the rounding of sums is kept."""
    limit = problem.rows.limit
    left = limit - use_of(problem, choice)
    return np.where(np.abs(left) <= 1e-9 * np.maximum(1.0, np.abs(limit)), 0.0, left)


def round_plan(problem: Problem, dual: Dual) -> np.ndarray:
    """Choose one action or nothing for everybody, within every limit.

    Returns
    -------
    array of int8, shape (n_people,)
        Action of each person, -1 for nothing. The same input gives the same plan.

    Raises
    ------
    ParameterError
        If no plan of whole people is found.
    """
    if not problem.n or not len(problem.rows.limit):
        return respond(problem, np.zeros(len(problem.rows.limit))).choice
    choice = _mix(problem, dual)
    regret = _regrets(problem, dual.prices)
    best, earned = None, -np.inf
    for size in sorted({min(size, problem.n) for size in _CORES}):
        core = _core(problem, regret, size)
        near = 0.4 * _GOOD_GAP * abs(dual.bound) if size < problem.n else 0.0
        found = _solve_core(problem, choice, core, near)
        if found is None:
            continue
        value = _profit(problem, found)
        if value > earned:
            best, earned, choice = found, value, found
        if dual.bound - earned <= _GOOD_GAP * abs(dual.bound):
            break
        if size >= _CORES[1]:
            break
    if best is None:
        raise ParameterError(
            "Expected a plan of whole people within all limits, found none, though one exists with "
            "parts of people; lower a floor or raise a budget a little."
        )
    return best


def _profit(problem: Problem, choice: np.ndarray) -> float:
    taken = np.flatnonzero(choice >= 0)
    return float(problem.profit[choice[taken], taken].sum())


def _mix(problem: Problem, dual: Dual) -> np.ndarray:
    """Spread the responses over people in their shares, evenly along the order of people."""
    place = (np.arange(problem.n) * _GOLDEN) % 1.0
    choice = np.full(problem.n, -1, dtype=np.int8)
    start = 0.0
    for share, prices in dual.mixture:
        is_here = (place >= start) & (place < start + share)
        choice[is_here] = respond(problem, prices).choice[is_here]
        start += share
    return choice


def _regrets(problem: Problem, prices: np.ndarray) -> np.ndarray:
    """How much the second-best choice is worse than the best, at these prices."""
    rows = problem.rows
    first = np.zeros(problem.n)
    second = np.full(problem.n, -np.inf)
    per_cost, per_count = prices @ rows.by_cost, prices @ rows.by_count
    per_cell = (prices @ rows.by_cell)[rows.cell]
    for action in range(len(problem.profit)):
        cost = problem.cost[action] if problem.cost.shape[1] != 1 else problem.cost[action, 0]
        left = problem.profit[action] - (per_cost[action] * cost + per_count[action]) - per_cell
        np.maximum(second, np.minimum(first, left), out=second)
        np.maximum(first, left, out=first)
    return first - second


def _core(problem: Problem, regret: np.ndarray, size: int) -> np.ndarray:
    """People of least regret, some of every cell among them; ties go to the first."""
    if size >= problem.n:
        return np.arange(problem.n)
    chosen = _least(regret, size)
    n_cells = problem.rows.by_cell.shape[1]
    if n_cells == 1:
        return chosen
    cells = [np.flatnonzero(problem.rows.cell == cell) for cell in range(n_cells)]
    each = max(2, min(20, _OF_CELLS // n_cells))
    some = [of[_least(regret[of], each)] for of in cells if len(of)]
    return np.unique(np.concatenate([chosen, *some]))


def _least(regret: np.ndarray, size: int) -> np.ndarray:
    if size >= len(regret):
        return np.arange(len(regret))
    cut = np.partition(regret, size - 1)[size - 1]
    below = np.flatnonzero(regret < cut)
    return np.sort(np.r_[below, np.flatnonzero(regret == cut)[: size - len(below)]])


def _solve_core(
    problem: Problem, choice: np.ndarray, core: np.ndarray, near: float
) -> np.ndarray | None:
    """Choose for the core with everybody else as they are, to within `near` of the best profit.

    None if no choice keeps the limits.
    """
    rest = choice.copy()
    rest[core] = -1
    left = problem.rows.limit - use_of(problem, rest)
    action, person = np.nonzero(np.isfinite(problem.profit[:, core]))
    gains, matrix = problem.profit[action, core[person]], _uses(problem, action, core[person])
    once = sparse.csr_array(
        (np.ones(len(person)), (person, np.arange(len(person)))), shape=(len(core), len(person))
    )
    most = np.maximum(problem.profit[:, core].max(axis=0), 0.0).sum()
    gap = float(np.clip(near / max(most, 1e-12), 1e-6, 0.5))
    margin = np.zeros(len(left))
    for _ in range(4):  # the solver's own tolerance may overstep a limit by a hair
        taken = _solve(gains, once, matrix, left - margin, gap)
        if taken is None:
            return None
        found = rest.copy()
        found[core[person[taken]]] = action[taken]
        over = np.maximum(-slack(problem, found), 0.0)
        if not over.any():
            return found
        margin = np.where(over > 0, 2 * (margin + over), margin)
    return None


def _uses(problem: Problem, action: np.ndarray, person: np.ndarray) -> sparse.csr_array:
    rows = problem.rows
    cost = problem.cost[action, person if problem.cost.shape[1] != 1 else 0]
    cells = rows.by_cell[:, rows.cell[person]]
    return sparse.csr_array(rows.by_cost[:, action] * cost + rows.by_count[:, action] + cells)


def _solve(
    gains: np.ndarray,
    once: sparse.csr_array,
    matrix: sparse.csr_array,
    left: np.ndarray,
    gap: float,
) -> np.ndarray | None:
    """Variables that are 1 in the best integer solution; none if there is no solution."""
    if not len(gains):
        return np.array([], dtype=int) if (left >= -1e-9).all() else None
    size = np.maximum(np.abs(matrix).max(axis=1).toarray(), 1e-12)
    matrix, left = sparse.diags_array(1 / size) @ matrix, left / size
    with silence_output():
        found = milp(
            -gains,
            integrality=np.ones(len(gains)),
            bounds=Bounds(0, 1),
            constraints=[LinearConstraint(once, ub=1), LinearConstraint(matrix, ub=left)],
            options={"mip_rel_gap": gap, "node_limit": _NODES},
        )
    if found.x is None:
        logger.debug("budget core of %d choices: %s", len(gains), found.message)
        return None
    return np.flatnonzero(found.x > 0.5)
