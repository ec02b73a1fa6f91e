"""The file of tags: named rules over profiles, written by marketers."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import ibis
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
import yaml

from src.errors import ParameterError
from src.features.families import read_catalogue
from src.features.profiles_contract import profiles_contract
from src.features.rules import read_rule
from src.root import PROJECT_ROOT

__all__ = ["RuleCheck", "TagRule", "check_tag_rules", "read_tag_rules", "rule_columns"]

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
_RESERVED = ("customer_id", "as_of_date")
_MOST_DAYS = 36_500


class TagRule(BaseModel):
    """One tag: its name, what it means to a reader, when it applies, who answers for it.

    `expires_days` ends it so many days after it was entered, even while the rule still holds;
    without, it lasts as long as the rule holds.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,47}$")]
    meaning: _Text
    rule: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
    owner: _Text
    expires_days: Annotated[int, Field(strict=True, ge=1, le=_MOST_DAYS)] | None = None


@dataclass(frozen=True)
class RuleCheck:
    """What was found on one tag of a file.

    Parameters
    ----------
    tag : str
        Its name, or its number where it has none.
    line : int
        Where it begins in the file, from 1.
    rule : str
        Its rule as written; empty where there is none.
    errors : tuple of ParameterError
        All that is wrong; a `RuleError` knows where in the rule.
    read : TagRule or None
        The tag; None where something is wrong.
    """

    tag: str
    line: int
    rule: str
    errors: tuple[ParameterError, ...]
    read: TagRule | None


def rule_columns() -> ibis.Schema:
    """Columns that rules may name, with their types: all features there are."""
    columns = profiles_contract(read_catalogue()).columns
    return ibis.schema({column.name: column.type for column in columns})


def read_tag_rules(path: str) -> tuple[TagRule, ...]:
    """Read and check a file of tag rules; a relative path starts at the project root.

    Every rule is held against the columns of ``profiles``, so that a wrong one stops the
    stage before any work is done.

    Parameters
    ----------
    path : str
        YAML file: a list of mappings with `name`, `meaning`, `rule`, `owner` and perhaps
        `expires_days` under ``tags``.

    Returns
    -------
    tuple of TagRule
        In the order of the file.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, lacks or repeats something, or holds a rule that
        `read_rule` refuses; names the first tag that is wrong.
    """
    checks = check_tag_rules(path)
    wrong = [(check, error) for check in checks for error in check.errors]
    if wrong:
        first, error = wrong[0]
        n = len(wrong) - 1
        more = f" There are {n} more errors: see `campanile tags check {path}`." if n else ""
        raise ParameterError(f"Tag {first.tag} of {path}, line {first.line}: {error}{more}")
    return tuple(check.read for check in checks if check.read is not None)


def check_tag_rules(path: str) -> tuple[RuleCheck, ...]:
    """Check every tag of a file, whatever is wrong with the others.

    Parameters
    ----------
    path : str
        As for `read_tag_rules`.

    Returns
    -------
    tuple of RuleCheck
        In the order of the file.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, repeats a key, or has no list of tags.
    """
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(
            f"Expected a file of tag rules at {path}, found none; check tag_rules."
        )
    columns = rule_columns()
    checks: list[RuleCheck] = []
    for number, (line, entry) in enumerate(_parse(file, path), start=1):
        first_lines = {check.tag: check.line for check in checks}
        checks.append(_check_entry(entry, number, line, first_lines, columns))
    return tuple(checks)


def _parse(file: Path, path: str) -> list[tuple[int, object]]:
    """Line and content of each tag in a file."""
    try:
        loader = _Loader(file.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        content = loader.construct_document(root) if root else None
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise ParameterError(
            f"Expected YAML in {path}, found {_yaml_reason(error)}; mend it."
        ) from None
    if not isinstance(content, dict) or list(content) != ["tags"]:
        raise ParameterError(
            f"Expected one list under `tags` in {path}, found {_outline(content)}; "
            "see params/tags.yaml for an example."
        )
    if not isinstance(content["tags"], list) or not content["tags"]:
        raise ParameterError(
            f"Expected a list of at least one tag in {path}, found {_outline(content['tags'])}; "
            "see params/tags.yaml for an example."
        )
    lines = [item.start_mark.line + 1 for item in root.value[0][1].value]
    return list(zip(lines, content["tags"], strict=True))


class _Loader(yaml.SafeLoader):
    """Plain YAML that refuses a key given twice; PyYAML would keep the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key {key.value!r} a second time", key.start_mark
                )
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _yaml_reason(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    reason = getattr(error, "problem", None) or "an error"
    return f"{reason} at line {mark.line + 1}" if mark else "an error"


def _outline(content: object) -> str:
    """Say what there is, however large it may be."""
    if isinstance(content, dict):
        return f"the keys {[key for key in content if isinstance(key, str)]}"
    return "an empty list" if content == [] else type(content).__name__


def _check_entry(
    entry: object, number: int, line: int, first_lines: dict[str, int], columns: ibis.Schema
) -> RuleCheck:
    fields = entry if isinstance(entry, dict) else {}
    name = fields.get("name")
    name = name if isinstance(name, str) and name else f"number {number}"
    name = name if name.isprintable() else repr(name)
    text = fields.get("rule")
    text = text.strip() if isinstance(text, str) else ""
    errors: list[ParameterError] = []
    read = None
    try:
        read = TagRule.model_validate(entry)
    except ValidationError as error:
        errors += _field_errors(error)
    errors += _name_errors(name, first_lines)
    if text:
        try:
            read_rule(text, columns)
        except ParameterError as error:
            errors.append(error)
    return RuleCheck(name, line, text, tuple(errors), None if errors else read)


def _field_errors(error: ValidationError) -> list[ParameterError]:
    found = [
        (".".join(map(str, one["loc"])) or "tag", one["msg"].lower()) for one in error.errors()
    ]
    return [
        ParameterError(
            f"Expected a valid {field}, but {what}; a tag has name, meaning, rule, owner and "
            "perhaps expires_days."
        )
        for field, what in found
    ]


def _name_errors(name: str, first_lines: dict[str, int]) -> list[ParameterError]:
    if name in _RESERVED:
        return [
            ParameterError(f"Expected a name that is no column of tags, found {name!r}; rename it.")
        ]
    if name in first_lines:
        return [
            ParameterError(
                f"Expected each tag to have a name of its own, found {name!r} at line "
                f"{first_lines[name]} already; rename one."
            )
        ]
    return []
