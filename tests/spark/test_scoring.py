"""Scoring in blocks gives the same on Spark and DuckDB."""

import hashlib

import pandas as pd
import pytest

from src.engine import read_parquet
from src.models.scoring import score_in_blocks


def test_both_engines_score_every_customer_alike(engines, tmp_path):
    ids = [hashlib.sha256(str(k).encode()).hexdigest()[:32] for k in range(200)]
    customers = pd.DataFrame({"customer_id": ids, "n_orders": range(200)})
    (tmp_path / "profiles").mkdir()
    customers.to_parquet(tmp_path / "profiles" / "part-0.parquet")

    def predict(block):
        p = (block["n_orders"] + 1) / 202
        return pd.DataFrame({"customer_id": block["customer_id"], "p": p, "model": "rule"})

    frames = []
    for engine in engines:
        profiles = read_parquet(engine, tmp_path / "profiles")
        scores = score_in_blocks(engine, profiles, predict, tmp_path / engine.name, 60)
        frames.append(scores.order_by("customer_id").to_pandas())
    assert len(frames[0]) == 200
    assert frames[0]["p"].sum() == pytest.approx(20_100 / 202)  # 1 + 2 + ... + 200
    pd.testing.assert_frame_equal(*frames, check_dtype=False)
