"""The `campanile` command."""

import logging
import math
from pathlib import Path
import signal
import sys
import time
from typing import Annotated, NoReturn

from rich.console import Console
from rich.logging import RichHandler
import typer

from src.bars import StageBars
from src.campaign_commands import campaign_app
from src.campaign_file_commands import add_campaign_file_commands
from src.errors import ConfigurationError, MarketingError
from src.inbound_commands import add_inbound_commands
from src.ledger_commands import add_ledger_commands
from src.message_commands import add_message_commands
from src.root import PROJECT_ROOT
from src.send_commands import PROCESSES, RATE, deliver_run
from src.source_commands import source_app
from src.tag_commands import tag_app

__all__ = ["app", "main"]

app = typer.Typer(
    help="Marketing campaigns that are decided, sent and measured, as notebooks run in order.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
add_campaign_file_commands(campaign_app)
app.add_typer(campaign_app, name="campaign", no_args_is_help=True)
app.add_typer(source_app, name="source", no_args_is_help=True)
app.add_typer(tag_app, name="tags", no_args_is_help=True)
add_message_commands(app)
add_ledger_commands(app)
add_inbound_commands(app)
console = Console(stderr=True, highlight=False)

_RunId = Annotated[str, typer.Argument(metavar="RUN_ID", help="Name of a folder below runs/.")]


@app.command()
def run(
    params: Annotated[str, typer.Argument(metavar="PARAMS", help="A params file, params/*.yaml.")],
    run_id: Annotated[str, typer.Option(help="Name of the run; default: file and time.")] = "",
    first: Annotated[str, typer.Option("--from", help="First stage, such as 04.")] = "01",
    last: Annotated[str, typer.Option("--to", help="Last stage, such as 06.")] = "08",
    override: Annotated[
        list[str] | None, typer.Option("--set", help="BLOCK.NAME=VALUE; may be repeated.")
    ] = None,
) -> None:
    """Run the notebooks for one params file; nothing leaves the machine."""
    from src import pipeline

    name = run_id or ("latest" if first != "01" else pipeline.new_run_id(params))
    with StageBars(console) as bars:
        path = pipeline.run(params, _run_dir(name), override, first, last, bars)
    _tell_end(path, bars)


@app.command()
def resume(run_id: _RunId) -> None:
    """Go on after the last finished stage of a run."""
    from src import pipeline

    with StageBars(console) as bars:
        path = pipeline.resume(_run_dir(run_id), bars)
    _tell_end(path, bars)


@app.command()
def measure(run_id: _RunId) -> None:
    """Bring in what has happened since a campaign was sent, and measure it again.

    01, 02 and 08 are run anew; decisions, letters and what was sent stay. Do it when the outcome
    window is over, and again whenever late returns have come in: 08 says what they changed.
    """
    from src import pipeline

    with StageBars(console) as bars:
        path = pipeline.measure(_run_dir(run_id), bars)
    _tell_end(path, bars)


@app.command()
def rehearse(
    params: Annotated[
        str, typer.Argument(metavar="PARAMS", help="A params file, such as params/rehearsal.yaml.")
    ],
    waves: Annotated[int, typer.Option(min=1, help="Campaigns, one after the other.")] = 6,
    customers: Annotated[int, typer.Option(min=500, help="Size of the invented shop.")] = 50_000,
    world: Annotated[
        str, typer.Option(help="The law of its customers, a file of params/worlds.")
    ] = "params/worlds/plain.yaml",
    seed: Annotated[int, typer.Option(min=0, help="Another seed is another shop.")] = 1,
    run_id: Annotated[str, typer.Option(help="Name below runs/; default: file and time.")] = "",
) -> None:
    """Play several campaigns against a shop whose truth is known, before anybody is written to.

    The notebooks, letters over SMTP, clicks and opt-outs over HTTP are real; the customers are
    invented, and nothing leaves the machine. The same command with the same --run-id goes on
    where it was broken off.
    """
    from src.pipeline import new_run_id
    from src.rehearsal_commands import rehearse_shop

    folder = PROJECT_ROOT / _run_dir(run_id or new_run_id(params))
    console.print(f"{folder.relative_to(PROJECT_ROOT)}: goes on there if it is broken off.")
    with StageBars(console) as bars:
        page = rehearse_shop(params, world, customers, waves, seed, folder, bars, console)
    typer.echo(page)


@app.command()
def send(
    run_id: _RunId,
    live: Annotated[bool, typer.Option("--live", help="To people, not to a Maildir.")] = False,
    rate: RATE = 0.0,
    processes: PROCESSES = 1,
) -> None:
    """Deliver a run's messages, or go on delivering: what is out already is not sent again.

    Afterwards 07_send is run, so that its log and the report say what went out.
    """
    from src import pipeline

    folder = _run_dir(run_id)
    deliver_run(PROJECT_ROOT / folder, live, rate or math.inf, processes, console)
    override = ["07_send.mode=live", "07_send.clock=wall"] if live else []
    with StageBars(console) as bars:
        path = pipeline.run(f"{folder}/params.yaml", folder, override, "07", "07", bars)
    _tell_end(path, bars)


@app.command()
def report(
    run_id: Annotated[str, typer.Argument(help="Name of a run below runs/, or `latest`.")] = "",
    is_all: Annotated[
        bool, typer.Option("--all", help="One page of all campaigns, runs/index.html.")
    ] = False,
    export: Annotated[
        str, typer.Option(help="Folder for the lift, as PyMC-Marketing, Meridian, Robyn take it.")
    ] = "",
) -> None:
    """Build a run's HTML report anew, with its run card; or the page of all campaigns."""
    from src.report import build_dashboard, build_report, export_lift
    from src.report.card import build_card
    from src.run_record import RunRecord

    if is_all == bool(run_id):
        raise typer.BadParameter("Expected the name of a run, or --all; give one of the two.")
    if is_all:
        typer.echo(build_dashboard(PROJECT_ROOT / "runs"))
        return
    path = RunRecord.read(PROJECT_ROOT / _run_dir(run_id)).run
    typer.echo(build_report(path))
    for file in export_lift(build_card(path), Path(export)) if export else ():
        typer.echo(file)


def main() -> None:
    """Run the command; an error of the user's is one sentence and exit code 2."""
    logging.basicConfig(
        level=logging.WARNING,
        format="%(message)s",
        handlers=[RichHandler(console=console, show_path=False, show_time=False)],
    )
    signal.signal(signal.SIGTERM, _terminate)
    try:
        app()
    except (MarketingError, ConfigurationError) as error:
        console.print(f"[bold red]campanile:[/] {_escaped(error)}", soft_wrap=True)
        sys.exit(2)
    except KeyboardInterrupt:
        console.print("campanile: interrupted; `campanile resume` goes on.")
        sys.exit(130)


def _run_dir(run_id: str) -> str:
    folder = Path("runs") / run_id
    if Path(run_id).name != run_id:
        raise typer.BadParameter(f"Expected a plain name below runs/, found {run_id!r}.")
    path = PROJECT_ROOT / folder
    return str(path.resolve().relative_to(PROJECT_ROOT)) if path.is_symlink() else str(folder)


def _tell_end(path: Path, bars: StageBars) -> None:
    for stage, seconds in bars.seconds.items() if console.is_terminal else ():
        console.print(f"{stage:<14} {seconds:11.1f} s")
    seconds = time.monotonic() - bars.started
    console.print(f"{'in all':<14} {seconds:11.1f} s, report and tracking included")
    typer.echo(path / "report" / "index.html")


def _escaped(error: Exception) -> str:
    return str(error).replace("[", r"\[")


def _terminate(*_: object) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    main()
