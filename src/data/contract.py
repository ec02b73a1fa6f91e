"""What a table promises: grain, key, columns and truths, and the check that it keeps them."""

from dataclasses import dataclass
from typing import Literal

from ibis.expr import datatypes as dt
from ibis.expr.types import Table as IbisTable

from src.errors import SchemaError

__all__ = ["IBIS_TYPES", "Column", "ColumnType", "Table", "check_table"]

ColumnType = Literal["string", "int64", "float64", "boolean", "date", "timestamp", "floats", "any"]

IBIS_TYPES = {
    "string": dt.String,
    "int64": dt.Integer,
    "float64": dt.Floating,
    "boolean": dt.Boolean,
    "date": dt.Date,
    "timestamp": dt.Timestamp,
    "floats": dt.Array,
    "any": dt.DataType,
}


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name, type, meaning : str
        Type is one of `ColumnType`; a timestamp is in UTC; ``floats`` is a list of numbers in
        each row; ``any`` is left to 02_clean.
    unit : str, optional
        Unit of a number.
    is_nullable : bool, default False
        Whether a missing value is an honest answer.
    """

    name: str
    type: ColumnType
    meaning: str
    unit: str = ""
    is_nullable: bool = False


@dataclass(frozen=True)
class Table:
    """Contract of one table.

    Parameters
    ----------
    name, stage, grain : str
        `stage` is the one notebook that writes it; `grain` says what a row is.
    key : tuple of str
        Columns that together name a row once; empty where no key exists.
    columns : tuple of Column
        All columns, in order.
    truths : tuple of str
        SQL conditions over the columns that hold in every row; a null counts as kept.
    sorted_by : tuple of str
        Columns in whose order the rows are written, so that readers of a part read a part;
        else the key.
    is_open : bool, default False
        Further columns depend on the run; whoever writes the table gives its whole contract.
    """

    name: str
    stage: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    truths: tuple[str, ...] = ()
    sorted_by: tuple[str, ...] = ()
    is_open: bool = False

    @property
    def column_names(self) -> list[str]:
        """Names of all columns, in order."""
        return [column.name for column in self.columns]


def check_table(contract: Table, table: IbisTable) -> int:
    """Hold a table against its contract and count its rows.

    Parameters
    ----------
    contract : Table
        What is promised.
    table : ibis.Table
        What was written, on any engine.

    Returns
    -------
    int
        Number of rows.

    Raises
    ------
    SchemaError
        On a missing or unknown column, a wrong type, a repeated key, a null where none may
        be, or a broken truth.
    """
    _check_columns(contract, table)
    conditions = _conditions(contract)
    key = ", ".join(f'"{name}"' for name in contract.key)
    parts = ["COUNT(*) AS n_rows"]
    parts += [
        f"SUM(CASE WHEN {condition} THEN 0 ELSE 1 END) AS broken_{i}"
        for i, condition in enumerate(conditions)
    ]
    query = f"SELECT {', '.join(parts)} FROM checked"  # noqa: S608 - contract text, not input
    found = table.alias("checked").sql(query, dialect="duckdb").execute().iloc[0]
    n_rows = int(found["n_rows"])
    for i, condition in enumerate(conditions):
        n_broken = found[f"broken_{i}"]
        if n_rows and n_broken > 0:
            raise SchemaError(
                f"Expected {condition} in every row of {contract.name}, but {int(n_broken)} of "
                f"{n_rows} rows break it; mend it in {contract.stage}."
            )
    if key:
        _check_key(contract, table, n_rows)
    return n_rows


def _check_columns(contract: Table, table: IbisTable) -> None:
    expected, found = set(contract.column_names), set(table.columns)
    if expected != found:
        raise SchemaError(
            f"Expected the columns of {contract.name} as in the data dictionary, but missing are "
            f"{sorted(expected - found)} and unknown are {sorted(found - expected)}; "
            f"mend what {contract.stage} writes."
        )
    schema = table.schema()
    for column in contract.columns:
        if not isinstance(schema[column.name], IBIS_TYPES[column.type]):
            raise SchemaError(
                f"Expected {contract.name}.{column.name} to be {column.type}, found "
                f"{schema[column.name]}; cast it in {contract.stage}."
            )


def _conditions(contract: Table) -> list[str]:
    filled = [
        f'"{column.name}" IS NOT NULL'
        for column in contract.columns
        if not column.is_nullable and column.type != "any"
    ]
    return filled + [f"COALESCE({truth}, TRUE)" for truth in contract.truths]


def _check_key(contract: Table, table: IbisTable, n_rows: int) -> None:
    n_keys = int(table.select(*contract.key).distinct().count().execute())
    if n_keys == n_rows:
        return
    repeated = table.group_by(list(contract.key)).agg(n_rows=lambda t: t.count())
    first = repeated.filter(repeated["n_rows"] > 1).limit(1).execute().iloc[0]
    raise SchemaError(
        f"Expected one row per {', '.join(contract.key)} in {contract.name}, but "
        f"{n_rows - n_keys} rows repeat one (first: {[first[name] for name in contract.key]}); "
        f"drop or merge duplicates in {contract.stage}."
    )
