"""Canonical tables of the small shop, worked out by hand, and of a shop with nothing else."""

import datetime as dt
import json

import pandas as pd
import pyarrow as pa
import pytest

from src.data import clean
from src.data.contract import check_table
from src.data.ingest import read_raw_tables
from src.data.pseudonyms import pseudonym
from src.data.rules import build_rules
from src.data.sources import check_source
from src.data.tables import TABLES
from src.engine import connect, read_parquet, write_parquet
from src.errors import SchemaError

KEY = b"k" * 32
ANNA, BERTA, CLARA, DORA = (pseudonym(name, KEY) for name in ("anna", "berta", "clara", "dora"))
RULES = build_rules("2000-01-01", "2024-12-31")


def clean_shop(raw_tables, quantity_ceiling=100):
    """Clean all tables as 02_clean does."""
    judged = clean.judge_tables(raw_tables, RULES)
    trusted = {name: clean.trusted_rows(table) for name, table in judged.items()}
    tables = {
        "orders": clean.clean_orders(trusted["orders_raw"], quantity_ceiling),
        "events": clean.clean_events(trusted["events_raw"]),
        "reviews": clean.clean_reviews(trusted["reviews_raw"]),
        "exposures": clean.clean_exposures(trusted["exposures_raw"]),
    }
    facts = list(tables.values())
    return tables | {
        "products": clean.clean_products(trusted["products_raw"], facts[:3]),
        "customers": clean.clean_customers(trusted["customers_raw"], facts),
        "rejected": clean.collect_rejected(judged, RULES),
    }


@pytest.fixture
def shop(write_source):
    """Write a source and clean it; gives one table as a frame in the order of its key."""

    def read(name, fields, quantity_ceiling=100, **files):
        raw = read_raw_tables(connect(), check_source(write_source(fields, **files)), KEY)
        table = clean_shop(raw, quantity_ceiling)[name]
        return table.order_by(list(TABLES[name].key)).to_pandas()

    return read


def test_order_lines_are_in_cents_and_numbered_within_their_order(fields, shop):
    orders = shop("orders", fields)
    assert orders["order_id"].tolist() == ["o1", "o1", "o2", "o3"]
    assert orders["line_number"].tolist() == [1, 2, 1, 1]
    assert orders["line_value_minor"].tolist() == [110, 220, 330, 440]
    assert orders["discount_minor"].tolist() == [0, 75, 0, 0]
    assert orders["coupon_minor"].tolist() == [0, 0, 0, 0]
    assert orders["is_discounted"].tolist() == [False, True, False, False]


def test_a_large_quantity_is_kept_but_flagged(fields, shop):
    orders = shop("orders", fields, quantity_ceiling=3)
    assert orders["quantity"].tolist() == [1, 2, 3, 4]
    assert orders["is_outlier"].tolist() == [False, False, False, True]


def test_a_weighed_quantity_counts_each_begun_unit(fields, sales, shop):
    orders = shop("orders", fields, sales=sales | {"pieces": [0.4, 1.0, 1.2, 2.0]})
    assert orders["quantity"].tolist() == [1, 1, 2, 2]


def test_a_product_that_is_sold_but_not_listed_gets_a_row_without_attributes(fields, shop):
    products = shop("products", fields).set_index("product_id")
    assert products.index.tolist() == ["11", "12", "99"]
    assert products.loc["12", "department"] == "COFFEE"
    assert products.loc["99"].isna().all()


def test_customers_known_from_orders_alone_are_customers(fields, shop):
    fields["tables"]["customers_raw"] = {
        "file": "people",
        "columns": {"customer_id": "who", "age_band": "age"},
    }
    people = {"who": ["dora", "anna"], "age": ["65+", " "]}
    customers = shop("customers", fields, people=people).set_index("customer_id")
    assert sorted(customers.index) == sorted([ANNA, BERTA, CLARA, DORA])
    assert customers.loc[DORA, "age_band"] == "65+"
    assert customers.drop(DORA).isna().all(axis=None)


def test_contacts_last_to_the_end_of_their_last_day(fields, shop):
    fields["tables"]["exposures_raw"] = {
        "file": "contacts",
        "columns": {
            "customer_id": "who",
            "campaign_id": "campaign",
            "exposed_at": "start",
            "ended_at": "end",
            "action": {"value": "leaflet"},
        },
    }
    day = dt.datetime(2024, 2, 1)
    contacts = {"who": ["anna"], "campaign": [7], "start": [day], "end": [day]}
    exposure = shop("exposures", fields, contacts=contacts).iloc[0]
    assert exposure["campaign_id"] == "7"
    assert exposure["ended_at"] == pd.Timestamp("2024-02-01 23:59:59.999999", tz="UTC")
    assert not exposure["is_randomised"]
    assert pd.isna(exposure["pscore"])


def test_a_refused_row_is_kept_whole_with_its_reason(fields, sales, shop):
    rejected = shop("rejected", fields, sales=sales | {"pieces": [1, 0, 3, 4]})
    assert rejected[["source_table", "source_row", "rule"]].values.tolist() == [
        ["orders_raw", 1, "zero_quantity"]
    ]
    assert rejected["reason"].str.startswith("no piece was bought").all()
    row = json.loads(rejected["row"].iloc[0])
    assert row["order_id"] == "o1"
    assert row["customer_id"] == ANNA
    assert row["quantity"] == 0
    assert row["store_id"] is None


POISON = {
    "buyer": ["anna", None, "berta", "clara"],
    "paid": [1.1, 2.2, float("nan"), -4.4],
}


def test_every_raw_row_is_either_trusted_or_kept_with_a_reason(fields, sales, write_source):
    raw = read_raw_tables(connect(), check_source(write_source(fields, sales=sales | POISON)), KEY)
    tables = clean_shop(raw)
    steps = clean.count_steps(raw, tables["rejected"], RULES)
    orders = steps.loc[steps["raw_table"] == "orders_raw"].set_index("rule")
    assert (
        orders["n_rejected"].loc[["missing_id", "unreadable_number", "negative_value"]].eq(1).all()
    )
    assert orders["n_before"].iloc[0] == 4
    assert orders["n_after"].iloc[-1] == 1 == tables["orders"].count().execute()
    assert (steps["n_before"] - steps["n_rejected"] == steps["n_after"]).all()


def test_too_many_refusals_stop_the_stage_and_name_the_rule(fields, sales, write_source):
    raw = read_raw_tables(connect(), check_source(write_source(fields, sales=sales | POISON)), KEY)
    steps = clean.count_steps(raw, clean_shop(raw)["rejected"], RULES)
    with pytest.raises(SchemaError, match="3 of 4 rows were, most by missing_id"):
        clean.check_rejected_share(steps, 0.5)
    # 3 of the 6 rows of orders and products
    assert clean.check_rejected_share(steps, 0.75) == pytest.approx(0.5)


def test_the_order_of_the_source_changes_nothing_but_line_numbers(fields, sales, shop):
    turned = {name: values[::-1] for name, values in sales.items()}
    order = ["order_id", "product_id"]
    orders, again = (
        shop("orders", fields, sales=rows).sort_values(order, ignore_index=True)
        for rows in (sales, turned)
    )
    pd.testing.assert_frame_equal(
        orders.drop(columns="line_number"), again.drop(columns="line_number")
    )


def test_a_shop_with_order_lines_alone_keeps_every_contract(fields, write_source, tmp_path):
    del fields["tables"]["products_raw"]
    engine = connect()
    tables = clean_shop(read_raw_tables(engine, check_source(write_source(fields)), KEY))
    n_rows = {}
    for name, table in tables.items():
        write_parquet(engine, table, tmp_path / "out" / name)
        n_rows[name] = check_table(TABLES[name], read_parquet(engine, tmp_path / "out" / name))
    assert n_rows == {
        "orders": 4,
        "events": 0,
        "reviews": 0,
        "exposures": 0,
        "products": 3,
        "customers": 3,
        "rejected": 0,
    }


def test_no_plain_id_is_left_in_any_table(fields, sales, write_source):
    names = pa.array(["anna-4711", "anna-4711", "berta-4712", "clara-4713"])
    poison = sales | {"buyer": names, "pieces": [1, 0, 3, 4]}
    raw = read_raw_tables(connect(), check_source(write_source(fields, sales=poison)), KEY)
    for table in (*raw.values(), *clean_shop(raw).values()):
        text = table.to_pandas().to_csv()
        assert not any(name in text for name in ("anna", "berta", "clara", "471"))
