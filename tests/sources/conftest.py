"""What tests of landing share: a shop with a folder of files, and how its files are landed."""

from collections.abc import Callable
from pathlib import Path
import zipfile

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.sources import unpacked, workbooks
from src.sources.config import Source
from src.sources.files import land_files
from src.sources.landed import Landed
from src.sources.origins import FileOrigin

_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_SHEETS = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8"?>'


@pytest.fixture
def shop_folder(tmp_path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    return folder


@pytest.fixture
def shop(shop_folder) -> Source:
    return Source.model_validate(
        {"name": "small_shop", "currency": "EUR", "folder": str(shop_folder), "tables": {}}
    )


@pytest.fixture
def land(shop, tmp_path) -> Callable[..., Landed]:
    """Land the files of a pattern, as ``land("orders.csv", delimiter=";")``."""

    def landed(pattern: str, told: list[int] | None = None, **form: str) -> Landed:
        origin = FileOrigin(path=pattern, **form)
        tell = (lambda n: None) if told is None else told.append
        return land_files("shop.yaml", shop, origin, tmp_path / "raw" / "small_shop" / "o", tell)

    return landed


@pytest.fixture
def land_rows(land) -> Callable[..., pa.Table]:
    """Land the files of a pattern and read all their rows, in the order of the files."""

    def rows(pattern: str, **form: str) -> pa.Table:
        landed = land(pattern, **form)
        names = landed.schema.names
        return pa.concat_tables([pq.read_table(file).select(names) for file in landed.files])

    return rows


@pytest.fixture
def small_bounds(monkeypatch):
    """Bounds that a test reaches in a second."""
    monkeypatch.setattr(unpacked, "_RATIO_FROM", 1 << 20)
    monkeypatch.setattr(workbooks, "MAX_WORKBOOK_BYTES", 1 << 22)


@pytest.fixture
def workbook(shop_folder) -> Callable[..., Path]:
    """Write a workbook, as ``workbook("a.xlsx", Orders=[["id"], [1]])``."""

    def write(name: str, extra: dict[str, str] | None = None, **sheets: list[list]) -> Path:
        xml = {title: _xlsx_rows(rows) for title, rows in sheets.items()}
        _write_xlsx(shop_folder / name, xml, extra)
        return shop_folder / name

    return write


def _write_xlsx(file: Path, sheets: dict[str, str], extra: dict[str, str] | None = None) -> None:
    """Write a workbook from the XML of its rows; style 1 of a cell is a date and time."""
    numbered = list(enumerate(sheets.items(), 1))
    parts = {
        "[Content_Types].xml": f'{_XML}<Types xmlns="{_PACKAGE}/content-types"><Default '
        'Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>',
        "_rels/.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship '
        f'Id="r0" Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'{_XML}<workbook xmlns="{_SHEETS}" xmlns:r="{_OFFICE}"><sheets>'
        + "".join(f'<sheet name="{name}" sheetId="{n}" r:id="r{n}"/>' for n, (name, _) in numbered)
        + "</sheets></workbook>",
        "xl/_rels/workbook.xml.rels": f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">'
        f'<Relationship Id="s" Type="{_OFFICE}/styles" Target="styles.xml"/>'
        + "".join(
            f'<Relationship Id="r{n}" Type="{_OFFICE}/worksheet" Target="worksheets/s{n}.xml"/>'
            for n, _ in numbered
        )
        + "</Relationships>",
        "xl/styles.xml": f'{_XML}<styleSheet xmlns="{_SHEETS}"><cellXfs count="2">'
        '<xf numFmtId="0"/><xf numFmtId="22"/></cellXfs></styleSheet>',
    } | {
        f"xl/worksheets/s{n}.xml": f'{_XML}<worksheet xmlns="{_SHEETS}"><sheetData>{rows}'
        "</sheetData></worksheet>"
        for n, (_, rows) in numbered
    }
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (parts | (extra or {})).items():
            archive.writestr(name, text)


def _xlsx_rows(rows: list[list]) -> str:
    """XML of rows: texts, numbers, flags, nothing, or the XML of a cell that begins with ``<c``."""
    return "".join(
        f'<row r="{n}">'
        + "".join(_cell(f"{chr(64 + c)}{n}", value) for c, value in enumerate(row, 1))
        + "</row>"
        for n, row in enumerate(rows, 1)
    )


def _cell(place: str, value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str) and value.startswith("<c"):
        return value.replace("<c", f'<c r="{place}"', 1)
    if isinstance(value, bool):
        return f'<c r="{place}" t="b"><v>{int(value)}</v></c>'
    if isinstance(value, str):
        return f'<c r="{place}" t="inlineStr"><is><t>{value}</t></is></c>'
    return f'<c r="{place}"><v>{value}</v></c>'
