"""The frames behind the figures of 03 are the same on DuckDB and on a Spark cluster."""

from dataclasses import asdict

import pandas as pd
import pytest

from src.engine import read_parquet
from src.features import summary
from src.features.portrait import (
    cohorts,
    interest_map,
    lifecycle_flow,
    personas,
    revenue_tree,
    tag_overlaps,
)
from tests.spark.frames import assert_same

pytestmark = [
    pytest.mark.xdist_group("run"),
    pytest.mark.timeout(1200),
]  # one cluster and one smoke run for all
AS_OF, BEFORE = "2017-09-30", "2017-09-02"


def pictured(engine, tables) -> dict[str, pd.DataFrame]:
    """What the figures are drawn from, made from the tables of a run."""
    orders = read_parquet(engine, tables / "02_clean" / "orders")
    profiles, interests, tags = (
        read_parquet(engine, tables / "03_tag" / name) for name in ("profiles", "interests", "tags")
    )
    n_customers = int(profiles.count().execute())
    departments = summary.summarise_departments(interests, n_customers)
    liked = interest_map.build_interest_map(interests, departments, n_customers)
    sizes = tags.group_by("tag").agg(n_customers=tags.count()).order_by("tag").to_pandas()
    sizes["customer_share"] = sizes["n_customers"] / n_customers
    before = lifecycle_flow.build_lifecycle(orders, BEFORE)
    cards = personas.build_personas(profiles, interests, orders, AS_OF, min_customers=5)
    return {
        "retention": cohorts.build_retention(orders, AS_OF).cells,
        "tree": revenue_tree.build_revenue_tree(orders, AS_OF).nodes,
        "flows": lifecycle_flow.count_flows(before, profiles),
        "departments": liked.departments,
        "lift": liked.lift,
        "overlaps": tag_overlaps.count_overlaps(tags, sizes, n_customers).shares,
        "cards": pd.json_normalize([asdict(card) for card in cards]),
    }


def test_what_the_figures_show_is_the_same(engines, smoke_run):
    ours, theirs = (pictured(engine, smoke_run / "tables") for engine in engines)
    assert len(ours["cards"]) == 6
    for name, frame in ours.items():
        assert len(frame) > 3
        assert_same(name, frame, theirs[name])
