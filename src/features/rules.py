"""Tag rules as conditions on profiles: a checked tree built anew as an Ibis expression."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
import math
import operator

import ibis
from ibis.expr.types import BooleanValue, Table, Value
from sqlglot import exp

from src.features.rhythm import LIFECYCLE
from src.features.rule_text import Rule, RuleError, parse_rule, suggestion

__all__ = [
    "Thresholds",
    "compile_node",
    "compile_rule",
    "find_thresholds",
    "quantile_name",
    "read_rule",
]

Thresholds = Mapping[str, float | None]
"""Value of each quantile that rules name, by `quantile_name`; None where no customer has one."""

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


@dataclass(frozen=True)
class _Scope:
    """What the names of a rule stand for."""

    profiles: Table
    thresholds: Thresholds


def read_rule(text: str, columns: ibis.Schema) -> Rule:
    """Read a rule and refuse whatever `compile_rule` could not build.

    Parameters
    ----------
    text : str
        A boolean SQL expression over `columns`, with comparisons, ``and``, ``or``, ``not``,
        ``in``, ``between``, ``is null``, ``+ - * /``, ``abs``, ``coalesce``, ``least``,
        ``greatest`` and ``quantile(column, share)`` over all customers.
    columns : ibis.Schema
        Columns of profiles; numbers, texts and truth values may be named, but for
        `customer_id` and `as_of_date`.

    Returns
    -------
    Rule
        Of known words and fitting types.

    Raises
    ------
    RuleError
        If the text is not such an expression; says where, and what may be meant.

    Examples
    --------
    >>> read_rule("recency_dys < 30", ibis.schema({"recency_days": "int64"}))
    Traceback (most recent call last):
    src.features.rule_text.RuleError: Expected a column of profiles, found 'recency_dys'
    at position 1; did you mean 'recency_days'?
    """
    usable = {
        name: kind
        for name, kind in columns.items()
        if name not in _UNUSABLE and (kind.is_numeric() or kind.is_string() or kind.is_boolean())
    }
    rule = parse_rule(text, usable)
    compile_rule(rule, ibis.table(usable, name="profiles"), defaultdict(float))
    return rule


def find_thresholds(rules: Iterable[Rule], profiles: Table) -> dict[str, float | None]:
    """Look up the quantiles that rules name, all in one pass over the customers.

    Parameters
    ----------
    rules : iterable of Rule
        From `read_rule`.
    profiles : ibis.Table
        One row per customer; missing values do not count.

    Returns
    -------
    dict of str to float or None
        By `quantile_name`, interpolated between neighbours; None where nobody has a value.
        Two engines may differ in the last digit of a double.
    """
    nodes = {quantile_name(node): node for rule in rules for node in rule.quantiles}
    shares = defaultdict(list)
    for node in nodes.values():
        shares[node.this.name].append(_share(node))
    if not nodes:
        return {}
    found = profiles.aggregate(  # a column is sorted once, however many of its quantiles are asked
        **{name: profiles[name].cast("float64").quantile(asked) for name, asked in shares.items()}
    )
    (row,) = found.to_pyarrow().to_pylist()
    values = {
        (column, share): value
        for column, asked in shares.items()
        for share, value in zip(asked, row[column] or [None] * len(asked), strict=True)
    }
    return {name: _finite(values[node.this.name, _share(node)]) for name, node in nodes.items()}


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def quantile_name(node: exp.Quantile) -> str:
    """Name a quantile, however it was written: ``quantile(frequency, 0.9)``."""
    return f"quantile({node.this.name}, {_share(node)!r})"


def _share(node: exp.Quantile) -> float:
    return float(node.args["quantile"].name)


def compile_rule(rule: Rule, profiles: Table, thresholds: Thresholds) -> BooleanValue:
    """Turn a rule into a condition on profiles.

    Nothing of the rule's text reaches an engine: the condition is built anew from checked
    nodes, with the same meaning on every engine. Numbers are reckoned with as doubles, so that
    none overflows; a division by zero is unknown.

    Parameters
    ----------
    rule : Rule
        From `read_rule`.
    profiles : ibis.Table
        Table that has the rule's columns.
    thresholds : mapping of str to float or None
        From `find_thresholds`.

    Returns
    -------
    ibis.BooleanValue
        True where the rule holds, empty where it cannot be known because a value is missing.
    """
    return _build(rule.tree, _Scope(profiles, thresholds), "condition")


def compile_node(node: exp.Expression, profiles: Table, thresholds: Thresholds) -> Value:
    """Turn a part of a rule into an expression, as `compile_rule` does with the whole."""
    return _build(node, _Scope(profiles, thresholds))


def _build(node: exp.Expression, scope: _Scope, kind: str | None = None) -> Value:
    """Build a node; refuse it where it is of another kind than `kind`."""
    value = _BUILDERS[type(node)](node, scope)
    if kind is not None and _kind(value) != kind:
        found = f"{node.meta['text']} (a {_kind(value)})"
        raise RuleError(f"a {kind}", found, node.meta["start"], _REMEDIES[kind])
    return value


def _kind(value: Value) -> str:
    if value.type().is_boolean():
        return "condition"
    return "number" if value.type().is_numeric() else "text"


def _build_alike(nodes: list[exp.Expression], scope: _Scope) -> list[Value]:
    """Build nodes that are compared with each other, all of the first one's kind."""
    first = _build(nodes[0], scope)
    known = next((_KNOWN_TEXTS[n.name] for n in nodes if n.name in _KNOWN_TEXTS), None)
    for node in nodes:
        if known and node.is_string and node.name not in known:
            raise RuleError(
                "a known text", repr(node.name), node.meta["start"], suggestion(node.name, known)
            )
    return [first, *(_build(node, scope, _kind(first)) for node in nodes[1:])]


def _column(node: exp.Column, scope: _Scope) -> Value:
    return scope.profiles[node.name]


def _literal(node: exp.Literal, scope: _Scope) -> Value:
    if node.is_string:
        return ibis.literal(node.name)
    number = float(node.name)  # always a double, so that no engine picks a narrow integer
    if not math.isfinite(number):
        raise RuleError("a finite number", node.name, node.meta["start"], "write a smaller one")
    return ibis.literal(number, type="float64")


def _boolean(node: exp.Boolean, scope: _Scope) -> Value:
    return ibis.literal(bool(node.this))


def _null(node: exp.Null, scope: _Scope) -> Value:
    raise RuleError("a value", "null", node.meta["start"], "write `is null` or `is not null`")


def _paren(node: exp.Paren, scope: _Scope) -> Value:
    return _build(node.this, scope)


def _not(node: exp.Not, scope: _Scope) -> Value:
    return ~_build(node.this, scope, "condition")


def _number(node: exp.Expression, scope: _Scope) -> Value:
    return _build(node, scope, "number").cast("float64")


def _negative(node: exp.Neg, scope: _Scope) -> Value:
    return -_number(node.this, scope)


def _absolute(node: exp.Abs, scope: _Scope) -> Value:
    return _number(node.this, scope).abs()


def _logic(node: exp.Connector, scope: _Scope) -> Value:
    """Join a row of sides in pairs of pairs: a long row stays shallow."""
    values = [_build(side, scope, "condition") for side in node.flatten(unnest=False)]
    join = _LOGIC[type(node)]
    while len(values) > 1:
        pairs = zip(values[::2], values[1::2], strict=False)
        values = [join(*pair) for pair in pairs] + values[len(values) - len(values) % 2 :]
    return values[0]


def _arithmetic(node: exp.Binary, scope: _Scope) -> Value:
    sides = [_number(side, scope) for side in (node.this, node.expression)]
    if type(node) is exp.Div and _constant(node.expression) == 0:
        raise RuleError(
            "a divisor other than zero", node.expression.meta["text"],
            node.expression.meta["start"], "divide by something else",
        )  # fmt: skip
    return _ARITHMETIC[type(node)](*sides)


def _constant(node: exp.Expression) -> float | None:
    """Work out a number that needs no customer; None where it needs one."""
    if isinstance(node, exp.Literal):
        return float(node.name)
    if isinstance(node, exp.Paren | exp.Neg | exp.Abs):
        inner = _constant(node.this)
        sign = {exp.Neg: operator.neg, exp.Abs: abs}.get(type(node))
        return sign(inner) if sign and inner is not None else inner
    if isinstance(node, exp.Add | exp.Sub | exp.Mul | exp.Div):
        sides = [_constant(side) for side in (node.this, node.expression)]
        if None not in sides and not (isinstance(node, exp.Div) and sides[1] == 0):
            plain = {exp.Div: operator.truediv}.get(type(node), _ARITHMETIC[type(node)])
            return plain(*sides)
    return None


def _comparison(node: exp.Binary, scope: _Scope) -> Value:
    return _COMPARISONS[type(node)](*_build_alike([node.this, node.expression], scope))


def _between(node: exp.Between, scope: _Scope) -> Value:
    ends = [node.args["low"], node.args["high"]]
    value, low, high = _build_alike([node.this, *ends], scope)
    return value.between(low, high)


def _in(node: exp.In, scope: _Scope) -> Value:
    if not node.expressions:
        raise RuleError(
            "a list of values after `in`", "none", node.meta["start"], "write `in ('a', 'b')`"
        )
    value, *listed = _build_alike([node.this, *node.expressions], scope)
    return value.isin(listed)


def _is_null(node: exp.Is, scope: _Scope) -> Value:
    other = node.expression
    if not isinstance(other, exp.Null):
        found = other.meta["text"]
        raise RuleError("null after `is`", found, other.meta["start"], "compare with =")
    return _build(node.this, scope).isnull()


def _choice(node: exp.Func, scope: _Scope) -> Value:
    return _CHOICES[type(node)](*_build_alike([node.this, *node.expressions], scope))


def _quantile(node: exp.Quantile, scope: _Scope) -> Value:
    share = node.args.get("quantile")
    is_share = isinstance(share, exp.Literal) and not share.is_string
    if not isinstance(node.this, exp.Column) or not is_share or float(share.name) > 1:
        raise RuleError(
            "a column and a share from 0 to 1", node.meta["text"], node.meta["start"],
            "write such as quantile(spend_365_value, 0.9)",
        )  # fmt: skip
    _build(node.this, scope, "number")
    value = scope.thresholds[quantile_name(node)]
    return ibis.null("float64") if value is None else ibis.literal(value, type="float64")


_BUILDERS: dict[type, Callable[[exp.Expression, _Scope], Value]] = {
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
