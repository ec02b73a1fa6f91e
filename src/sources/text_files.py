"""Text files of rows, read in blocks as strict CSV: every field a text, exactly as written."""

from collections.abc import Callable, Iterator
import csv
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from src.errors import SchemaError, SourceError
from src.sources.header import RAGGED, header_names
from src.sources.text_form import FIELD_LIMIT, TextForm, pass_over
from src.sources.unpacked import open_unpacked

__all__ = ["LINE_LIMIT", "MAX_RAGGED_SHARE", "HasRaggedRows", "read_header", "read_rows"]

MAX_RAGGED_SHARE = 0.05
"""Share of rows with more or fewer fields than the header, above which the form is wrong."""

LINE_LIMIT = 1 << 24
"""Characters that one line may have, give or take a block."""

_BLOCK = 1 << 22  # characters that are parsed at once
_MOST_LINES_MORE = 1_000  # that are added to a block so that it ends outside a quoted field


class HasRaggedRows(Exception):
    """A row does not fit the header, and no column to tell so was asked for."""


def read_header(file: Path, form: TextForm) -> list[str]:
    """Names of the columns of a text file.

    Raises
    ------
    SchemaError
        If there is no header row, or its names cannot be told apart.
    SourceError
        If the file cannot be read, or has no row at all.
    """
    with _Rows(file, form, lambda n: None) as rows:
        return rows.names


def read_rows(
    file: Path, form: TextForm, has_ragged: bool, tell: Callable[[int], None]
) -> Iterator[pa.Table]:
    """Read the rows of a text file, some MB at a time.

    Every column is a text as it is written; an empty field is null, blank lines are no rows.
    A row with fewer fields than the header is filled up with nulls, one with more is cut, and
    the column `_ragged` says so.

    Parameters
    ----------
    file : Path
        A regular file, packed with gzip if its name ends so.
    form : TextForm
        How it is written.
    has_ragged : bool
        Whether to give the column `_ragged`, null for rows that fit.
    tell : callable
        Is told how many bytes of the file have been read.

    Raises
    ------
    HasRaggedRows
        If a row does not fit and `has_ragged` is false.
    SchemaError
        If a quote is not closed, a field or line is too long, or too many rows do not fit. The
        place is named, the text is not shown.
    SourceError
        If the file cannot be read.
    """
    with _Rows(file, form, tell) as rows:
        while block := rows.next_block():
            table = rows.parse_sound(block)
            if table is None:
                table = rows.parse_any(block, has_ragged)
            elif has_ragged:
                table = table.append_column(RAGGED, pa.nulls(len(table), pa.string()))
            yield table
        rows.check_ragged_share()


class _Rows:
    """Rows of one file; knows the line it is at."""

    def __init__(self, file: Path, form: TextForm, tell: Callable[[int], None]) -> None:
        csv.field_size_limit(FIELD_LIMIT)
        self.file, self.form = file, form
        self.text = io.TextIOWrapper(open_unpacked(file, tell), form.encoding, newline="")
        self.text._CHUNK_SIZE = 1 << 18
        self.n_rows = self.n_ragged = self.first_ragged = 0
        self.line = form.skip_lines
        pass_over(self.text, form.skip_lines)
        cells = next(self._rows_from([]), (0, []))[1]
        if not cells:
            raise SourceError(
                f"Expected a header row in {file.name}, found blank lines only; export it again "
                "or take it away."
            )
        self.names = header_names(file, cells)

    def __enter__(self) -> "_Rows":
        return self

    def __exit__(self, *error: object) -> None:
        self.text.close()

    def next_block(self) -> str:
        """Whole lines, up to where no quoted field is open as far as counting quotes can tell."""
        parts = [self.text.read(_BLOCK)]
        while parts[-1].endswith("\r"):  # its \n may come next
            parts.append(self.text.read(1))
        if parts[-1] and parts[-1][-1] != "\n":
            parts.append(self._next_line())
        n_quotes = sum(part.count(self.form.quote) for part in parts)
        while n_quotes % 2 and len(parts) < _MOST_LINES_MORE and (line := self._next_line()):
            parts.append(line)
            n_quotes += line.count(self.form.quote)
        return "".join(parts)

    def parse_sound(self, block: str) -> pa.Table | None:
        """Parse fast what can be read in one way only; None if there is a doubt.

        In doubt is a quote inside a field without quotes, and a row that does not fit the header.
        """
        data = block.encode()
        if not _has_plain_quotes(data, self.form):
            return None
        try:
            table = self._parse_fast(data)
        except pa.ArrowInvalid:
            return None
        sizes = (pc.max(pc.binary_length(column)).as_py() or 0 for column in table.columns)
        if max(sizes) > FIELD_LIMIT:
            return None
        self.line += block.count("\n") + block.count("\r") - block.count("\r\n")
        self.n_rows += len(table)
        return table

    def parse_any(self, block: str, has_ragged: bool) -> pa.Table:
        """Parse row by row, beyond the block if its last row does not end in it."""
        width, rows, notes = len(self.names), [], []
        for line, row in self._rows_from(io.StringIO(block, newline="").readlines()):
            if len(row) != width:
                if not has_ragged:
                    raise HasRaggedRows
                self.first_ragged = self.first_ragged or line
                self.n_ragged += 1
                notes.append(f"{_fields(len(row))} instead of {width}")
                row = (row + [""] * width)[:width]
            else:
                notes.append(None)
            rows.append(row)
        self.n_rows += len(rows)
        columns = [pa.array(values, pa.string()) for values in zip(*rows, strict=True)]
        columns = [pc.if_else(pc.equal(column, ""), None, column) for column in columns]
        columns = columns or [pa.nulls(0, pa.string())] * width
        if not has_ragged:
            return pa.table(columns, self.names)
        return pa.table([*columns, pa.array(notes, pa.string())], [*self.names, RAGGED])

    def check_ragged_share(self) -> None:
        if self.n_ragged > MAX_RAGGED_SHARE * self.n_rows:
            raise SchemaError(
                f"Expected {_fields(len(self.names))} in every row of {self.file.name} as in its "
                f"header, found another number in {self.n_ragged:,} of {self.n_rows:,}, the first "
                f"on line {self.first_ragged:,}; {self._remedy()}"
            )

    def _remedy(self) -> str:
        if len(self.names) == 1 and self.first_ragged:
            return (
                "where a title stands above the header, say in the field skip_lines how many lines "
                "it has, else name the right sign in the field delimiter."
            )
        return "name the right signs in the fields delimiter and quote, or mend the file."

    def _parse_fast(self, data: bytes) -> pa.Table:
        return pa_csv.read_csv(
            pa.BufferReader(data),
            read_options=pa_csv.ReadOptions(
                column_names=self.names, block_size=len(data) + 1, use_threads=False
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=self.form.delimiter, quote_char=self.form.quote, newlines_in_values=True
            ),
            convert_options=pa_csv.ConvertOptions(
                column_types=dict.fromkeys(self.names, pa.string()),
                strings_can_be_null=True,
                null_values=[""],
                check_utf8=False,  # it has just been encoded
            ),
        )

    def _rows_from(self, block: list[str]) -> Iterator[tuple[int, list[str]]]:
        """Rows that start in the block, or the first of the file without one, and their lines."""
        lines = self._lines_from(block)
        last = self.line + max(1, len(block))
        reader = csv.reader(
            lines, delimiter=self.form.delimiter, quotechar=self.form.quote, strict=True
        )
        start = self.line + 1
        try:
            for row in reader:
                if row:
                    yield start, row
                    if self.line >= last:
                        return
                elif self.line >= last and block:
                    return
                start = self.line + 1
        except csv.Error as error:
            raise self._broken_row(start, str(error)) from None

    def _lines_from(self, block: list[str]) -> Iterator[str]:
        for line in block:
            self.line += 1
            yield line
        while line := self._next_line():
            self.line += 1
            yield line

    def _next_line(self) -> str:
        line = self.text.readline(LINE_LIMIT)
        if len(line) == LINE_LIMIT:
            raise SchemaError(
                f"Expected lines of fewer than {LINE_LIMIT:,} characters in {self.file.name}, "
                f"found a longer one after line {self.line:,}; mend it, or correct the field "
                "format."
            )
        return line

    def _broken_row(self, start: int, told: str) -> SchemaError:
        if told.startswith("field larger"):
            found = f"a field of more than {FIELD_LIMIT:,} characters"
        elif told.startswith("unexpected end"):
            found = f"a {self.form.quote} that is opened and never closed"
        else:
            found = f"text behind a closing {self.form.quote}"
        return SchemaError(
            f"Expected fields whose quotes are closed in {self.file.name}, found {found} in the "
            f"row that starts on line {start:,}; mend that row, or name the right sign in the "
            "field quote."
        )


def _fields(n: int) -> str:
    return "1 field" if n == 1 else f"{n:,} fields"


def _has_plain_quotes(data: bytes, form: TextForm) -> bool:
    """Whether quotes in turn open a field at its start and close it at its end.

    A doubled quote within a field closes and opens at once, so that a quote may stand before one
    that opens and behind one that closes.
    """
    signs = np.frombuffer(data, dtype=np.uint8)
    places = np.flatnonzero(signs == ord(form.quote))
    if len(places) % 2:
        return False
    edges = np.frombuffer(f"\r\n{form.delimiter}{form.quote}".encode(), dtype=np.uint8)
    opens, closes = places[0::2], places[1::2]
    before = opens[opens > 0] - 1
    after = closes[closes < len(signs) - 1] + 1
    return bool(np.isin(signs[before], edges).all() and np.isin(signs[after], edges).all())
