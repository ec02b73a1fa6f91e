"""Profiles of a large shop, made bucket by bucket of customers, so that memory stays bounded."""

from collections.abc import Callable
from pathlib import Path

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import BooleanValue, StringColumn, Table

from src.engine import read_parquet, write_parquet
from src.features.interests import OBSERVATION_DAYS
from src.features.profiles import build_profiles, compare_customers, describe_customers
from src.features.rhythm import DEFAULT_LIFECYCLE, LifecycleRules

__all__ = ["LINES_PER_BUCKET", "bucket_edges", "build_profiles_in_buckets", "count_buckets"]

LINES_PER_BUCKET = 8_000_000
"""Order lines that are worked on at once: about 2 GB."""


def count_buckets(n_lines: int) -> int:
    """Tell the number of buckets for so many order lines."""
    return max(1, -(-n_lines // LINES_PER_BUCKET))


def bucket_edges(n_buckets: int) -> list[str]:
    """Pseudonyms at which a new bucket begins; they are hashes, so buckets are of one size.

    Examples
    --------
    >>> bucket_edges(4)
    ['4000', '8000', 'c000']
    """
    return [f"{65_536 * k // n_buckets:04x}" for k in range(1, n_buckets)]


def build_profiles_in_buckets(
    engine: BaseBackend,
    scratch: Path,
    orders: Table,
    products: Table,
    customers: Table,
    events: Table,
    exposures: Table,
    as_of_date: str,
    observation_days: int = OBSERVATION_DAYS,
    lifecycle_rules: LifecycleRules = DEFAULT_LIFECYCLE,
    n_buckets: int = 1,
    tell: Callable[[int, int], None] | None = None,
) -> Table:
    """Build the same profiles as `build_profiles`, some customers at a time.

    What a customer did is described bucket by bucket and laid aside in Parquet; what compares
    customers, the RFM scores, is added over all of them at the end.

    Parameters
    ----------
    engine : ibis backend
        Where the tables are.
    scratch : Path
        New folder for the buckets; the result reads from it.
    orders, products, customers, events, exposures, as_of_date, observation_days, lifecycle_rules
        As for `build_profiles`. Order lines that lie sorted by customer are read once; others
        once per bucket.
    n_buckets : int, default 1
        Number of buckets; see `count_buckets`. With 1 nothing is laid aside.
    tell : callable, optional
        Is told the number of finished buckets and of all.

    Returns
    -------
    ibis.Table
        As from `build_profiles`.
    """
    others = (products, customers, events, exposures, as_of_date, observation_days)
    if n_buckets == 1:
        return build_profiles(orders, *others, lifecycle_rules)
    edges = ["", *bucket_edges(n_buckets), None]
    parts = []
    for k in range(n_buckets):
        lines = orders.filter(_is_between(orders.customer_id, edges[k], edges[k + 1]))
        folder = scratch / f"bucket-{k:03}"
        write_parquet(engine, describe_customers(lines, *others), folder)
        parts.append(read_parquet(engine, folder))
        if tell is not None:
            tell(k + 1, n_buckets)
    described = ibis.union(*parts)
    return compare_customers(described, described, lifecycle_rules)


def _is_between(ids: StringColumn, first: str, end: str | None) -> BooleanValue:
    return (ids >= first) if end is None else (ids >= first) & (ids < end)
