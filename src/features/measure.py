"""A feature's function put to work: its value held against what the catalogue says of it."""

from collections.abc import Iterable

from ibis.expr import operations as ops
from ibis.expr.types import Column, Scalar, Table, Value

from src.data.contract import IBIS_TYPES
from src.errors import SchemaError
from src.features.catalogue import Feature
from src.features.relations import Relation

__all__ = ["aggregate", "measure"]


def aggregate(relation: Relation, table: Table, features: Iterable[Feature]) -> Table:
    """Compute all features of one relation in one pass.

    Parameters
    ----------
    relation : Relation
        What the table is.
    table : ibis.Table
        The relation, built.
    features : iterable of Feature
        Features of this relation.

    Returns
    -------
    ibis.Table
        One row per customer in the table: `customer_id` and the features, not filled.

    Raises
    ------
    SchemaError
        If a function fails, or its value is none, is not aggregated, or of another type.
    """
    if relation.is_per_customer:
        return table.select("customer_id", **{one.name: measure(one, table) for one in features})
    values = {one.name: _checked(one, table, Scalar) for one in features}
    return table.group_by("customer_id").agg(**values)


def measure(feature: Feature, profile: Table) -> Value:
    """Compute a feature on a table with one row per customer.

    Raises
    ------
    SchemaError
        As for `aggregate`.
    """
    return _checked(feature, profile, Column)


def _checked(feature: Feature, table: Table, shape: type[Value]) -> Value:
    names = feature.uses if feature.is_derived else table.columns
    try:
        value = feature.build(table)
    except Exception as error:  # whatever a shop's function does
        reason = " ".join(str(error).split()) or "no reason given"
        remedy = f"it may use {', '.join(names)}; mend its function"
        raise _fault(
            feature, "to be computed", f"{type(error).__name__}: {reason}", remedy
        ) from error
    _check_shape(feature, value, shape)
    if not isinstance(value.type(), IBIS_TYPES[feature.type]):
        remedy = "cast it, or correct its type"
        raise _fault(feature, f"to be {feature.type}", str(value.type()), remedy)
    undeclared = sorted(_columns_of(value) - set(names)) if feature.is_derived else []
    if undeclared:
        raise _fault(feature, f"to follow from {list(names)}", f"{undeclared}", "add to its uses")
    return value


def _columns_of(value: Value) -> set[str]:
    return {field.name for field in value.op().find(ops.Field, filter=ops.Value)}


def _check_shape(feature: Feature, value: object, shape: type[Value]) -> None:
    if isinstance(value, shape):
        return
    expected = "one value per customer" if shape is Scalar else "a column"
    found = "a value per row" if isinstance(value, Column) else type(value).__name__
    remedy = (
        "aggregate it, such as by sum()"
        if found == "a value per row"
        else ("return an Ibis expression of its table")
    )
    raise _fault(feature, f"to be {expected}", found, remedy)


def _fault(feature: Feature, expected: str, found: str, remedy: str) -> SchemaError:
    package = f" of the package {feature.package}" if feature.package else ""
    return SchemaError(
        f"Expected the feature {feature.name!r}{package} {expected}, found {found}; {remedy}."
    )
