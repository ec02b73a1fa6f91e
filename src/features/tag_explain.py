"""Why a customer carries a tag, or does not: values, thresholds, and what decided."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
import datetime as dt
import json

import ibis
from ibis.expr.types import Table
from sqlglot import exp

from src.errors import ParameterError
from src.features.rule_text import Rule
from src.features.rules import compile_node, read_rule
from src.features.tag_changes import EarlierTags
from src.features.tags import rule_columns

__all__ = ["Part", "Why", "explain_customer", "find_customer"]


@dataclass(frozen=True)
class Part:
    """A part of a rule, and whether it holds: None where it cannot be known."""

    text: str
    holds: bool | None


@dataclass(frozen=True)
class Why:
    """One tag of one customer.

    Parameters
    ----------
    tag, meaning, rule : str
        As in the rules of the run.
    holds : bool or None
        Whether the rule holds; None where a value it needs is missing.
    is_carried : bool
        Whether the customer carries the tag: the rule holds, and the tag has not expired.
    entered_date, expires_date, left_date : date or None
        Of the last time the rule held; all None where it never did.
    values : dict of str to object
        Value of each column the rule names, and of each quantile.
    lacks : tuple of str
        Columns of the rule that the run did not compute; nobody then has the tag.
    because : tuple of Part
        The parts that decided, each enough to explain the answer together with the others:
        of a false ``and`` those that fail, of a true ``or`` those that hold.
    """

    tag: str
    meaning: str
    rule: str
    holds: bool | None
    is_carried: bool
    entered_date: dt.date | None
    expires_date: dt.date | None
    left_date: dt.date | None
    values: dict[str, object]
    lacks: tuple[str, ...]
    because: tuple[Part, ...]


def find_customer(profiles: Table, customer: str) -> str:
    """Look up a customer by the pseudonym, or by as many of its first letters as are unique.

    Raises
    ------
    ParameterError
        If nobody is meant, or several.
    """
    ids = profiles.filter(profiles.customer_id.startswith(customer)).customer_id
    found = sorted(
        ids.as_table().order_by("customer_id").limit(2).to_pyarrow().to_pydict()["customer_id"]
    )
    if customer in found or len(found) == 1:
        return customer if customer in found else found[0]
    what = "several" if found else "nobody"
    raise ParameterError(
        f"Expected a customer's pseudonym, or its first letters, found {what} for {customer!r}; "
        "see the column customer_id of profiles."
    )


def explain_customer(run: EarlierTags, customer_id: str) -> list[Why]:
    """Explain every tag of a run for one customer.

    Parameters
    ----------
    run : EarlierTags
        Tables of the run.
    customer_id : str
        Pseudonym, as in its ``profiles``.

    Returns
    -------
    list of Why
        One per tag, in alphabetical order.
    """
    profile = run.profiles.filter(run.profiles.customer_id == customer_id)
    columns = ibis.schema(dict(rule_columns()) | dict(profile.schema()))
    rows = run.rules.order_by("tag").to_pyarrow().to_pylist()
    rules = {row["tag"]: read_rule(row["rule"], columns) for row in rows}
    limits = {row["tag"]: json.loads(row["thresholds"]) for row in rows}
    lacks = {
        tag: tuple(sorted({*rule.columns} - {*profile.columns})) for tag, rule in rules.items()
    }
    leaves = {
        f"{tag}.{i}": compile_node(node, profile, limits[tag])
        for tag, rule in rules.items()
        if not lacks[tag]
        for i, node in enumerate(_leaves(rule.tree))
    }
    known = profile.mutate(**leaves).to_pyarrow().to_pylist()[0]
    spells = _last_spells(run.history, customer_id)
    return [
        _explain(row, rules[row["tag"]], limits[row["tag"]], lacks[row["tag"]], known, spells)
        for row in rows
    ]


def _last_spells(history: Table, customer_id: str) -> dict[str, dict]:
    rows = history.filter(history.customer_id == customer_id).order_by("entered_date")
    return {row["tag"]: row for row in rows.to_pyarrow().to_pylist()}


def _explain(
    row: dict,
    rule: Rule,
    limits: dict[str, float | None],
    lacks: tuple[str, ...],
    known: dict[str, object],
    spells: dict[str, dict],
) -> Why:
    tag = row["tag"]
    spell = spells.get(tag, dict.fromkeys(("entered_date", "expires_date", "left_date")))
    expires = spell["expires_date"]
    is_open = spell["entered_date"] is not None and spell["left_date"] is None
    held = {id(node): known.get(f"{tag}.{i}") for i, node in enumerate(_leaves(rule.tree))}
    return Why(
        tag=tag,
        meaning=row["meaning"],
        rule=row["rule"],
        holds=_truth(rule.tree, held),
        is_carried=is_open and (expires is None or expires > known["as_of_date"]),
        entered_date=spell["entered_date"],
        expires_date=expires,
        left_date=spell["left_date"],
        values={name: known.get(name) for name in rule.columns} | limits,
        lacks=lacks,
        because=() if lacks else tuple(_deciding(rule.tree, held)),
    )


def _sides(node: exp.Expression) -> list[exp.Expression]:
    """Conditions that a node joins; none where it is judged as a whole."""
    if isinstance(node, exp.And | exp.Or):
        return list(node.flatten(unnest=False))
    is_infix = isinstance(node, exp.Not) and node.meta["text"] == node.this.meta["text"]
    return [node.this] if isinstance(node, exp.Paren | exp.Not) and not is_infix else []


def _leaves(node: exp.Expression) -> Iterator[exp.Expression]:
    sides = _sides(node)
    if not sides:
        yield node
    for side in sides:
        yield from _leaves(side)


def _truth(node: exp.Expression, held: Mapping[int, bool | None]) -> bool | None:
    """Judge as SQL does: true, false, or unknown."""
    sides = _sides(node)
    if not sides:
        return held[id(node)]
    truths = [_truth(side, held) for side in sides]
    if isinstance(node, exp.And | exp.Or):
        winner = isinstance(node, exp.Or)
        return winner if winner in truths else None if None in truths else not winner
    return not truths[0] if isinstance(node, exp.Not) and truths[0] is not None else truths[0]


def _deciding(node: exp.Expression, held: Mapping[int, bool | None]) -> Iterator[Part]:
    """Parts with the same answer as what joins them; the others could not change it."""
    sides = _sides(node)
    if not sides:
        yield Part(" ".join(node.meta["text"].split()), held[id(node)])
        return
    is_row = isinstance(node, exp.And | exp.Or)
    for side in sides:
        if not is_row or _truth(side, held) == _truth(node, held):
            yield from _deciding(side, held)
