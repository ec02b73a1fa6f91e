"""Run dlt for one load: its files go where they are told, and nothing of it stays elsewhere."""

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
import shutil
from typing import Any

import pyarrow as pa

from src.sources.mapped_only import blank_unasked
from src.sources.uniform import flatten, rows_to_table, spool_uniform

__all__ = ["in_pages", "own_dlt", "run_dlt", "spool_resource"]

_PIPELINE, _ROWS = "landing", "rows"
_STATE = f"dlt/{_PIPELINE}/state.json"
_SCHEMAS = f"dlt/{_PIPELINE}/schemas"
_PAGE_ROWS = 5_000

# No telemetry, no trace (a pickle of all settings), one thread, and one file for all rows,
# whose order is then that of the source.
_SETTINGS = {
    "runtime": {"dlthub_telemetry": False, "log_level": "CRITICAL"},
    "enable_runtime_trace": False,
    "restore_from_destination": False,
    "normalize": {"workers": 1},
    "load": {"workers": 1},
    "data_writer": {"file_max_bytes": 1 << 50},
}


@contextmanager
def own_dlt(work: Path) -> Iterator[None]:
    """Give dlt its settings and folders; it sees neither the user's files nor variables.

    Parameters
    ----------
    work : Path
        All that dlt writes is below it.
    """
    from dlt.common.configuration.providers.doc import CustomLoaderDocProvider
    from dlt.common.runtime.run_context import RunContext, switched_run_context

    class OwnContext(RunContext):
        run_dir = local_dir = data_dir = str(work / "dlt")

        def initial_providers(self) -> list:
            return [CustomLoaderDocProvider("campanile", lambda: dict(_SETTINGS))]

    context = OwnContext(str(work / "dlt"))
    context._global_dir = str(work / "dlt")
    with switched_run_context(context):
        yield


def run_dlt(resource: Any, work: Path, state: Path | None = None) -> Path:
    """Let dlt extract, normalise and load one resource into Parquet.

    Parameters
    ----------
    resource : dlt resource
        Gives tables of one schema; made under `own_dlt`.
    work : Path
        As given to `own_dlt`.
    state : Path, optional
        Folder with dlt's state of the load before.

    Returns
    -------
    Path
        Folder with the rows as ``part-….parquet``, none if there were no rows, and dlt's
        state in ``state``.
    """
    import dlt

    if state is not None and (state / "state.json").is_file():
        (work / _STATE).parent.mkdir(parents=True)
        shutil.copy(state / "state.json", work / _STATE)
        shutil.copytree(state / "schemas", work / _SCHEMAS)
    pipeline = dlt.pipeline(
        _PIPELINE,
        pipelines_dir=str(work / "dlt"),
        destination=dlt.destinations.filesystem(
            bucket_url=(work / "out").as_uri(), naming_convention="direct"
        ),
        dataset_name="landed",
    )
    pipeline.run(
        resource, table_name=_ROWS, loader_file_format="parquet", write_disposition="append"
    )
    return _gather(work)


def _gather(work: Path) -> Path:
    """Collect what counts of a run: the rows, and the state for the next one."""
    prepared = work / "prepared"
    (prepared / "state").mkdir(parents=True)
    files = sorted((work / "out" / "landed" / _ROWS).glob("*.parquet"))
    for number, file in enumerate(files):
        file.rename(prepared / f"part-{number:05d}.parquet")
    shutil.copy(work / _STATE, prepared / "state" / "state.json")
    shutil.copytree(work / _SCHEMAS, prepared / "state" / "schemas")
    return prepared


def spool_resource(
    pages: Callable[[], Iterable[pa.Table]],
    work: Path,
    tell: Callable[[int], None],
    columns: Collection[str] | None = None,
) -> Any:
    """Make a dlt resource of pages whose columns and types may differ.

    Parameters
    ----------
    pages : callable
        Gives the pages, and is called when dlt runs.
    work : Path
        Where pages wait until all have been seen.
    tell : callable
        Is told how many rows have come so far.
    columns : collection of str, optional
        Columns whose values are kept; None for all.
    """
    import dlt

    def counted() -> Iterator[pa.Table]:
        n_rows = 0
        for page in pages():
            n_rows += page.num_rows
            tell(n_rows)
            if page.num_rows:
                yield blank_unasked(page, columns)

    @dlt.resource(name=_ROWS)
    def rows() -> Iterator[pa.Table]:
        is_first = True
        for table in spool_uniform(counted(), work / "pages"):
            if is_first:
                hints = dlt.mark.make_hints(columns=_naive_hints(table.schema))
                yield dlt.mark.with_hints(table, hints)
            else:
                yield table
            is_first = False

    return rows


def _naive_hints(schema: pa.Schema) -> dict[str, Any]:
    """Tell dlt of times without a zone, which it would take for UTC."""
    return {
        field.name: {"name": field.name, "data_type": "timestamp", "timezone": False}
        for field in schema
        if pa.types.is_timestamp(field.type) and field.type.tz is None
    }


def in_pages(items: Iterable[Any]) -> Iterator[pa.Table]:
    """Make tables of single records; what is a table already stays one.

    Raises
    ------
    TypeError
        If an item is neither a record nor a table.
    """
    page: list[dict[str, Any]] = []
    for item in items:
        if isinstance(item, dict):
            page.append(flatten(item))
            if len(page) >= _PAGE_ROWS:
                yield rows_to_table(page)
                page = []
            continue
        if page:
            yield rows_to_table(page)
            page = []
        yield _to_table(item)
    if page:
        yield rows_to_table(page)


def _to_table(item: Any) -> pa.Table:
    if isinstance(item, pa.RecordBatch):
        return pa.Table.from_batches([item])
    if isinstance(item, pa.Table):
        return item
    if hasattr(item, "to_arrow"):
        return item.to_arrow()
    if hasattr(item, "dtypes"):
        return pa.Table.from_pandas(item, preserve_index=False)
    raise TypeError(type(item).__name__)
