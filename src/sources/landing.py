"""Bring everything a source file names into reach, as Parquet files."""

from collections.abc import Callable, Collection
import dataclasses
from pathlib import Path
import re

from src.sources.config import Source
from src.sources.custom import land_dlt
from src.sources.drift import compare
from src.sources.files import land_files
from src.sources.kafka import land_kafka
from src.sources.landed import Landed
from src.sources.mapped_only import asked_columns
from src.sources.mapping import check_columns
from src.sources.origins import (
    DltOrigin,
    FileOrigin,
    KafkaOrigin,
    Origin,
    RestOrigin,
    SqlOrigin,
    WebOrigin,
)
from src.sources.rest import land_rest
from src.sources.sql import land_sql
from src.sources.web import land_web

__all__ = ["LOOKUP", "REGISTERED", "land_source"]

LOOKUP = ".lookup"
REGISTERED = "registered."


def land_source(
    path: str, source: Source, raw_dir: Path, tell: Callable[[str, int], None] | None = None
) -> dict[str, Landed]:
    """Bring every table of a source into reach, and hold its mapping against what came.

    Parameters
    ----------
    path : str
        The source file, for the words of an error.
    source : Source
        A checked source.
    raw_dir : Path
        Where what is fetched or converted is kept; a folder per shop is made in it.
    tell : callable, optional
        Is told the name of a table and how many rows or bytes have come so far.

    Returns
    -------
    dict of str to Landed
        By raw table; a second file by ``<raw table>.lookup``, a file that is only counted by
        ``registered.<name>``. Tables of the same origin share what was landed.

    Raises
    ------
    ParameterError, SchemaError, SourceError
        If a place cannot be reached or read, or has not the columns that are mapped.
    """
    places: dict[str, Origin] = {}
    for raw_table, table in source.tables.items():
        places[raw_table] = table.origin
        if table.lookup is not None:
            places[raw_table + LOOKUP] = table.lookup.file
    places |= {REGISTERED + origin.path: origin for origin in source.registered}
    asked = asked_columns(source)
    landed: dict[str, Landed] = {}
    by_origin: dict[str, Landed] = {}
    for place, origin in places.items():
        key = f"{type(origin).__name__} {origin.model_dump_json()}"
        if key not in by_origin:
            name = _folder_name(place, origin)
            columns = asked[origin.model_dump_json()]
            found = _land(path, source, place, origin, raw_dir / source.name / name, tell, columns)
            new = compare(raw_dir / source.name, name, found.schema)
            by_origin[key] = dataclasses.replace(found, new_columns=tuple(new))
        landed[place] = by_origin[key]
    for raw_table, table in source.tables.items():
        second = landed.get(raw_table + LOOKUP)
        check_columns(
            path, raw_table, table, landed[raw_table].schema, second.schema if second else None
        )
    return landed


def _land(
    path: str,
    source: Source,
    place: str,
    origin: Origin,
    folder: Path,
    tell: Callable[[str, int], None] | None,
    columns: Collection[str],
) -> Landed:
    def told(n: int) -> None:
        if tell is not None:
            tell(place, n)

    if isinstance(origin, FileOrigin):
        return land_files(path, source, origin, folder, told, columns)
    if isinstance(origin, WebOrigin):  # what the crawler finds are products alone
        return land_web(source.name, place, origin, folder, told)
    land = {
        SqlOrigin: land_sql,
        RestOrigin: land_rest,
        KafkaOrigin: land_kafka,
        DltOrigin: land_dlt,
    }[type(origin)]
    return land(source.name, place, origin, folder, told, columns)


def _folder_name(place: str, origin: Origin) -> str:
    """Folder of one origin: a file by its name, all else by the table it feeds."""
    name = place
    if isinstance(origin, FileOrigin):
        name = f"{origin.path}_{origin.sheet}" if origin.sheet else origin.path
    return re.sub(r"[^A-Za-z0-9_.-]+", "_", name)
