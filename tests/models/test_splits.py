import datetime as dt

import ibis
import numpy as np
import pandas as pd
import pytest

from src.data.window import days_after, parse_date
from src.engine import connect
from src.errors import LeakageError, ParameterError
from src.models.splits import (
    HAS_ORDERED,
    Snapshot,
    build_labels,
    build_snapshots,
    check_snapshots,
    customer_numbers,
    observed_days,
    plan_snapshots,
)


@pytest.fixture(scope="module")
def engine():
    return connect()


@pytest.fixture
def orders(engine):
    """Make orders from pairs of customer and time."""

    def make(*rows):
        frame = pd.DataFrame(rows, columns=["customer_id", "ordered_at"])
        frame["ordered_at"] = pd.to_datetime(frame["ordered_at"], format="ISO8601")
        table = ibis.memtable(frame).cast({"ordered_at": "timestamp('UTC')"})
        return engine.create_table("orders", table, overwrite=True)

    return make


def days_of(snapshot):
    first = parse_date(snapshot.as_of_date) + dt.timedelta(days=1)
    n_days = (parse_date(snapshot.label_until) - first).days + 1
    return {first + dt.timedelta(days=n) for n in range(n_days)}


@pytest.mark.parametrize("outcome_days", [1, 7, 28, 56])
@pytest.mark.parametrize("gap_days", [0, 1, 7, 30])
def test_windows_are_disjoint_and_kept_apart_by_the_gap(outcome_days, gap_days):
    train, validation, test = plan_snapshots("2017-09-30", outcome_days, gap_days)
    for earlier, later in ((train, validation), (validation, test)):
        assert not days_of(earlier) & days_of(later)
        # what was learnt from the earlier window was known when the later snapshot was taken
        assert days_after(earlier.label_until, gap_days) == later.as_of_date
    assert {len(days_of(s)) for s in (train, validation, test)} == {outcome_days}
    assert test.label_until == "2017-09-30"


@pytest.mark.parametrize(("outcome_days", "gap_days"), [(0, 7), (28, -1)])
def test_a_window_without_days_is_refused(outcome_days, gap_days):
    with pytest.raises(ParameterError, match="outcome_days of at least 1"):
        plan_snapshots("2017-09-30", outcome_days, gap_days)


def test_labels_come_from_the_outcome_window_only(orders):
    table = orders(
        ("before", "2017-01-10 23:59:59.999999"),
        ("first", "2017-01-11 00:00:00"),
        ("last", "2017-01-13 23:59:59.999999"),
        ("last", "2017-01-12 10:00:00"),
        ("after", "2017-01-14 00:00:00"),
    )
    buyers = build_labels(table, Snapshot("test", "2017-01-10", "2017-01-13"), "2017-01-13")
    assert sorted(buyers.to_pandas()["customer_id"]) == ["first", "last"]


def test_a_label_after_the_as_of_date_is_refused(orders):
    snapshot = Snapshot("test", "2017-01-10", "2017-01-14")
    with pytest.raises(LeakageError, match="outcomes up to 2017-01-13 only"):
        build_labels(orders(("a", "2017-01-01")), snapshot, "2017-01-13")


def test_snapshots_join_profiles_of_their_own_date_with_their_own_outcomes(orders):
    table = orders(("a", "2017-01-01"), ("b", "2017-01-01"), ("a", "2017-01-12"))
    asked = []

    def build(date):
        asked.append(date)
        return ibis.memtable(pd.DataFrame({"customer_id": ["b", "a"]}))

    snapshots = plan_snapshots("2017-01-13", outcome_days=3, gap_days=1)
    labelled = build_snapshots(build, table, snapshots, "2017-01-13")
    assert asked == [snapshot.as_of_date for snapshot in snapshots]
    assert labelled["test"]["customer_id"].tolist() == ["a", "b"]
    assert labelled["test"][HAS_ORDERED].tolist() == [True, False]
    assert not labelled["train"][HAS_ORDERED].any()


def test_history_is_counted_from_the_first_order(orders):
    table = orders(("a", "2017-01-05 12:00:00"), ("a", "2017-03-01"))
    assert observed_days(table, "2017-01-05") == 1
    assert observed_days(table, "2017-01-14") == 10
    assert observed_days(table, "2017-01-04") == 0


def test_customer_numbers_are_even_and_stay_with_the_customer():
    ids = [f"c{i}" for i in range(5000)]
    numbers = customer_numbers(ids, "salt")
    # a fair draw of 5,000: standard error of the mean 0.289 / sqrt(5000) = 0.004
    assert numbers.mean() == pytest.approx(0.5, abs=0.016)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    assert customer_numbers(ids[::-1], "salt").tolist() == numbers[::-1].tolist()
    assert abs(np.corrcoef(numbers, customer_numbers(ids, "other"))[0, 1]) < 0.05


def test_every_snapshot_is_held_against_the_guards(snapshots_drawn):
    labelled = snapshots_drawn(300)
    snapshots = plan_snapshots("2017-09-30")
    columns = ["recency_days", "monetary_value", "age_band"]
    alone = check_snapshots(snapshots, labelled, columns)
    assert alone.columns.tolist() == ["train", "validation", "test"]
    assert alone.index[0] == "recency_days"
    assert {*columns, "customer_id"} == set(alone.index)
    leak = labelled["validation"].assign(monetary_value=lambda t: t[HAS_ORDERED] * 1.0)
    with pytest.raises(LeakageError, match="monetary_value"):
        check_snapshots(snapshots, {**labelled, "validation": leak}, columns)
    late = labelled["test"].assign(as_of_date=pd.Timestamp("2017-09-10"))
    with pytest.raises(LeakageError, match="2017-09-10"):
        check_snapshots(snapshots, {**labelled, "test": late}, columns)
