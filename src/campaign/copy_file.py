"""Copy on disk: candidates for a person to read, and approved ones in the campaign file."""

from collections.abc import Mapping
import hashlib
import json
import os
from pathlib import Path
import tempfile

import yaml

from src.campaign.copy import Candidate, CopyReport
from src.decide.catalogue import read_campaign
from src.errors import ParameterError

__all__ = ["add_variants", "file_sha256", "read_candidates", "write_candidates"]

_AS_WRITTEN = "as_written"
"""The variant that says what the template says: without it new words would have no rival."""


def file_sha256(path: Path) -> str:
    """Hash a file, so that it can be told which one a person approved."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def write_candidates(report: CopyReport, path: Path) -> None:
    """Write what was proposed, what is against it and what went wrong, for a person to read."""
    content = {
        "campaign_id": report.brief.campaign_id,
        "action": report.brief.action,
        "said": report.sentence(),
        "notes": list(report.notes),
        "accepted": [_line(one) for one in report.accepted],
        "rejected": [_line(one.candidate) | {"why": list(one.reasons)} for one in report.rejected],
    }
    _replace(path, yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=120))


def read_candidates(path: Path) -> tuple[str, dict[str, Candidate]]:
    """Read the action, and the accepted candidates by name.

    Raises
    ------
    ParameterError
        If there is no such file, it is not what was written, or words were changed in it: they
        would no longer be those that passed the checks.
    """
    if not path.is_file():
        raise ParameterError(
            f"Expected candidates in {path.name}, found none; run campanile campaign copy first."
        )
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        found = {
            line["id"]: Candidate(line["words"], line["origin"], line["source"])
            for line in content["accepted"]
        }
        action = content["action"]
    except (yaml.YAMLError, LookupError, TypeError):
        raise ParameterError(f"Expected candidates in {path.name}, found something else.") from None
    changed = [name for name, one in found.items() if one.candidate_id != name]
    if changed:
        raise ParameterError(
            f"Expected the words of {changed[0]} in {path.name} as they were checked, found others;"
            " write words of your own into the campaign file instead."
        )
    return action, found


def add_variants(path: Path, action: str, variants: Mapping[str, Candidate]) -> str:
    """Write candidates as variants into a campaign file, its comments and the rest untouched.

    Each becomes an arm of the experiment. If the action had none, the words that it has had so
    far become one, too.

    Returns
    -------
    str
        The text as it was, for whoever wants to put it back.

    Raises
    ------
    ParameterError
        If the file has no such action, a variant of that name, or could then not be read; it
        stays as it was.
    """
    before = path.read_text(encoding="utf-8")
    known, line, indent = _place(before, action, path.name)
    clash = sorted(known & set(variants))
    if clash:
        raise ParameterError(f"Expected new names of variants, but {clash[0]} is in {path.name}.")
    lines = before.splitlines(keepends=True)
    lines[line:line] = _block(variants, indent, is_first=not known)
    _replace(path, "".join(lines))
    try:
        read_campaign(str(path))
    except ParameterError:
        _replace(path, before)
        raise
    return before


def _line(candidate: Candidate) -> dict:
    return {
        "id": candidate.candidate_id,
        "origin": candidate.origin,
        "source": dict(candidate.source),
        "words": dict(candidate.words),
    }


def _place(text: str, action: str, name: str) -> tuple[set[str], int, int]:
    """Find the variants of an action, the line after them, and their indentation."""
    try:
        actions = _child(yaml.compose(text), "actions")
        node = _child(actions, action)
    except (yaml.YAMLError, LookupError):
        raise ParameterError(f"Expected the action {action!r} in {name}, found none.") from None
    is_block = not (actions.flow_style or node.flow_style)
    try:
        variants = _child(node, "variants")
    except LookupError:
        variants = None
    if not is_block or (variants and (variants.flow_style or not variants.value)):
        raise ParameterError(
            f"Expected the action {action!r} of {name} with one field a line, found braces; write "
            "it as the example in params/campaigns."
        )
    if variants is None:
        return set(), _end_line(node), node.value[0][0].start_mark.column
    return {key.value for key, _ in variants.value}, _end_line(variants), variants.start_mark.column


def _child(node: yaml.MappingNode, name: str) -> yaml.Node:
    if not isinstance(node, yaml.MappingNode):
        raise LookupError(name)
    return next(iter([value for key, value in node.value if key.value == name]), None) or _none(
        name
    )


def _none(name: str) -> yaml.Node:
    raise LookupError(name)


def _end_line(node: yaml.MappingNode) -> int:
    """Give the line after the last value: the node's own end includes what follows it."""
    last = node.value[-1][1]
    if isinstance(last, yaml.MappingNode) and last.value and not last.flow_style:
        return _end_line(last)
    return last.end_mark.line + (1 if last.end_mark.column else 0)


def _block(variants: Mapping[str, Candidate], indent: int, is_first: bool) -> list[str]:
    """Write variants as lines of YAML; JSON's texts in quotes are YAML's too."""
    start = " " * indent
    inner = start + "  " if is_first else start
    lines = [f"{start}variants:\n"] if is_first else []
    if is_first:
        lines += [f"{inner}{_AS_WRITTEN}:\n", f"{inner}  label: as the template has it\n"]
    for name, candidate in variants.items():
        label = f"{candidate.origin}, candidate {candidate.candidate_id}"
        lines += [f"{inner}{name}:\n", f"{inner}  label: {json.dumps(label)}\n"]
        lines += [f"{inner}  slots:\n"]
        lines += [
            f"{inner}    {slot}: {json.dumps(text, ensure_ascii=False)}\n"
            for slot, text in candidate.words.items()
        ]
    return lines


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, draft = tempfile.mkstemp(dir=path.parent, suffix=".draft")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    if path.exists():
        os.chmod(draft, path.stat().st_mode & 0o777)
    os.replace(draft, path)
