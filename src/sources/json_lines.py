"""JSON lines: one object on each line, nested objects spelt with dots, lists kept as JSON."""

from collections.abc import Callable, Iterator
import io
import json
import math
from pathlib import Path
from typing import Any

import pyarrow as pa

from src.errors import SchemaError, SourceError
from src.sources.header import MAX_COLUMNS, check_names, is_name
from src.sources.kinds import Kind, as_array, common_kind, kind_of, kind_schema
from src.sources.origins import FileOrigin
from src.sources.text_files import LINE_LIMIT
from src.sources.text_form import find_encoding
from src.sources.unpacked import check_is_text, open_unpacked

__all__ = ["read_json_columns", "read_json_rows"]

_BATCH_CHARACTERS = 1 << 23


def read_json_columns(file: Path, origin: FileOrigin) -> tuple[str, pa.Schema]:
    """Read a file of JSON lines through for its encoding, columns and their types.

    Numbers, flags and texts keep their type; a column that mixes them is text, one that is
    missing or null in every row has the type null. An empty text counts as missing.

    Raises
    ------
    SchemaError
        If a line is no JSON object, names a field twice or badly, or a number is beyond range.
        The line is named, its text is not shown.
    SourceError
        If the file cannot be read, is no text or has no row.
    """
    check_is_text(file)
    encoding = find_encoding(file, origin.encoding)
    kinds: dict[str, Kind | None] = {}
    n_rows = 0
    for line, row in _rows(file, encoding, lambda n: None):
        n_rows += 1
        for name, value in row.items():
            if name not in kinds:
                _check_new_name(file, line, name, kinds)
            kinds[name] = common_kind(kinds.get(name), kind_of(value))
    if not n_rows:
        raise SourceError(
            f"Expected rows in {file.name}, found blank lines only; export it again or take it "
            "away."
        )
    if not kinds:
        raise SchemaError(
            f"Expected fields in the objects of {file.name}, found none; export it again."
        )
    check_names(file, list(kinds))
    return encoding, kind_schema(kinds)


def read_json_rows(
    file: Path, encoding: str, schema: pa.Schema, tell: Callable[[int], None]
) -> Iterator[pa.Table]:
    """Read the rows of a file of JSON lines, some MB at a time, as the columns of `schema`."""
    batch: list[dict[str, Any]] = []
    n_characters = 0
    for _, row in _rows(file, encoding, tell):
        batch.append(row)
        n_characters += sum(len(value) if isinstance(value, str) else 8 for value in row.values())
        if n_characters > _BATCH_CHARACTERS:
            yield _table(batch, schema)
            batch, n_characters = [], 0
    yield _table(batch, schema)


def _table(batch: list[dict[str, Any]], schema: pa.Schema) -> pa.Table:
    columns = [
        as_array((row.get(name) for row in batch), schema.field(name).type) for name in schema.names
    ]
    return pa.table(columns, schema=schema)


def _rows(
    file: Path, encoding: str, tell: Callable[[int], None]
) -> Iterator[tuple[int, dict[str, Any]]]:
    with io.TextIOWrapper(open_unpacked(file, tell), encoding) as text:
        number = 0
        while line := text.readline(LINE_LIMIT):
            number += 1
            if not line.isspace():
                yield number, _parse(file, number, line.strip("\ufeff"))


def _parse(file: Path, number: int, line: str) -> dict[str, Any]:
    found = "something else"
    try:
        if len(line) == LINE_LIMIT:
            raise _NotARow(f"one of more than {LINE_LIMIT:,} characters")
        row = json.loads(line, object_pairs_hook=_one_each, parse_constant=_refuse_constant)
        if isinstance(row, dict):
            flat = _one_each(list(_flat("", row)))
            _check_values(line, flat)
            return flat
        found = "a list" if isinstance(row, list) else "a single value"
    except _NotARow as error:
        found = str(error)
    except RecursionError:
        found = "objects nested too deeply"
    except ValueError:
        found = "broken JSON"
    raise SchemaError(
        f"Expected one JSON object on every line of {file.name}, found {found} on line "
        f"{number:,}; mend that line, or export one object per line."
    )


class _NotARow(Exception):
    """What is found where an object should be."""


def _one_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _NotARow("an object that names a field twice")
    return found


def _refuse_constant(name: str) -> None:
    raise _NotARow("NaN or Infinity, which no JSON has,")


def _flat(prefix: str, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, part in value.items():
        if isinstance(part, dict):
            yield from _flat(f"{prefix}{name}.", part)
        elif isinstance(part, list):
            yield prefix + name, json.dumps(part, ensure_ascii=False)
        else:
            yield prefix + name, part


def _check_values(line: str, row: dict[str, Any]) -> None:
    if any(isinstance(value, float) and not math.isfinite(value) for value in row.values()):
        raise _NotARow("a number beyond range")
    if "\\u" in line:  # only so can half a character come in
        try:
            "".join(str(part) for pair in row.items() for part in pair).encode()
        except UnicodeEncodeError:
            raise _NotARow("half of a character (a lone surrogate)") from None


def _check_new_name(file: Path, line: int, name: str, known: dict[str, Any]) -> None:
    if not is_name(name) or len(known) >= MAX_COLUMNS:
        found = (
            f"more than {MAX_COLUMNS:,} fields"
            if is_name(name)
            else ("an empty or broken one, a number, date or address")
        )
        raise SchemaError(
            f"Expected names of columns as the fields of the objects in {file.name}, found {found} "
            f"on line {line:,}; export a list of objects instead of an object by id."
        )
