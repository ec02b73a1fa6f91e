"""Scoring in blocks: every customer once, the same scores for any size of block, bounded memory."""

import hashlib

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.engine import connect, read_parquet
from src.errors import SchemaError
from src.models.scoring import score_in_blocks

N = 1_000


@pytest.fixture
def shop(tmp_path):
    """Lay customers aside as Parquet, as 03 does; gives engine and lazy table."""

    def make(n=N):
        ids = sorted(hashlib.sha256(str(k).encode()).hexdigest()[:32] for k in range(n))
        customers = pd.DataFrame({"customer_id": ids, "x": np.arange(n, dtype="float64")})
        customers = customers.astype({"customer_id": "str"})
        folder = tmp_path / f"profiles-{n}"
        folder.mkdir()
        customers.to_parquet(folder / "part-0.parquet")
        engine = connect()
        return engine, read_parquet(engine, folder)

    return make


def double(block):
    return pd.DataFrame({"customer_id": block["customer_id"], "score": 2 * block["x"]})


def test_every_customer_is_scored_once_and_the_size_of_blocks_changes_nothing(shop, tmp_path):
    engine, profiles = shop()
    whole = score_in_blocks(engine, profiles, double, tmp_path / "whole").to_pandas()
    blocks = score_in_blocks(engine, profiles, double, tmp_path / "blocks", rows_per_block=70)
    blocks = blocks.order_by("customer_id").to_pandas()
    pd.testing.assert_frame_equal(blocks, whole)
    assert len(blocks) == N
    assert blocks["score"].sum() == N * (N - 1)  # 2 (0 + 1 + ... + 999)


def test_blocks_are_bounded_and_told(shop, tmp_path):
    engine, profiles = shop()
    sizes, told = [], []

    def predict(block):
        sizes.append(len(block))
        return double(block)

    score_in_blocks(
        engine, profiles, predict, tmp_path / "s", 100, lambda done, n: told.append((done, n))
    )
    assert told == [(k, 10) for k in range(1, 11)]
    assert sum(sizes) == N
    # 100 expected in each; a binomial of 1000 and .1 has a spread of 9.5
    assert max(sizes) < 100 + 6 * 9.5


def test_nobody_gives_an_empty_table_of_the_right_columns(shop, tmp_path):
    engine, profiles = shop(0)
    scores = score_in_blocks(engine, profiles, double, tmp_path / "scores").to_pandas()
    assert list(scores.columns) == ["customer_id", "score"]
    assert len(scores) == 0


def test_more_blocks_than_customers_leave_no_empty_files(shop, tmp_path):
    engine, profiles = shop(5)
    scores = score_in_blocks(engine, profiles, double, tmp_path / "scores", rows_per_block=1)
    assert scores.count().execute() == 5
    assert all(pq.read_metadata(path).num_rows for path in (tmp_path / "scores").iterdir())


@pytest.mark.parametrize(
    "spoil",
    [
        lambda scores: scores.iloc[1:],
        lambda scores: pd.concat([scores, scores.iloc[:1]]),
        lambda scores: scores.assign(
            customer_id=scores["customer_id"].iloc[::-1].to_list()[:1] * len(scores)
        ),
    ],
    ids=["left_out", "twice", "others"],
)
def test_a_model_that_loses_or_adds_customers_is_refused(shop, tmp_path, spoil):
    engine, profiles = shop()
    with pytest.raises(SchemaError, match="one score for each"):
        score_in_blocks(engine, profiles, lambda b: spoil(double(b)), tmp_path / "s", 300)
    assert not (tmp_path / "s").exists()


def test_columns_that_change_from_block_to_block_are_refused(shop, tmp_path):
    engine, profiles = shop()
    calls = iter(["score", "other", "score", "score"])
    with pytest.raises(SchemaError, match="every block"):
        score_in_blocks(
            engine,
            profiles,
            lambda b: double(b).rename(columns={"score": next(calls)}),
            tmp_path / "s",
            300,
        )


def test_a_model_that_fails_half_way_leaves_nothing_under_the_name(shop, tmp_path):
    engine, profiles = shop()
    calls = []

    def predict(block):
        calls.append(len(block))
        if len(calls) == 3:
            raise MemoryError
        return double(block)

    with pytest.raises(MemoryError):
        score_in_blocks(engine, profiles, predict, tmp_path / "s", 300)
    assert [path.name for path in tmp_path.iterdir()] == ["profiles-1000"]


def test_order_of_predictions_is_free(shop, tmp_path):
    engine, profiles = shop()
    shuffled = score_in_blocks(
        engine, profiles, lambda b: double(b).sample(frac=1, random_state=1), tmp_path / "a", 300
    )
    plain = score_in_blocks(engine, profiles, double, tmp_path / "b", 300)
    pd.testing.assert_frame_equal(shuffled.to_pandas(), plain.to_pandas())
