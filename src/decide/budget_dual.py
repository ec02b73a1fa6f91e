r"""Prices of a budget's limits: the Lagrangian dual, minimized by cutting planes in a box.

With prices :math:`\lambda \ge 0` on the rows :math:`A x \le b`, people are independent, and

.. math:: D(\lambda) = \lambda^\top b
          + \sum_i \max\{0,\ \max_a\,(p_{ia} - \lambda^\top A_{ia})\}

is an upper bound on what any plan within the limits can earn. D is convex and piecewise linear;
its least value is that of the linear program.

.. Fisher, M. (1981). The Lagrangian relaxation method for solving integer programming problems.
   Management Science 27(1).
.. Kelley, J. (1960). The cutting-plane method for solving convex programs. J. SIAM 8(4).
.. Marsten, R., Hogan, W. and Blankenship, J. (1975). The Boxstep method for large-scale
   optimization. Operations Research 23(3): the box, which keeps cutting planes from swinging.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import linprog

from src.decide.budget_rows import Candidates, Rows

__all__ = ["Dual", "Problem", "Response", "build_problem", "minimize_dual", "respond", "sample"]

_BLOCK = 1 << 15  # people at once: what is worked on stays in the processor's cache
_SAMPLE = 20_000
_MOST_ROUNDS = 400
_MOST_CUTS = 250


@dataclass(frozen=True)
class Problem:
    """Candidates and rows, laid out for speed.

    Parameters
    ----------
    profit : array of shape (n_actions, n_people)
        Minus infinity where an action is not allowed.
    cost : array of shape (n_actions, n_people) or (n_actions, 1)
    rows : Rows
    """

    profit: np.ndarray
    cost: np.ndarray
    rows: Rows

    @property
    def n(self) -> int:
        """Number of people."""
        return self.profit.shape[1]


@dataclass(frozen=True)
class Response:
    """What people do at some prices.

    Parameters
    ----------
    value : float
        The dual function :math:`D`.
    use : array of shape (n_rows,)
        What is used of each row.
    choice : array of int8, shape (n_people,)
        Action of each person; -1 is nothing.
    """

    value: float
    use: np.ndarray
    choice: np.ndarray


@dataclass(frozen=True)
class Dual:
    """The prices found.

    Parameters
    ----------
    prices : array of shape (n_rows,)
        Profit per unit of each limit.
    bound : float
        :math:`D` there: no plan earns more.
    is_possible : bool
        False if the bound fell below what even the worst plan earns: there is no plan.
    mixture : list of (float, array)
        Shares and prices whose responses, mixed, keep the limits on average.
    n_rounds : int
        Evaluations of :math:`D` with everybody.
    """

    prices: np.ndarray
    bound: float
    is_possible: bool
    mixture: list[tuple[float, np.ndarray]]
    n_rounds: int


def build_problem(candidates: Candidates, rows: Rows) -> Problem:
    """Lay candidates out by action; NaN becomes minus infinity."""
    profit = np.array(np.asarray(candidates.profit).T, dtype=float, order="C")
    profit[np.isnan(profit)] = -np.inf
    cost = np.asarray(candidates.cost, dtype=float)
    cost = cost[:, None] if cost.ndim == 1 else np.ascontiguousarray(cost.T)
    return Problem(profit, cost, rows)


def sample(problem: Problem, size: int) -> tuple[Problem, float]:
    """Draw people and shrink the limits alike; also gives the share drawn."""
    if problem.n <= size:
        return problem, 1.0
    drawn = np.sort(np.random.default_rng(0).choice(problem.n, size, replace=False))
    share = size / problem.n
    rows = replace(problem.rows, limit=problem.rows.limit * share, cell=problem.rows.cell[drawn])
    cost = problem.cost if problem.cost.shape[1] == 1 else problem.cost[:, drawn]
    return Problem(problem.profit[:, drawn], cost, rows), share


def respond(problem: Problem, prices: np.ndarray) -> Response:
    """Let everybody choose at these prices; ties go to nothing, then to the first action."""
    rows = problem.rows
    per_cost, per_count, per_cell = (
        prices @ by for by in (rows.by_cost, rows.by_count, rows.by_cell)
    )
    n_actions = len(problem.profit)
    choice = np.empty(problem.n, dtype=np.int8)
    spent, count, cells = np.zeros(n_actions), np.zeros(n_actions), np.zeros(len(per_cell))
    value = 0.0
    for start in range(0, problem.n, _BLOCK):
        block = slice(start, min(start + _BLOCK, problem.n))
        nothing = per_cell[rows.cell[block]]
        best, chosen = _best(problem, block, per_cost, per_count, nothing)
        value += float((best - nothing).sum())
        choice[block] = chosen
        taken = np.flatnonzero(chosen >= 0)
        action = chosen[taken].astype(np.intp)
        count += np.bincount(action, minlength=n_actions)
        if problem.cost.shape[1] != 1:
            cost = problem.cost[action, start + taken]
            spent += np.bincount(action, weights=cost, minlength=n_actions)
        if len(cells) > 1:
            cells += np.bincount(rows.cell[block][taken], minlength=len(cells))
    if problem.cost.shape[1] == 1:
        spent = count * problem.cost[:, 0]
    if len(cells) == 1:
        cells[0] = count.sum()
    use = rows.by_cost @ spent + rows.by_count @ count + rows.by_cell @ cells
    return Response(value + float(prices @ rows.limit), use, choice)


def _best(
    problem: Problem,
    block: slice,
    per_cost: np.ndarray,
    per_count: np.ndarray,
    nothing: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:
    best, chosen = nothing.copy(), np.full(len(nothing), -1, dtype=np.int8)
    by_person = problem.cost.shape[1] != 1
    for action in range(len(per_cost)):
        cost = problem.cost[action, block] if by_person else problem.cost[action, 0]
        left = problem.profit[action, block] - (per_cost[action] * cost + per_count[action])
        better = left > best
        np.copyto(best, left, where=better)
        chosen[better] = action
    return best, chosen


def minimize_dual(
    problem: Problem,
    most: np.ndarray | None = None,
    start: np.ndarray | None = None,
    tolerance: float = 2e-6,
    least: float | None = None,
) -> Dual:
    """Find the prices at which the bound is least.

    Parameters
    ----------
    problem : Problem
        People, actions and rows. With many people a sample gives the start.
    most : array of shape (n_rows,), optional
        Highest price of each row; none by default.
    start : array of shape (n_rows,), optional
        Prices to begin with, such as those of a budget a little smaller.
    tolerance : float, default 2e-6
        Ends when the bound can fall by no more than this part of it.
    least : float, optional
        A bound below it proves that there is no plan, and ends the search. By default what the
        worst plan earns.
    """
    if not problem.n or not len(problem.rows.limit):
        value = respond(problem, np.zeros(len(problem.rows.limit))).value
        return Dual(np.zeros(len(problem.rows.limit)), value, True, [], 1)
    unit = _units(problem)
    least = _worst(problem) if least is None else least
    most = np.full(len(unit), np.inf) if most is None else most
    radius = 1.0
    if start is None and problem.n > 2 * _SAMPLE:
        drawn = minimize_dual(sample(problem, _SAMPLE)[0], most, tolerance=tolerance)
        start = drawn.prices if drawn.is_possible else None
    if start is not None:
        radius = 0.02
    first = np.zeros(len(unit)) if start is None else np.minimum(start, most) / unit
    return _Search(problem, unit, most / unit, tolerance, least).run(first, radius)


def _units(problem: Problem) -> np.ndarray:
    """Price of each row that is of the order of a typical profit per typical use."""
    rows = problem.rows
    gains = problem.profit[np.isfinite(problem.profit) & (problem.profit > 0)]
    gain = float(gains.mean()) if len(gains) else 1.0
    means = problem.cost.mean(axis=1)
    use = np.array(
        [means[row > 0].mean() if (row > 0).any() else 1.0 for row in np.abs(rows.by_cost)]
    )
    return gain / np.where(use > 0, use, 1.0)


def _worst(problem: Problem) -> float:
    """Give what a plan earns that does to everybody what loses most, and a little less."""
    lost = np.minimum(np.where(np.isfinite(problem.profit), problem.profit, 0.0).min(axis=0), 0.0)
    return float(lost.sum()) - 1e-6 * (1.0 + float(np.abs(lost).sum()))


class _Search:
    """Cutting planes in a box around the best prices so far, in units of typical prices."""

    def __init__(
        self,
        problem: Problem,
        unit: np.ndarray,
        most: np.ndarray,
        tolerance: float,
        least: float,
    ) -> None:
        self.problem, self.unit, self.most = problem, unit, most
        self.tolerance, self.least = tolerance, least
        self.points: list[np.ndarray] = []
        self.values: list[float] = []
        self.slopes: list[np.ndarray] = []
        self.shares = np.ones(1)
        self.n_rounds = 0

    def run(self, center: np.ndarray, radius: float) -> Dual:
        best = self._cut(center)
        for _ in range(_MOST_ROUNDS):
            if best < self.least:
                break
            point, promised, is_inside = self._next(center, radius)
            if best - promised <= self.tolerance * max(abs(best), 1e-12):
                if is_inside:
                    break
                radius *= 8.0
                continue
            value = self._cut(point)
            if value <= best - 0.1 * (best - promised):
                center, best = point, value
                radius *= 1.0 if is_inside else 2.0
            elif value < best:
                center, best = point, value
            else:
                radius = max(radius * 0.6, 1e-6)
        used = self.shares > 1e-9
        mixture = [
            (float(share), self.points[i] * self.unit)
            for i, share in enumerate(self.shares)
            if used[i]
        ]
        return Dual(center * self.unit, best, best >= self.least, mixture, self.n_rounds)

    def _cut(self, point: np.ndarray) -> float:
        response = respond(self.problem, point * self.unit)
        self.n_rounds += 1
        self.points.append(point)
        self.values.append(response.value)
        self.slopes.append((self.problem.rows.limit - response.use) * self.unit)
        if len(self.points) > _MOST_CUTS:  # the oldest is far away by now
            self.points, self.values, self.slopes = (
                kept[1:] for kept in (self.points, self.values, self.slopes)
            )
        return response.value

    def _next(self, center: np.ndarray, radius: float) -> tuple[np.ndarray, float, bool]:
        """Least point of the planes in the box, their value there, and whether the box is slack."""
        points, slopes = np.array(self.points), np.array(self.slopes)
        size = max(np.abs(self.values).max(), 1e-12)
        reach = radius * (1 + center)
        low = np.maximum(center - reach, 0.0)
        high = np.minimum(center + reach, self.most)
        planes = np.hstack([slopes / size, -np.ones((len(slopes), 1))])
        shift = (slopes * points).sum(axis=1) / size - np.array(self.values) / size
        taste = np.r_[np.full(len(center), 1e-10), 1.0]  # of equal prices, the lowest
        bounds = [*zip(low, high, strict=True), (None, None)]
        found = linprog(taste, A_ub=planes, b_ub=shift, bounds=bounds, method="highs")
        if found.x is None:
            return center, -np.inf, True
        point = np.clip(found.x[:-1], low, high)
        edge = 1e-9 * (1 + center)
        at_edge = ((point <= low + edge) & (low > 0)) | (
            (point >= high - edge) & (high < self.most)
        )
        shares = np.maximum(-found.ineqlin.marginals, 0.0)
        self.shares = shares / max(shares.sum(), 1e-12)
        return point, float(found.x[-1] * size), not at_edge.any()
