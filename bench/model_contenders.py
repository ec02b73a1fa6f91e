"""Trees trained and customers scored, by Campanile and by LightGBM alone; one piece per process."""

import argparse
import json
from pathlib import Path
import time

STARTED: dict[str, float] = {}
N_TREES = 80


def start() -> None:
    """Begin to count, once everything is imported: a notebook has that behind it, too."""
    STARTED.update(cpu_s=time.process_time(), wall_s=time.perf_counter())


def _features(folder: Path) -> tuple[str, ...]:
    import pyarrow.parquet as pq

    names = pq.read_schema(next(folder.glob("*.parquet"))).names
    return tuple(name for name in names if name.startswith("f"))


def train_campanile(folder: Path, target: Path) -> None:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401 - what pandas reads with, before the clock starts

    from src.models.purchase_candidates import BoostedTrees

    profiles = pd.read_parquet(folder)
    y = profiles.pop("y").to_numpy(dtype="float64")
    start()
    model = BoostedTrees(_features(folder), n_trees=N_TREES, categories=()).fit(profiles, y)
    target.write_text(json.dumps(model.to_json()), encoding="utf-8")


def train_plain(folder: Path, target: Path) -> None:
    import lightgbm
    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    profiles = pd.read_parquet(folder)
    y = profiles.pop("y").to_numpy(dtype="float64")
    settings = {
        "objective": "binary",
        "learning_rate": 0.05,
        "num_leaves": 4,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.7,
        "bagging_fraction": 0.8,
        "bagging_freq": 1,
        "lambda_l2": 1.0,
        "verbosity": -1,
    }
    start()
    rows = lightgbm.Dataset(profiles[list(_features(folder))], label=y)
    booster = lightgbm.train(settings, rows, num_boost_round=N_TREES)
    target.write_text(booster.model_to_string(), encoding="utf-8")


def score_campanile(folder: Path, target: Path) -> None:
    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    from src.engine import connect, read_parquet
    from src.models.purchase_candidates import BoostedTrees
    from src.models.scoring import score_in_blocks

    plain = json.loads((folder.parent / "campanile.json").read_text(encoding="utf-8"))
    engine = connect()  # a stage has it open
    start()
    model = BoostedTrees.from_json(plain)
    profiles = read_parquet(engine, folder).select("customer_id", *model.columns)
    score_in_blocks(
        engine,
        profiles,
        lambda block: pd.DataFrame(
            {"customer_id": block["customer_id"], "p": model.predict(block)}
        ),
        target,
    )


def score_plain(folder: Path, target: Path) -> None:
    import lightgbm
    import pandas as pd
    import pyarrow.parquet  # noqa: F401

    plain = json.loads((folder.parent / "campanile.json").read_text(encoding="utf-8"))
    start()
    booster = lightgbm.Booster(model_str=plain["trees"])
    profiles = pd.read_parquet(folder, columns=["customer_id", *plain["columns"]])
    p = booster.predict(profiles[plain["columns"]])
    target.mkdir()
    scores = pd.DataFrame({"customer_id": profiles["customer_id"], "p": p})
    scores.to_parquet(target / "part-0.parquet")


def histories(folder: Path, target: Path) -> None:
    """Let `btyd.run` fit and score as many customers as `folder` is named after.

    What lies at `folder` is the path of a Python that has `lifetimes`, or empty.
    """
    from btyd import run

    start()
    target.write_text(json.dumps(run(int(folder.name), folder.read_text())), encoding="utf-8")


if __name__ == "__main__":
    WORK = {
        "train_campanile": train_campanile,
        "train_plain": train_plain,
        "score_campanile": score_campanile,
        "score_plain": score_plain,
        "histories": histories,
    }
    parser = argparse.ArgumentParser()
    parser.add_argument("work", choices=WORK)
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", type=Path)
    given = parser.parse_args()
    WORK[given.work](given.folder, given.target)
    cpu_s = time.process_time() - STARTED["cpu_s"]
    print(json.dumps({"cpu_s": cpu_s, "wall_s": time.perf_counter() - STARTED["wall_s"]}))
