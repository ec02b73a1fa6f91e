"""Profiles of a large shop, made bucket by bucket of customers, so that memory stays bounded."""

from collections.abc import Callable, Mapping
from pathlib import Path

import ibis
from ibis.backends import BaseBackend
from ibis.expr.types import BooleanValue, StringColumn, Table

from src.engine import read_parquet, write_parquet
from src.features.catalogue import Catalogue
from src.features.families import CORE
from src.features.profiles import (
    build_profiles,
    compare_customers,
    describe_customers,
    gather_tables,
    with_lifecycle,
)
from src.features.relations import OBSERVATION_DAYS, Setting, build_relations
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
    features: Catalogue = CORE,
    others: Mapping[str, Table] | None = None,
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
    features, others
        As for `build_profiles`.

    Returns
    -------
    ibis.Table
        As from `build_profiles`.
    """
    given = (orders, products, customers, events, exposures)
    if n_buckets == 1:
        return build_profiles(
            *given, as_of_date, observation_days, lifecycle_rules, features, others
        )
    tables = gather_tables(*given, others)
    setting = Setting(as_of_date, observation_days)
    features = with_lifecycle(features, lifecycle_rules)
    shop_wide = _lay_aside_shop_wide(engine, scratch, tables, setting, features)
    edges = ["", *bucket_edges(n_buckets), None]
    parts = []
    for k in range(n_buckets):
        some = {name: _between(table, edges[k], edges[k + 1]) for name, table in tables.items()}
        described = describe_customers(some | shop_wide, setting, features)
        parts.append(_lay_aside(engine, described, scratch / f"bucket-{k:03}"))
        if tell is not None:
            tell(k + 1, n_buckets)
    return compare_customers(ibis.union(*parts), features)


def _lay_aside_shop_wide(
    engine: BaseBackend,
    scratch: Path,
    tables: Mapping[str, Table],
    setting: Setting,
    features: Catalogue,
) -> dict[str, Table]:
    """Make the relations of all customers once, before these are parted."""
    wanted = [relation.name for relation in features.relations if relation.is_shop_wide]
    built = build_relations(features.relations, tables, setting) if wanted else {}
    return {name: _lay_aside(engine, built[name], scratch / name) for name in wanted}


def _lay_aside(engine: BaseBackend, table: Table, folder: Path) -> Table:
    write_parquet(engine, table, folder)
    return read_parquet(engine, folder)


def _between(table: Table, first: str, end: str | None) -> Table:
    """Keep the rows of some customers; a table of no customers stays whole."""
    if "customer_id" not in table.columns:
        return table
    return table.filter(_is_between(table.customer_id, first, end))


def _is_between(ids: StringColumn, first: str, end: str | None) -> BooleanValue:
    return (ids >= first) if end is None else (ids >= first) & (ids < end)
