"""Which customers enter and leave which tags: only what changed since an earlier run is judged."""

from collections.abc import Mapping
from dataclasses import dataclass
import json

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.window import parse_date
from src.errors import ParameterError
from src.features.rule_text import Rule
from src.features.rules import Thresholds, quantile_name
from src.features.tag_holders import find_holders
from src.features.tags import TagRule
from src.stage import Stage

__all__ = [
    "EarlierTags",
    "changed_profiles",
    "describe_rules",
    "find_changes",
    "read_earlier_tags",
    "unchanged_tags",
]

_PAIR = ("customer_id", "tag")


@dataclass(frozen=True)
class EarlierTags:
    """What an earlier run of the same shop knew.

    Parameters
    ----------
    profiles, history, rules : ibis.Table
        Its tables ``profiles``, ``tag_history`` and ``tag_rules``.
    """

    profiles: Table
    history: Table
    rules: Table


def read_earlier_tags(stage: Stage, previous_run: str, as_of_date: str) -> EarlierTags | None:
    """Read what an earlier run knew; None where no run is named.

    Parameters
    ----------
    stage : Stage
        03 of the run that goes on.
    previous_run : str
        Folder of the earlier run; empty for none.
    as_of_date : str
        ISO date of the run that goes on.

    Raises
    ------
    StageOrderError
        If there is no such run, or it lacks the tables.
    ParameterError
        If it is of another shop, or of a later date.
    """
    tables = [
        stage.earlier_table(previous_run, name) for name in ("profiles", "tag_history", "tag_rules")
    ]
    if None in tables:
        return None
    last = tables[0].as_of_date.max().to_pyarrow().as_py()
    if last is not None and last > parse_date(as_of_date):
        raise ParameterError(
            f"Expected an earlier run as of {as_of_date} or before, but {previous_run} is as of "
            f"{last}; name an older run as previous_run, or leave it empty."
        )
    return EarlierTags(*tables)


def describe_rules(
    tags: tuple[TagRule, ...], rules: Mapping[str, Rule], thresholds: Thresholds
) -> pd.DataFrame:
    """Write down what was asked of the customers: the contents of ``tag_rules``.

    Parameters
    ----------
    tags : tuple of TagRule
        All of the file.
    rules : mapping of str to Rule
        By tag; those that were judged.
    thresholds : mapping of str to float or None
        From `find_thresholds`.

    Returns
    -------
    DataFrame
        One row per tag: `tag`, `meaning`, `rule`, `thresholds` (JSON, the value of each
        quantile in the rule), `owner`, `expires_days` (Int64, missing where it never expires).
    """
    rows = [
        (tag.name, tag.meaning, tag.rule, _as_json(rules.get(tag.name), thresholds), tag.owner)
        for tag in tags
    ]
    described = pd.DataFrame(rows, columns=["tag", "meaning", "rule", "thresholds", "owner"])
    described["expires_days"] = pd.array([tag.expires_days for tag in tags], dtype="Int64")
    return described


def _as_json(rule: Rule | None, thresholds: Thresholds) -> str:
    names = sorted({quantile_name(node) for node in rule.quantiles}) if rule else []
    return json.dumps({name: thresholds[name] for name in names})


def unchanged_tags(
    described: pd.DataFrame, rules: Mapping[str, Rule], profiles: Table, earlier: EarlierTags
) -> list[str]:
    """Name the tags whose rule means what it meant: same text, thresholds and types of columns.

    Parameters
    ----------
    described : DataFrame
        From `describe_rules`, of this run.
    rules : mapping of str to Rule
        By tag.
    profiles : ibis.Table
        Of this run.
    earlier : EarlierTags
        The earlier run.
    """
    asked = ["tag", "rule", "thresholds"]
    before = set(earlier.rules.select(asked).to_pandas().itertuples(index=False, name=None))
    now, then = profiles.schema(), earlier.profiles.schema()
    return [
        tag
        for tag, *same in described[asked].itertuples(index=False, name=None)
        if tag in rules
        and (tag, *same) in before
        and all(column in then and then[column] == now[column] for column in rules[tag].columns)
    ]


def find_changes(
    profiles: Table,
    rules: Mapping[str, Rule],
    thresholds: Thresholds,
    earlier: EarlierTags,
    unchanged: list[str],
) -> Table:
    """Find who enters and who leaves a tag since an earlier run.

    Rules in `unchanged` are judged for customers only who are new, or of whom a value has
    changed that one of these rules looks at; the other rules for everybody. The answer is the
    same as if all were judged for everybody.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer, now.
    rules : mapping of str to Rule
        By tag, now.
    thresholds : mapping of str to float or None
        Of `profiles`.
    earlier : EarlierTags
        The earlier run.
    unchanged : list of str
        From `unchanged_tags`.

    Returns
    -------
    ibis.Table
        One row per customer and tag that is entered or left: `customer_id`, `tag`, `holds`.
    """
    kept = {tag: rules[tag] for tag in unchanged}
    anew = {tag: rule for tag, rule in rules.items() if tag not in kept}
    columns = sorted({column for rule in kept.values() for column in rule.columns})
    judged = [find_holders(profiles, anew, thresholds)]
    before = earlier.history.filter(earlier.history.left_date.isnull()).select(*_PAIR)
    if kept:
        changed = changed_profiles(profiles, earlier.profiles, columns).cache()
        judged.append(find_holders(changed.filter(~changed.is_gone), kept, thresholds))
        marked = changed.select("customer_id", is_changed=True)
        before = before.left_join(marked, "customer_id")
        before = before.filter(before.is_changed.notnull() | ~before.tag.isin(unchanged))
    now, then = ibis.union(*judged).cache(), before.select(*_PAIR).cache()
    entered = now.anti_join(then, _PAIR).mutate(holds=True)
    left = then.anti_join(now, _PAIR).mutate(holds=False)
    return entered.union(left)


def changed_profiles(profiles: Table, earlier: Table, columns: list[str]) -> Table:
    """Give the customers of whom a value is another than before, who are new, or are gone.

    Parameters
    ----------
    profiles, earlier : ibis.Table
        One row per customer, now and before.
    columns : list of str
        What to compare, by a hash of 64 bits over all of them; two missing values are equal. That
        a change goes unseen has a chance of 5e-20.

    Returns
    -------
    ibis.Table
        `customer_id`, once each, `is_gone`, and `columns` as they are now.
    """
    now = profiles.select("customer_id", *columns, seal=_seal(profiles, columns))
    then = earlier.select("customer_id", seal=_seal(earlier, columns))
    both = now.outer_join(then, "customer_id", rname="{name}_before")
    changed = both.filter(~both.seal.identical_to(both.seal_before))
    return changed.select(
        *columns,
        customer_id=ibis.coalesce(changed.customer_id, changed.customer_id_before),
        is_gone=changed.customer_id.isnull(),
    )


def _seal(profiles: Table, columns: list[str]) -> ibis.Value:
    """Hash of 64 bits over all values of a row; to join them all costs half as much again."""
    return ibis.struct({name: profiles[name] for name in columns}).hash()
