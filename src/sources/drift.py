"""Remember the columns of every origin: a new one is reported, a changed type stops."""

import json
import logging
import os
from pathlib import Path

import pyarrow as pa

from src.errors import ParameterError, SchemaError, SourceError
from src.sources.header import RAGGED

__all__ = ["SCHEMAS", "compare"]

logger = logging.getLogger(__name__)

SCHEMAS = "schemas.json"
"""File in a shop's folder of landed data: columns and types by the name of the origin."""

_UNKNOWN = "null"  # type of a column that has had no value yet


def compare(folder: Path, name: str, schema: pa.Schema) -> list[str]:
    """Hold the columns of an origin against what it had last time, and remember them.

    A column that is gone is forgotten with a line in the log; if it is mapped, the check of the
    mapping stops. A column that had no value so far may take any type.

    Parameters
    ----------
    folder : Path
        The shop's folder of landed data.
    name : str
        Name of the origin, the same in every run.
    schema : pyarrow.Schema
        What it has now.

    Returns
    -------
    list of str
        New columns, in their order; none the first time.

    Raises
    ------
    SchemaError
        If a column has another type than last time; then nothing is remembered.
    ParameterError
        If what is remembered cannot be read.
    SourceError
        If it cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     first = compare(Path(folder), "orders", pa.schema({"id": "int64"}))
    ...     second = compare(Path(folder), "orders", pa.schema({"id": "int64", "tax": "float64"}))
    >>> first, second
    ([], ['tax'])
    """
    remembered = _read(folder)
    known = remembered.get(name)
    found = {field.name: _type_name(field.type) for field in schema if field.name != RAGGED}
    if known is None:
        _write(folder, remembered | {name: found})
        return []
    _check_types(folder, name, known, found)
    gone = [column for column in known if column not in found]
    if gone:
        logger.info("%s: no longer has the columns %s", name, gone)
    now = {
        column: known[column] if kind == _UNKNOWN and column in known else kind
        for column, kind in found.items()
    }
    if now != known:
        _write(folder, remembered | {name: now})
    return [column for column in found if column not in known]


def _check_types(folder: Path, name: str, known: dict[str, str], found: dict[str, str]) -> None:
    for column, kind in found.items():
        before = known.get(column, kind)
        if before != kind and _UNKNOWN not in (before, kind):
            raise SchemaError(
                f"Expected {before} in the column {column!r} of {name} as in the last run, found "
                f"{kind}; mend it at the source, or if it is on purpose delete the entry {name!r} "
                f"of {folder.name}/{SCHEMAS} in the folder of landed data."
            )


def _type_name(found: pa.DataType) -> str:
    """Name of a type; ways to store the same texts are one."""
    if pa.types.is_dictionary(found):
        return _type_name(found.value_type)
    is_text = pa.types.is_large_string(found) or pa.types.is_string_view(found)
    return "string" if is_text else str(found)


def _read(folder: Path) -> dict[str, dict[str, str]]:
    try:
        remembered = json.loads((folder / SCHEMAS).read_text(encoding="utf-8"))
        if all(isinstance(columns, dict) for columns in remembered.values()):
            return remembered
    except FileNotFoundError:
        return {}
    except (ValueError, AttributeError, OSError):
        pass
    raise ParameterError(
        f"Expected the columns of earlier runs in {folder.name}/{SCHEMAS} in the folder of landed "
        "data, found something else; delete that file, and columns are remembered anew."
    )


def _write(folder: Path, remembered: dict[str, dict[str, str]]) -> None:
    draft = folder / f".{SCHEMAS}.draft"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(draft, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(remembered, file, indent=2, ensure_ascii=False)
            file.flush()
            os.fsync(file.fileno())
        os.replace(draft, folder / SCHEMAS)
    except OSError as error:
        raise SourceError(
            f"Expected to write {folder.name}/{SCHEMAS} in the folder of landed data, found "
            f"{(error.strerror or 'an error').lower()}; see to its permissions and the room on "
            "the disk."
        ) from None
