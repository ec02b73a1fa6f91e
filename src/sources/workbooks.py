"""Excel workbooks: one sheet, its first row the header, its cells with their types."""

from pathlib import Path
import re
import struct
from typing import Any
import zipfile
import zlib

import pyarrow as pa

from src.errors import ParameterError, SourceError
from src.sources.header import header_names
from src.sources.kinds import Kind, as_array, as_text, common_kind, kind_of, kind_schema

__all__ = ["MAX_CELLS", "MAX_WORKBOOK_BYTES", "count_title_rows", "read_workbook"]

MAX_WORKBOOK_BYTES = 1 << 31
"""Bytes that a workbook may hold unpacked."""

MAX_CELLS = 60_000_000
"""Cells that the used area of a sheet may span, empty ones too; each takes 24 bytes to read."""

_CHUNK = 1 << 20
_TOP_ROWS = 50
_PLACE = re.compile(rb'\br="([A-Z]{1,3})(\d{1,7})"')
_LONGEST_PLACE = 16
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)


def read_workbook(file: Path, sheet: str | None, skip_lines: int = 0) -> pa.Table:
    """Read a sheet of an Excel workbook.

    Numbers, times and flags keep their type; a formula gives the value it had when the workbook
    was saved, an error such as ``#N/A`` none. A column that mixes types is text, one without
    any value has the type null. Rows without any value are no rows.

    Parameters
    ----------
    file : Path
        An ``.xlsx`` file.
    sheet : str, optional
        Name of the sheet; else the first.
    skip_lines : int, default 0
        Rows above the header, counted from the first that is not empty.

    Raises
    ------
    ParameterError
        If there is no such sheet.
    SchemaError
        If the first row is no header.
    SourceError
        If it is no workbook, locked, broken, or unpacks beyond the bounds of this module.
    """
    _check_sizes(file)
    cells = _read_cells(file, sheet)[skip_lines:]
    if not cells:
        raise SourceError(
            f"Expected rows in {file.name}, found an empty sheet; name another in the field sheet."
        )
    names = header_names(file, [as_text(cell) for cell in cells[0]])
    rows = [row for row in cells[1:] if any(kind_of(cell) for cell in row)]
    columns = list(zip(*rows, strict=True)) or [()] * len(names)
    kinds = {name: _column_kind(values) for name, values in zip(names, columns, strict=True)}
    schema = kind_schema(kinds)
    arrays = [as_array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)


def count_title_rows(file: Path, sheet: str | None = None) -> int:
    """Count the rows of title above the header: those with less than half of the columns filled.

    Raises
    ------
    ParameterError, SourceError
        As `read_workbook` does.
    """
    _check_sizes(file)
    filled = [sum(kind_of(cell) is not None for cell in row) for row in _read_cells(file, sheet)]
    most = max(filled[:_TOP_ROWS], default=0)
    header = (number for number, n in enumerate(filled[:_TOP_ROWS]) if 2 * n > most)
    return next(header, 0)


def _column_kind(values: tuple[Any, ...]) -> Kind | None:
    kind = None
    for value in values:
        kind = common_kind(kind, kind_of(value))
    return kind


def _read_cells(file: Path, sheet: str | None) -> list[list[Any]]:
    from python_calamine import CalamineError, CalamineWorkbook  # a tenth of a second

    try:
        with CalamineWorkbook.from_path(file) as workbook:
            if sheet is not None and sheet not in workbook.sheet_names:
                raise ParameterError(
                    f"Expected the sheet {sheet!r} in {file.name}, found {workbook.sheet_names}; "
                    "correct the field sheet."
                )
            found = sheet or workbook.sheet_names[0]
            return workbook.get_sheet_by_name(found).to_python(skip_empty_area=True)
    except ParameterError:
        raise
    except (CalamineError, IndexError, OSError, ValueError):
        raise _not_a_workbook(file, "a broken or locked one, or one without sheets") from None
    except BaseException as error:
        if type(error).__name__ != "PanicException":  # of the reader, which is no Exception
            raise
        raise _not_a_workbook(file, "a broken one") from None


def _check_sizes(file: Path) -> None:
    """Refuse what would fill the memory, before the reader sees it."""
    try:
        with zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            if sum(member.file_size for member in members) > MAX_WORKBOOK_BYTES:
                raise SourceError(
                    f"Expected a workbook of at most {MAX_WORKBOOK_BYTES:,} bytes unpacked in "
                    f"{file.name}, found more; export it as CSV."
                )
            for member in members:
                _check_extent(file, archive, member)
    except OSError as error:
        raise SourceError(
            f"Expected to read {file.name}, found {(error.strerror or 'an error').lower()}; see to "
            "the file and its permissions."
        ) from None
    except SourceError:
        raise
    except _BROKEN:
        raise _not_a_workbook(file, "something else, or a broken or locked one") from None


def _check_extent(file: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Read one part through, so that its checksum holds, for the last row and column in it."""
    last_row = last_column = 0
    with archive.open(member) as part:
        rest = b""
        while chunk := part.read(_CHUNK):
            if member.filename.endswith(".xml"):
                places = set(_PLACE.findall(rest + chunk))
                last_row = max([last_row, *(int(row) for _, row in places)])
                last_column = max([last_column, *(_column(letters) for letters, _ in places)])
                rest = chunk[-_LONGEST_PLACE:]
    if last_row * last_column > MAX_CELLS:
        raise SourceError(
            f"Expected a sheet of at most {MAX_CELLS:,} cells in {file.name}, found one that "
            f"reaches to row {last_row:,} and column {last_column:,}; delete the stray cells or "
            "export it as CSV."
        )


def _column(letters: bytes) -> int:
    """Count a column: A is 1, Z 26, AA 27."""
    number = 0
    for letter in letters:
        number = 26 * number + letter - 64
    return number


def _not_a_workbook(file: Path, found: str) -> SourceError:
    return SourceError(
        f"Expected an Excel workbook (.xlsx) in {file.name}, found {found}; save it again as "
        ".xlsx without a password."
    )
