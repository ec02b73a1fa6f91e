import ibis
import pandas as pd
import pytest

from src.features import summary
from src.features.portrait import tag_overlaps
from src.features.tags import TagRule

RULES = tuple(
    TagRule(name=name, meaning="m", rule="frequency > 0", owner="o")
    for name in ("a", "b", "c", "d")
)


@pytest.fixture(scope="module")
def overlaps(engine):
    """Of 100 customers: a 50, b 40 of which all are a, c 10 of which none; d nobody."""
    carried = {"a": range(50), "b": range(40), "c": range(90, 100)}
    rows = pd.DataFrame(
        [(f"c{i}", tag) for tag, who in carried.items() for i in who],
        columns=["customer_id", "tag"],
    )
    tags = engine.create_table("carried", ibis.memtable(rows), temp=True)
    counts = summary.count_tags(tags, RULES, 100)
    return tag_overlaps.count_overlaps(tags, counts, 100)


def test_shares_are_those_of_the_rows_carriers(overlaps):
    assert overlaps.sizes["tag"].tolist() == ["a", "b", "c"]
    assert overlaps.sizes["customer_share"].tolist() == [0.5, 0.4, 0.1]
    assert overlaps.shares.to_numpy().tolist() == [[1, 0.8, 0], [1, 1, 0], [0, 0, 1]]


def test_lift_is_the_share_over_that_of_all(overlaps):
    assert overlaps.lift.loc["a", "b"] == pytest.approx(0.8 / 0.4)
    assert overlaps.lift.loc["b", "a"] == pytest.approx(1 / 0.5)
    assert overlaps.lift.loc["a", "c"] == 0


def test_single_customers_make_no_twins(engine):
    rows = [(f"c{i}", tag) for i in range(19) for tag in ("a", "b")]
    table = ibis.memtable(rows, schema={"customer_id": "string", "tag": "string"})
    tags = engine.create_table("nineteen", table, temp=True)
    overlaps = tag_overlaps.count_overlaps(tags, summary.count_tags(tags, RULES, 19), 19)
    assert tag_overlaps.find_near_twins(overlaps) == []


def test_twins_cover_each_other(overlaps):
    assert tag_overlaps.find_near_twins(overlaps) == [("a", "b")]
    assert tag_overlaps.find_near_twins(overlaps, share=0.81) == []
    assert tag_overlaps.describe_overlaps(overlaps).endswith("so one may go: a and b.")


@pytest.mark.parametrize("n", [0, 1])
def test_fewer_than_two_tags_are_no_overlap(engine, n):
    rows = ibis.memtable([("c1", "a")][:n], schema={"customer_id": "string", "tag": "string"})
    tags = engine.create_table(f"few_{n}", rows, temp=True)
    overlaps = tag_overlaps.count_overlaps(tags, summary.count_tags(tags, RULES, 3), 3)
    assert overlaps.is_empty
    assert tag_overlaps.describe_overlaps(overlaps).startswith("**No overlaps:**")
