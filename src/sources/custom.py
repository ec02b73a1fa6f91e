"""Any dlt source: a function of an installed package, landed like the built-in kinds."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
import importlib
import json
from pathlib import Path
from typing import Any

from src.errors import MarketingError, ParameterError, SourceError
from src.sources.dlt_loads import in_pages, own_dlt, run_dlt, spool_resource
from src.sources.increments import drop_known
from src.sources.landed import Landed
from src.sources.loads import open_loads
from src.sources.mapped_only import of_columns
from src.sources.origins import DltOrigin
from src.sources.reasons import find_reason, innermost
from src.sources.secrets import read_secret

__all__ = ["land_dlt"]


def land_dlt(
    source_name: str,
    place: str,
    origin: DltOrigin,
    folder: Path,
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> Landed:
    """Bring the rows of a custom dlt source into reach as Parquet files.

    A resource that keeps a state, as one with an incremental column does, or whose write
    disposition is ``merge``, adds to what has been landed; any other is read whole each time.

    Parameters
    ----------
    source_name : str
        Name of the shop.
    place : str
        Raw table that it feeds, for the words of an error.
    origin : DltOrigin
        Which function, and what to call it with.
    folder : Path
        Where the files are kept, for this origin alone.
    tell : callable
        Is told how many rows have come so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all.

    Raises
    ------
    ParameterError
        If there is no such function, or it gives no dlt source or resource.
    SourceError
        If the source stops with an error, or has no rows; what has been landed stays.
    """
    function = _find(origin, place)
    arguments = {
        name: read_secret(value) if str(value).startswith("env/") else value
        for name, value in origin.arguments.items()
    }
    asked = origin.model_dump_json(exclude={"key"})
    with open_loads(folder, f"dlt {asked} {of_columns(columns)}") as loads, own_dlt(loads.work):
        with _dlt_errors(origin, place):
            resource = _pick(function(**arguments), origin, place)
            key = tuple(origin.key) or _primary_key(resource)
            if columns is not None:
                columns = {*columns, *key}
            earlier = [] if resource.write_disposition == "replace" else loads.loads()
            rows = spool_resource(lambda: in_pages(resource), loads.work, tell, columns)
            prepared = run_dlt(rows, loads.work, earlier[-1] / "state" if earlier else None)
            replaces = not _adds(resource, prepared)
        landed = [] if replaces else loads.files()
        n_read = drop_known(prepared, landed, key)
        if n_read:
            loads.publish(prepared, replaces)
        elif not landed:
            raise SourceError(
                f"Expected rows from {origin.function} for tables.{place}, found none; leave the "
                "table out until there are some, or correct dlt.arguments."
            )
        return loads.landed(origin.function, origin.function, n_read, key)


def _find(origin: DltOrigin, place: str) -> Callable[..., Any]:
    """Import the function; an error inside its module is the user's to see, in one sentence."""
    module, _, name = origin.function.partition(":")
    try:
        function = getattr(importlib.import_module(module), name, None)
    except Exception as error:
        raise ParameterError(
            f"Expected the module {module} that tables.{place}.dlt.function names to be imported, "
            f"found {type(error).__name__}; install its package, or mend it."
        ) from None
    if not callable(function):
        raise ParameterError(
            f"Expected the function {name} in {module}, which tables.{place}.dlt.function names, "
            "found none; correct its name."
        )
    return function


def _pick(given: Any, origin: DltOrigin, place: str) -> Any:
    """Take the one resource that is meant."""
    from dlt.extract import DltResource, DltSource

    if isinstance(given, DltResource):
        return given
    if not isinstance(given, DltSource):
        raise ParameterError(
            f"Expected {origin.function} to give a dlt source or resource for tables.{place}, "
            f"found {type(given).__name__}; decorate it with dlt.source or dlt.resource."
        )
    names = list(given.resources)
    name = origin.resource or (names[0] if len(names) == 1 else None)
    if name not in names:
        raise ParameterError(
            f"Expected one of the resources {names} of {origin.function} at "
            f"tables.{place}.dlt.resource, found {name or 'none'}; name one."
        )
    return given.resources[name]


def _adds(resource: Any, prepared: Path) -> bool:
    """Whether the rows add to what has been landed: the source keeps a state, or says merge."""
    if resource.write_disposition == "replace":
        return False
    state = json.loads((prepared / "state" / "state.json").read_text())
    return resource.write_disposition == "merge" or bool(state.get("sources"))


def _primary_key(resource: Any) -> tuple[str, ...]:
    columns = resource.compute_table_schema().get("columns", {})
    return tuple(name for name, column in columns.items() if column.get("primary_key"))


@contextmanager
def _dlt_errors(origin: DltOrigin, place: str) -> Iterator[None]:
    """Tell an error of the source in one sentence; its own words may hold secrets or rows."""
    try:
        yield
    except (MarketingError, KeyboardInterrupt):
        raise
    except Exception as error:
        told = find_reason(error, MarketingError)
        kind = type(innermost(error)).__name__
        raise told or SourceError(
            f"Expected rows from {origin.function} for tables.{place}, found that it stops with "
            f"{kind}; correct dlt.arguments, or run it by itself to see why."
        ) from None
