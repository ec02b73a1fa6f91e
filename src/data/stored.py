"""How a table lies in its folder: whole, as replacements over an earlier run's, or as a view.

A whole table is Parquet files in the folder itself. A large table in which little has changed
since an earlier run is not written again; its folder then holds three others:

- ``base``: the files of the earlier run, linked; nobody writes into them,
- ``replaced``: whose rows among these no longer count, each once,
- ``rows``: all rows that those have now.

A view has one folder, ``view``: a single row of the values that its rows share.
"""

from dataclasses import dataclass
import os
from pathlib import Path
import shutil

from ibis.backends import BaseBackend
from ibis.expr.types import Table
import pyarrow as pa
import pyarrow.parquet as pq

from src.data.contract import Table as TableContract
from src.data.contract import check_table
from src.data.views import VIEWS
from src.engine import read_parquet, write_parquet
from src.errors import SchemaError

__all__ = [
    "Replacement",
    "is_little",
    "is_replaced",
    "read_stored",
    "replace_rows",
    "write_replacement",
    "write_view",
]

FEWEST_ROWS = 200_000
"""Beside a base of fewer rows nothing is kept: to write it whole takes a moment."""
LARGEST_SHARE = 0.2
"""Share of a base up to which others may stand beside it; beyond, all is written whole."""

_BASE, _REPLACED, _ROWS, _VIEW = "base", "replaced", "rows", "view"


@dataclass(frozen=True)
class Replacement:
    """What is new in a table since an earlier run.

    Parameters
    ----------
    whose : ibis.Table
        One column of the table, such as `customer_id`: of whom all rows are replaced, each once.
    rows : ibis.Table
        All rows that they have now.
    """

    whose: Table
    rows: Table


def is_little(n_new: int, n_base: int) -> bool:
    """Whether so much that is new may stand beside so much that was there."""
    return n_new <= LARGEST_SHARE * n_base


def replace_rows(table: Table, replacement: Replacement) -> Table:
    """Give a table with some rows replaced, lazily and in no order."""
    kept = table.anti_join(replacement.whose, replacement.whose.columns)
    return kept.union(replacement.rows.select(*table.columns))


def read_stored(engine: BaseBackend, folder: Path) -> Table:
    """Read a table as one lazy table, however it lies in its folder."""
    if (folder / _VIEW).is_dir():
        view = VIEWS[folder.name]
        (values,) = pq.read_table(folder / _VIEW).to_pylist()
        return view.build(read_stored(engine, folder.parent / view.of), **values)
    if not is_replaced(folder):
        return read_parquet(engine, folder)
    return replace_rows(read_parquet(engine, folder / _BASE), _read_replacement(engine, folder))


def is_replaced(folder: Path) -> bool:
    """Whether a table lies there as replacements over an earlier run's."""
    return (folder / _BASE).is_dir()


def _read_replacement(engine: BaseBackend, folder: Path) -> Replacement:
    return Replacement(*(read_parquet(engine, folder / part) for part in (_REPLACED, _ROWS)))


def write_replacement(
    engine: BaseBackend,
    contract: TableContract,
    folder: Path,
    earlier: Path,
    replacement: Replacement,
) -> bool:
    """Write a table as replacements over an earlier run's, if that is worth it.

    Replacements of the earlier run itself go into the new ones, so that a reader has three parts
    to read after any number of runs.

    Parameters
    ----------
    engine : ibis backend
        Where the work is done.
    contract : Table
        What the table promises. The base was held against it when it was written. Since whoever
        has rows beside the base has none in it, no key is there twice if it is not so in the rows.
    folder : Path
        New folder of the table.
    earlier : Path
        Folder of the table in the earlier run; links keep its files when that run is deleted.
    replacement : Replacement
        What is new since then.

    Returns
    -------
    bool
        False, and no folder, where the table is small or too much of it is new: write it whole.

    Raises
    ------
    SchemaError
        If the rows break the contract, or are of somebody who is not replaced.
    """
    base = earlier
    if is_replaced(earlier):
        base, before = earlier / _BASE, _read_replacement(engine, earlier)
        whose = before.whose.union(replacement.whose, distinct=True)
        replacement = Replacement(whose, replace_rows(before.rows, replacement))
    n_base = _count_rows(base)
    if n_base < FEWEST_ROWS:
        return False
    order = list(contract.sorted_by or contract.key)
    rows = replacement.rows.select(*contract.column_names).order_by(order)
    write_parquet(engine, rows, folder / _ROWS)
    whose = replacement.whose.order_by(replacement.whose.columns)
    write_parquet(engine, whose, folder / _REPLACED)
    n_new = max(_count_rows(folder / part) for part in (_ROWS, _REPLACED))
    if not is_little(n_new, n_base):
        shutil.rmtree(folder)
        return False
    try:
        _check_replacement(contract, _read_replacement(engine, folder))
    except SchemaError:
        shutil.rmtree(folder)
        raise
    _link_files(base, folder / _BASE)
    return True


def _count_rows(folder: Path) -> int:
    return sum(pq.read_metadata(file).num_rows for file in folder.glob("*.parquet"))


def _check_replacement(contract: TableContract, written: Replacement) -> None:
    check_table(contract, written.rows)
    strangers = written.rows.anti_join(written.whose, written.whose.columns)
    n_strangers = int(strangers.count().execute())
    if n_strangers:
        raise SchemaError(
            f"Expected rows of {contract.name} only of those who are replaced, but {n_strangers} "
            f"are of others; mend what {contract.stage} replaces."
        )


def _link_files(source: Path, target: Path) -> None:
    """Give files a second name, or copy them where the file system has no links."""
    target.mkdir()
    for file in sorted(source.glob("*.parquet")):
        try:
            os.link(file, target / file.name)
        except OSError:
            shutil.copyfile(file, target / file.name)


def write_view(
    engine: BaseBackend, contract: TableContract, folder: Path, values: dict[str, object]
) -> None:
    """Keep a table as a view of another, which lies beside it as replacements.

    Parameters
    ----------
    engine : ibis backend
        Where the work is done.
    contract : Table
        What the table promises; held against the rows that are new, the others were before.
    folder : Path
        New folder of the table.
    values : dict of str to object
        What `View.build` needs.

    Raises
    ------
    SchemaError
        If the new rows break the contract.
    """
    view = VIEWS[contract.name]
    rows = _read_replacement(engine, folder.parent / view.of).rows
    check_table(contract, view.build(rows, **values))
    (folder / _VIEW).mkdir(parents=True)
    one_row = pa.table({name: [value] for name, value in values.items()})
    pq.write_table(one_row, folder / _VIEW / "part-0.parquet")
