"""Hold every raw row against the rules of its table: the first that it breaks refuses it."""

from collections.abc import Callable
from dataclasses import dataclass
import functools
from typing import Literal

import ibis
from ibis.expr.types import BooleanValue, Table

from src.data.values import as_id

__all__ = ["Family", "Rule", "judge"]

Family = Literal["test_account", "missing", "unreadable", "impossible", "unknown", "empty", "twice"]
"""What is wrong with the rows that a rule refuses, in a word."""


@dataclass(frozen=True)
class Rule:
    """One reason not to trust a row.

    Parameters
    ----------
    name : str
        Short name, as it stands in `rejected`.
    family : Family
        What kind of fault it is.
    reason : str
        Why such a row cannot be used, in words.
    mend : str
        What a person should do about it at the source.
    is_broken : callable, optional
        Gives the rows that break the rule; a null counts as kept.
    key : tuple of str
        For a rule on repeats, instead of `is_broken`: of the trusted rows that agree in
        these columns, all but the first break it.
    filled : str, optional
        For a rule on repeats: only rows with a value in this column can be repeats.
    listed : ibis.Table, optional
        For a rule on customers, instead of `is_broken`: those in its `customer_id` break it.
    is_on : bool, default True
        Whether it is tried unless a person chooses otherwise.
    is_needed : bool, default False
        Whether later stages rest on it, so that it cannot be switched off.
    """

    name: str
    family: Family
    reason: str
    mend: str
    is_broken: Callable[[Table], BooleanValue] | None = None
    key: tuple[str, ...] = ()
    filled: str = ""
    listed: Table | None = None
    is_on: bool = True
    is_needed: bool = False


def judge(raw: Table, rules: tuple[Rule, ...]) -> Table:
    """Name the first rule that each row breaks.

    Parameters
    ----------
    raw : ibis.Table
        A raw table.
    rules : tuple of Rule
        Its rules, in order; those on repeats come last.

    Returns
    -------
    ibis.Table
        The rows of `raw` with one more column, `rule`: null where the row is trusted.
    """
    if int(raw.count().execute()) == 0:
        return raw.mutate(rule=ibis.null("string"))
    marked = functools.reduce(_mark_listed, [rule for rule in rules if _is_on_a_list(rule)], raw)
    single = [(_breaks(marked, rule).fill_null(False), rule.name) for rule in rules if not rule.key]
    named = marked.select("source_row", rule=ibis.cases(*single, else_=ibis.null("string")))
    judged = _with_rule(raw, named.filter(named["rule"].notnull()))
    return functools.reduce(_judge_repeats, [rule for rule in rules if rule.key], judged)


def _is_on_a_list(rule: Rule) -> bool:
    return rule.listed is not None


def _mark_listed(table: Table, rule: Rule) -> Table:
    """Add a column, named after the rule, that says who is on its list."""
    listed = rule.listed.select(listed_id="customer_id").distinct()
    joined = table.left_join(listed, table["customer_id"] == listed["listed_id"])
    return joined.mutate(**{rule.name: joined["listed_id"].notnull()}).drop("listed_id")


def _breaks(marked: Table, rule: Rule) -> BooleanValue:
    return marked[rule.name] if _is_on_a_list(rule) else rule.is_broken(marked)


def _with_rule(raw: Table, refused: Table) -> Table:
    """Add the rule to each row; refused rows are few, so they are found once and kept."""
    found = refused.select(found_row="source_row", rule="rule").cache()
    return raw.left_join(found, raw["source_row"] == found["found_row"]).drop("found_row")


def _judge_repeats(judged: Table, rule: Rule) -> Table:
    """Mark all trusted rows but the first of those that agree in the key."""
    trusted = judged.filter(judged["rule"].isnull())
    if rule.filled:
        trusted = trusted.filter(as_id(trusted[rule.filled]).notnull())
    rows = trusted.select("source_row", **{name: _comparable(trusted, name) for name in rule.key})
    leading = list(rule.key[:2])
    sizes = rows.group_by(leading).agg(n_same=lambda t: t.count())
    suspects = sizes.filter(sizes["n_same"] > 1).drop("n_same").cache()
    if int(suspects.count().execute()) == 0:
        return judged
    near = rows.semi_join(suspects, leading)  # few: the window below is the costly part
    same = ibis.window(group_by=list(rule.key), order_by=near["source_row"])
    ranked = near.select(repeated_row="source_row", rank=ibis.row_number().over(same))
    repeats = ranked.filter(ranked["rank"] > 0).drop("rank").cache()
    joined = judged.left_join(repeats, judged["source_row"] == repeats["repeated_row"])
    is_repeat = joined["repeated_row"].notnull()
    return joined.mutate(rule=ibis.ifelse(is_repeat, rule.name, joined["rule"])).select(
        *judged.columns
    )


def _comparable(table: Table, name: str) -> ibis.Value:
    column = table[name]
    return column if column.type().is_integer() or not name.endswith("_id") else as_id(column)
