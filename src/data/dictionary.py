"""The data dictionary, written from the table contracts: `make dictionary`."""

from pathlib import Path
import sys

from src.data.contract import Column, Table
from src.data.tables import STAGES, TABLES

__all__ = ["data_dictionary"]

_HEAD = """# Data dictionary

Written from the table contracts by `make dictionary`; a test keeps both in step. Times are in UTC,
`_minor` is integer cents, `_value` is shop currency, `_share` and `p_` run from 0 to 1.
"""
_OPEN = "\nFurther columns: the features of [features.md](features.md) that the run computes.\n"


def data_dictionary() -> str:
    """Describe every table of a run in Markdown."""
    parts = [_HEAD]
    for stage in STAGES:
        parts.append(f"## {stage}\n")
        parts += [_describe(table) for table in TABLES.values() if table.stage == stage]
    return "\n".join(parts)


def _describe(table: Table) -> str:
    key = ", ".join(f"`{name}`" for name in table.key) or "none"
    truths = "".join(f"- always `{truth}`\n" for truth in table.truths)
    rows = "\n".join(_row(column) for column in table.columns)
    return (
        f"### {table.name}\n\n{table.grain[:1].upper()}{table.grain[1:]}. Key: {key}.\n\n"
        f"| column | type | unit | meaning |\n|---|---|---|---|\n{rows}\n"
        + (_OPEN if table.is_open else "")
        + (f"\n{truths}" if truths else "")
    )


def _row(column: Column) -> str:
    unit = column.unit + (" or empty" if column.is_nullable else "")
    return f"| `{column.name}` | {column.type} | {unit.strip()} | {column.meaning} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(data_dictionary(), encoding="utf-8")
