"""Canonical tables of the small shop, worked out by hand, and of a shop with nothing else."""

import datetime as dt
import json

import pandas as pd
import pytest

from src.data import clean
from src.data.contract import check_table
from src.data.rules import build_rules
from src.data.tables import TABLES
from src.engine import connect, read_parquet, write_parquet
from src.errors import SchemaError
from src.sources.raw_columns import RAW_TABLES
from tests.cleaning import clean_shop

RULES = build_rules("2000-01-01", "2024-12-31")
MARCH = dt.datetime(2024, 3, 1, 10, tzinfo=dt.UTC)
ANNA, BERTA, CLARA, DORA = "anna", "berta", "clara", "dora"  # pseudonyms since 01_ingest


def line(order, customer, product, quantity, value, **others):
    return {
        "order_id": order,
        "customer_id": customer,
        "product_id": product,
        "ordered_at": MARCH,
        "quantity": float(quantity),
        "line_value": value,
    } | others


SALES = [
    line("o1", ANNA, "11", 1, 1.10),
    line("o1", ANNA, "12", 2, 2.20, discount=0.75),
    line("o2", BERTA, "11", 3, 3.30),
    line("o3", CLARA, "99", 4, 4.40),
]
GOODS = [
    {"product_id": "11", "department": "TEA", "category": "GREEN"}
    | {"list_value": 1.25, "unit_cost": 0.8},
    {"product_id": "12", "department": "COFFEE", "product_name": " Mild \t"},
]


@pytest.fixture
def raw_shop(raw_rows):
    """Make all raw tables of the shop; named ones can be given."""

    def make(**tables):
        rows = {"orders_raw": SALES, "products_raw": GOODS} | tables
        return {name: raw_rows(name, *rows.get(name, [])) for name in RAW_TABLES}

    return make


@pytest.fixture
def shop(raw_shop):
    """Clean the shop; gives one table as a frame in the order of its key."""

    def read(name, quantity_ceiling=100, **tables):
        table = clean_shop(raw_shop(**tables), RULES, quantity_ceiling)[name]
        return table.order_by(list(TABLES[name].key)).to_pandas()

    return read


def test_order_lines_are_in_cents_and_numbered_within_their_order(shop):
    orders = shop("orders")
    assert orders["order_id"].tolist() == ["o1", "o1", "o2", "o3"]
    assert orders["line_number"].tolist() == [1, 2, 1, 1]
    assert orders["line_value_minor"].tolist() == [110, 220, 330, 440]
    assert orders["discount_minor"].tolist() == [0, 75, 0, 0]
    assert orders["coupon_minor"].tolist() == [0, 0, 0, 0]
    assert orders["is_discounted"].tolist() == [False, True, False, False]


def test_a_large_quantity_is_kept_but_flagged(shop):
    orders = shop("orders", quantity_ceiling=3)
    assert orders["quantity"].tolist() == [1, 2, 3, 4]
    assert orders["is_outlier"].tolist() == [False, False, False, True]


def test_a_return_is_no_order_and_no_refusal(shop):
    sales = [*SALES, line("r1", BERTA, "11", -1, -1.10)]
    assert shop("orders", orders_raw=sales)["order_id"].tolist() == ["o1", "o1", "o2", "o3"]
    assert shop("rejected", orders_raw=sales).empty
    refund = shop("refunds", orders_raw=sales).iloc[0]
    assert refund[["refund_id", "quantity", "refund_minor"]].tolist() == ["r1", 1, 110]
    assert refund[["order_id", "order_line_number", "match"]].tolist() == ["o2", 1, "inferred"]


def test_a_product_that_is_sold_but_not_listed_gets_a_row_without_attributes(shop):
    products = shop("products").set_index("product_id")
    assert products.index.tolist() == ["11", "12", "99"]
    assert products.loc["12", ["department", "product_name"]].tolist() == ["COFFEE", "Mild"]
    assert products.loc["11", ["list_value", "unit_cost_value"]].tolist() == [1.25, 0.8]
    assert products.loc["99"].isna().all()


def test_customers_known_from_behaviour_alone_are_customers(shop):
    dora = {"customer_id": DORA, "age_band": "65+", "city": " Bern "}
    people = [dora, {"customer_id": ANNA, "age_band": " "}]
    sales = [*SALES, line("r1", "emil", "11", -1, -1.10)]
    customers = shop("customers", customers_raw=people, orders_raw=sales).set_index("customer_id")
    assert customers.index.tolist() == [ANNA, BERTA, CLARA, DORA, "emil"]
    assert customers.loc[DORA, "age_band"] == "65+"
    assert customers.drop(DORA).isna().all(axis=None)


def test_contacts_last_to_the_end_of_their_last_day(shop):
    day = dt.datetime(2024, 2, 1, tzinfo=dt.UTC)
    contact = {
        "customer_id": ANNA,
        "campaign_id": "7",
        "exposed_at": day,
        "ended_at": day,
        "action": "leaflet",
    }
    exposure = shop("exposures", exposures_raw=[contact]).iloc[0]
    assert exposure["campaign_id"] == "7"
    assert exposure["ended_at"] == pd.Timestamp("2024-02-01 23:59:59.999999", tz="UTC")
    assert not exposure["is_randomised"]
    assert pd.isna(exposure["pscore"])


def test_events_keep_their_visit_and_lose_their_agent(shop):
    event = {
        "customer_id": ANNA,
        "event_type": " View",
        "event_at": MARCH,
        "session_id": "s1",
        "user_agent": "curl/8.4",
    }
    events = shop("events", events_raw=[event])
    assert "user_agent" not in events
    assert events[["event_type", "session_id", "is_bot"]].iloc[0].tolist() == ["view", "s1", True]


def test_a_refused_row_is_kept_whole_with_its_reason(shop):
    unread = SALES[1] | {"quantity": None, "unreadable": "quantity=two"}
    rejected = shop("rejected", orders_raw=[SALES[0] | {"quantity": 0.0}, unread])
    assert rejected[["source_table", "source_row", "rule"]].values.tolist() == [
        ["orders_raw", 0, "zero_quantity"],
        ["orders_raw", 1, "unreadable_value"],
    ]
    assert rejected["reason"].iloc[0].startswith("no piece was bought")
    row = json.loads(rejected["row"].iloc[0])
    assert row["order_id"] == "o1"
    assert row["customer_id"] == ANNA
    assert row["quantity"] == 0
    assert row["store_id"] is None
    assert json.loads(rejected["row"].iloc[1])["unreadable"] == "quantity=two"


POISON = [
    SALES[0],
    SALES[1] | {"customer_id": None},
    SALES[2] | {"line_value": float("nan")},
    SALES[3] | {"line_value": -4.4},
]


def test_every_raw_row_is_either_trusted_or_kept_with_a_reason(raw_shop):
    raw_tables = raw_shop(orders_raw=POISON)
    tables = clean_shop(raw_tables, RULES)
    steps = clean.count_steps(raw_tables, tables["rejected"], RULES)
    orders = steps.loc[steps["raw_table"] == "orders_raw"].set_index("rule")
    assert (
        orders["n_rejected"].loc[["missing_id", "unreadable_number", "negative_value"]].eq(1).all()
    )
    assert orders.loc["negative_value", "family"] == "impossible"
    assert orders["n_before"].iloc[0] == 4
    assert orders["n_after"].iloc[-1] == 1 == tables["orders"].count().execute()
    assert (steps["n_before"] - steps["n_rejected"] == steps["n_after"]).all()


def test_too_many_refusals_stop_the_stage_and_name_the_rule(raw_shop):
    raw_tables = raw_shop(orders_raw=POISON)
    steps = clean.count_steps(raw_tables, clean_shop(raw_tables, RULES)["rejected"], RULES)
    with pytest.raises(SchemaError, match="3 of 4 rows were, most by missing_id"):
        clean.check_rejected_share(steps, 0.5)
    # 3 of the 6 rows of orders and products
    assert clean.check_rejected_share(steps, 0.75) == pytest.approx(0.5)


def test_the_order_of_the_source_changes_no_order_line(shop):
    orders, again = (shop("orders", orders_raw=rows) for rows in (SALES, SALES[::-1]))
    pd.testing.assert_frame_equal(orders, again)


def test_a_shop_with_order_lines_alone_keeps_every_contract(raw_shop, tmp_path):
    engine = connect()
    sales = [*SALES, line("r1", "emil", "77", -1, -1.1)]
    raw_tables = {
        name: engine.create_table(name, table.to_pyarrow())
        for name, table in raw_shop(products_raw=[], orders_raw=sales).items()
    }
    n_rows = {}
    for name, table in clean_shop(raw_tables, RULES).items():
        write_parquet(engine, table, tmp_path / "out" / name)
        n_rows[name] = check_table(TABLES[name], read_parquet(engine, tmp_path / "out" / name))
    assert n_rows == {
        "orders": 4,
        "refunds": 1,
        "events": 0,
        "reviews": 0,
        "exposures": 0,
        "products": 4,
        "customers": 4,
        "rejected": 0,
    }
