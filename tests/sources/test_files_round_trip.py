"""What was written as text lands as it was written, whatever it is."""

import csv
import io
from pathlib import Path
import tempfile

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from src.errors import SchemaError
from src.sources import text_files
from src.sources.config import Source
from src.sources.files import land_files
from src.sources.origins import FileOrigin
from src.sources.text_files import read_rows
from src.sources.text_form import TextForm

ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
LATIN_TEXT = st.text(st.characters(max_codepoint=255, exclude_characters="\0"), max_size=12)
CSV_TEXT = st.text(st.sampled_from("a1,;\t|\"' \n\r"), max_size=8)
FOUND_OUT = ("utf-8", "utf-8-sig", "utf-16")
"""Encodings that are found out for any text; of the others only text of its own kind is."""


@st.composite
def written_tables(draw):
    """Columns, the bytes that Python's csv module makes of them, and what must be said."""
    encoding = draw(st.sampled_from([*FOUND_OUT, "gb18030", "latin-1"]))
    cells = (LATIN_TEXT if encoding == "latin-1" else ANY_TEXT) | CSV_TEXT
    width = draw(st.integers(1, 4))
    names = [f"c{n}" for n in range(width)]
    rows = draw(st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8))
    delimiter = draw(st.sampled_from(",;\t|"))
    quote = draw(st.sampled_from("\"'"))
    quoting = draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    end = draw(st.sampled_from(["\r\n", "\n"]))
    text = io.StringIO(newline="")
    writer = csv.writer(
        text, delimiter=delimiter, quotechar=quote, quoting=quoting, lineterminator=end
    )
    writer.writerow(names)
    # csv.writer leaves a bare \r or \n unquoted where it is not its own line end
    bare = quoting == csv.QUOTE_MINIMAL and end == "\n"
    rows = [[cell.replace("\r", " ") if bare else cell for cell in row] for row in rows]
    writer.writerows(rows)
    said = {} if encoding in FOUND_OUT else {"encoding": encoding}
    if width == 1:
        said["delimiter"] = delimiter
    if quote == "'" and quoting == csv.QUOTE_MINIMAL:
        said["quote"] = quote
    columns = {name: [row[n] or None for row in rows] for n, name in enumerate(names)}
    return columns, text.getvalue().encode(encoding), said


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(written_tables())
def test_what_was_written_lands(written):
    columns, content, said = written
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "t.csv").write_bytes(content)
        shop = Source.model_validate(
            {"name": "shop", "currency": "EUR", "folder": folder, "tables": {}}
        )
        origin = FileOrigin(path="t.csv", **said)
        landed = land_files("s.yaml", shop, origin, Path(folder, "raw"), lambda n: None)
        assert landed.schema == pa.schema([(name, pa.string()) for name in columns])
        assert pq.read_table(landed.files[0]).to_pydict() == columns


CHINESE = st.text(
    st.sampled_from("订单商品价格数量很好，不错。退货张三李四五"), min_size=2, max_size=9
)
WESTERN = st.sampled_from(["café noir", "Größe 5", "señor, sí", "à bientôt", "naïve é", "Müller ü"])


@settings(max_examples=60, deadline=None)
@given(st.lists(CHINESE, min_size=1, max_size=20))
def test_chinese_text_is_found_to_be_gb18030(texts):
    assert _found_out(texts, "gb18030") == texts


@settings(max_examples=60, deadline=None)
@given(st.lists(WESTERN, min_size=1, max_size=20), st.sampled_from(["latin-1", "cp1252"]))
def test_western_text_is_not_taken_for_chinese(texts, encoding):
    texts = [*texts, "à"]  # an accent before the line end, which GB18030 does not allow
    assert _found_out(texts, encoding) == texts


def _found_out(texts: list[str], encoding: str) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        rows = "".join(f"{n};{text}\n" for n, text in enumerate(texts))
        Path(folder, "t.csv").write_bytes(f"id;note\n{rows}".encode(encoding))
        shop = Source.model_validate(
            {"name": "shop", "currency": "EUR", "folder": folder, "tables": {}}
        )
        origin = FileOrigin(path="t.csv")
        landed = land_files("s.yaml", shop, origin, Path(folder, "raw"), lambda n: None)
        return pq.read_table(landed.files[0])["note"].to_pylist()


@pytest.fixture(scope="module")
def tiny_blocks():
    """Blocks of a few characters, so that every kind of row crosses their borders."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(text_files, "_BLOCK", 11)
        patch.setattr(text_files, "_MOST_LINES_MORE", 2)
        yield


@settings(max_examples=400, deadline=None)
@given(st.text(st.sampled_from("ab,\"\n\r'"), max_size=60), st.sampled_from("\"'"))
@pytest.mark.usefixtures("tiny_blocks")
def test_fast_reading_gives_what_careful_reading_gives(rows, quote):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "t.csv")
        file.write_bytes(f"x,y\n{rows}".encode())
        form = TextForm("utf-8", ",", quote)
        fast = _outcome(file, form)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(text_files._Rows, "parse_sound", lambda self, block: None)
            assert _outcome(file, form) == fast
            patch.setattr(text_files, "_BLOCK", 1 << 20)
            assert _outcome(file, form) == fast


def _outcome(file: Path, form: TextForm) -> dict[str, list] | str:
    try:
        tables = list(read_rows(file, form, True, lambda n: None))
    except SchemaError as error:
        return str(error)
    return pa.concat_tables(tables).to_pydict() if tables else {}
