"""Since when a customer carries a tag, until when, and who carries what now."""

from collections.abc import Iterable
from dataclasses import dataclass

import ibis
from ibis.expr.types import DateValue, Table
import pandas as pd

from src.data.stored import Replacement, is_little, replace_rows
from src.data.views import carried_tags
from src.features.rule_text import Rule
from src.features.rules import find_thresholds, read_rule
from src.features.tag_changes import (
    EarlierTags,
    describe_rules,
    find_changes,
    unchanged_tags,
)
from src.features.tag_holders import find_holders
from src.features.tags import TagRule, rule_columns

__all__ = ["TagTables", "build_tags", "continue_history", "read_known_rules"]

_PAIR = ("customer_id", "tag")
_COLUMNS = (*_PAIR, "entered_date", "expires_date", "left_date")


@dataclass(frozen=True)
class TagTables:
    """What 03 writes about tags.

    Parameters
    ----------
    tags, history : ibis.Table
        Contents of ``tags`` and ``tag_history``, lazy.
    replacement : Replacement or None
        What makes the history of the earlier run this one, where that is little.
    rules : DataFrame
        Contents of ``tag_rules``.
    judged_anew : tuple of str
        Tags whose rule was judged for every customer; the others only for customers of whom
        something changed.
    left_out : tuple of str
        Tags that nobody carries because `profiles` lacks a column of their rule.
    """

    tags: Table
    history: Table
    replacement: Replacement | None
    rules: pd.DataFrame
    judged_anew: tuple[str, ...]
    left_out: tuple[str, ...]


def build_tags(
    profiles: Table,
    rules: tuple[TagRule, ...],
    as_of_date: str,
    earlier: EarlierTags | None = None,
) -> TagTables:
    """Give each customer the tags whose rules hold, and go on with their history.

    Quantiles in rules are those of the customers in `profiles`. A rule over a feature that this
    run did not compute holds for nobody. With an earlier run, only what changed since is judged;
    see `find_changes`.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer.
    rules : tuple of TagRule
        From `read_tag_rules`.
    as_of_date : str
        ISO date of `profiles`.
    earlier : EarlierTags, optional
        A run of the same shop, as of this date or before; without, everybody enters now.

    Returns
    -------
    TagTables
        The tables; the same again from the same inputs, also with a run of this very date as
        the earlier one.
    """
    read = read_known_rules(rules, profiles)
    thresholds = find_thresholds(read.values(), profiles)
    described = describe_rules(rules, read, thresholds)
    unchanged: list[str] = []
    replacement = None
    if earlier is None:
        holders = find_holders(profiles, read, thresholds).mutate(holds=True).cache()
        history = continue_history(None, holders, rules, as_of_date)
    else:
        unchanged = unchanged_tags(described, read, profiles, earlier)
        changes = find_changes(profiles, read, thresholds, earlier, unchanged).cache()
        replacement = _replacement(profiles, changes, rules, as_of_date, earlier)
        history = (
            replace_rows(earlier.history, replacement)
            if replacement
            else continue_history(earlier.history, changes, rules, as_of_date)
        )
    return TagTables(
        tags=carried_tags(history, as_of_date),
        history=history,
        replacement=replacement,
        rules=described,
        judged_anew=tuple(tag for tag in read if tag not in unchanged),
        left_out=tuple(rule.name for rule in rules if rule.name not in read),
    )


def _replacement(
    profiles: Table,
    changes: Table,
    rules: tuple[TagRule, ...],
    as_of_date: str,
    earlier: EarlierTags,
) -> Replacement | None:
    """Go on with the history of the customers who enter or leave a tag, if they are few.

    All others keep their rows, unless a tag that they carry now expires on another day.
    """
    days = {rule.name: rule.expires_days for rule in rules}
    before = earlier.rules.select("tag", "expires_days").to_pyarrow().to_pylist()
    if any(row["expires_days"] != days.get(row["tag"], row["expires_days"]) for row in before):
        return None
    whose = changes.select("customer_id").distinct().cache()
    if not is_little(int(whose.count().execute()), int(profiles.count().execute())):
        return None
    of_them = earlier.history.semi_join(whose, "customer_id").cache()  # one pass over all rows
    return Replacement(whose, continue_history(of_them, changes, rules, as_of_date))


def read_known_rules(rules: Iterable[TagRule], profiles: Table) -> dict[str, Rule]:
    """Read the rules, by tag, that name only columns which `profiles` has."""
    columns = ibis.schema(dict(rule_columns()) | dict(profiles.schema()))
    read = {rule.name: read_rule(rule.rule, columns) for rule in rules}
    return {tag: rule for tag, rule in read.items() if {*rule.columns} <= {*profiles.columns}}


def continue_history(
    history: Table | None, changes: Table, rules: Iterable[TagRule], as_of_date: str
) -> Table:
    """Close what is left, open what is entered.

    A row is a time during which a rule held without a break, as far as runs looked. What
    happened on the as-of date itself in an earlier run is taken back first: of several runs
    of one date, the last counts.

    Parameters
    ----------
    history : ibis.Table or None
        ``tag_history`` of an earlier run; None where there is none.
    changes : ibis.Table
        From `find_changes`: `customer_id`, `tag`, `holds`.
    rules : iterable of TagRule
        Say when open rows expire; those that were closed keep what they had.
    as_of_date : str
        ISO date on which the changes were found.

    Returns
    -------
    ibis.Table
        `customer_id`, `tag`, `entered_date`, `expires_date` and `left_date` (missing where it
        never expires, and while the rule holds).
    """
    today = ibis.date(as_of_date)
    entered = changes.filter(changes.holds).select(*_PAIR)
    if history is None:
        return _opened(entered, rules, today)
    is_live = history.left_date.isnull() | (history.left_date == today)
    live, closed = history.filter(is_live), history.filter(~is_live)
    touched = _touched(live, changes, today).cache()  # few, and read for each table written
    opened = _opened(entered.anti_join(touched, _PAIR), rules, today)
    spells = live.anti_join(changes, _PAIR).union(touched.select(*_COLUMNS))
    spells = spells.filter(spells.left_date.isnull() | (spells.entered_date < today))
    holds = spells.left_date.isnull()
    expires_date = ibis.cases((holds, _expiry(spells, rules)), else_=spells.expires_date)
    parts = (closed, spells.mutate(expires_date=expires_date), opened.cache())
    return ibis.union(*(part.select(*_COLUMNS) for part in parts))


def _touched(live: Table, changes: Table, today: DateValue) -> Table:
    """Rows whose pair is among the changes, closed or opened again; what is not is carried over."""
    found = live.inner_join(changes, _PAIR)
    return found.select(
        *_PAIR,
        "entered_date",
        "expires_date",
        left_date=ibis.cases((found.holds, ibis.null("date")), else_=today),
    )


def _opened(entered: Table, rules: Iterable[TagRule], today: DateValue) -> Table:
    opened = entered.mutate(entered_date=today)
    return opened.mutate(expires_date=_expiry(opened, rules), left_date=ibis.null("date")).select(
        *_COLUMNS
    )


def _expiry(table: Table, rules: Iterable[TagRule]) -> DateValue:
    """First day on which a tag is no longer carried; the file counts as it stands now."""
    days = {rule.name: rule.expires_days for rule in rules if rule.expires_days is not None}
    entered_at = table.entered_date.cast("timestamp")  # DuckDB makes a time of date + interval
    cases = [
        (table.tag == tag, (entered_at + ibis.interval(days=n)).date()) for tag, n in days.items()
    ]
    return ibis.cases(*cases, else_=ibis.null("date")) if cases else ibis.null("date")
