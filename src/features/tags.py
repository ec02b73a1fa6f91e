"""Tags: named rules over profiles, written by marketers in a params file."""

from pathlib import Path
from typing import Annotated

import ibis
from ibis import selectors as s
from ibis.expr.types import Table
from pydantic import BaseModel, ConfigDict, StringConstraints, TypeAdapter, ValidationError
import yaml

from src.data.tables import table_contract
from src.errors import ParameterError
from src.features.rules import compile_rule
from src.stage import PROJECT_ROOT

__all__ = ["TagRule", "build_tags", "read_tag_rules"]

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class TagRule(BaseModel):
    """One tag: its name, what it means to a reader, when it applies, who answers for it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    meaning: _Text
    rule: _Text
    owner: _Text


def read_tag_rules(path: str) -> tuple[TagRule, ...]:
    """Read and check a file of tag rules; a relative path starts at the project root.

    Every rule is held against the contract of ``profiles``, so that a wrong one stops the
    stage before any work is done.

    Parameters
    ----------
    path : str
        YAML file: a list of mappings with `name`, `meaning`, `rule` and `owner` under ``tags``.

    Returns
    -------
    tuple of TagRule
        In the order of the file.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, lacks or repeats something, or holds a rule that
        `compile_rule` refuses.
    """
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(
            f"Expected a file of tag rules at {path}, found none; check tags_file."
        )
    rules = _parse(file, path)
    names = [rule.name for rule in rules]
    repeated = sorted({name for name in names if names.count(name) > 1} | _reserved(names))
    if repeated:
        raise ParameterError(
            f"Expected each tag of {path} to have a name of its own, found {repeated} twice or "
            "reserved; rename one."
        )
    if not rules:
        raise ParameterError(f"Expected at least one tag in {path}, found none; write one.")
    for rule in rules:
        _check(rule, path)
    return rules


def _parse(file: Path, path: str) -> tuple[TagRule, ...]:
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise ParameterError(f"Expected YAML in {path}, found an error{place}; mend it.") from None
    if not isinstance(content, dict) or list(content) != ["tags"]:
        raise ParameterError(
            f"Expected one list under `tags` in {path}, found {_outline(content)}; "
            "see params/tags.yaml for an example."
        )
    try:
        return TypeAdapter(tuple[TagRule, ...]).validate_python(content["tags"])
    except ValidationError as error:
        raise ParameterError(_explain(error, content["tags"], path)) from None


def _outline(content: object) -> str:
    return f"the keys {list(content)}" if isinstance(content, dict) else type(content).__name__


def _explain(error: ValidationError, entries: object, path: str) -> str:
    first = error.errors()[0]
    number, *field = first["loc"] or ("?",)
    entry = entries[number] if isinstance(entries, list) and isinstance(number, int) else None
    name = entry.get("name") if isinstance(entry, dict) else None
    tag = f"tag {name!r}" if name else f"tag number {number + 1}" if entry else "list of tags"
    place = f"{tag}, {'.'.join(map(str, field))}" if field else tag
    return f"Expected a valid {place} in {path}, but {first['msg'].lower()}; mend it there."


def _reserved(names: list[str]) -> set[str]:
    return {"customer_id", "as_of_date"} & set(names)


def _check(rule: TagRule, path: str) -> None:
    contract = table_contract("profiles")
    profiles = ibis.table({c.name: c.type for c in contract.columns}, name="profiles")
    try:
        compile_rule(rule.rule, profiles)
    except ParameterError as error:
        raise ParameterError(f"Tag {rule.name!r} of {path}: {error}") from None


def build_tags(profiles: Table, rules: tuple[TagRule, ...]) -> Table:
    """Give each customer the tags whose rules hold.

    A rule that cannot be known for a customer, because a value it needs is missing, gives no
    tag. Quantiles in rules are those of the customers in `profiles`.

    Parameters
    ----------
    profiles : ibis.Table
        One row per customer, from `build_profiles`.
    rules : tuple of TagRule
        From `read_tag_rules`.

    Returns
    -------
    ibis.Table
        One row per customer and tag that applies: `customer_id`, `tag`, `as_of_date`.
    """
    key = ("customer_id", "as_of_date")
    conditions = {rule.name: compile_rule(rule.rule, profiles) for rule in rules}
    wide = profiles.select(*key, **conditions)
    long = wide.pivot_longer(~s.cols(*key), names_to="tag", values_to="applies")
    return long.filter(long.applies).select("customer_id", "tag", "as_of_date")
