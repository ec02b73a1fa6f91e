import pandas as pd
import pytest

from src.features import build_profiles
from src.features.buckets import (
    LINES_PER_BUCKET,
    bucket_edges,
    build_profiles_in_buckets,
    count_buckets,
)

AS_OF = "2017-09-30"
CUSTOMERS = [f"{n:x}{'0' * 31}" for n in range(16)]


@pytest.fixture
def tables(line, shop):
    orders = [
        line(customer, f"o{n}-{k}", f"2017-0{1 + (n + k) % 9}-1{k} 1{k}:00", value=100 * n + k)
        for n, customer in enumerate(CUSTOMERS)
        for k in range(1 + n % 4)
    ]
    return shop(orders)


@pytest.mark.parametrize("n_buckets", [1, 2, 5, 16, 40])
def test_buckets_give_the_profiles_of_the_whole(engine, tables, tmp_path, n_buckets):
    told = []
    found = build_profiles_in_buckets(
        engine, tmp_path, *tables, AS_OF, n_buckets=n_buckets, tell=lambda *n: told.append(n)
    )
    whole = build_profiles(*tables, AS_OF)
    pd.testing.assert_frame_equal(
        *(table.order_by("customer_id").to_pandas() for table in (found, whole))
    )
    assert told == ([] if n_buckets == 1 else [(k + 1, n_buckets) for k in range(n_buckets)])


def test_edges_part_the_pseudonyms_evenly():
    edges = bucket_edges(7)
    assert edges == sorted(edges)
    sizes = [int(b, 16) - int(a, 16) for a, b in zip(["0", *edges], [*edges, "10000"], strict=True)]
    assert max(sizes) - min(sizes) <= 1


def test_a_bucket_holds_no_more_lines_than_it_may():
    assert [count_buckets(n) for n in (0, 1, LINES_PER_BUCKET, LINES_PER_BUCKET + 1)] == [
        1,
        1,
        1,
        2,
    ]
