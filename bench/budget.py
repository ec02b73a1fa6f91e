"""A million people, six actions, three budgets: one action each, no limit broken.

Campanile and the linear program by HiGHS (SciPy's `linprog`, sparse) run one after the other,
each in a process of its own, on made people; HiGHS on the sizes it can do. That the plan keeps
every limit is counted anew from the plan.

    python bench/budget.py             20,000 people with both, then 1 million; a minute
    python bench/budget.py --quick     20,000 with both, then 200,000

Counting starts when the people are there. The last line is one JSON object: `gap` (distance of
the plan's profit from HiGHS's bound, as a share of it, 20,000 people), `seconds_1m` and `peak_gb`
(1 million people), `ratio_to_highs` (seconds of CPU of Campanile over those of HiGHS, 20,000
people, below 1 is faster).
"""

import argparse
import json
from pathlib import Path
import tempfile
import time

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from measure import Figures, machine, measure
from src.decide.budget import Allocation, Candidates, Limits, choose_within_budget

CHANNELS = ("email", "email", "sms", "sms", "post", "post")
SEED = 20241231


def make_people(n: int) -> Candidates:
    """Profits with tastes of their own, and costs of the order .1, .6 and 2."""
    rng = np.random.default_rng(SEED)
    general, action = rng.gamma(2, 1.5, (n, 1)), np.array([0.2, 0.4, 0.6, 0.7, 0.9, 1.1])
    profit = general * action + rng.normal(0, 1.5, (n, 6)) - 0.5
    cost = np.abs(rng.normal(1, 0.3, (n, 6))) * np.array([0.1, 0.1, 0.6, 0.6, 2, 2]) + 0.05
    return Candidates(profit, cost, tuple("uvwxyz"), CHANNELS)


def make_limits(n: int) -> Limits:
    """Three budgets, all of them scarce."""
    return Limits(total_budget=0.24 * n, channel_budgets={"sms": 0.10 * n, "post": 0.05 * n})


def check_limits(people: Candidates, limits: Limits, plan: Allocation) -> None:
    """Stop if the plan spends more than it may."""
    taken = np.flatnonzero(plan.choice >= 0)
    spent = people.cost[taken, plan.choice[taken]]
    channel = np.array(CHANNELS)[plan.choice[taken]]
    sums = {"total": (spent.sum(), limits.total_budget)}
    sums |= {c: (spent[channel == c].sum(), b) for c, b in limits.channel_budgets.items()}
    for name, (used, budget) in sums.items():
        if used > budget * (1 + 1e-9):
            raise SystemExit(f"The plan spends {used} of {budget} on {name}.")


def solve_linear(people: Candidates, limits: Limits) -> float:
    """Bound by HiGHS on the whole matrix."""
    n, k = people.profit.shape
    channel = np.tile(np.array(CHANNELS), n)
    cost = people.cost.ravel()
    matrix = [cost, *(np.where(channel == c, cost, 0.0) for c in limits.channel_budgets)]
    once = sparse.kron(sparse.eye_array(n), np.ones((1, k)))
    found = linprog(
        -people.profit.ravel(),
        A_ub=sparse.vstack([sparse.csr_array(np.array(matrix)), once]).tocsr(),
        b_ub=np.r_[limits.total_budget, list(limits.channel_budgets.values()), np.ones(n)],
        bounds=(0, 1),
        method="highs",
    )
    return -found.fun


def work(who: str, n: int, answer: Path) -> None:
    """Let one contender work; its profit and bound go into a file, its time into the last line."""
    people, limits = make_people(n), make_limits(n)
    cpu, wall = time.process_time(), time.perf_counter()
    if who == "highs":
        said = {"bound": solve_linear(people, limits)}
        spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    else:
        plan = choose_within_budget(people, limits)
        spent = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
        check_limits(people, limits, plan)
        said = {"profit": plan.profit_value, "bound": plan.bound_value, "gap": plan.gap_share}
        said["words"] = plan.limits["words"].tolist()
    answer.write_text(json.dumps(said), encoding="utf-8")
    print(json.dumps(spent))


def run(who: str, n: int, folder: Path) -> tuple[Figures, dict]:
    """Measure one contender, and print its row."""
    answer = folder / f"{who}_{n}.json"
    figures = measure([str(Path(__file__)), "--work", who, str(n), str(answer)])
    said = json.loads(answer.read_text(encoding="utf-8"))
    print(
        f"{who:<10} {n:>9,} people: {figures.wall_s:>7.2f} s ({figures.cpu_s:>7.2f} s CPU), "
        f"{figures.peak_gb:.2f} GB, bound {said['bound']:,.1f}",
        flush=True,
    )
    for words in said.get("words", []):
        print(f"  {words}")
    return figures, said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="200,000 people at most")
    parser.add_argument("--work", nargs=3, metavar=("WHO", "N", "ANSWER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.work:
        work(given.work[0], int(given.work[1]), Path(given.work[2]))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        ours, plan = run("campanile", 20_000, Path(scratch))
        highs, linear = run("highs", 20_000, Path(scratch))
        large, _ = run("campanile", 200_000 if given.quick else 1_000_000, Path(scratch))
    found = {
        "gap": (linear["bound"] - plan["profit"]) / linear["bound"],
        "seconds_200k" if given.quick else "seconds_1m": large.wall_s,
        "peak_gb": large.peak_gb,
        "ratio_to_highs": ours.cpu_s / highs.cpu_s,
    }
    print(json.dumps({name: round(value, 8) for name, value in found.items()}))


if __name__ == "__main__":
    main()
