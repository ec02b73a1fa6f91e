"""One stage of a run: the only door through which a notebook reads and writes tables."""

from dataclasses import dataclass, field
import json
import math
import numbers
import os
from pathlib import Path
import shutil

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import Table
import pandas as pd

from src.data.contract import Table as TableContract
from src.data.contract import check_table
from src.data.stored import (
    Replacement,
    is_replaced,
    read_stored,
    write_replacement,
    write_view,
)
from src.data.tables import STAGES, TABLES, table_contract
from src.data.views import VIEWS
from src.earlier import check_earlier
from src.engine import connect, read_parquet, write_parquet
from src.errors import ParameterError, SchemaError, StageOrderError
from src.root import PROJECT_ROOT

__all__ = [
    "HELD_RUN_VARIABLE",
    "Stage",
    "open_stage",
    "publish",
    "results_path",
    "run_path",
    "staging_path",
    "tables_path",
]

_EMPTY_TYPES = {"timestamp": "timestamp('UTC')", "floats": "array<float64>", "any": "string"} | {
    name: name for name in ("string", "int64", "float64", "boolean", "date")
}

HELD_RUN_VARIABLE = "CAMPANILE_HELD_RUN"
"""Names the run whose stages the runner publishes; without it `record` publishes."""


def run_path(run_dir: str) -> Path:
    """Folder of a run; a relative one starts at the project root."""
    return (PROJECT_ROOT / run_dir).resolve()


def tables_path(run: Path, stage: str) -> Path:
    """Where the published tables of a stage lie."""
    return run / "tables" / stage


def results_path(run: Path, stage: str) -> Path:
    """Where the recorded numbers of a stage lie."""
    return run / "results" / f"{stage}.json"


def staging_path(run: Path, stage: str) -> Path:
    """Where a stage works until it is published."""
    return run / ".staging" / stage


def publish(run: Path, stage: str) -> None:
    """Move what a stage wrote into its place, each part by one rename, the tables last."""
    staging = staging_path(run, stage)
    for part, target in (
        (staging / "notebook.ipynb", run / "notebooks" / f"{stage}.ipynb"),
        (staging / "results.json", results_path(run, stage)),
    ):
        if part.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(part, target)
    target = tables_path(run, stage)
    if target.exists():
        shutil.rmtree(target)
    if (staging / "tables").exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(staging / "tables", target)
    shutil.rmtree(staging, ignore_errors=True)


@dataclass
class Stage:
    """Inputs, outputs and recorded results of one notebook inside one run folder."""

    name: str
    run: Path
    engine: BaseBackend = field(default_factory=connect, repr=False)

    def table(self, name: str) -> Table:
        """Read a table that an earlier stage wrote, lazily.

        Raises
        ------
        StageOrderError
            If the table is unknown, is not written by an earlier stage, or is not there yet.
        """
        folder = self._input_path(name)
        if not folder.is_dir():
            raise StageOrderError(
                f"Expected the table {name} in this run, but {TABLES[name].stage} has not "
                f"written it; run {TABLES[name].stage} first."
            )
        return read_stored(self.engine, folder)

    def frame(self, name: str) -> pd.DataFrame:
        """Read a table that an earlier stage wrote as pandas, in the order of its key."""
        table = self.table(name)
        key = TABLES[name].key
        return (table.order_by(list(key)) if key else table).to_pandas()

    def earlier_table(self, previous_run: str, name: str) -> Table | None:
        """Read a table as an earlier run of the same shop left it, lazily.

        Parameters
        ----------
        previous_run : str
            Folder of the earlier run; a relative one starts at the project root. Empty: none.
        name : str
            A table of the data dictionary.

        Returns
        -------
        ibis.Table or None
            None where no run is named.

        Raises
        ------
        StageOrderError
            If the run is this one, or lacks the table.
        ParameterError
            If the run is as of a later date, or of another source.
        """
        if not previous_run:
            return None
        check_earlier(previous_run, run_path(previous_run), self.run.resolve())
        folder, writer = _earlier_path(previous_run, name), table_contract(name).stage
        if not folder.is_dir():
            raise StageOrderError(
                f"Expected the table {name} in the earlier run {previous_run}, found none; name a "
                f"run whose {writer} is finished as previous_run, or leave it empty the first time."
            )
        return read_stored(self.engine, folder)

    def earlier_results(self, stage: str) -> dict[str, object]:
        """Read the numbers that an earlier stage of this run recorded.

        Raises
        ------
        StageOrderError
            If that stage does not come before this one, or has not recorded yet.
        """
        path = results_path(self.run, stage)
        if stage not in STAGES or _number(stage) >= _number(self.name) or not path.is_file():
            raise StageOrderError(
                f"Expected the results of an earlier stage of this run, but {stage} has none for "
                f"{self.name}; run {stage} first."
            )
        return json.loads(path.read_text(encoding="utf-8"))

    def write(
        self, name: str, table: Table | pd.DataFrame, contract: TableContract | None = None
    ) -> int:
        """Write a table of this stage, hold it against its contract, and count its rows.

        Parameters
        ----------
        name : str
            One of the tables of this stage.
        table : ibis.Table or pandas.DataFrame
            Its rows.
        contract : TableContract, optional
            The whole contract of a table whose own is open; else the one of `name`.

        Raises
        ------
        StageOrderError
            If the table belongs to another stage.
        SchemaError
            If it breaks its contract; nothing is then left behind.
        """
        contract = _whole_contract(self._own_contract(name), contract)
        missing = sorted(set(contract.column_names) - set(table.columns))
        if missing:
            raise SchemaError(
                f"Expected the columns of {name} as in the data dictionary, but missing are "
                f"{missing}; mend what {self.name} writes."
            )
        folder = self._new_path(name)
        expression = _as_expression(table, contract)
        if contract.key:
            expression = expression.order_by(list(contract.sorted_by or contract.key))
        write_parquet(self.engine, expression, folder)
        try:
            return check_table(contract, read_parquet(self.engine, folder))
        except SchemaError:
            shutil.rmtree(folder)
            raise

    def write_onward(
        self, name: str, table: Table, previous_run: str, replacement: Replacement | None
    ) -> None:
        """Write a table that goes on from an earlier run's; where little is new, only that.

        Parameters
        ----------
        name : str
            One of the tables of this stage.
        table : ibis.Table
            All of its rows.
        previous_run : str
            As for `earlier_table`.
        replacement : Replacement or None
            What makes the earlier table this one; None: it is written whole.
        """
        contract, folder = self._own_contract(name), self._new_path(name)
        earlier = _earlier_path(previous_run, name)
        if replacement is None or not write_replacement(
            self.engine, contract, folder, earlier, replacement
        ):
            self.write(name, table)

    def write_view(self, name: str, table: Table, **values: object) -> None:
        """Write a table that follows from another, or where that was not written whole, how.

        Parameters
        ----------
        name : str
            One of `src.data.views.VIEWS`, whose other table is written before.
        table : ibis.Table
            All of its rows.
        **values : object
            What the view needs to give these rows.
        """
        contract, folder, other = self._own_contract(name), self._new_path(name), VIEWS[name].of
        if not (folder.parent / other).is_dir():
            raise StageOrderError(
                f"Expected {name} to be written after {other}, from which it follows; "
                f"write {other} first."
            )
        if is_replaced(folder.parent / other):
            write_view(self.engine, contract, folder, values)
        else:
            self.write(name, table)

    def record(self, **results: float | int | str | bool | list | None) -> None:
        """Keep named numbers for tests, report and tracker, and close the stage.

        Under the runner the stage is published by the runner, else here.

        Raises
        ------
        ParameterError
            If a value is neither a number, text, truth value, list of these, nor None.
        StageOrderError
            If a table of the stage was not written.
        """
        unwritten = [
            name
            for name, contract in TABLES.items()
            if contract.stage == self.name
            and not (staging_path(self.run, self.name) / "tables" / name).is_dir()
        ]
        if unwritten:
            raise StageOrderError(
                f"Expected {self.name} to write {unwritten} before it records; call stage.write."
            )
        plain = {name: _plain(name, value) for name, value in results.items()}
        text = json.dumps(plain, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
        (staging_path(self.run, self.name) / "results.json").write_text(text, encoding="utf-8")
        if os.environ.get(HELD_RUN_VARIABLE) != str(self.run):
            publish(self.run, self.name)

    def folder(self, name: str) -> Path:
        """Folder of this stage for files that are no tables (models, a Maildir), made if absent."""
        path = self.run / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def scratch(self, name: str) -> Path:
        """Folder for what is needed only until the stage is published, empty."""
        path = staging_path(self.run, self.name) / name
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        return path

    def _own_contract(self, name: str) -> TableContract:
        contract = table_contract(name)
        if contract.stage != self.name:
            raise StageOrderError(
                f"Expected a table of {self.name}, but {name} belongs to {contract.stage}; "
                "write it there."
            )
        return contract

    def _new_path(self, name: str) -> Path:
        """Folder for a table of this stage; what was written there before is dropped."""
        folder = staging_path(self.run, self.name) / "tables" / name
        shutil.rmtree(folder, ignore_errors=True)
        return folder

    def _input_path(self, name: str) -> Path:
        writer = table_contract(name).stage
        if _number(writer) >= _number(self.name):
            raise StageOrderError(
                f"Expected {self.name} to read only tables of earlier stages, but {name} is "
                f"written by {writer}; move the work or the table upstream."
            )
        return tables_path(self.run, writer) / name


def open_stage(name: str, run_dir: str, engine: str = "duckdb", spark_master: str = "") -> Stage:
    """Open stage `name` of the run in `run_dir`; what an earlier try left half-done is dropped.

    Parameters
    ----------
    name : str
        One of `src.data.tables.STAGES`.
    run_dir : str
        Folder of the run; a relative one starts at the project root.
    engine : str, default "duckdb"
        Where table work is done, ``duckdb`` or ``spark``; the tables are the same.
    spark_master : str, optional
        Where Spark runs; see `src.engine.connect`.
    """
    if name not in STAGES:
        raise StageOrderError(f"Expected one of the stages {list(STAGES)}, found {name!r}.")
    run = run_path(run_dir)
    pd.set_option("display.max_colwidth", 120)  # reasons are read, not guessed
    staging = staging_path(run, name)
    shutil.rmtree(staging / "tables", ignore_errors=True)
    staging.mkdir(parents=True, exist_ok=True)
    return Stage(name, run, connect(engine, spark_master))


def _whole_contract(known: TableContract, given: TableContract | None) -> TableContract:
    if known.is_open and given is None:
        raise SchemaError(
            f"Expected the whole contract of {known.name}, whose columns depend on the run, found "
            "none; give it as contract."
        )
    return known if given is None else given


def _number(stage: str) -> str:
    return stage[:2]


def _earlier_path(previous_run: str, name: str) -> Path:
    return tables_path(run_path(previous_run), table_contract(name).stage) / name


def _as_expression(table: Table | pd.DataFrame, contract: TableContract) -> Table:
    """Take the contract's columns; a column without any value gets the contract's type."""
    if isinstance(table, pd.DataFrame):
        table = ibis.memtable(table[contract.column_names].reset_index(drop=True))
    table = table.select(*contract.column_names)
    schema = table.schema()
    return table.cast(
        {
            column.name: _EMPTY_TYPES[column.type]
            for column in contract.columns
            if schema[column.name].is_null()
        }
    )


def _plain(name: str, value: object) -> object:
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, numbers.Integral):
        return int(value)
    if isinstance(value, numbers.Real):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [_plain(name, item) for item in value]
    if hasattr(value, "item"):
        return _plain(name, value.item())
    raise ParameterError(
        f"Expected a number, text or list for the result {name!r}, found "
        f"{type(value).__name__}; record plain values."
    )
