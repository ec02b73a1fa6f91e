"""Online Retail from every kind of place: the published figures, and the same tables each time."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from src.data.ingest import read_raw_tables
from src.data.rules import build_rules
from src.engine import connect
from src.sources.config import Source
from src.sources.landing import land_source
from tests.cleaning import clean_shop
from tests.sources.retail import fill_retail
from tests.sources.servers import Site, broker, database, make_topic, produce
from tests.sources.test_sql import MARIADB, POSTGRESQL

COLUMNS = {
    "order_id": "InvoiceNo",
    "customer_id": "CustomerID",
    "product_id": "StockCode",
    "ordered_at": "InvoiceDate",
    "quantity": "Quantity",
    "line_value": {"product": ["Quantity", "UnitPrice"]},
}
RULES = build_rules("2000-01-01", "2024-12-31", rules_on=["orders_raw.free_line"])
KEY = b"k" * 32
pytestmark = pytest.mark.timeout(600)
PAGE = 25_000


def clean_tables(origin: dict, folder: Path) -> dict[str, pd.DataFrame]:
    """Land one origin of order lines and clean it; frames in the order of their keys."""
    table = origin | {"columns": COLUMNS}
    fields = {
        "name": "retail",
        "folder": str(folder),
        "currency": "GBP",
        "tables": {"orders_raw": table},
    }
    source = Source.model_validate(fields, strict=True)
    landed = land_source("retail.yaml", source, folder / "raw")
    assert landed["orders_raw"].n_rows == 541_909
    engine = connect()
    raw = read_raw_tables(engine, source, landed, KEY)
    raw["orders_raw"] = raw["orders_raw"].cache()
    tables = clean_shop(raw, RULES)
    keys = {
        "orders": ["order_id", "line_number"],
        "refunds": ["refund_id", "line_number"],
        "products": ["product_id"],
        "customers": ["customer_id"],
    }
    frames = {name: tables[name].order_by(key).to_pandas() for name, key in keys.items()}
    rejected = tables["rejected"].group_by("rule").agg(n=lambda t: t.count())
    return frames | {"rejected": rejected.order_by("rule").to_pandas()}


@pytest.fixture(scope="module")
def from_parquet(shared_data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("retail")
    (folder / "retail.parquet").symlink_to(shared_data / "online_retail.parquet")
    return clean_tables({"file": "retail.parquet"}, folder)


def test_the_usual_rule_gives_the_published_figures(from_parquet):
    orders = from_parquet["orders"]
    assert len(orders) == 397_884
    assert orders["customer_id"].nunique() == 4_338
    assert orders["line_value_minor"].sum() == 891_140_790  # 8,911,407.90


def test_every_refusal_has_its_rule(from_parquet):
    rejected = from_parquet["rejected"].set_index("rule")["n"]
    assert rejected.to_dict() == {"free_line": 40, "missing_id": 135_080}
    n_kept = len(from_parquet["orders"]) + len(from_parquet["refunds"])
    assert n_kept + rejected.sum() == 541_909


def write_csv(file, folder, monkeypatch, encoding, delimiter=","):
    written = folder / "plain.csv"
    pa_csv.write_csv(pq.read_table(file), written, pa_csv.WriteOptions(delimiter=delimiter))
    text = written.read_text(encoding="utf-8")
    (folder / "retail.csv").write_text(text, encoding=encoding)
    return clean_tables({"file": "retail.csv"}, folder)


def fill_database(file, folder, monkeypatch, url):
    monkeypatch.setenv("SHOP_DB", url)
    with database(url) as (engine, name):
        fill_retail(engine, name, file, folder / "retail.csv")
        return clean_tables({"sql": {"secret": "env/SHOP_DB", "table": name}}, folder)


def serve_pages(file, folder, monkeypatch):
    pages = [
        page
        for (page,) in duckdb.sql(
            f"SELECT to_json(list(t)) FROM (SELECT row_number() OVER () // {PAGE} AS page, * "
            f"FROM '{file}') AS t GROUP BY page"
        ).fetchall()
    ]

    def answer(path, query, headers):
        number = int(query["page"])
        return 200, {}, pages[number - 1].encode() if number <= len(pages) else b"[]"

    with Site(answer) as site:
        return clean_tables({"rest": {"url": site.url, "paging": {"kind": "page"}}}, folder)


def fill_topic(file, folder, monkeypatch):
    rows = duckdb.sql(f"SELECT to_json(t) FROM '{file}' AS t").fetchall()
    with broker() as address:
        topic = make_topic(address)
        produce(address, topic, [(0, text.encode()) for (text,) in rows])
        return clean_tables({"kafka": {"servers": address, "topic": topic}}, folder)


PLACES: dict[str, Callable] = {
    "csv in utf-8": partial(write_csv, encoding="utf-8"),
    "csv in utf-8 with a mark": partial(write_csv, encoding="utf-8-sig", delimiter=";"),
    "csv in gb18030": partial(write_csv, encoding="gb18030", delimiter="|"),
    "csv in latin-1": partial(write_csv, encoding="latin-1", delimiter="\t"),
    "postgresql": partial(fill_database, url=POSTGRESQL),
    "mariadb": partial(fill_database, url=MARIADB),
    "rest": serve_pages,
    "kafka": fill_topic,
}


@pytest.mark.parametrize("place", PLACES)
def test_every_place_gives_the_same_tables(place, shared_data, from_parquet, tmp_path, monkeypatch):
    found = PLACES[place](shared_data / "online_retail.parquet", tmp_path, monkeypatch)
    for name, expected in from_parquet.items():
        pd.testing.assert_frame_equal(found[name], expected, obj=name)
