"""Who customers are, as far as the shop was told."""

import functools

from ibis.expr.types import StringValue, Table

from src.data.columns import DEMOGRAPHICS, LOCATION
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting

__all__ = ["FEATURES", "RELATIONS"]


def _people(customers: Table, setting: Setting) -> Table:
    return customers


def _column(people: Table, name: str) -> StringValue:
    return people[name]


RELATIONS = (
    Relation("people", "one row per customer", ("customers",), _people, is_per_customer=True),
)

FEATURES = tuple(
    Feature.of(
        column,
        family="places" if column in LOCATION else "demographics",
        relation="people",
        build=functools.partial(_column, name=column.name),
    )
    for column in (*LOCATION, *DEMOGRAPHICS)
)
