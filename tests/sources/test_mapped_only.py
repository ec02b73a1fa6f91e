"""What nobody maps is not kept: no address of a customer lies in landed data, of any kind."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa

from src.errors import SchemaError
from src.sources.config import Source
from src.sources.landed import Landed
from src.sources.landing import land_source
from src.sources.mapped_only import blank_unasked
from tests.sources.servers import Site, broker, make_topic, produce

CANARY = "kanarienvogel-77@shop.example"
ROWS = [
    {"Name": f"#{1000 + n}", "Email": CANARY, "Buyer": f"c{n}", "Sku": "tea", "Total": 5.5 * n}
    for n in range(1, 4)
]
COLUMNS = {
    "order_id": "Name",
    "customer_id": "Buyer",
    "product_id": "Sku",
    "ordered_at": "At",
    "quantity": {"value": 1},
    "line_value": "Total",
}
DAYS = [row | {"At": f"2024-03-0{n}"} for n, row in enumerate(ROWS, 1)]


def shop(origin: dict, folder: Path) -> Source:
    tables = {"orders_raw": origin | {"columns": COLUMNS}}
    fields = {"name": "shop", "currency": "EUR", "folder": str(folder), "tables": tables}
    return Source.model_validate(fields)


def land(source: Source, tmp_path: Path, name: str = "orders_raw") -> Landed:
    return land_source("shop.yaml", source, tmp_path / "raw")[name]


def check_kept(landed: Landed, raw_dir: Path, days: list[dict] = DAYS) -> None:
    """The mapped columns are whole, the others are there by name, and the address is nowhere."""
    rows = [row for file in landed.files for row in pq.read_table(file).to_pylist()]
    asked = ("Name", "Buyer", "Sku", "At", "Total")
    assert [[str(row[name]) for name in asked] for row in rows] == [
        [str(day[name]) for name in asked] for day in days
    ]
    assert {row["Email"] for row in rows} == {None}
    assert "Email" in landed.schema.names
    files = [file for file in raw_dir.rglob("*") if file.is_file()]
    for file in files:
        text = str(pq.read_table(file).to_pylist()) if file.suffix == ".parquet" else ""
        assert CANARY not in text, file
        assert CANARY.encode() not in file.read_bytes(), file


def as_csv(days: list[dict] = DAYS) -> str:
    lines = [",".join(DAYS[0]), *(",".join(map(str, day.values())) for day in days)]
    return "\n".join(lines) + "\n"


def test_a_text_file_keeps_what_is_mapped(tmp_path):
    (tmp_path / "o.csv").write_text(as_csv())
    check_kept(land(shop({"file": "o.csv"}, tmp_path), tmp_path), tmp_path / "raw")


def test_a_text_file_with_a_ragged_row_keeps_what_is_mapped(tmp_path):
    (tmp_path / "o.csv").write_text(as_csv(DAYS * 100) + f"#9,{CANARY}\n")
    landed = land(shop({"file": "o.csv"}, tmp_path), tmp_path)
    rows = pq.read_table(landed.files[0]).to_pylist()
    assert [row["Name"] for row in rows[-2:]] == ["#1003", "#9"]
    assert rows[-1]["_ragged"]
    assert CANARY not in str(rows)


def test_json_lines_keep_what_is_mapped(tmp_path):
    (tmp_path / "o.jsonl").write_text("\n".join(map(json.dumps, DAYS)))
    check_kept(land(shop({"file": "o.jsonl"}, tmp_path), tmp_path), tmp_path / "raw")


def test_a_workbook_keeps_what_is_mapped(tmp_path, shop_folder, workbook):
    workbook("o.xlsx", Orders=[list(DAYS[0]), *(list(day.values()) for day in DAYS)])
    check_kept(land(shop({"file": "o.xlsx"}, shop_folder), tmp_path), tmp_path / "raw")


@pytest.mark.parametrize("asked", [{"table": "orders"}, {"query": "SELECT * FROM orders"}])
def test_a_database_table_keeps_what_is_mapped(tmp_path, monkeypatch, asked):
    url = f"sqlite:///{tmp_path / 'shop.db'}"
    monkeypatch.setenv("SHOP_DB", url)
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        kinds = "Name TEXT, Email TEXT, Buyer TEXT, Sku TEXT, Total REAL, At TEXT"
        connection.exec_driver_sql(f"CREATE TABLE orders ({kinds})")
        for day in DAYS:
            connection.exec_driver_sql(
                "INSERT INTO orders VALUES (?, ?, ?, ?, ?, ?)", tuple(day.values())
            )
    source = shop({"sql": {"secret": "env/SHOP_DB", **asked}}, tmp_path)
    check_kept(land(source, tmp_path), tmp_path / "raw")


def test_an_answer_keeps_what_is_mapped_and_its_key(tmp_path):
    def answer(*_: object) -> tuple[int, dict, bytes]:
        rows = [day | {"id": n} for n, day in enumerate(DAYS)]
        return 200, {"Content-Type": "application/json"}, json.dumps(rows).encode()

    with Site(answer) as site:
        rest = {"url": f"{site.url}/orders", "key": ["id"]}
        landed = land(shop({"rest": rest}, tmp_path), tmp_path)
    check_kept(landed, tmp_path / "raw")
    assert pq.read_table(landed.files[0])["id"].to_pylist() == [0, 1, 2]


def test_a_topic_keeps_what_is_mapped_and_its_offsets(tmp_path):
    with broker() as address:
        topic = make_topic(address)
        produce(address, topic, [(0, json.dumps(day).encode()) for day in DAYS])
        landed = land(shop({"kafka": {"servers": address, "topic": topic}}, tmp_path), tmp_path)
    check_kept(landed, tmp_path / "raw")
    assert pq.read_table(landed.files[0])["_offset"].to_pylist() == [0, 1, 2]


def test_a_file_that_is_only_counted_keeps_nothing_but_its_rows(tmp_path):
    (tmp_path / "o.csv").write_text(as_csv())
    (tmp_path / "people.csv").write_text(f"id,mail\n1,{CANARY}\n2,{CANARY}\n")
    fields = shop({"file": "o.csv"}, tmp_path).model_dump(mode="json", exclude_none=True)
    source = Source.model_validate(fields | {"registered": ["people.csv"]})
    landed = land(source, tmp_path, "registered.people.csv")
    assert landed.n_rows == 2
    assert pq.read_table(landed.files[0]).to_pylist() == [{"id": None, "mail": None}] * 2


def test_two_tables_of_one_file_keep_what_either_maps(tmp_path):
    (tmp_path / "o.csv").write_text(as_csv())
    fields = shop({"file": "o.csv"}, tmp_path).model_dump(mode="json", exclude_none=True)
    fields["tables"]["customers_raw"] = {"file": "o.csv", "columns": {"customer_id": "Email"}}
    landed = land(Source.model_validate(fields), tmp_path)
    assert pq.read_table(landed.files[0])["Email"].to_pylist() == [CANARY] * 3


def test_a_column_that_is_mapped_later_is_converted_anew(tmp_path):
    (tmp_path / "o.csv").write_text(as_csv())
    source = shop({"file": "o.csv"}, tmp_path)
    assert pq.read_table(land(source, tmp_path).files[0])["Email"].null_count == 3
    source.tables["orders_raw"].columns["store_id"] = "Email"
    landed = land(source, tmp_path)
    assert pq.read_table(landed.files[0])["Email"].null_count == 0
    kept = list((tmp_path / "raw" / "shop").rglob("*.parquet"))
    assert len(kept) == 1, "what was kept for the earlier mapping is gone"


def test_a_changed_type_is_noticed_in_a_column_that_is_not_kept(tmp_path):
    (tmp_path / "o.jsonl").write_text("\n".join(json.dumps(day | {"Age": 3}) for day in DAYS))
    source = shop({"file": "o.jsonl"}, tmp_path)
    land(source, tmp_path)
    (tmp_path / "o.jsonl").write_text("\n".join(json.dumps(day | {"Age": "x"}) for day in DAYS))
    with pytest.raises(SchemaError, match="Expected int64 in the column 'Age'"):
        land(source, tmp_path)


def test_types_and_order_of_columns_stay():
    table = pa.table({"a": [1], "b": ["x"], "c": pa.array([1.5], pa.float32())})
    kept = blank_unasked(table, {"b"})
    assert kept.schema == table.schema
    assert kept.to_pylist() == [{"a": None, "b": "x", "c": None}]
    assert blank_unasked(table, None) is table
