"""Poison the future: not a byte of what 03 writes may change, every feature included."""

import datetime as dt
import hashlib

import ibis
import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.data.window import known_by
from src.engine import read_parquet
from src.features import build_interests, build_profiles, build_tags, read_tag_rules
from src.features.families import BUILT_IN
from src.features.images import build_picture_interests, look_at_products
from src.features.profiles_contract import profiles_contract
from src.stage import open_stage, tables_path
from tests.features.busy_shop import AS_OF, busy_shop, whole

MORNING_AFTER = pd.Timestamp("2017-10-01")  # times in pandas are UTC without saying so
GIVEN = ("orders", "products", "customers", "events", "exposures")
TIMED = ("orders", "events", "exposures", "refunds", "reviews", "review_scores")


@pytest.fixture(scope="module")
def past_and_future():
    return busy_shop()


def _run_stage(frames, arrow, run) -> dict[str, str]:
    """Run 03 on stage files and hash every file it publishes."""
    for name, frame in frames.items():
        folder = tables_path(run, "02_clean") / name
        folder.mkdir(parents=True)
        pq.write_table(whole(frame, arrow(name, []).schema), folder / "part-0.parquet")
    stage = open_stage("03_tag", str(run))
    cleaned = tables_path(run, "02_clean")
    tables = {name: read_parquet(stage.engine, cleaned / name) for name in frames}
    given = {name: tables.pop(name) for name in GIVEN}
    profiles = build_profiles(**given, as_of_date=AS_OF, features=BUILT_IN, others=tables).cache()
    stage.write("profiles", profiles, contract=profiles_contract(BUILT_IN))
    stage.write("interests", build_interests(given["orders"], given["products"], AS_OF))
    tags = build_tags(profiles, read_tag_rules("params/tags.yaml"), AS_OF)
    stage.write("tags", tags.tags)
    stage.write("tag_history", tags.history)
    stage.write("tag_rules", tags.rules)
    stage.write("review_scores", known_by(tables["review_scores"], "reviewed_at", AS_OF))
    _write_pictures(stage, given)
    stage.record(n=1)
    written = tables_path(run, "03_tag")
    return {
        str(file.relative_to(written)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(written.rglob("*.parquet"))
    }


def _write_pictures(stage, given) -> None:
    """Tags of two products, as their pictures show them today."""
    pictures = look_at_products(given["products"], "", "none")
    tags = ibis.memtable(pd.DataFrame({"product_id": ["p1", "p2"], "picture_tag": "color: red"}))
    interests = build_picture_interests(given["orders"], tags, AS_OF)
    assert interests.count().execute() > 0
    stage.write("product_pictures", ibis.memtable(pictures.products))
    stage.write("picture_tags", tags)
    stage.write("picture_interests", interests)


@pytest.fixture(scope="module")
def truth(past_and_future, arrow, tmp_path_factory):
    hashes = _run_stage(past_and_future, arrow, tmp_path_factory.mktemp("truth") / "run")
    assert len(hashes) == 9
    return hashes


def _is_future(frame):
    return frame.iloc[:, frame.columns.str.endswith("_at")].iloc[:, 0] >= MORNING_AFTER


def _deleted(frames):
    return frames | {name: frames[name][~_is_future(frames[name])] for name in TIMED}


def _changed(frames):
    orders = frames["orders"].copy()
    future = _is_future(orders)
    assert future.sum() > 5000
    orders.loc[future, "line_value_minor"] *= 1_000_003
    orders.loc[future, "discount_minor"] += 99
    orders.loc[future, "is_discounted"] = True
    orders.loc[future, "store_id"] = "s99"
    orders.loc[future, "product_id"] = "p0"
    others = {name: frames[name].copy() for name in TIMED[1:]}
    for rows in others.values():
        assert _is_future(rows).sum() > 100
        rows.loc[_is_future(rows), "customer_id"] = "c007"
    events, scores = others["events"], others["review_scores"]
    events.loc[_is_future(events), "is_bot"] = True
    scores.loc[_is_future(scores), "p_positive"] = 0.0
    return frames | {"orders": orders} | others


def _added(frames):
    """Every future row once more for each customer, old and new, at the first moment after."""
    more = frames["orders"].head(2000).copy()
    more["order_id"] = "x" + more["order_id"]
    more["ordered_at"] = MORNING_AFTER
    events = frames["events"].assign(event_at=MORNING_AFTER)
    events["event_id"] = "x" + events["event_id"]
    exposures = frames["exposures"].assign(exposed_at=MORNING_AFTER)
    exposures["campaign_id"] = "x" + exposures["campaign_id"]
    refunds = frames["refunds"].assign(refunded_at=MORNING_AFTER)
    refunds["refund_id"] = "x" + refunds["refund_id"]
    reviewed = {
        name: frames[name].assign(
            reviewed_at=MORNING_AFTER, review_id="x" + frames[name]["review_id"]
        )
        for name in ("reviews", "review_scores")
    }
    extra = {"orders": more, "events": events, "exposures": exposures, "refunds": refunds}
    extra |= reviewed
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
        product_id="new" + frames["products"]["product_id"],
        department="a new one",
        category="g1",
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
