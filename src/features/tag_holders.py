"""For whom the rules of tags hold."""

from collections.abc import Mapping

import ibis
from ibis.expr.types import Table

from src.features.rule_text import Rule
from src.features.rules import Thresholds, compile_rule

__all__ = ["count_holders", "find_holders"]


def find_holders(profiles: Table, rules: Mapping[str, Rule], thresholds: Thresholds) -> Table:
    """Say for whom which rules hold, in one pass over the customers.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer, perhaps some of them only.
    rules : mapping of str to Rule
        By tag; their columns are all in `profiles`.
    thresholds : mapping of str to float or None
        Of all customers, from `find_thresholds`.

    Returns
    -------
    ibis.Table
        One row per customer and tag whose rule holds: `customer_id`, `tag`, lazy. A rule that
        cannot be known for a customer, because a value it needs is missing, does not hold.
    """
    if not rules:
        return profiles.select("customer_id", tag=ibis.literal("")).limit(0)
    held = ibis.array(
        [
            ibis.cases((compile_rule(rule, profiles, thresholds), name), else_=None)
            for name, rule in rules.items()
        ]
    )
    return profiles.select("customer_id", tag=held.filter(lambda tag: tag.notnull()).unnest())


def count_holders(
    profiles: Table, rules: Mapping[str, Rule], thresholds: Thresholds
) -> tuple[int, dict[str, int]]:
    """Count for how many customers each rule holds.

    Parameters
    ----------
    profiles, rules, thresholds
        As for `find_holders`.

    Returns
    -------
    tuple of int and dict of str to int
        Customers in all, and by tag.
    """
    held = [compile_rule(rule, profiles, thresholds) for rule in rules.values()]
    counts = profiles.aggregate(
        n=profiles.count(), **{f"n{i}": profiles.count(where=held[i]) for i in range(len(held))}
    )
    n, *found = counts.to_pyarrow().to_pylist()[0].values()
    return n, dict(zip(rules, found, strict=True))
