"""Rehearsals of whole campaigns by the real path: how long, how good, and whether it is true.

Each is `campanile rehearse params/rehearsal.yaml` in a process of its own: an invented shop,
notebooks 01 to 08, letters over SMTP, clicks and opt-outs over HTTP. Beside Campanile's profit
stands what rules earn from the same customers with as many letters, and what the oracle does.

    python bench/rehearsal.py             50,000 customers, 6 campaigns, in five worlds
    python bench/rehearsal.py --seeds 10  the plain world with ten other seeds, 10,000 each
    python bench/rehearsal.py --quick     1,000 customers, 1 campaign

The last line is one JSON object: `seconds` of the plain world, `peak_gb`, `share_of_oracle` (plain
world, from the fourth campaign on), `n_covered` of `n_waves` intervals that hold the truth (all
rehearsals), `ratio_to_rule` (profit from the fourth campaign on over the best rule's, in the plain
world).
"""

import argparse
import json
import subprocess
import sys
import time

from measure import machine
from src.rehearsal.page import summarise
from src.root import PROJECT_ROOT

WORLDS = ("plain", "no_effect", "sleeping_dogs", "fatigue", "scanners")
RULES = ("nobody", "everybody", "random", "rfm")
FROM = 4


def rehearse(
    world: str, n_customers: int, n_waves: int, seed: int
) -> tuple[list[dict], float, float]:
    """Play one; gives its waves, seconds and the peak memory of the largest process in GB."""
    name = f"bench-{world}-{n_customers}-{n_waves}-{seed}"
    command = [sys.executable, "-c", _PROGRAM, "rehearse", "params/rehearsal.yaml"]
    command += ["--world", f"params/worlds/{world}.yaml", "--customers", str(n_customers)]
    command += ["--waves", str(n_waves), "--seed", str(seed), "--run-id", name]
    start = time.monotonic()
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"{name} ended with {done.returncode}: {done.stderr[-2000:]}")
    folder = PROJECT_ROOT / "runs" / name
    waves = json.loads((folder / "rehearsal.json").read_text(encoding="utf-8"))["waves"]
    peak = float(done.stderr.rsplit("peak_gb ", 1)[1].split()[0])
    return waves, seconds, peak


_PROGRAM = """
import resource, sys
from src.cli import main
try:
    main()
finally:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(who).ru_maxrss for who in whose)
    print(f"peak_gb {peak / 2**20:.3f}", file=sys.stderr)
"""


def late(waves: list[dict]) -> tuple[float, float, float]:
    """Give profit, the oracle's and the best rule's from the fourth campaign on, or of the last."""
    kept = [wave for wave in waves if wave["wave"] >= FROM] or waves[-1:]
    rule = max(sum(wave[name] for wave in kept) for name in RULES)
    return sum(wave["profit"] for wave in kept), sum(wave["oracle"] for wave in kept), rule


def main() -> None:
    """Play, print a line for each, and the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--customers", type=int, default=0)
    parser.add_argument("--waves", type=int, default=0)
    given = parser.parse_args()
    print(machine())
    if given.quick:
        plans = [("plain", 1_000, 1, 1)]
    elif given.seeds:
        plans = [("plain", 10_000, 6, seed) for seed in range(2, given.seeds + 2)]
    else:
        plans = [(world, 50_000, 6, 1) for world in WORLDS]
    n_covered = n_waves = 0
    told: dict[str, float] = {}
    for world, n, count, seed in plans:
        waves, seconds, peak = rehearse(world, given.customers or n, given.waves or count, seed)
        total = summarise(waves)
        n_covered, n_waves = n_covered + total["n_covered"], n_waves + total["n_waves"]
        profit, oracle, rule = late(waves)
        share = profit / oracle if oracle > 0 else float("nan")
        print(
            f"{world:<14} seed {seed:>2}  {seconds:6.0f} s  {peak:.2f} GB  {share:6.1%} of oracle"
            f"  profit {profit:>10,.0f}  best rule {rule:>10,.0f}  "
            f"{total['n_covered']} of {total['n_waves']} intervals hold  "
            f"letters {[wave['n_messages'] for wave in waves]}  "
            f"verdicts {[wave['verdict'] for wave in waves]}"
        )
        if world == "plain" and "seconds" not in told:
            told = {"seconds": round(seconds, 1), "peak_gb": peak}
            told |= {"share_of_oracle": round(share, 4)}
            told |= {"ratio_to_rule": round(profit / rule, 3) if rule > 0 else None}
    print(json.dumps(told | {"n_covered": n_covered, "n_waves": n_waves}))


if __name__ == "__main__":
    main()
