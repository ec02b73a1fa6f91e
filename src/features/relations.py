"""Relations: the named tables, many rows per customer, that features are aggregated from."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

import ibis
from ibis.expr.types import Table

from src.data.tables import TABLES
from src.errors import ParameterError, SchemaError

__all__ = [
    "INPUTS",
    "OBSERVATION_DAYS",
    "Relation",
    "Setting",
    "build_relations",
    "empty_table",
    "sort_relations",
]

OBSERVATION_DAYS = 730
"""Days looked back for interests and the price level: older ones have faded."""

INPUTS = {
    "orders": "ordered_at",
    "products": "",
    "customers": "",
    "events": "event_at",
    "exposures": "exposed_at",
    "refunds": "refunded_at",
    "reviews": "reviewed_at",
    "review_scores": "reviewed_at",
}
"""Tables that relations may need, and the column of their time; empty: they have none."""

_TYPES = {"timestamp": "timestamp('UTC')"}


@dataclass(frozen=True)
class Setting:
    """What a relation may depend on beside its tables.

    Parameters
    ----------
    as_of_date : str
        ISO date, the last day whose facts may be used.
    observation_days : int, default 730
        Days looked back for interests and the price level, the as-of day included.
    """

    as_of_date: str
    observation_days: int = OBSERVATION_DAYS


@dataclass(frozen=True)
class Relation:
    """A table with `customer_id` from which features are aggregated by customer in one pass.

    Parameters
    ----------
    name, rows : str
        `rows` says what a row is.
    needs : tuple of str
        Tables of `INPUTS` or other relations.
    build : callable
        Is given the tables of `needs` in that order, then the `Setting`; must not use anything
        after the end of its as-of day.
    is_complete : bool, default False
        Every customer with an order has a row.
    is_per_customer : bool, default False
        There is one row per customer: features are taken over instead of aggregated.
    is_shop_wide : bool, default False
        Made from all customers, and therefore before they are parted into buckets.
    is_observed : bool, default False
        Looks back the `observation_days` of the setting only.
    package : str, optional
        Package that brought it; empty: this one.
    """

    name: str
    rows: str
    needs: tuple[str, ...]
    build: Callable[..., Table]
    is_complete: bool = False
    is_per_customer: bool = False
    is_shop_wide: bool = False
    is_observed: bool = False
    package: str = ""


def sort_relations(relations: Iterable[Relation]) -> tuple[Relation, ...]:
    """Put relations in an order in which each comes after those it needs.

    Raises
    ------
    ParameterError
        If two have one name, one has the name of a table, needs what is not there, or needs
        itself.
    """
    relations = tuple(relations)
    names = [relation.name for relation in relations]
    repeated = sorted({name for name in names if names.count(name) > 1 or name in INPUTS})
    if repeated:
        raise ParameterError(
            f"Expected each relation to have a name of its own, found {repeated} twice or as the "
            "name of a table; rename one."
        )
    by_name = dict(zip(names, relations, strict=True))
    for relation in relations:
        unknown = sorted(set(relation.needs) - set(by_name) - set(INPUTS))
        if unknown:
            raise ParameterError(
                f"Expected the relation {relation.name!r} to need tables of {sorted(INPUTS)} or "
                f"relations of {sorted(by_name)}, found {unknown}; correct its needs."
            )
    try:
        graph = {relation.name: set(relation.needs) & set(by_name) for relation in relations}
        return tuple(by_name[name] for name in TopologicalSorter(graph).static_order())
    except CycleError as error:
        raise ParameterError(
            f"Expected no relation to need itself, found {' -> '.join(error.args[1])}; cut the "
            "circle."
        ) from None


def build_relations(
    relations: Iterable[Relation], tables: Mapping[str, Table], setting: Setting
) -> dict[str, Table]:
    """Build relations that are not among the tables yet, each after those it needs.

    Parameters
    ----------
    relations : iterable of Relation
        In the order of `sort_relations`.
    tables : mapping of str to ibis.Table
        Inputs by name, and relations that are already there. An input that is missing is empty.
    setting : Setting
        As-of date and days looked back.

    Returns
    -------
    dict of str to ibis.Table
        The given tables and all relations, lazy.
    """
    known = dict(tables)
    for relation in relations:
        for name in relation.needs:
            if name not in known:
                known[name] = empty_table(name)
        if relation.name not in known:
            given = [known[need] for need in relation.needs]
            known[relation.name] = _build(relation, given, setting)
    return known


def _build(relation: Relation, given: list[Table], setting: Setting) -> Table:
    """Build a relation; what a package's own gives is held against what a relation is."""
    if not relation.package:
        return relation.build(*given, setting)
    try:
        built = relation.build(*given, setting)
        reason = "" if isinstance(built, Table) else f"{type(built).__name__}, no table"
        if not reason and not {"customer_id"} <= set(built.columns) and not relation.is_shop_wide:
            reason = "no column customer_id"
    except Exception as error:  # whatever a shop's function does
        reason = f"{type(error).__name__}: {' '.join(str(error).split()) or 'no reason given'}"
    if reason:
        raise SchemaError(
            f"Expected the relation {relation.name!r} of the package {relation.package} to be a "
            f"table with customer_id, found {reason}; mend its function."
        )
    return built


def empty_table(name: str) -> Table:
    """Make an input without rows, in the types of its contract."""
    columns = TABLES[name].columns
    return ibis.memtable([], schema={c.name: _TYPES.get(c.type, c.type) for c in columns})
