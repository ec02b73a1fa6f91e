"""The commands `campanile source guess`, `check` and `draft`."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.markup import escape
from rich.table import Table
import typer

from src.errors import ParameterError
from src.root import PROJECT_ROOT

if TYPE_CHECKING:
    from src.inspection.check import TableCheck

__all__ = ["source_app"]

source_app = typer.Typer(help="Look at a shop's data before anything runs.")
_console = Console(highlight=False)


@source_app.command()
def check(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Such as params/sources/x.yaml.")],
    outcome: Annotated[
        str | None, typer.Option(help="Source column that no other may give away.")
    ] = None,
    rows: Annotated[int, typer.Option(min=1, help="Rows of each table to look at.")] = 100_000,
) -> None:
    """Say what a run would take from a source, what is odd in it, and what is missing."""
    from src.inspection.check import check_readable, check_tables, find_people, without

    source, checks = check_tables(file, outcome, rows)
    for table_check in checks:
        _show_table(table_check)
    if not isinstance(source.people, str):
        _console.print("\n[bold]people[/] (read into memory, shown as counts only)")
        for words, n in find_people(file, source).items():
            _console.print(f"  {n:>9,} {words}")
    lacks = without(source)
    if lacks:
        _console.print("\n[bold]A run will do without[/]")
        for words in lacks:
            _console.print(f"  {escape(words)}")
    check_readable(file, source, checks)
    _console.print("\n[bold green]usable[/]: every table can be reached, mapped and read.")


@source_app.command()
def guess(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH...", help="A file, several, or a folder.")
    ],
    output: Annotated[
        Path | None, typer.Option(help="Where to write it, such as params/sources/x.yaml.")
    ] = None,
    name: Annotated[str | None, typer.Option(help="Of the shop.")] = None,
    currency: Annotated[str | None, typer.Option(help="ISO code, such as EUR.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Draft a source file from the names and values of columns; read it through and correct it."""
    from src.inspection.guess import draft_source

    draft = draft_source(paths, name or (output.stem if output else None), currency)
    if output is None:
        typer.echo(draft, nl=False)
        return
    _write_new({output: draft}, force)
    n_open = draft.count("TODO")
    told = f"{output}: drafted, {n_open} TODO; then `campanile source check {output}`."
    _console.print(told, soft_wrap=True)


@source_app.command()
def draft(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Such as params/sources/x.yaml.")],
    output: Annotated[
        Path | None, typer.Option(help="The params file; default: params/ and the shop's name.")
    ] = None,
    raw_dir: Annotated[str, typer.Option(help="Where landed data is kept.")] = "data/raw",
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Draft the params and the campaign file of a first run, from all of the data."""
    from src.inspection.first_run import draft_campaign, draft_params, find_first_run, shown_path
    from src.sources.config import read_source

    params = output or PROJECT_ROOT / "params" / f"{read_source(file).name}.yaml"
    campaign = params.parent / "campaigns" / params.name
    _check_free([params, campaign], force)
    source, found = find_first_run(file, PROJECT_ROOT / raw_dir)
    text = draft_params(file, source, found, shown_path(campaign), raw_dir)
    _write_new({params: text, campaign: draft_campaign(source, found)}, force)
    _console.print(
        f"{found.n_lines:,} order lines of {found.n_customers:,} customers, {found.first_day} to "
        f"{found.last_day}; the rules refuse up to {found.refused_share:.1%} of a table.\n"
        f"{shown_path(params)}, {shown_path(campaign)}: drafted; read them, then "
        f"`campanile run {shown_path(params)}`.",
        soft_wrap=True,
    )


def _check_free(files: Iterable[Path], force: bool) -> None:
    for file in files:
        if file.exists() and not force:
            raise ParameterError(
                f"Expected no file at {file.name} yet, found one; take another name, or --force."
            )


def _write_new(texts: dict[Path, str], force: bool) -> None:
    _check_free(texts, force)
    for file, text in texts.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")


def _show_table(found: "TableCheck") -> None:
    extent = "all rows" if found.is_whole else "first rows"
    _console.print(f"\n[bold]{found.raw_table}[/] ({found.n_rows:,}, {extent})")
    table = Table("raw column", "taken from", "examples", "missing", "unreadable", box=None)
    for row in found.columns.itertuples():
        table.add_row(
            row.raw_column,
            escape(row.mapped),
            escape(row.examples),
            _share(row.missing_share),
            _share(row.unreadable_share),
        )
    _console.print(table)
    for words in _findings(found):
        _console.print(f"  [yellow]![/] {escape(words)}")
    if found.unused:
        _console.print(f"  [dim]not used: {escape(', '.join(found.unused))}[/]")


def _findings(found: "TableCheck") -> list[str]:
    told = [
        f"{row.raw_column}: what cannot be read has a form such as "
        f"{' or '.join(row.unreadable_forms)} (9 a digit, a and A letters)"
        for row in found.columns.itertuples()
        if row.unreadable_forms
    ]
    for oddity in found.missing_words:
        told.append(
            f"{oddity.column}: {oddity.value!r} in {oddity.n:,} rows looks like missing; name it "
            "in the field missing if it is"
        )
    for oddity in found.sentinels:
        told.append(
            f"{oddity.column}: {oddity.value} in {oddity.n:,} rows stands far from all other "
            "numbers; if it means missing, name it in the field missing"
        )
    if found.n_repeats:
        fate = "they have an id of their own" if found.has_key else "kept: no key tells them apart"
        told.append(f"{found.n_repeats:,} rows equal an earlier one in every column; {fate}")
    if found.n_returns:
        told.append(f"{found.n_returns:,} rows with pieces below zero; they are taken as returns")
    for column, auc in found.leaks.items():
        told.append(
            f"{column}: ranks {found.outcome!r} with an AUC of {auc:.2f} by itself; if it is known "
            "only afterwards, it must not be used"
        )
    return told + _of_persons(found)


def _of_persons(found: "TableCheck") -> list[str]:
    told = []
    if found.crowd is not None:
        told.append(
            f"{found.crowd.column}: one value, {found.crowd.value!r}, in {found.crowd.n:,} rows; "
            "if it stands for many people, such as guests, name it in the field missing"
        )
    if found.personal:
        kept = "they stay in the file where it lies" if found.is_in_place else "not kept either"
        told.append(
            f"{', '.join(found.personal)}: of persons, and not used; {kept}. People who may be "
            "written to are named under `people`"
        )
    return told


def _share(share: float) -> str:
    return "" if not share else f"{share:.1%}" if share >= 0.001 else "< 0.1%"
