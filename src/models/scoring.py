"""All customers scored in blocks: read from the engine, predicted, laid aside in Parquet."""

from collections.abc import Callable
import logging
import os
from pathlib import Path
import shutil

from ibis.backends import BaseBackend
from ibis.expr.types import Table
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from src.engine import read_parquet
from src.errors import SchemaError
from src.features.buckets import bucket_edges

__all__ = ["ROWS_PER_BLOCK", "list_in_blocks", "score_in_blocks"]

logger = logging.getLogger(__name__)

ROWS_PER_BLOCK = 250_000
"""Customers that are in memory at once: with forty columns about 0.1 GB, and as much again
for each copy that the model makes."""

_ID = "customer_id"


def score_in_blocks(
    engine: BaseBackend,
    profiles: Table,
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    scratch: Path,
    rows_per_block: int = ROWS_PER_BLOCK,
    tell: Callable[[int, int], None] | None = None,
) -> Table:
    """Score every customer, some at a time, so that memory follows the block, not the shop.

    Pseudonyms are hashes, so ranges of them are blocks of about one size; 03 writes `profiles`
    in their order, so a block reads little more than its own rows.

    Parameters
    ----------
    engine : ibis backend
        Where `profiles` are.
    profiles : ibis.Table
        One row per customer: `customer_id` (a pseudonym) and what `predict` needs. Select
        those columns first: only what is asked for is read.
    predict : callable
        Takes the customers of a block as pandas, sorted by `customer_id`, and gives one row for
        each of them, with `customer_id`, in any order, with the same columns and types for
        every block. What it gives a customer must not depend on the others of the block. It is
        called once with an empty frame if there is nobody.
    scratch : Path
        New folder for the blocks; the result reads from it. It holds whole blocks only, and
        appears under its name when all are done.
    rows_per_block : int, default 250,000
        Customers at once, about.
    tell : callable, optional
        Is told the number of finished blocks and of all.

    Returns
    -------
    ibis.Table
        One row per customer, as `predict` gave them.

    Raises
    ------
    SchemaError
        If `predict` leaves a customer out, adds one, or changes its columns from block to block.
    """
    return _in_blocks(engine, profiles, predict, _check_scores, scratch, rows_per_block, tell)


def list_in_blocks(
    engine: BaseBackend,
    customers: Table,
    choose: Callable[[pd.DataFrame], pd.DataFrame],
    scratch: Path,
    rows_per_block: int = ROWS_PER_BLOCK,
    tell: Callable[[int, int], None] | None = None,
) -> Table:
    """Make lists for all customers, some at a time: as `score_in_blocks`, but rows by the list.

    Parameters
    ----------
    engine, customers, scratch, rows_per_block, tell
        As `engine`, `profiles` and so on of `score_in_blocks`.
    choose : callable
        Takes the customers of a block and gives any number of rows for each, with `customer_id`.

    Returns
    -------
    ibis.Table
        The rows of all lists.

    Raises
    ------
    SchemaError
        If `choose` gives a row for somebody else, or changes its columns from block to block.
    """
    return _in_blocks(engine, customers, choose, _check_lists, scratch, rows_per_block, tell)


def _in_blocks(
    engine: BaseBackend,
    profiles: Table,
    predict: Callable[[pd.DataFrame], pd.DataFrame],
    check: Callable[[pd.DataFrame, pd.DataFrame], None],
    scratch: Path,
    rows_per_block: int,
    tell: Callable[[int, int], None] | None,
) -> Table:
    edges = _edges(int(profiles.count().execute()), rows_per_block)
    draft = scratch.with_name(f".{scratch.name}-draft")
    draft.mkdir(parents=True)
    try:
        schema = None
        for k, (first, end) in enumerate(edges):
            block = _read_block(profiles, first, end)
            if len(block) or (schema is None and k + 1 == len(edges)):
                path = draft / f"part-{k:05}.parquet"
                scores = predict(block).sort_values(_ID, kind="stable", ignore_index=True)
                check(block, scores)
                schema = _write_block(scores, schema, path)
            if tell is not None:
                tell(k + 1, len(edges))
        os.rename(draft, scratch)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    logger.info("in_blocks: %d blocks", len(edges))
    return read_parquet(engine, scratch)


def _edges(n_rows: int, rows_per_block: int) -> list[tuple[str, str | None]]:
    """First pseudonym of each block, and the first that is no longer in it."""
    n_blocks = min(max(1, -(-n_rows // rows_per_block)), 65_536)
    edges = ["", *bucket_edges(n_blocks)]
    return list(zip(edges, [*edges[1:], None], strict=True))


def _read_block(profiles: Table, first: str, end: str | None) -> pd.DataFrame:
    ids = profiles[_ID]
    is_in = (ids >= first) if end is None else (ids >= first) & (ids < end)
    block = profiles if (first, end) == ("", None) else profiles.filter(is_in)
    return block.to_pandas().sort_values(_ID, ignore_index=True)


def _check_scores(block: pd.DataFrame, scores: pd.DataFrame) -> None:
    if scores[_ID].tolist() != block[_ID].tolist():
        raise SchemaError(
            f"Expected one score for each of the {len(block):,} customers of a block, found "
            f"{len(scores):,} rows for {scores[_ID].nunique():,} customers, or other customers; "
            "let predict give one row for each row it gets."
        )


def _check_lists(block: pd.DataFrame, rows: pd.DataFrame) -> None:
    strange = ~rows[_ID].isin(block[_ID])
    if strange.any():
        raise SchemaError(
            f"Expected rows for the {len(block):,} customers of a block only, found "
            f"{int(strange.sum()):,} for others; let choose answer for those it gets."
        )


def _write_block(scores: pd.DataFrame, schema: pa.Schema | None, path: Path) -> pa.Schema:
    """Write the rows of a block beside its place and rename them into it; give their schema."""
    try:
        table = pa.Table.from_pandas(scores, schema=schema, preserve_index=False)
    except (pa.ArrowException, KeyError, TypeError) as error:
        raise SchemaError(
            f"Expected the same columns and types from predict for every block, found others "
            f"({error}); give every column one type."
        ) from None
    if schema is not None and len(scores.columns) != len(schema):
        raise SchemaError(
            f"Expected the columns {schema.names} from predict for every block, found "
            f"{list(scores.columns)}; give the same for each."
        )
    draft = path.with_suffix(".draft")
    pq.write_table(table, draft, coerce_timestamps="us")
    os.replace(draft, path)
    return table.schema
