"""Customers fitted and scored: buy-till-you-die, and LightGBM in blocks beside LightGBM alone.

Each piece runs in a process of its own, on made customers. LightGBM alone is given the same
settings and the same files, reads all of them at once, and chooses its own threads. That both
score every customer the same, and that both learn equally well, is checked.

    python bench/models.py             1 million fitted, 5 million scored, minutes, 1 GB of disk
    python bench/models.py --quick     50,000 fitted, 200,000 scored, under a minute

Counting starts when everything is imported; training starts with the table in memory, scoring
with Parquet, and ends with Parquet. The last line is one JSON object: `bgnbd_fit_1m_s` and
`bgnbd_score_1m_s` (seconds), `bgnbd_peak_gb`, `lifetimes_ratio` (seconds of BG/NBD's fit over
those of `lifetimes`, where `--lifetimes` names a Python that has it), `train_1m_s`, `score_5m_s`,
`score_peak_gb`, and `train_ratio`, `score_ratio`, `score_peak_ratio`: Campanile over LightGBM
alone, below 1 is better. With `--quick` the names are the same and the customers fewer.
"""

import argparse
from dataclasses import dataclass
import json
from pathlib import Path
import tempfile

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from measure import Figures, machine, measure

CONTENDERS = Path(__file__).with_name("model_contenders.py")
N_FEATURES = 40
ROWS_PER_GROUP = 100_000
TOLERANCE = 1e-12
AUC_TOLERANCE = 0.002


@dataclass(frozen=True)
class Scale:
    """Customers for each piece of work."""

    n_histories: int
    n_train: int
    n_score: int


FULL = Scale(1_000_000, 1_000_000, 5_000_000)
QUICK = Scale(50_000, 50_000, 200_000)


def make_profiles(folder: Path, n: int, seed: int) -> Path:
    """Write customers with forty features and an outcome, sorted by pseudonym as 03 does."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    weights = np.random.default_rng(0).normal(size=N_FEATURES) * (np.arange(N_FEATURES) < 12)
    writer = None
    for first in range(0, n, ROWS_PER_GROUP):
        rows = min(ROWS_PER_GROUP, n - first)
        X = rng.integers(0, 1000, (rows, N_FEATURES)) / 10
        signal = (X - 50) / 29 @ weights / np.linalg.norm(weights)
        ids = [f"{(first + k) * 2**128 // n:032x}" for k in range(rows)]
        table = pa.table(
            {"customer_id": ids}
            | {f"f{k:02}": X[:, k] for k in range(N_FEATURES)}
            | {"y": (signal + rng.normal(size=rows) > 0).astype("int8")}
        )
        writer = writer or pq.ParquetWriter(folder / "part-0.parquet", table.schema)
        writer.write_table(table)
    writer.close()
    return folder


def work(name: str, folder: Path, target: Path) -> Figures:
    """Run one piece of work in a process of its own, and print a row of the table."""
    figures = measure([str(CONTENDERS), name, str(folder), str(target)])
    print(
        f"{name:<18} {figures.cpu_s:>8.1f} s CPU {figures.wall_s:>8.1f} s "
        f"{figures.peak_gb:>6.2f} GB",
        flush=True,
    )
    return figures


def check_same_scores(first: Path, second: Path, n: int) -> None:
    """Stop unless both scored every customer, and alike."""
    n_same = duckdb.sql(
        f"SELECT count(*) FROM '{first}/*.parquet' a JOIN '{second}/*.parquet' b "
        f"USING (customer_id) WHERE abs(a.p - b.p) <= {TOLERANCE}"
    ).fetchone()[0]
    if n_same != n:
        raise SystemExit(f"{n - n_same:,} of {n:,} customers have other scores")


def check_equally_good(folder: Path, campanile: Path, plain: Path) -> None:
    """Stop unless both models rank fresh customers equally well."""
    import lightgbm

    from src.metrics.classification import auc

    customers = pd.read_parquet(folder)
    trees = json.loads(campanile.read_text(encoding="utf-8"))
    X, y = customers[trees["columns"]].to_numpy(), customers["y"].to_numpy(dtype=float)
    areas = [
        auc(y, lightgbm.Booster(model_str=text).predict(X))
        for text in (trees["trees"], plain.read_text(encoding="utf-8"))
    ]
    print(f"AUC on {len(y):,} fresh customers: {areas[0]:.4f}, LightGBM alone {areas[1]:.4f}")
    if abs(areas[0] - areas[1]) > AUC_TOLERANCE:
        raise SystemExit("the two models are not equally good")


def compare_trees(scale: Scale, folder: Path) -> dict[str, float]:
    """Train and score, both ways."""
    train = make_profiles(folder / "train", scale.n_train, seed=1)
    score = make_profiles(folder / "score", scale.n_score, seed=2)
    fresh = make_profiles(folder / "fresh", 50_000, seed=3)
    ours = work("train_campanile", train, folder / "campanile.json")
    alone = work("train_plain", train, folder / "plain.txt")
    check_equally_good(fresh, folder / "campanile.json", folder / "plain.txt")
    ours_score = work("score_campanile", score, folder / "scores_campanile")
    alone_score = work("score_plain", score, folder / "scores_plain")
    check_same_scores(folder / "scores_campanile", folder / "scores_plain", scale.n_score)
    return {
        "train_1m_s": ours.wall_s,
        "train_ratio": ours.wall_s / alone.wall_s,
        "score_5m_s": ours_score.wall_s,
        "score_ratio": ours_score.wall_s / alone_score.wall_s,
        "score_peak_gb": ours_score.peak_gb,
        "score_peak_ratio": ours_score.peak_gb / alone_score.peak_gb,
    }


def fit_histories(scale: Scale, folder: Path, lifetimes: str) -> dict[str, float]:
    """Fit and score buy-till-you-die; memory is that of the fit alone."""
    asked = folder / str(scale.n_histories)
    asked.write_text(lifetimes, encoding="utf-8")
    work("histories", asked, folder / "histories.json")
    found = json.loads((folder / "histories.json").read_text(encoding="utf-8"))
    print(f"{scale.n_histories:,} histories: {found}", flush=True)
    named = {
        "bgnbd_fit_1m_s": found["bgnbd_fit_s"],
        "bgnbd_score_1m_s": found["bgnbd_score_s"],
        "bgnbd_peak_gb": found["bgnbd_peak_gb"],
    }
    if found.get("lifetimes_fit_s"):
        named["lifetimes_ratio"] = found["bgnbd_fit_s"] / found["lifetimes_fit_s"]
    return named


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer customers")
    parser.add_argument("--lifetimes", default="", help="path of a Python that has `lifetimes`")
    given = parser.parse_args()
    scale = QUICK if given.quick else FULL
    print(machine())
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        found = fit_histories(scale, folder, given.lifetimes) | compare_trees(scale, folder)
    print(json.dumps({name: round(value, 3) for name, value in found.items()}))


if __name__ == "__main__":
    main()
