"""Time what the ledger does in bulk: plan, suppress, claim, begin, finish, verify.

Run: python bench/ledger.py [--quick] [--url URL]. Every figure is of one process; CPU is user
and system time together. The last line is JSON.
"""

import argparse
import csv
import datetime as dt
import hashlib
import json
import os
from pathlib import Path
import resource
import tempfile
import time

import pandas as pd

from src.keys import KEYS_VARIABLE
from src.ledger import (
    Ledger,
    message_key,
    open_ledger,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
    verify_audit,
)
from src.ledger.audit import append_audit, audited
from src.ledger.imports import import_suppressions
from src.ledger.queue import Ending, claim_messages, finish_attempts, turn_over
from src.ledger.schema import assignments
from src.ledger.seals import content_sha256, seal
from src.ledger.senders import sending
from src.ledger.states import State
from src.ledger.store import insert_many
from src.send.policy import find_denials

SAID_AT = dt.datetime(2024, 1, 1, 8, tzinfo=dt.UTC)
NOW = dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC)
GROUP, CLAIM = 20, 200
RECORDED_AT = {"recorded_at": SAID_AT}
ASSIGNED = {"campaign_id": "spring", "action": "coupon", "pscore": 0.5, "salt": "s"}
ASSIGNED |= {"policy_version": "1", "decided_at": SAID_AT}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--url", default="")
    options = parser.parse_args()
    n_planned = 100_000 if options.quick else 1_000_000
    with tempfile.TemporaryDirectory() as folder:
        os.environ[KEYS_VARIABLE] = f"{folder}/keys"
        figures = {"n_planned": n_planned}
        with open_ledger(Path(folder) / "plan", options.url) as ledger:
            figures |= plan(ledger, n_planned)
            figures |= suppress(ledger, n_planned, Path(folder))
        if not options.url:
            with open_ledger(Path(folder) / "send") as ledger:
                figures |= send(ledger, 20_000)
                figures |= verify(ledger, 20_000 if options.quick else 100_000)
    peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(figures | {"peak_mb": peak_mb}))


def ids(n: int) -> list[str]:
    return [hashlib.blake2b(str(k).encode(), digest_size=16).hexdigest() for k in range(n)]


def planned(n: int, customer_ids: list[str]) -> pd.DataFrame:
    text = "Dear ⟦first_name⟧, this is for you. " + "x" * 600
    bodies = [f"{text}{k % 500}" for k in range(n)]  # as many contents as products
    hashes = [content_sha256("For you", body, body) for body in bodies[:500]]
    keys = [message_key("spring", 1, key, "email") for key in customer_ids]
    return pd.DataFrame(
        {
            "message_key": keys,
            "seal": [seal(key, "coupon", hashes[k % 500]) for k, key in enumerate(keys)],
            "campaign_id": "spring",
            "step": 1,
            "customer_id": customer_ids,
            "channel": "email",
            "action": "coupon",
            "subject": "For you",
            "html": bodies,
            "text": bodies,
            "content_sha256": [hashes[k % 500] for k in range(n)],
            "expected_profit_value": [(k * 7919) % 10_007 / 100 for k in range(n)],
        }
    )


def timed(name: str, work, n: int) -> dict[str, float]:
    wall, cpu = time.monotonic(), time.process_time()
    work()
    seconds, used = time.monotonic() - wall, time.process_time() - cpu
    print(
        f"{name:<10} {n:>9,} rows {seconds:7.1f} s, CPU {used / n * 1e6:6.1f} µs a row", flush=True
    )
    return {f"{name}_s": round(seconds, 1), f"{name}_cpu_us": round(used / n * 1e6, 1)}


def plan(ledger: Ledger, n: int) -> dict[str, float]:
    customer_ids = ids(n)
    with ledger.write() as connection:
        for start in range(0, n, 50_000):
            piece = customer_ids[start : start + 50_000]
            insert_many(connection, assignments, [{"customer_id": key} | ASSIGNED for key in piece])
    frame = planned(n, customer_ids)
    return timed("plan", lambda: plan_messages(ledger, frame), n)


def suppress(ledger: Ledger, n: int, folder: Path) -> dict[str, float]:
    path = folder / "list.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["email", "reason"])
        writer.writerows((f"person{k}@shop{k % 97}.example", "complaint") for k in range(n))
    return timed("suppress", lambda: import_suppressions(ledger, path), n)


def fill(ledger: Ledger, n: int) -> None:
    frame = pd.DataFrame({"customer_id": ids(n)})
    names = {"first_name": "A", "last_name": "B", "email": frame["customer_id"] + "@x.example"}
    record_people(ledger, frame.assign(**names))
    said = {"source": "form", "wording": "Yes.", "is_granted": True, "channel": "email"}
    record_consents(ledger, frame.assign(purpose="marketing", **said, **RECORDED_AT))
    record_assignments(ledger, frame.assign(**ASSIGNED))
    plan_messages(ledger, planned(n, frame["customer_id"].tolist()))


def send(ledger: Ledger, n: int) -> dict[str, float]:
    fill(ledger, n)
    used = {"claim": 0.0, "turn": 0.0}
    started = time.monotonic()
    with sending(ledger) as sender:
        endings, n_sent = {}, 0
        while True:
            cpu = time.process_time()
            names = (sender, "spring", "email", find_denials, NOW, CLAIM)
            claims, _ = claim_messages(ledger, *names)
            used["claim"] += time.process_time() - cpu
            if not claims:
                break
            cpu = time.process_time()
            for start in range(0, len(claims), GROUP):
                group = claims[start : start + GROUP]
                _, begun = turn_over(ledger, endings, group, "memory", NOW)
                endings = {row: Ending(State.SENT) for row in begun}
            used["turn"] += time.process_time() - cpu
            n_sent += len(claims)
        finish_attempts(ledger, endings)
    assert n_sent == n
    figures = {f"{name}_cpu_us": round(cpu / n * 1e6, 1) for name, cpu in used.items()}
    figures["ledger_per_second"] = round(n / (time.monotonic() - started))
    print(f"send       {n:>9,} rows {figures}", flush=True)
    return figures


def verify(ledger: Ledger, n: int) -> dict[str, float]:
    def write(connection) -> None:
        for k in range(n):
            append_audit(connection, NOW, "ann", "approve campaign", f"c{k}", {"n": k})

    audited(ledger, write)
    figures = timed("verify", lambda: verify_audit(ledger), n)
    assert verify_audit(ledger).findings == ()
    return figures


if __name__ == "__main__":
    main()
