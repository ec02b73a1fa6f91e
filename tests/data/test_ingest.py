import datetime as dt
import hashlib
import stat

import pandas as pd
import pyarrow as pa
import pytest

from src.data.ingest import distinct_customers, read_raw_tables, register_landed, time_spans
from src.data.pseudonyms import pseudonym
from src.data.tables import TABLES
from src.engine import connect
from src.errors import ParameterError, SchemaError
from src.keys import keys_path, read_key
from src.sources.raw_columns import RAW_TABLES

KEY = b"k" * 32
ANNA, BERTA, CLARA = (pseudonym(name, KEY) for name in ("anna", "berta", "clara"))


@pytest.fixture
def ingest(landed_shop):
    """Write a source, read its raw tables, give them as frames in the order of the source."""

    def read(fields, max_customers=0, key=KEY, merged=None, **files):
        landed = landed_shop(fields, **files)
        tables = read_raw_tables(connect(), *landed, key, max_customers, merged)
        return {name: table.order_by("source_row").to_pandas() for name, table in tables.items()}

    return read


def test_raw_tables_have_the_columns_of_the_contract(fields, ingest):
    frames = ingest(fields)
    assert set(frames) == set(RAW_TABLES)
    for name, frame in frames.items():
        assert list(frame.columns) == TABLES[name].column_names


def test_rows_are_as_the_source_has_them(fields, ingest):
    orders = ingest(fields)["orders_raw"]
    assert orders["source_row"].tolist() == [0, 1, 2, 3]
    assert orders["order_id"].tolist() == ["o1", "o1", "o2", "o3"]
    assert orders["customer_id"].tolist() == [ANNA, ANNA, BERTA, CLARA]
    assert orders["discount"].tolist() == [0.0, 0.75, 0.0, 0.0]  # 0.5 + 0.25 on the second line
    assert orders["coupon"].isna().all()


def test_a_table_without_source_is_empty(fields, ingest):
    frames = ingest(fields)
    assert [name for name, frame in frames.items() if frame.empty] == [
        "customers_raw",
        "events_raw",
        "reviews_raw",
        "exposures_raw",
        "rates_raw",
    ]


def test_pseudonyms_differ_under_another_key(fields, ingest):
    first, again = ingest(fields)["orders_raw"], ingest(fields)["orders_raw"]
    other = ingest(fields, key=b"o" * 32)["orders_raw"]
    assert first.equals(again)
    assert not set(first["customer_id"]) & set(other["customer_id"])


def test_the_key_file_is_readable_by_its_owner_only():
    assert len(read_key("some_shop")) == 32
    assert stat.S_IMODE((keys_path() / "some_shop.key").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "ids",
    [pa.array([7, 7, None, 8]), pa.array([7.0, 7.0, None, 8.0]), pa.array(["7", " 7 ", "", "8"])],
    ids=["whole", "float with a gap", "text with blanks"],
)
def test_an_id_is_the_same_customer_however_it_is_stored(fields, sales, ingest, ids):
    orders = ingest(fields, sales=sales | {"buyer": ids})["orders_raw"]
    seven, eight = pseudonym("7", KEY), pseudonym("8", KEY)
    assert orders["customer_id"].fillna("none").tolist() == [seven, seven, "none", eight]


def test_a_cut_keeps_the_same_customers_in_every_table(fields, ingest):
    fields["tables"]["reviews_raw"] = {
        "file": "notes",
        "columns": {"customer_id": "who", "reviewed_at": "at", "review_text": "text"},
    }
    notes = {
        "who": ["clara", "anna", "dora"],
        "at": [dt.datetime(2024, 3, 9)] * 3,
        "text": ["a", "b", "c"],
    }
    names = {pseudonym(name, KEY): name for name in ("anna", "berta", "clara", "dora")}
    kept = sorted(names)[:2]
    frames = ingest(fields, max_customers=2, notes=notes)
    for name in ("orders_raw", "reviews_raw"):
        all_rows = ingest(fields, notes=notes)[name]
        expected = all_rows.loc[all_rows["customer_id"].isin(kept)].reset_index(drop=True)
        pd.testing.assert_frame_equal(frames[name], expected)
    assert len(frames["products_raw"]) == 2  # products are not cut


def test_a_cut_larger_than_the_shop_keeps_everybody(fields, ingest):
    pd.testing.assert_frame_equal(
        ingest(fields, max_customers=99)["orders_raw"], ingest(fields)["orders_raw"]
    )


def test_a_negative_cut_is_refused(fields, ingest):
    with pytest.raises(ParameterError, match=r"max_customers of 0 \(all\) or more, found -1"):
        ingest(fields, max_customers=-1)


def test_times_without_zone_are_read_in_the_zone_of_the_source(fields, ingest):
    orders = ingest(fields | {"time_zone": "Europe/Berlin"})["orders_raw"]
    assert orders["ordered_at"].iloc[0] == pd.Timestamp("2024-03-01 09:00", tz="UTC")  # CET is +1


def test_times_with_a_zone_keep_their_moment(fields, sales, ingest):
    zoned = pa.array(sales["at"], pa.timestamp("us", "America/New_York"))
    orders = ingest(fields | {"time_zone": "Europe/Berlin"}, sales=sales | {"at": zoned})
    assert orders["orders_raw"]["ordered_at"].iloc[0] == pd.Timestamp("2024-03-01 10:00", tz="UTC")


def test_dates_begin_their_day(fields, sales, ingest):
    days = pa.array([at.date() for at in sales["at"]])
    orders = ingest(fields, sales=sales | {"at": days})["orders_raw"]
    assert orders["ordered_at"].iloc[0] == pd.Timestamp("2024-03-01", tz="UTC")


def test_a_column_without_any_value_is_read_as_missing(fields, sales, ingest):
    orders = ingest(fields, sales=sales | {"at": pa.nulls(4)})["orders_raw"]
    assert orders["ordered_at"].isna().all()


@pytest.fixture
def contacts(fields):
    """Fields of a source whose contacts look their dates up in a second file."""
    fields["tables"]["exposures_raw"] = {
        "file": "contacts",
        "lookup": {"file": "campaigns", "key": "campaign"},
        "columns": {
            "customer_id": "who",
            "campaign_id": "campaign",
            "exposed_at": "start",
            "action": {"value": "leaflet"},
            "is_randomised": {"value": False},
        },
    }
    return fields


def test_a_lookup_adds_its_columns_and_keeps_rows_without_a_match(contacts, ingest):
    exposures = ingest(
        contacts,
        contacts={"who": ["anna", "berta"], "campaign": [1, 2]},
        campaigns={"campaign": [1], "start": [dt.datetime(2024, 1, 1)]},
    )["exposures_raw"]
    assert exposures["exposed_at"].isna().tolist() == [False, True]
    assert exposures["action"].tolist() == ["leaflet", "leaflet"]
    assert not exposures["is_randomised"].any()


def test_a_lookup_that_would_repeat_rows_is_refused(contacts, ingest):
    with pytest.raises(SchemaError, match=r"one row per campaign in campaigns,"):
        ingest(
            contacts,
            contacts={"who": ["anna"], "campaign": [1]},
            campaigns={"campaign": [1, 1], "start": [dt.datetime(2024, 1, 1)] * 2},
        )


def test_files_are_counted_weighed_and_hashed(fields, landed_shop, tmp_path):
    _, found = landed_shop(fields | {"registered": ["spare"]}, spare={"a": [1, 2, 3]})
    sources = register_landed(found).set_index("source_table")
    file = tmp_path / "files" / "sales.parquet"
    assert sources.index.tolist() == ["goods", "sales", "spare"]
    assert sources["n_rows"].tolist() == [2, 4, 3]
    assert sources.loc["sales", "n_bytes"] == file.stat().st_size
    assert sources.loc["sales", "sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert sources.loc["sales", "location"] == "small_shop/files/sales.parquet"
    assert pd.isna(sources.loc["spare", "raw_table"])


def test_customers_are_listed_once_over_all_tables(fields, landed_shop):
    tables = read_raw_tables(connect(), *landed_shop(fields), KEY)
    assert distinct_customers(tables).tolist() == sorted([ANNA, BERTA, CLARA])


def test_time_spans_pass_over_empty_tables(fields, landed_shop):
    spans = time_spans(read_raw_tables(connect(), *landed_shop(fields), KEY))
    assert spans["raw_table"].tolist() == ["orders_raw"]
    assert spans["first_at"].iloc[0] == pd.Timestamp("2024-03-01 10:00", tz="UTC")
    assert spans["last_at"].iloc[0] == pd.Timestamp("2024-03-03 10:00", tz="UTC")


def test_accounts_of_one_person_share_a_pseudonym(fields, ingest):
    orders = ingest(fields, merged={"berta": "anna"})["orders_raw"]
    assert orders["customer_id"].tolist() == [ANNA, ANNA, ANNA, CLARA]


def test_a_cut_counts_persons_not_accounts(fields, ingest):
    first = min(ANNA, CLARA)
    orders = ingest(fields, max_customers=1, merged={"berta": "anna"})["orders_raw"]
    assert orders["customer_id"].tolist() == [first] * (3 if first == ANNA else 1)
