"""Kills at random moments, until a campaign is through; then the checker.

    python -m tests.reliability.kills --kills 1000 --customers 20000     the whole, some minutes

Half of the kills are against Postfix's `smtp-sink`, which keeps every letter as a file, half
against our sink, which misbehaves at random. People opt out all the while.
"""

import argparse
from collections import Counter
from contextlib import contextmanager
import json
from pathlib import Path
import random
import signal
import tempfile
import time

from src.ledger.approvals import approve
from src.ledger.retries import RetryRules, set_rules
from tests.reliability.campaigns import hold_some_back, plan_campaign
from tests.reliability.checker import History, check
from tests.reliability.grounds import CLOCK, Ground, database_for
from tests.reliability.sinks import SMTP_SINK, postfix_sink, postfix_takings, start_sink

__all__ = ["SERVERS", "kill_at_random"]

MIXED = ["rcpt:450", "rcpt:550", "drop:rcpt", "drop:data", "dot:452", "dot:554", "drop:after"]
MIXED += ["rst:+", "rst:-", "fin:+", "fin:-", "partial:+", "garbage:-", "drop:body", "data:554"]
FAULTY = {"share": 0.01, "mixed": MIXED}
SERVERS = ("faulty", "postfix") if SMTP_SINK else ("faulty",)
_OPEN = {"PLANNED", "CLAIMED", "TRANSMITTING", "DEFERRED", "RESOLVED_NOT_SENT"}
_EVERY = 7
"""After so many kills somebody opts out while a sender is at work."""


@contextmanager
def _server(kind, folder):
    """A server; gives its port, what it took, and when each DATA began if it knows."""
    if kind == "postfix":
        with postfix_sink(folder) as port:
            yield port, lambda: postfix_takings(folder), lambda: []
        return
    with start_sink(folder, FAULTY) as sink:

        def begun():
            return [
                (to, event["at"]) for event in sink.events("data") for to in event["recipients"]
            ]

        yield sink.port, sink.keys, begun


def kill_at_random(folder, database, server, n_kills, n_customers, seed, n_connections=4):
    """Kill senders of one campaign so often, let one finish it, and check.

    Returns
    -------
    dict
        Counters, and what happened: kills, UNKNOWN in all, seconds.
    """
    rng, started = random.Random(seed), time.monotonic()
    folder.mkdir(parents=True, exist_ok=True)
    with database_for(database) as url, _server(server, folder / "server") as (port, taken, begun):
        ground = Ground(folder / "run", url, port, n_connections, batch_rows=4 * n_connections)
        with ground.open() as ledger:
            plan = plan_campaign(ledger, n_customers)
            hold_some_back(ledger, plan, CLOCK())
            rules = {"first_seconds": 0.001, "cap_seconds": 0.001, "multiplier": 1.0}
            set_rules(ledger, "spring", RetryRules(**rules, max_age_seconds=1e9))
            for name in ("ann", "ben"):
                approve(ledger, "spring", name)
        n_killed = _kill(ground, plan, n_kills, rng)
        _finish(ground)
        history = History(
            recipients=plan.recipients,
            forbidden=plan.forbidden,
            states=ground.states(),
            taken=taken(),
            begun=begun(),
            acknowledged=ground.acknowledged,
            under_way=ground.under_way,
        )
    states = ground_counts(history)
    return {
        "database": database,
        "server": server,
        "seed": seed,
        "recipients": n_customers,
        "kills": n_killed,
        "opt_outs": len(ground.acknowledged),
        "most_under_way": max((n for n, _ in ground.under_way), default=0),
        "connections": n_connections,
        "states": states,
        "forbidden": dict(Counter(plan.forbidden.values())),
        "counters": check(history),
        "seconds": round(time.monotonic() - started, 1),
    }


def ground_counts(history):
    """Messages by state."""
    found = sorted(history.states.values())
    return {state: found.count(state) for state in dict.fromkeys(found)}


def _kill(ground, plan, n_kills, rng):
    """Start and kill senders; each gets as far as keeps the campaign long enough for all."""
    n_killed = n_tries = 0
    addresses = sorted(plan.recipients.values())
    while n_killed < n_kills and n_tries < 2 * n_kills:
        n_tries += 1
        waiting = sum(ground.states(is_counting=True).get(state, 0) for state in _OPEN)
        if not waiting:
            break
        share = waiting / max(1, n_kills - n_killed) / ground.n_connections
        n_groups = rng.randint(0, max(1, int(1.5 * share)))
        child, pipe = ground.fork()
        if n_tries % _EVERY == 0:
            address = rng.choice(addresses)
            with ground.open() as ledger:
                ground.opt_out(ledger, address.partition("@")[0], address)
        code = ground.kill_after(child, pipe, n_groups, rng.random() * 0.02)
        n_killed += code == -signal.SIGKILL
    return n_killed


def _finish(ground, n_passes=12):
    """Send until nothing is open; leases of the killed run out between passes."""
    for _ in range(n_passes):
        ground.n_leases += 1
        ground.deliver()
        if not _OPEN & ground.states(is_counting=True).keys():
            return


def table(results):
    """Write results as a table in Markdown."""
    lines = ["| database | server | recipients | kills | opt-outs | UNKNOWN | counters not 0 |"]
    lines.append("|---|---|---|---|---|---|---|")
    for found in results:
        bad = {name: n for name, n in found["counters"].items() if n} or "none"
        unknown = found["states"].get("UNKNOWN", 0)
        cells = [found[name] for name in ("database", "server", "recipients", "kills", "opt_outs")]
        lines.append("| " + " | ".join(f"{cell}" for cell in [*cells, unknown, bad]) + " |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--customers", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=20240131)
    parser.add_argument("--databases", default="sqlite")
    parser.add_argument("--results", default="")
    options = parser.parse_args()
    results = []
    for database in options.databases.split(","):
        for i, server in enumerate(SERVERS):
            share = len(SERVERS)
            with tempfile.TemporaryDirectory() as name:
                n_kills, n_customers = options.kills // share, options.customers // share
                place = (Path(name), database, server, n_kills, n_customers)
                results.append(kill_at_random(*place, seed=options.seed + i))
            print(json.dumps(results[-1]), flush=True)  # noqa: T201
    print(table(results))  # noqa: T201
    if options.results:
        Path(options.results).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
