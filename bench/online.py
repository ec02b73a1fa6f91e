"""Decisions one person at a time, and learning from their outcomes, by the online policy.

Needs the extra `online`; without it the benchmark says so and ends. Beside it the same rounds by
Vowpal Wabbit alone: no keyed draw, no floor, nothing awaited.

    python bench/online.py             100,000 people, half a minute
    python bench/online.py --quick     20,000 people

The last line is one JSON object: `decisions_per_s`, `rounds_per_s` (decided and learnt), and
`ratio_to_vw` (seconds of CPU of both over those of Vowpal Wabbit alone).
"""

import argparse
import json
import time

import numpy as np
import pandas as pd

from measure import machine
from src.decide.online import OnlinePolicy, OnlineSettings, is_online_installed

ARMS = ("control", "mail", "text", "call", "push", "post")
NOW = pd.Timestamp("2024-06-01", tz="UTC")


def make_people(n: int) -> list[dict]:
    """Five features of each person."""
    rng = np.random.default_rng(1)
    numbers = rng.gamma(2, 1, (n, 4)).round(3)
    regions = rng.choice(["north", "south", "east", "west"], n)
    return [
        {"age": a, "recency": b, "spend": c, "visits": d, "region": str(region)}
        for (a, b, c, d), region in zip(numbers.tolist(), regions, strict=True)
    ]


def time_policy(people: list[dict]) -> tuple[float, float]:
    """Seconds of CPU to decide for all, and to learn from all."""
    policy = OnlinePolicy(OnlineSettings(ARMS, salt="bench", outcome_days=14))
    start = time.process_time()
    decided = [policy.decide(f"c{i}", person, NOW) for i, person in enumerate(people)]
    middle = time.process_time()
    policy.learn(
        {one.decision_id: float(one.action == "mail") for one in decided}, NOW.replace(day=20)
    )
    return middle - start, time.process_time() - middle


def time_plain(people: list[dict]) -> float:
    """Seconds of CPU of the same rounds by Vowpal Wabbit alone."""
    import vowpalwabbit

    workspace = vowpalwabbit.Workspace("--cb_explore_adf --squarecb --quadratic UA --quiet")
    arms = [f"|A arm={name}" for name in ARMS]
    rng = np.random.default_rng(1)
    start = time.process_time()
    for person in people:
        words = [f"{k}={v}" if isinstance(v, str) else f"{k}:{v}" for k, v in person.items()]
        lines = ["shared |U " + " ".join(words), *arms]
        shares = workspace.predict(lines)
        arm = min(int((rng.random() >= np.cumsum(shares)).sum()), len(arms) - 1)
        lines[arm + 1] = f"0:{-float(arm == 1)}:{shares[arm]} " + lines[arm + 1]
        workspace.learn(lines)
    return time.process_time() - start


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="20,000 people")
    given = parser.parse_args()
    if not is_online_installed():
        print("The extra `online` is not installed; run make online to measure it.")
        return
    print(machine())
    n = 20_000 if given.quick else 100_000
    people = make_people(n)
    decide_s, learn_s = time_policy(people)
    plain_s = time_plain(people)
    print(f"{n:,} people: decided in {decide_s:.2f} s, learnt in {learn_s:.2f} s of CPU")
    print(f"Vowpal Wabbit alone, decided and learnt: {plain_s:.2f} s")
    found = {
        "decisions_per_s": n / decide_s,
        "rounds_per_s": n / (decide_s + learn_s),
        "ratio_to_vw": (decide_s + learn_s) / plain_s,
    }
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
