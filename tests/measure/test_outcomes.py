"""Outcomes of a hand-worked shop, to the cent and to the day."""

import ibis
import numpy as np
import pandas as pd
import pytest

from src.decide.catalogue import Action, Campaign
from src.engine import connect
from src.measure.delivery import delivered_share, delivery_by_arm
from src.measure.outcomes import build_outcomes, matured_days
from src.measure.results import build_results, campaign_lift

AS_OF = "2017-09-30"

CAMPAIGN = Campaign(
    campaign_id="test",
    goal="",
    channel="email",
    margin_share=0.25,
    sender_name="",
    sender_address="",
    postal_address="",
    unsubscribe_url="",
    actions={
        "share": Action(label="10 % off", template="t", cost_value=0.02, discount_share=0.1),
        "amount": Action(
            label="5 off", template="t", cost_value=0.015, discount_value=5, minimum_basket_value=40
        ),
    },
)


def orders_of(rows: list[tuple[str, str, str, int]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        rows, columns=["customer_id", "order_id", "ordered_at", "line_value_minor"]
    )
    return frame.assign(ordered_at=pd.to_datetime(frame["ordered_at"]))


ORDERS = orders_of(
    [
        ("anna", "1", "2017-09-30 23:59:59", 8_000),  # last moment of the window before
        ("anna", "2", "2017-10-01 00:00:00", 3_000),  # first moment of the outcome window
        ("anna", "2", "2017-10-01 00:00:00", 1_500),  # two lines, one order
        ("anna", "3", "2017-11-25 23:59:59", 2_001),  # last moment of 56 days
        ("anna", "4", "2017-11-26 00:00:00", 9_999),  # too late
        ("bert", "5", "2017-08-05 23:00:00", 9_999),  # too early for the window before
        ("bert", "6", "2017-08-06 01:00:00", 1_000),
        ("cleo", "7", "2017-10-02 10:00:00", 5_000),
        ("dora", "8", "2017-10-02 10:00:00", 4_000),
        ("emil", "9", "2017-10-02 10:00:00", 7_000),
    ]
)

EVENTS = pd.DataFrame(
    {
        "customer_id": ["anna", "dora", "dora", "cleo"],
        "event_type": ["coupon_redeemed", "coupon_redeemed", "view", "coupon_redeemed"],
        "event_at": pd.to_datetime(["2017-10-01", "2017-10-02", "2017-10-02", "2017-10-02"]),
        "campaign_id": ["test", "test", "test", "another"],
    }
)

DECISIONS = pd.DataFrame(
    {
        "customer_id": ["dora", "cleo", "anna", "bert", "emil"],
        "action": ["control", "control", "amount", "share", "none"],
        "pscore": [0.4, 0.4, 0.3, 0.3, np.nan],
    }
)


ENGINE = connect()


def table_of(frame: pd.DataFrame) -> ibis.Table:
    """Hand a frame to the engine; its naive times are UTC."""
    times = {name: "timestamp('UTC')" for name in frame.columns if name.endswith("_at")}
    return ENGINE.create_table(ibis.util.gen_name("test"), ibis.memtable(frame).cast(times))


def outcomes_of(orders=ORDERS, events=EVENTS, decisions=DECISIONS, days=56) -> pd.DataFrame:
    tables = table_of(orders), table_of(events)
    return build_outcomes(*tables, decisions, CAMPAIGN, AS_OF, days)


@pytest.fixture(scope="module")
def outcomes() -> pd.DataFrame:
    return outcomes_of().set_index("customer_id")


def test_only_the_experiment_is_measured_in_order(outcomes):
    assert outcomes.index.tolist() == ["anna", "bert", "cleo", "dora"]
    assert outcomes["is_treated"].tolist() == [True, True, False, False]


def test_profit_of_a_redeemer_by_hand(outcomes):
    # 65.01 received, 5.00 off the basket of 45.00: margin .25 * 70.01 = 17.5025, rounded to
    # 17.50, minus 5.00, minus a message of 0.015
    assert outcomes.loc["anna", "revenue_minor"] == 6_501
    assert outcomes.loc["anna", "n_orders"] == 2
    assert outcomes.loc["anna", "discount_minor"] == 500
    assert outcomes.loc["anna", "margin_minor"] == 1_250
    assert outcomes.loc["anna", "profit_value"] == pytest.approx(12.50 - 0.015)


def test_assigned_but_silent_customer_costs_a_message(outcomes):
    assert outcomes.loc["bert", "profit_value"] == -0.02
    assert outcomes.loc["bert", "is_buyer"] == 0


def test_control_that_redeems_pays_the_dearest_offer(outcomes):
    # a basket of 40.00: 10 % is 4.00, the amount is 5.00
    assert outcomes.loc["dora", "discount_minor"] == 500
    assert outcomes.loc["dora", "cost_value"] == 0


def test_another_campaigns_coupon_is_not_ours(outcomes):
    assert outcomes.loc["cleo", "discount_minor"] == 0
    assert outcomes.loc["cleo", "profit_value"] == 12.5


def test_window_before_ends_on_the_as_of_date(outcomes):
    assert outcomes["before_revenue_value"].tolist() == [80.0, 10.0, 0.0, 0.0]
    assert outcomes["before_profit_value"].tolist() == [20.0, 2.5, 0.0, 0.0]


def test_row_order_and_strangers_change_nothing(outcomes):
    stranger = orders_of([("zoe", "99", "2017-10-05", 12_345)])
    shuffled = pd.concat([ORDERS, stranger]).sample(frac=1, random_state=1)
    again = outcomes_of(shuffled, EVENTS.iloc[::-1], DECISIONS.sample(frac=1, random_state=2))
    pd.testing.assert_frame_equal(again.set_index("customer_id"), outcomes)


def test_no_events_at_all():
    events = EVENTS.head(0).astype(
        {"customer_id": "str", "event_type": "str", "campaign_id": "str"}
    )
    assert outcomes_of(events=events)["discount_minor"].eq(0).all()


def test_nobody_in_the_experiment():
    decisions = DECISIONS.assign(action="none", pscore=np.nan)
    outcomes = outcomes_of(decisions=decisions)
    assert outcomes.empty
    assert not campaign_lift(outcomes, 0.95).is_known
    segments = pd.DataFrame({"customer_id": ["anna"], "segment": ["x"]})
    assert build_results(outcomes, segments, "test", CAMPAIGN.arms, 0.95).empty


@pytest.mark.parametrize(
    ("as_of_date", "days"),
    [("2017-09-30", 56), ("2017-11-20", 6), ("2017-11-26", 0), ("2018-01-01", 0)],
    ids=["over", "running", "starts tomorrow", "in the future"],
)
def test_matured_days(as_of_date, days):
    assert matured_days(table_of(ORDERS), as_of_date, 56) == days


def test_no_orders_have_no_days():
    assert matured_days(table_of(ORDERS).filter(ibis.literal(False)), AS_OF, 56) == 0


def test_delivery_counts_customers_once():
    outcomes = pd.DataFrame(
        {
            "customer_id": ["anna", "bert", "cleo"],
            "action": ["share", "share", "control"],
            "is_treated": [True, True, False],
        }
    )
    send_log = pd.DataFrame(
        {"customer_id": ["anna", "anna", "bert"], "state": ["DEFERRED", "SENT", "SUPPRESSED"]}
    )
    table = delivery_by_arm(outcomes, send_log, ("control", "share", "amount"))
    assert table["n_assigned"].tolist() == [1, 2, 0]
    assert table["n_delivered"].tolist() == [0, 1, 0]
    assert delivered_share(outcomes, send_log) == 0.5
