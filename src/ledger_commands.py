"""The commands that keep the ledger: `campanile audit`, `consent`, `suppression`, `vault`."""

from pathlib import Path
from typing import Annotated

import typer

from src.message_commands import existing, tell_import

__all__ = ["add_ledger_commands"]

audit_app = typer.Typer(help="The log of decisions, chained so that changes show.")
consent_app = typer.Typer(help="Who agreed to what.")
suppression_app = typer.Typer(help="Who is never to be contacted.")
vault_app = typer.Typer(help="The encrypted contact fields.")

_File = Annotated[Path, typer.Argument(metavar="FILE", help="A CSV file with a header.")]
_Run = Annotated[str, typer.Option("--run", metavar="RUN_ID", help="Name below runs/.")]


def add_ledger_commands(app: typer.Typer) -> None:
    """Put the commands of this module into the whole."""
    for name, part in (
        ("audit", audit_app),
        ("consent", consent_app),
        ("suppression", suppression_app),
        ("vault", vault_app),
    ):
        app.add_typer(part, name=name, no_args_is_help=True)


@audit_app.callback()
@consent_app.callback()
@suppression_app.callback()
@vault_app.callback()
def _several() -> None:
    """Keep the name of a command that is the only one of its group."""


@audit_app.command("verify")
def verify(run: _Run = "latest") -> None:
    """Follow the chain of the audit log; with findings the exit code is 1."""
    from src.ledger import verify_audit
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        report = verify_audit(ledger)
    for finding in report.findings:
        typer.echo(f"entry {finding.entry_no}: {finding.what}")
    if report.findings:
        raise typer.Exit(1)
    typer.echo(f"{report.n_entries:,} entries, unbroken and as anchored")


@audit_app.command("show")
def show(run: _Run = "latest") -> None:
    """List the entries: number, time, who, what."""
    from src.ledger.audit import read_audit
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        for entry in read_audit(ledger):
            typer.echo(
                f"{entry.entry_no:>6}  {entry.recorded_at:%Y-%m-%d %H:%M:%S}  {entry.actor}  "
                f"{entry.action}  {entry.subject}  {entry.details}"
            )


@audit_app.command("accept")
def accept(run: _Run = "latest") -> None:
    """Let a ledger that was restored from an older copy send again.

    First see to it that nobody gets a message twice: call campaigns off, or import the log of
    the mail server with `campanile unknown import`.
    """
    from src.ledger.marks import accept_restored
    from src.run_ledger import open_run_ledger

    typer.confirm("Is nothing left in it that went out after the copy was made?", abort=True)
    with open_run_ledger(run) as ledger:
        accept_restored(ledger)
    typer.echo("accepted; the audit log says by whom")


@consent_app.command("import")
def import_consent(file: _File, run: _Run = "latest") -> None:
    """Append consent events.

    Columns: customer_id or email, channel, purpose, is_granted, source, wording, recorded_at,
    and optionally proof.
    """
    from src.ledger.imports import import_consents
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        tell_import(import_consents(ledger, existing(file)), "events are new")


@suppression_app.command("import")
def import_suppression(file: _File, run: _Run = "latest") -> None:
    """Put people on the list of those never to be contacted.

    Columns: one of email, phone, webhook and customer_id; optionally channel, reason and
    recorded_at.
    """
    from src.ledger.imports import import_suppressions
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        tell_import(import_suppressions(ledger, existing(file)), "entries are new")


@vault_app.command("rotate")
def rotate(run: _Run = "latest") -> None:
    """Seal every contact field anew under a new key; stopped, it goes on at the next call."""
    from src.ledger.people import rotate_vault
    from src.run_ledger import open_run_ledger

    with open_run_ledger(run) as ledger:
        n_people = rotate_vault(ledger)
    typer.echo(f"{n_people:,} people are sealed under the newest key")
