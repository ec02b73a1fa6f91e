"""The published counts of Complete Journey, from the package's own files."""

import pyarrow.parquet as pq
import pytest

from src.data import clean
from src.data.ingest import distinct_customers, read_raw_tables, register_landed
from src.data.rules import build_rules
from src.engine import connect
from src.keys import read_key
from src.sources.landing import land_source
from src.sources.mapping import check_source

SOURCE = "params/sources/complete_journey.yaml"


@pytest.fixture(scope="module")
def source():
    return check_source(SOURCE)


@pytest.fixture(scope="module")
def landed(source, tmp_path_factory):
    return land_source(SOURCE, source, tmp_path_factory.mktemp("raw"))


@pytest.fixture(scope="module")
def raw_tables(source, landed):
    tables = read_raw_tables(connect(), source, landed, read_key(source.name, source.is_public))
    return tables | {"orders_raw": tables["orders_raw"].cache()}


@pytest.fixture(scope="module")
def steps(raw_tables):
    rules = build_rules("2000-01-01", "2018-12-31")
    judged = clean.judge_tables(raw_tables, rules)
    return clean.count_steps(raw_tables, clean.collect_rejected(judged, rules).cache(), rules)


def test_files_have_the_published_rows(landed):
    sources = register_landed(landed).set_index("source_table")["n_rows"]
    assert sources.to_dict() == {
        "campaign_descriptions": 27,
        "campaigns": 6589,
        "coupon_redemptions": 2102,
        "coupons": 116204,
        "demographics": 801,
        "products": 92331,
        "promotions": 20940529,
        "transactions": 1469307,
    }


def test_all_households_come_in(raw_tables):
    assert len(distinct_customers(raw_tables)) == 2469


def test_the_known_zero_quantities_are_refused_and_nothing_else(steps):
    refused = steps.loc[steps["n_rejected"] > 0].set_index("rule")["n_rejected"]
    assert refused.to_dict() == {"zero_quantity": 8869}
    assert steps["n_before"].iloc[0] == 1469307


def test_rows_are_numbered_as_they_lie_in_the_file(landed, raw_tables):
    file = pq.read_table(landed["orders_raw"].files[0], columns=["basket_id", "product_id"])
    orders = raw_tables["orders_raw"].order_by("source_row")
    read = orders.select("source_row", "order_id", "product_id").to_pyarrow()
    assert read["source_row"].to_pylist()[:3] == [0, 1, 2]
    assert read["order_id"].combine_chunks().equals(file["basket_id"].combine_chunks())
    assert read["product_id"].combine_chunks().equals(file["product_id"].combine_chunks())


def test_campaigns_find_their_dates(raw_tables):
    exposures = raw_tables["exposures_raw"].to_pandas()
    assert len(exposures) == 6589
    assert exposures["campaign_id"].nunique() == 27
    assert exposures["customer_id"].nunique() == 1559
    assert exposures["exposed_at"].notna().all()
    assert not exposures["is_randomised"].any()


def test_the_public_key_makes_the_same_pseudonyms_on_every_machine(raw_tables):
    # frozen: a change here would orphan every ledger that knows these customers
    assert distinct_customers(raw_tables).iloc[0] == "002c1523dcf9181ff92833cd8e483e25"
