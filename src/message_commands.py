"""The commands about messages: `campanile unknown`, `who` and `approve`."""

import csv
from pathlib import Path
import sys
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
import typer

from src.errors import ParameterError

if TYPE_CHECKING:
    import pandas as pd

    from src.ledger import Ledger
    from src.ledger.imports import Imported

__all__ = ["add_message_commands", "tell_import", "unknown_app"]

unknown_app = typer.Typer(help="Messages of which it is not known whether they went out.")
console = Console(stderr=True, highlight=False)

_RunId = Annotated[str, typer.Argument(metavar="RUN_ID", help="Name of a folder below runs/.")]
_Run = Annotated[str, typer.Option("--run", metavar="RUN_ID", help="Name below runs/.")]


def add_message_commands(app: typer.Typer) -> None:
    """Put the commands of this module into the whole."""
    app.add_typer(unknown_app, name="unknown", no_args_is_help=True)
    app.command()(who)
    app.command()(approve)


@unknown_app.command("list")
def list_unknown(run_id: _RunId) -> None:
    """List the messages of which it is not known whether they went out."""
    from src.ledger import unresolved
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run_id) as ledger:
        messages = unresolved(ledger)
    console.print(f"{len(messages)} messages are UNKNOWN; none of them is sent again by itself.")
    for message in messages.itertuples():
        typer.echo(
            f"{message.message_key}  {message.campaign_id}  {message.transport}  "
            f"attempt {message.attempt}  {message.attempted_at:%Y-%m-%d %H:%M}  {message.reason}"
        )


@unknown_app.command("resolve")
def resolve_unknown(
    run_id: _RunId,
    message_key: Annotated[str, typer.Argument(help="As `campanile unknown list` shows it.")],
    was_sent: Annotated[
        bool, typer.Option("--sent/--not-sent", help="What you found out about it.")
    ],
) -> None:
    """Decide one UNKNOWN message: it went out, or it did not and may be sent."""
    from src.ledger import resolve
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run_id) as ledger:
        resolve(ledger, message_key, was_sent)
    console.print("It counts as sent." if was_sent else "The next `campanile send` will try it.")


@unknown_app.command("import")
def import_unknown(
    run_id: _RunId,
    log: Annotated[Path, typer.Argument(metavar="LOG", help="CSV: message, outcome.")],
) -> None:
    """Decide UNKNOWN messages by a provider's log: message (key or Message-ID), outcome.

    The outcome is sent or not sent. Only UNKNOWN messages change; the same log again changes
    nothing.
    """
    from src.ledger.imports import import_provider_log
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run_id) as ledger:
        tell_import(import_provider_log(ledger, existing(log)), "messages are no longer UNKNOWN")


def who(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Name of a campaign.")],
    run: _Run = "latest",
    as_csv: Annotated[bool, typer.Option("--csv", help="One line per message, as CSV.")] = False,
) -> None:
    """Say who got a campaign, who did not, and why: by pseudonyms, never by names."""
    from src.ledger.views import who_got
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        found = who_got(ledger, campaign)
        if found.empty:
            raise ParameterError(_unheard_of(ledger, campaign))
    if as_csv:
        _write_csv(found)
        return
    counts = found.groupby(["got_it", "state", "reason"], dropna=False).size()
    typer.echo(f"{campaign}: {found['customer_id'].nunique():,} customers")
    for (got_it, state, reason), n in counts.sort_values(ascending=False).items():
        why = f"  {reason}" if isinstance(reason, str) else ""
        typer.echo(f"{n:>12,}  {got_it:<8}  {state}{why}")


def approve(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Name of a campaign.")],
    run: _Run = "latest",
) -> None:
    """Approve a campaign as it stands, in the name of the account that runs this.

    A campaign for many needs two people before it goes out live. What is planned or changed
    afterwards needs their approval again.
    """
    from src.ledger import approve as approve_campaign
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        found = approve_campaign(ledger, campaign)
    typer.echo(f"{campaign}: {found.n_messages:,} messages, approved by {_names(found)}")
    n_lacking = found.n_needed - len(found.approved_by)
    typer.echo(f"{n_lacking} more needed" if n_lacking > 0 else "It may be sent.")


def existing(path: Path) -> Path:
    """Give a file that is there.

    Raises
    ------
    ParameterError
        If it is not.
    """
    if not path.is_file():
        raise ParameterError(f"Expected a file {path.name}, found none; mend the path.")
    return path


def tell_import(done: "Imported", what: str) -> None:
    """Say what an import did; with rejected lines the exit code is 1."""
    typer.echo(f"{done.n_rows:,} rows read, {done.n_new:,} {what}, {done.n_rejected:,} rejected")
    for line, why in done.rejected:
        typer.echo(f"  line {line}: {why}")
    if done.n_rejected:
        raise typer.Exit(1)


def _names(found: object) -> str:
    return " and ".join(found.approved_by) or "nobody, which it does not need"


def _unheard_of(ledger: "Ledger", campaign: str) -> str:
    from src.ledger.views import campaign_ids

    return f"Expected a campaign of this ledger, found {campaign!r}; it has {campaign_ids(ledger)}."


def _write_csv(found: "pd.DataFrame") -> None:
    writer = csv.writer(sys.stdout)
    writer.writerow(found.columns)
    for row in found.astype(object).where(found.notna(), "").itertuples(index=False):
        writer.writerow([cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in row])
