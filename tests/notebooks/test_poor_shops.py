"""Every model notebook, on shops that a model can learn little from: it ends, and says why."""

from collections.abc import Iterator
import json
from pathlib import Path

import ibis
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.data.tables import TABLES
from src.features import build_profiles, profiles_contract
from src.features.families import CORE
from src.models.store import read_kept
from src.root import PROJECT_ROOT
from src.stage import open_stage, publish, tables_path

pytestmark = [pytest.mark.notebook, pytest.mark.timeout(600)]

AS_OF = "2017-09-30"
FIRST = pd.Timestamp("2017-01-01")
N_DAYS = 273
STAGES = ("04a_segment", "04b_purchase", "04c_value", "04e_recommend")
CLUSTERS = {"k_means", "ward", "hdbscan"}
_TYPES = {
    "string": pa.string(),
    "int64": pa.int64(),
    "float64": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", "UTC"),
}


def draw_days(n_customers: int, seed: int = 1) -> pd.DataFrame:
    """Customers who come at their own rates from their own first days."""
    rng = np.random.default_rng(seed)
    rows = []
    for customer in range(n_customers):
        day, gap = rng.integers(0, 150), rng.gamma(2.0, 12.0) + 1
        while day < N_DAYS:
            rows.append((customer, int(day)))
            day += 1 + rng.exponential(gap)
    return pd.DataFrame(rows, columns=["customer", "day"])


def as_orders(days: pd.DataFrame, seed: int = 2, cents: int = 0) -> pd.DataFrame:
    """Order lines, two of each day; `cents` is the value of every line, 0 draws them."""
    rng = np.random.default_rng(seed)
    lines = days.loc[days.index.repeat(2)].reset_index(drop=True)
    value = rng.lognormal(6.5, 0.6, len(lines)).astype(int) + 1
    cut = rng.integers(0, 200, len(lines)) * (cents == 0)
    return pd.DataFrame(
        {
            "order_id": "o" + (lines.index // 2).astype(str),
            "line_number": lines.index % 2 + 1,
            "customer_id": lines["customer"].map(lambda i: f"{i * 65536 // 1000:04x}{i:05d}"),
            "product_id": "p" + pd.Series(rng.integers(0, 30, len(lines))).astype(str),
            "store_id": "s1",
            "ordered_at": FIRST + pd.to_timedelta(lines["day"] * 24 + 10, unit="h"),
            "quantity": 1,
            "line_value_minor": cents or value,
            "discount_minor": cut,
            "coupon_minor": 0,
            "is_discounted": cut > 0,
            "is_outlier": False,
        }
    )


def without_repeats() -> pd.DataFrame:
    return draw_days(300).groupby("customer", as_index=False).last()


def like_clockwork() -> pd.DataFrame:
    """Everybody comes every week: one class only."""
    days = [(customer, day) for customer in range(200) for day in range(customer % 7, N_DAYS, 7)]
    return pd.DataFrame(days, columns=["customer", "day"])


SHOPS = {
    "200 customers": lambda: as_orders(draw_days(200)),
    "one class only": lambda: as_orders(like_clockwork()),
    "no repeat buyer": lambda: as_orders(without_repeats()),
    "all-equal spend": lambda: as_orders(draw_days(300), cents=999),
}


def write_shop(run: Path, orders: pd.DataFrame) -> None:
    """Write what 02 and 03 would have written, as far as these notebooks read it."""
    clean = open_stage("02_clean", str(run))
    lines = ibis.memtable(orders).cast({"ordered_at": "timestamp('UTC')"})
    clean.write("orders", lines)
    clean.write("customers", bare("customers", customer_id=orders["customer_id"].unique()))
    clean.write("products", goods())
    for name in ("events", "exposures"):
        clean.write(name, bare(name))
    publish(run, clean.name)
    tag = open_stage("03_tag", str(run))
    names = ("orders", "products", "customers", "events", "exposures")
    profiles = build_profiles(*(tag.table(name) for name in names), as_of_date=AS_OF)
    tag.write("profiles", profiles, contract=profiles_contract(CORE))
    publish(run, tag.name)


def bare(name: str, **known) -> ibis.Table:
    """A table with only some columns known, all else empty."""
    n_rows = len(next(iter(known.values()), ()))
    typed = [(one.name, _TYPES[one.type]) for one in TABLES[name].columns if one.type != "any"]
    schema = pa.schema(typed)
    return ibis.memtable(
        pa.table([known.get(name, [None] * n_rows) for name in schema.names], schema=schema)
    )


def goods() -> ibis.Table:
    ids = [f"p{i}" for i in range(30)]
    kinds = [f"KIND {i}" for i in range(30)]
    departments = [f"DEPARTMENT {i % 4}" for i in range(30)]
    return bare("products", product_id=ids, product_type=kinds, department=departments)


def execute(stage: str, run: Path) -> dict:
    """Run the code of a notebook with few draws; gives what it recorded."""
    cells = json.loads((PROJECT_ROOT / "notebooks" / f"{stage}.ipynb").read_text())["cells"]
    space: dict = {"__name__": stage}
    given = {"run_dir": str(run), "as_of_date": AS_OF, "n_resamples": 200, "search_seconds": 0.0}
    given |= {"n_resamples": 3} if stage == "04a_segment" else {}
    given |= {"campaign": str(PROJECT_ROOT / "params/campaigns/autumn_coupon.yaml"), "n_trees": 20}
    for cell in cells:
        if cell["cell_type"] != "code":
            continue
        exec(compile("".join(cell["source"]), stage, "exec"), space)
        if "parameters" in cell["metadata"].get("tags", []):
            space |= {name: value for name, value in given.items() if name in space}
    plt.close("all")
    return json.loads((run / "results" / f"{stage}.json").read_text())


@pytest.fixture(scope="module", params=SHOPS, ids=lambda name: name.replace(" ", "_"))
def shop(request, tmp_path_factory, keys) -> Iterator[tuple[str, Path]]:
    run = tmp_path_factory.mktemp("poor") / "run"
    write_shop(run, SHOPS[request.param]())
    return request.param, run


def scores(run: Path, stage: str, name: str) -> pd.DataFrame:
    return pq.read_table(tables_path(run, stage) / name).to_pandas()


@pytest.mark.parametrize("stage", STAGES)
def test_it_ends_with_an_answer_for_everybody_its_reason_and_a_kept_model(shop, stage):
    name, run = shop
    told = execute(stage, run)
    (table,) = (run / "tables" / stage).iterdir()
    rows = scores(run, stage, table.name)
    profiles = scores(run, "03_tag", "profiles")
    assert set(rows["customer_id"]) == set(profiles["customer_id"])
    card = read_kept(run / "models" / stage, stage).card
    assert len(card.verdict) > 40
    assert CHECKS[stage](name, told, rows, card, profiles) is None


def check_segments(name, told, rows, card, profiles):
    is_plain = told["method"] == "lifecycle"
    assert is_plain == bool(told["lack"])
    assert is_plain or told["gain_over_lifecycle_lower"] > 0
    assert (card.model in CLUSTERS) != is_plain
    if name == "no repeat buyer":  # nobody came back, so nobody spent anything on
        assert "spent the same" in told["lack"]


def check_purchase(name, told, rows, card, profiles):
    assert rows["p_purchase"].between(0, 1).all()
    assert rows["reason"].str.len().gt(0).all()
    if name in ("one class only", "no repeat buyer"):
        assert told["lack"], "labels of one kind cannot be compared"
        assert rows["p_purchase"].nunique() == 1
        assert told["lack"] in card.verdict
        high = name == "one class only"
        assert rows["p_purchase"].iloc[0] > 0.99 if high else rows["p_purchase"].iloc[0] < 0.01
    else:
        assert not told["lack"]
        assert told["n_test"] > 30


def check_value(name, told, rows, card, profiles):
    assert (rows["clv"] >= 0).all()
    assert np.isfinite(rows["clv"]).all()
    if name == "no repeat buyer":
        # half an order in all the weeks seen and half a year more, over 180 days
        weeks = profiles["tenure_days"].sum() / 7
        rate = 0.5 / (weeks + 26)
        assert rows["expected_orders"].to_numpy() == pytest.approx(rate * 180 / 7, rel=1e-6)
        assert told["n_repeat_buyers"] == 0
    if name == "all-equal spend":  # two lines of 9.99 a day
        assert rows["expected_order_value"].to_numpy() == pytest.approx(19.98, rel=2e-3)


def check_lists(name, told, rows, card, profiles):
    assert (rows.groupby("customer_id").size() == 5).all()
    assert rows["reason"].str.len().gt(0).all()
    if name == "no repeat buyer":
        assert told["lack"]
        assert told["method"] == "popularity"
        assert "untried" in card.verdict
    else:
        assert told["n_test"] > 30
        is_learnt = told["method"] not in ("popularity", "repurchase")
        assert not is_learnt or told["recall_gain_over_popularity_lower"] > 0


CHECKS = dict(zip(STAGES, (check_segments, check_purchase, check_value, check_lists), strict=True))
