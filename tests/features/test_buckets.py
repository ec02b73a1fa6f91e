import hashlib

import pandas as pd
import pytest

from src.features import build_profiles
from src.features.buckets import (
    LINES_PER_BUCKET,
    bucket_edges,
    build_profiles_in_buckets,
    count_buckets,
)
from src.features.families import BUILT_IN
from tests.features.busy_shop import AS_OF, busy_shop, whole

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


def test_buckets_give_every_feature_as_the_whole_does(engine, arrow, tmp_path):
    tables = {}
    for name, rows in busy_shop(60, 3_000).items():
        if "customer_id" in rows:  # pseudonyms are hashes, spread over the buckets
            ids = rows["customer_id"].map(lambda n: hashlib.md5(n.encode()).hexdigest())
            rows = rows.assign(customer_id=ids)
        table = whole(rows, arrow(name, []).schema)
        tables[name] = engine.create_table(f"all_{name}", table, temp=True)
    given = [tables.pop(name) for name in ("orders", "products", "customers")]
    given += [tables.pop(name) for name in ("events", "exposures")]
    chosen = {"features": BUILT_IN, "others": tables}
    found = build_profiles_in_buckets(engine, tmp_path, *given, AS_OF, n_buckets=3, **chosen)
    whole_shop = build_profiles(*given, AS_OF, **chosen)
    pd.testing.assert_frame_equal(
        *(table.order_by("customer_id").to_pandas() for table in (found, whole_shop)),
        check_exact=True,
    )


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
