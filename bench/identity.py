"""A million accounts resolved to persons: speed, memory, and how often the rules are right."""

import json
import resource
import sys
import time

import pandas as pd

from src.identity import resolve_identities
from src.rehearsal.accounts import invent_accounts

__all__ = ["run"]


def run(n_people: int = 1_000_000) -> dict[str, float]:
    """Resolve invented accounts, and hold the result against the truth.

    Parameters
    ----------
    n_people : int, default 1,000,000
        Accounts.

    Returns
    -------
    dict of str to float
        `seconds`, `people_per_s`, `peak_gb` of this process (the invented accounts included),
        `precision` and `recall` of pairs, `fuzzy_precision` as estimated without the truth.
    """
    accounts = invent_accounts(n_people, seed=1)
    people, truth = accounts.drop(columns="person"), accounts[["customer_id", "person"]]
    del accounts
    started = time.perf_counter()
    identities = resolve_identities(people, "DE")
    seconds = time.perf_counter() - started
    joined = identities.mapping.merge(truth, on="customer_id")
    n_right = _n_pairs(joined, ["person_id", "person"])
    return {
        "n_people": n_people,
        "seconds": round(seconds, 2),
        "people_per_s": round(n_people / seconds),
        "peak_gb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 3),
        "precision": round(n_right / _n_pairs(joined, ["person_id"]), 5),
        "recall": round(n_right / _n_pairs(joined, ["person"]), 4),
        "fuzzy_precision": identities.precision.estimate,
    }


def _n_pairs(rows: pd.DataFrame, by: list[str]) -> int:
    sizes = rows.groupby(by).size()
    return int((sizes * (sizes - 1) // 2).sum())


if __name__ == "__main__":
    print(json.dumps(run(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)))
