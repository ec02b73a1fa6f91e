"""Poison the future: not a byte of what 03 writes may change."""

import datetime as dt
import hashlib

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.features import build_interests, build_profiles, build_tags, read_tag_rules
from src.stage import open_stage, tables_path

AS_OF = "2017-09-30"
MORNING_AFTER = pd.Timestamp("2017-10-01")  # times in pandas are UTC without saying so
N_CUSTOMERS, N_LINES, N_PRODUCTS = 300, 60_000, 400


def _stamp(days):
    return pd.Timestamp("2016-06-01") + pd.to_timedelta((days * 86_400).astype("int64"), unit="s")


@pytest.fixture(scope="module")
def past_and_future():
    """A year and a half of orders, a third of a year of it after the as-of date."""
    rng = np.random.default_rng(20170930)
    order = rng.integers(0, N_LINES // 8, N_LINES)
    buyer = rng.integers(0, N_CUSTOMERS, N_LINES // 8)
    day = rng.uniform(0, 600, N_LINES // 8)
    discount = rng.integers(0, 3, N_LINES) * 17
    orders = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in order],
            "line_number": pd.Series(order).groupby(order).cumcount() + 1,
            "customer_id": [f"c{buyer[i]:03}" for i in order],
            "product_id": [f"p{i}" for i in rng.integers(0, N_PRODUCTS, N_LINES)],
            "store_id": [f"s{i}" for i in rng.integers(0, 9, N_LINES)],
            "ordered_at": _stamp(day[order]),
            "quantity": 1,
            "line_value_minor": rng.integers(0, 3000, N_LINES),
            "discount_minor": discount,
            "coupon_minor": 0,
            "is_discounted": discount > 0,
            "is_outlier": False,
        }
    )
    products = pd.DataFrame(
        {
            "product_id": [f"p{i}" for i in range(N_PRODUCTS)],
            "department": [f"d{i % 12}" for i in range(N_PRODUCTS)],
            "brand": ["Private" if i % 3 else "National" for i in range(N_PRODUCTS)],
        }
    )
    who = [f"c{i:03}" for i in rng.integers(0, N_CUSTOMERS, 900)]
    events = pd.DataFrame(
        {
            "event_id": [str(i) for i in range(900)],
            "customer_id": who,
            "event_type": "coupon_redeemed",
            "event_at": _stamp(rng.uniform(0, 600, 900)),
        }
    )
    exposures = pd.DataFrame(
        {
            "campaign_id": [f"k{i}" for i in range(900)],
            "customer_id": who,
            "exposed_at": _stamp(rng.uniform(0, 600, 900)),
            "action": "letter",
            "is_randomised": False,
        }
    )
    customers = pd.DataFrame(
        {"customer_id": [f"c{i:03}" for i in range(N_CUSTOMERS)], "age_band": "45-54"}
    )
    return {
        "orders": orders,
        "products": products,
        "customers": customers,
        "events": events,
        "exposures": exposures,
    }


def _whole(frame, schema) -> pa.Table:
    """Fill the columns that the frame lacks with nothing."""
    columns = [
        pa.array(frame[field.name], field.type, from_pandas=True)
        if field.name in frame
        else pa.nulls(len(frame), field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _run_stage(frames, arrow, run) -> dict[str, str]:
    """Run 03 on stage files and hash every file it publishes."""
    for name, frame in frames.items():
        folder = tables_path(run, "02_clean") / name
        folder.mkdir(parents=True)
        pq.write_table(_whole(frame, arrow(name, []).schema), folder / "part-0.parquet")
    stage = open_stage("03_tag", str(run))
    tables = {name: stage.table(name) for name in frames}
    profiles = build_profiles(**tables, as_of_date=AS_OF).cache()
    stage.write("profiles", profiles)
    stage.write("interests", build_interests(tables["orders"], tables["products"], AS_OF))
    stage.write("tags", build_tags(profiles, read_tag_rules("params/tags.yaml")))
    stage.record(n=1)
    written = tables_path(run, "03_tag")
    return {
        str(file.relative_to(written)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(written.rglob("*.parquet"))
    }


@pytest.fixture(scope="module")
def truth(past_and_future, arrow, tmp_path_factory):
    hashes = _run_stage(past_and_future, arrow, tmp_path_factory.mktemp("truth") / "run")
    assert len(hashes) == 3
    return hashes


def _is_future(frame):
    return frame.iloc[:, frame.columns.str.endswith("_at")].iloc[:, 0] >= MORNING_AFTER


def _deleted(frames):
    timed = ("orders", "events", "exposures")
    return frames | {name: frames[name][~_is_future(frames[name])] for name in timed}


def _changed(frames):
    orders = frames["orders"].copy()
    future = _is_future(orders)
    assert future.sum() > 5000
    orders.loc[future, "line_value_minor"] *= 1_000_003
    orders.loc[future, "discount_minor"] += 99
    orders.loc[future, "is_discounted"] = True
    orders.loc[future, "store_id"] = "s99"
    orders.loc[future, "product_id"] = "p0"
    events = frames["events"].copy()
    events.loc[_is_future(events), "customer_id"] = "c007"
    return frames | {"orders": orders, "events": events}


def _added(frames):
    """Every future row once more for each customer, old and new, at the first moment after."""
    more = frames["orders"].head(2000).copy()
    more["order_id"] = "x" + more["order_id"]
    more["ordered_at"] = MORNING_AFTER
    events = frames["events"].assign(event_at=MORNING_AFTER)
    events["event_id"] = "x" + events["event_id"]
    exposures = frames["exposures"].assign(exposed_at=MORNING_AFTER)
    exposures["campaign_id"] = "x" + exposures["campaign_id"]
    extra = {"orders": more, "events": events, "exposures": exposures}
    return frames | {
        name: pd.concat([rows, frames[name]], ignore_index=True) for name, rows in extra.items()
    }


def _newcomers(frames):
    """Customers, products and departments that exist only in the future."""
    more = frames["orders"].head(3000).copy()
    more["order_id"] = "y" + more["order_id"]
    more["customer_id"] = "a" + more["customer_id"]
    more["product_id"] = "new" + more["product_id"]
    more["ordered_at"] = MORNING_AFTER + dt.timedelta(days=3)
    people = frames["customers"].assign(customer_id="a" + frames["customers"]["customer_id"])
    goods = frames["products"].assign(
        product_id="new" + frames["products"]["product_id"], department="a new one"
    )
    extra = {"orders": more, "customers": people, "products": goods}
    return frames | {
        name: pd.concat([rows, frames[name]], ignore_index=True) for name, rows in extra.items()
    }


def _shuffled(frames):
    return {name: frame.sample(frac=1, random_state=1) for name, frame in frames.items()}


@pytest.mark.parametrize("poison", [_deleted, _changed, _added, _newcomers, _shuffled])
def test_the_future_and_the_order_of_rows_change_no_byte(
    past_and_future, arrow, truth, tmp_path, poison
):
    assert _run_stage(poison(past_and_future), arrow, tmp_path / "run") == truth


def test_the_past_does_change_bytes(past_and_future, arrow, truth, tmp_path):
    orders = past_and_future["orders"].copy()
    last = orders.loc[~_is_future(orders), "ordered_at"].idxmax()
    orders.loc[last, "line_value_minor"] += 1
    hashes = _run_stage(past_and_future | {"orders": orders}, arrow, tmp_path / "run")
    assert hashes["profiles/part-0.parquet"] != truth["profiles/part-0.parquet"]
