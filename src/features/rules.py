"""Tag rules as conditions on profiles: a checked tree built anew as an Ibis expression."""

from collections.abc import Callable
import math
import operator

import ibis
from ibis.expr.types import BooleanValue, Table, Value
from sqlglot import exp

from src.features.rhythm import LIFECYCLE
from src.features.rule_text import fault, parse_rule, start_of, suggestion

__all__ = ["compile_rule"]

_COMPARISONS: dict[type, Callable] = {
    exp.EQ: operator.eq,
    exp.NEQ: operator.ne,
    exp.GT: operator.gt,
    exp.GTE: operator.ge,
    exp.LT: operator.lt,
    exp.LTE: operator.le,
}
_ARITHMETIC: dict[type, Callable] = {
    exp.Add: operator.add,
    exp.Sub: operator.sub,
    exp.Mul: operator.mul,
    exp.Div: lambda left, right: left / right.nullif(0.0),  # by zero: unknown on every engine
}
_LOGIC: dict[type, Callable] = {exp.And: operator.and_, exp.Or: operator.or_}
_CHOICES: dict[type, Callable] = {
    exp.Coalesce: ibis.coalesce,
    exp.Greatest: ibis.greatest,
    exp.Least: ibis.least,
}
_REMEDIES = {
    "condition": "compare it with something",
    "number": "leave numbers without quotes",
    "text": "put texts in 'quotes'",
}
_UNUSABLE = ("customer_id", "as_of_date")
_KNOWN_TEXTS = {"lifecycle": LIFECYCLE}


def compile_rule(rule: str, profiles: Table) -> BooleanValue:
    """Turn a rule into a condition on profiles.

    Nothing of the rule's text reaches an engine: each word and node is held against a short
    list, then the condition is built anew, with the same meaning on every engine.

    Parameters
    ----------
    rule : str
        A boolean SQL expression over columns of `profiles`, with comparisons, ``and``, ``or``,
        ``not``, ``in``, ``between``, ``is null``, ``+ - * /``, ``abs``, ``coalesce``,
        ``least``, ``greatest`` and ``quantile(column, share)`` over all customers.
    profiles : ibis.Table
        Table whose columns the rule may name, but for `customer_id` and `as_of_date`.

    Returns
    -------
    ibis.BooleanValue
        True where the rule holds, empty where it cannot be known because a value is missing.

    Raises
    ------
    ParameterError
        If the rule is not such an expression; says where, and what may be meant.

    Examples
    --------
    >>> profiles = ibis.table({"recency_days": "int64"}, name="profiles")
    >>> compile_rule("recency_dys < 30", profiles)
    Traceback (most recent call last):
    src.errors.ParameterError: Expected a column of profiles, found 'recency_dys'
    at position 1; did you mean 'recency_days'?
    """
    columns = [name for name in profiles.columns if name not in _UNUSABLE]
    return _build(parse_rule(rule, columns), profiles, "condition")


def _build(node: exp.Expression, profiles: Table, kind: str | None = None) -> Value:
    """Build a node; refuse it where it is of another kind than `kind`."""
    value = _BUILDERS[type(node)](node, profiles)
    if kind is not None and _kind(value) != kind:
        found = f"{node.sql()} (a {_kind(value)})"
        raise fault(f"a {kind}", found, start_of(node), _REMEDIES[kind])
    return value


def _kind(value: Value) -> str:
    if value.type().is_boolean():
        return "condition"
    return "number" if value.type().is_numeric() else "text"


def _build_alike(nodes: list[exp.Expression], profiles: Table) -> list[Value]:
    """Build nodes that are compared with each other, all of the first one's kind."""
    first = _build(nodes[0], profiles)
    known = next((_KNOWN_TEXTS[n.name] for n in nodes if n.name in _KNOWN_TEXTS), None)
    for node in nodes:
        if known and node.is_string and node.name not in known:
            raise fault(
                "a known text", repr(node.name), start_of(node), suggestion(node.name, known)
            )
    return [first, *(_build(node, profiles, _kind(first)) for node in nodes[1:])]


def _column(node: exp.Column, profiles: Table) -> Value:
    return profiles[node.name]


def _literal(node: exp.Literal, profiles: Table) -> Value:
    if node.is_string:
        return ibis.literal(node.name)
    number = float(node.name)  # always a float, so that no engine picks a narrow integer
    if not math.isfinite(number):
        raise fault("a finite number", node.name, start_of(node), "write a smaller one")
    return ibis.literal(number, type="float64")


def _boolean(node: exp.Boolean, profiles: Table) -> Value:
    return ibis.literal(bool(node.this))


def _null(node: exp.Null, profiles: Table) -> Value:
    raise fault("a value", "null", start_of(node.parent), "write `is null` or `is not null`")


def _paren(node: exp.Paren, profiles: Table) -> Value:
    return _build(node.this, profiles)


def _not(node: exp.Not, profiles: Table) -> Value:
    return ~_build(node.this, profiles, "condition")


def _negative(node: exp.Neg, profiles: Table) -> Value:
    return -_build(node.this, profiles, "number")


def _absolute(node: exp.Abs, profiles: Table) -> Value:
    return _build(node.this, profiles, "number").abs()


def _logic(node: exp.Connector, profiles: Table) -> Value:
    sides = (_build(side, profiles, "condition") for side in (node.this, node.expression))
    return _LOGIC[type(node)](*sides)


def _arithmetic(node: exp.Binary, profiles: Table) -> Value:
    sides = (_build(side, profiles, "number") for side in (node.this, node.expression))
    return _ARITHMETIC[type(node)](*sides)


def _comparison(node: exp.Binary, profiles: Table) -> Value:
    return _COMPARISONS[type(node)](*_build_alike([node.this, node.expression], profiles))


def _between(node: exp.Between, profiles: Table) -> Value:
    ends = [node.args["low"], node.args["high"]]
    value, low, high = _build_alike([node.this, *ends], profiles)
    return value.between(low, high)


def _in(node: exp.In, profiles: Table) -> Value:
    if not node.expressions:
        raise fault("a list of values after `in`", "none", start_of(node), "write `in ('a', 'b')`")
    value, *listed = _build_alike([node.this, *node.expressions], profiles)
    return value.isin(listed)


def _is_null(node: exp.Is, profiles: Table) -> Value:
    if not isinstance(node.expression, exp.Null):
        raise fault("null after `is`", node.expression.sql(), start_of(node), "compare with =")
    return _build(node.this, profiles).isnull()


def _choice(node: exp.Func, profiles: Table) -> Value:
    return _CHOICES[type(node)](*_build_alike([node.this, *node.expressions], profiles))


def _quantile(node: exp.Quantile, profiles: Table) -> Value:
    share = node.args.get("quantile")
    is_share = isinstance(share, exp.Literal) and not share.is_string
    if not isinstance(node.this, exp.Column) or not is_share or float(share.name) > 1:
        raise fault(
            "a column and a share from 0 to 1",
            node.sql().lower(),
            start_of(node),
            "write such as quantile(spend_365_value, 0.9)",
        )
    return _build(node.this, profiles, "number").quantile(float(share.name)).over()


_BUILDERS: dict[type, Callable[[exp.Expression, Table], Value]] = {
    exp.Column: _column,
    exp.Literal: _literal,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Paren: _paren,
    exp.Not: _not,
    exp.Neg: _negative,
    exp.Abs: _absolute,
    exp.Between: _between,
    exp.In: _in,
    exp.Is: _is_null,
    exp.Quantile: _quantile,
    **dict.fromkeys(_LOGIC, _logic),
    **dict.fromkeys(_ARITHMETIC, _arithmetic),
    **dict.fromkeys(_COMPARISONS, _comparison),
    **dict.fromkeys(_CHOICES, _choice),
}
