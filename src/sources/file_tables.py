"""Tables out of files that are no Parquet: their columns, and their rows as Parquet."""

from collections.abc import Callable, Collection, Iterable
import hashlib
import logging
from pathlib import Path

import pyarrow as pa

from src.errors import SchemaError
from src.sources.conversions import conform, keep, keep_only, kept, kept_schema
from src.sources.header import RAGGED, check_names
from src.sources.json_lines import read_json_columns, read_json_rows
from src.sources.mapped_only import blank_unasked, of_columns
from src.sources.origins import FileOrigin
from src.sources.text_files import HasRaggedRows, read_header, read_rows
from src.sources.text_form import HEAD_BYTES, find_form
from src.sources.workbooks import read_workbook

__all__ = ["common_schema", "convert_files", "peek_table"]

logger = logging.getLogger(__name__)

_VERSION = "2"
"""Of what conversion makes of the same bytes; with another one all is converted anew."""


def peek_table(file: Path, origin: FileOrigin, found: str) -> pa.Schema:
    """Columns of one file of the format `found`: of CSV from its head, else from the whole."""
    if found == "csv":
        return _text_schema(read_header(file, find_form(file, origin, HEAD_BYTES)))
    if found == "jsonl":
        return read_json_columns(file, origin)[1]
    return read_workbook(file, origin.sheet, origin.skip_lines).schema


def convert_files(
    files: list[Path],
    origin: FileOrigin,
    found: str,
    folder: Path,
    digests: list[str],
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> tuple[pa.Schema, tuple[Path, ...]]:
    """Convert files to Parquet with the same columns, each once per content.

    Parameters
    ----------
    files : list of Path
        Regular files.
    origin : FileOrigin
        What is said of their form.
    found : {"csv", "jsonl", "excel"}
        Their format.
    folder : Path
        A folder that this process holds; what it keeps of earlier contents is deleted.
    digests : list of str
        SHA-256 of each file.
    tell : callable
        Is told how many bytes have been read so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all.

    Returns
    -------
    tuple of pyarrow.Schema and tuple of Path
        The columns of all, and the Parquet files in the order of `files`.
    """
    plain = None if origin.skip_lines else {"skip_lines"}  # kept files keep their names
    prefix = _short_hash(f"{found} {origin.model_dump_json(exclude=plain)}")  # one for each sheet
    made_of = _short_hash(f"{_VERSION} {of_columns(columns)}")
    parts, n_before = [], 0
    for file, digest in zip(files, digests, strict=True):
        stem = f"{prefix}-{digest[:32]}-{made_of}"
        parts.append(
            kept(folder, stem)
            or _convert(
                file, origin, found, folder, stem, lambda n, b=n_before: tell(b + n), columns
            )
        )
        n_before += file.stat().st_size
        tell(n_before)
    schemas = [kept_schema(part) for part in parts]
    schema = common_schema(files, schemas, found)
    landed = [
        part if _fits(own, schema) else _conformed(folder, part, schema)
        for part, own in zip(parts, schemas, strict=True)
    ]
    keep_only(folder, f"{prefix}-", [*parts, *landed])
    return schema, tuple(landed)


def common_schema(files: list[Path], schemas: list[pa.Schema], found: str) -> pa.Schema:
    """Columns and types that hold those of all files.

    Files of Parquet must agree in columns and types, those of CSV and Excel in columns; of
    JSON lines a file may lack fields. Types of Excel and JSON lines widen: nothing to anything,
    whole numbers to numbers, all else to text. Their order is that of the first file.

    Raises
    ------
    SchemaError
        If they do not agree; the file and the column are named.
    """
    types: dict[str, pa.DataType] = {}
    for file, schema in zip(files, schemas, strict=True):
        if found != "jsonl" and types:
            _check_same_columns(files[0], list(types), file, schema.names)
        for field in schema:
            known = types.get(field.name, field.type)
            if known != field.type and found == "parquet":
                raise SchemaError(
                    f"Expected {known} in the column {field.name!r} of {file.name} as in "
                    f"{files[0].name}, found {field.type}; write both with the same type."
                )
            types[field.name] = _wider(known, field.type)
    if RAGGED in types:
        types[RAGGED] = types.pop(RAGGED)
    check_names(files[0], [name for name in types if name != RAGGED])
    return pa.schema(list(types.items()))


def _convert(
    file: Path,
    origin: FileOrigin,
    found: str,
    folder: Path,
    stem: str,
    tell: Callable[[int], None],
    columns: Collection[str] | None,
) -> Path:
    def keep_asked(schema: pa.Schema, tables: Iterable[pa.Table]) -> Path:
        return keep(folder, stem, schema, (blank_unasked(table, columns) for table in tables))

    if found == "csv":
        return _convert_text(file, origin, tell, keep_asked)
    if found == "jsonl":
        encoding, schema = read_json_columns(file, origin)
        return keep_asked(schema, read_json_rows(file, encoding, schema, tell))
    table = read_workbook(file, origin.sheet, origin.skip_lines)
    return keep_asked(table.schema, [table])


def _convert_text(
    file: Path,
    origin: FileOrigin,
    tell: Callable[[int], None],
    keep_rows: Callable[[pa.Schema, Iterable[pa.Table]], Path],
) -> Path:
    """Convert as if every row fitted, and anew with the column that tells if one does not."""
    form = find_form(file, origin)
    logger.info("%s: read as %s, fields parted by %r", file.name, form.encoding, form.delimiter)
    schema = _text_schema(read_header(file, form))
    try:
        return keep_rows(schema, read_rows(file, form, False, tell))
    except HasRaggedRows:
        schema = schema.append(pa.field(RAGGED, pa.string()))
        return keep_rows(schema, read_rows(file, form, True, tell))


def _short_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _text_schema(names: list[str]) -> pa.Schema:
    return pa.schema([(name, pa.string()) for name in names])


def _fits(own: pa.Schema, schema: pa.Schema) -> bool:
    """Whether a file has the columns and types of all, in whatever order."""
    return dict(zip(own.names, own.types, strict=True)) == dict(
        zip(schema.names, schema.types, strict=True)
    )


def _conformed(folder: Path, part: Path, schema: pa.Schema) -> Path:
    stem = f"{part.stem}-{_short_hash(str(schema))}"
    return kept(folder, stem) or conform(folder, stem, part, schema)


def _check_same_columns(first: Path, known: list[str], file: Path, names: list[str]) -> None:
    differing = (set(known) ^ set(names)) - {RAGGED}
    if not differing:
        return
    name = min(differing)
    has, lacks = (first, file) if name in known else (file, first)
    raise SchemaError(
        f"Expected the same columns in {first.name} and {file.name}, found {name!r} in {has.name} "
        f"alone; add it to {lacks.name}, or name the files apart."
    )


def _wider(one: pa.DataType, other: pa.DataType) -> pa.DataType:
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64()
    return pa.string()
