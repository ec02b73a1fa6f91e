"""Files of a shop as a draft looks at them: their first rows, and what their columns are."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from src.errors import ParameterError
from src.inspection.column_names import concepts_of
from src.inspection.value_forms import guess_times
from src.sources.files import file_format
from src.sources.in_memory import read_file
from src.sources.origins import FileOrigin
from src.sources.text_form import count_title_lines
from src.sources.workbooks import count_title_rows

__all__ = ["LookedAt", "find_data", "look_at"]

_SAMPLE_ROWS = 20_000
_ENDINGS = (".csv", ".tsv", ".txt", ".jsonl", ".ndjson", ".parquet", ".xlsx", ".gz")
_TITLES = {"csv": count_title_lines, "excel": count_title_rows}


@dataclass(frozen=True)
class LookedAt:
    """One file as it was looked at.

    Parameters
    ----------
    name : str
        Of the file.
    rows : DataFrame
        Its first rows.
    is_whole : bool
        Whether these are all.
    concepts : dict of str to str
        What is known of columns: concept to column.
    raw_table : str or None
        Which raw table it is; None if its columns do not tell.
    is_time_by_values : bool
        Whether the column of times was told by its values alone.
    skip_lines : int
        Lines of title above the header.
    """

    name: str
    rows: pd.DataFrame
    is_whole: bool
    concepts: dict[str, str]
    raw_table: str | None
    is_time_by_values: bool = False
    skip_lines: int = 0


def find_data(paths: Sequence[Path]) -> list[Path]:
    """List the data files among files and in folders.

    Raises
    ------
    ParameterError
        If a path is not there, or there is none.
    """
    found = []
    for path in paths:
        if path.is_dir():
            found += [file for file in sorted(path.iterdir()) if _is_data(file)]
        elif path.is_file():
            found.append(path)
        else:
            raise ParameterError(f"Expected a file or folder at {path}, found none; correct it.")
    if not found:
        raise ParameterError(
            f"Expected files of data ({', '.join(_ENDINGS)}) in {paths[0]}, found none."
        )
    return [file.absolute() for file in found]


def _is_data(file: Path) -> bool:
    return file.is_file() and file.suffix.lower() in _ENDINGS and not file.name.startswith(".")


def look_at(file: Path) -> LookedAt:
    """Read the first rows of a file, and tell what its columns are.

    Raises
    ------
    ParameterError, SchemaError, SourceError
        If it cannot be read.
    """
    try:
        origin = FileOrigin(path=file.name)
    except ValidationError:
        raise ParameterError(
            f"Expected a plain file name, found {file.name!r}; rename the file."
        ) from None
    found = file_format("the draft", origin, [file])
    if found in _TITLES:
        origin = origin.model_copy(update={"skip_lines": _TITLES[found](file)})
    table = read_file(file, origin, found, _SAMPLE_ROWS + 1)
    rows = table.slice(0, _SAMPLE_ROWS).to_pandas()
    concepts = concepts_of(list(rows.columns), rows.isna().mean().to_dict())
    is_whole = table.num_rows <= _SAMPLE_ROWS
    time = None if "time" in concepts else _time_by_values(rows, set(concepts.values()))
    if time is not None:
        concepts["time"] = time
    raw_table = _raw_table(set(concepts))
    return LookedAt(
        file.name, rows, is_whole, concepts, raw_table, time is not None, origin.skip_lines
    )


def _time_by_values(rows: pd.DataFrame, known: set[str]) -> str | None:
    """Find the one column of no known name whose values are times; None if it is not one."""
    found = [
        name
        for name in rows.columns
        if name not in known and guess_times(rows[name]).form in ("iso", "dmy", "mdy")
    ]
    return found[0] if len(found) == 1 else None


def _raw_table(concepts: set[str]) -> str | None:
    """Which raw table a file is, by what its columns are."""
    has = concepts.__contains__
    if has("rate") and has("currency") and has("time"):
        return "rates_raw"
    if has("review_text") or (has("rating") and has("time")):
        return "reviews_raw"
    if has("event_type") and has("time"):
        return "events_raw"
    if has("time") and concepts & {"order_id", "quantity", "line_value", "unit_price"}:
        return "orders_raw"
    if has("order_id") and concepts & {"quantity", "line_value", "unit_price"}:
        return "orders_raw"  # its time is a TODO
    if has("product_id") and not has("order_id") and concepts & {"product_name", "category"}:
        return "products_raw"
    return "customers_raw" if has("customer_id") and not has("order_id") else None
