"""The commands `campanile tags check` and `why`."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
import unicodedata

import typer

from src.errors import ParameterError
from src.root import PROJECT_ROOT

if TYPE_CHECKING:
    from ibis.expr.types import Table

    from src.features.tag_explain import Why
    from src.features.tags import RuleCheck
    from src.stage import Stage

__all__ = ["tag_app"]

tag_app = typer.Typer(help="Check the rules of tags, and see why a customer carries one.")

_AROUND = 60


@tag_app.command()
def check(
    file: Annotated[
        str, typer.Argument(metavar="[FILE]", help="The rules.", show_default=True)
    ] = "params/tags.yaml",
    run: Annotated[
        str, typer.Option(metavar="RUN_ID", help="Count on the customers of this run.")
    ] = "",
) -> None:
    """Say of every rule whether it is sound, or what is wrong with it and where.

    All errors are shown at once, each with a mark under its place; the exit code is then 1.
    With --run, also how many customers of that run each rule selects.
    """
    from src.features.tags import check_tag_rules

    profiles = _open_run(run).table("profiles") if run else None
    checks = check_tag_rules(file)
    sizes = {} if profiles is None else _sizes(profiles, checks)
    width = max(len(found.tag) for found in checks)
    for found in checks:
        for line in _check_lines(found, sizes.get(found.tag, ""), width):
            typer.echo(line)
    n_wrong = sum(bool(found.errors) for found in checks)
    typer.echo(f"{file}: {len(checks) - n_wrong} of {len(checks)} tags are sound.")
    if n_wrong:
        raise typer.Exit(1)


@tag_app.command()
def why(
    customer: Annotated[
        str, typer.Argument(metavar="CUSTOMER", help="Pseudonym, or its first letters.")
    ],
    run: Annotated[str, typer.Option(metavar="RUN_ID", help="Name below runs/.")] = "latest",
    tag: Annotated[str, typer.Option(help="This tag only.")] = "",
) -> None:
    """Show which tags a customer has in a run, since when, and what decided.

    Rules and thresholds are those of the run, whatever the rules file says by now.
    """
    from src.features.tag_changes import EarlierTags
    from src.features.tag_explain import explain_customer, find_customer

    stage = _open_run(run)
    tables = EarlierTags(*(stage.table(n) for n in ("profiles", "tag_history", "tag_rules")))
    customer_id = find_customer(tables.profiles, customer)
    found = explain_customer(tables, customer_id)
    if tag and tag not in {one.tag for one in found}:
        raise ParameterError(
            f"Expected a tag of that run, found {tag!r}; it has {[one.tag for one in found]}."
        )
    shown = [one for one in found if tag in ("", one.tag)]
    day = tables.profiles.as_of_date.max().to_pyarrow().as_py()
    carried = sum(one.is_carried for one in shown)
    typer.echo(f"{customer_id}, as of {day}: {carried} of {len(shown)} tags")
    for one in sorted(shown, key=lambda one: not one.is_carried):
        for line in _why_lines(one):
            typer.echo(line)


def _open_run(run_id: str) -> "Stage":
    """Open a run to read its tables."""
    from src.data.tables import STAGES
    from src.run_record import RunRecord
    from src.stage import Stage

    if Path(run_id).name != run_id:
        raise ParameterError(f"Expected a plain name below runs/, found {run_id!r}; give one.")
    return Stage(STAGES[-1], RunRecord.read(PROJECT_ROOT / "runs" / run_id).run.resolve())


def _sizes(profiles: "Table", checks: tuple["RuleCheck", ...]) -> dict[str, str]:
    """Say how many customers each sound rule selects."""
    from src.features.rules import find_thresholds
    from src.features.tag_history import read_known_rules
    from src.features.tag_holders import count_holders

    sound = [found.read for found in checks if found.read]
    rules = read_known_rules(sound, profiles)
    n_all, counts = count_holders(profiles, rules, find_thresholds(rules.values(), profiles))
    lacking = "names a column that this run lacks: selects NOBODY"
    return {rule.name: _size(counts[rule.name], n_all) if rule.name in rules else lacking
            for rule in sound}  # fmt: skip


def _size(n: int, n_all: int) -> str:
    told = f"{n:,} of {n_all:,} customers"
    if n == 0:
        return f"{told}: selects NOBODY"
    return f"{told}: selects EVERYBODY" if n == n_all else f"{told} ({n / n_all:.1%})"


def _check_lines(found: "RuleCheck", size: str, width: int) -> Iterator[str]:
    if not found.errors:
        yield f"{found.tag:<{width}}  ok     {size}".rstrip()
        return
    from src.features.rule_text import RuleError

    yield f"{found.tag:<{width}}  ERROR  line {found.line}"
    for error in found.errors:
        if isinstance(error, RuleError):
            yield from (f"    {line}" for line in _marked(found.rule, error.position - 1))
        yield f"    {error}"


def _marked(rule: str, start: int) -> tuple[str, str]:
    """Show the surroundings of a place in a rule, and a mark under it."""
    signs = [
        " " if sign.isspace() else sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}"
        for sign in rule
    ]
    first, last = max(start - _AROUND, 0), min(start + _AROUND, len(signs))
    before, after = "... " if first else "", " ..." if last < len(signs) else ""
    wide = sum(1 + (unicodedata.east_asian_width(sign) in "WF") for sign in signs[first:start])
    return before + "".join(signs[first:last]) + after, " " * (len(before) + wide) + "^"


def _why_lines(one: "Why") -> Iterator[str]:
    yield f"\n{one.tag}: {_status(one)}"
    yield f"  means    {one.meaning}"
    yield f"  rule     {' '.join(one.rule.split())}"
    yield "  values   " + ", ".join(f"{name} = {_shown(v)}" for name, v in one.values.items())
    answers = {True: "holds", False: "does not hold", None: "cannot be known"}
    for number, part in enumerate(one.because):
        yield f"  {'because' if not number else '':<8} {part.text}: {answers[part.holds]}"


def _status(one: "Why") -> str:
    if one.is_carried:
        until = f", until {one.expires_date} at the latest" if one.expires_date else ""
        return f"YES, since {one.entered_date}{until}"
    if one.lacks:
        return f"no: the run lacks {', '.join(one.lacks)}"
    if one.entered_date is None:
        return "no" if one.holds is not None else "no: a value is missing"
    if one.left_date is None:
        return (
            f"no: expired on {one.expires_date}; the rule has held since {one.entered_date}, and "
            "must fail once before the tag is entered anew"
        )
    end = min(filter(None, (one.left_date, one.expires_date)))
    return f"no: had it from {one.entered_date} to {end}"


def _shown(value: object) -> str:
    if value is None:
        return "missing"
    return f"{value:.10g}" if isinstance(value, float) else repr(value)
