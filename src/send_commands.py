"""The command `campanile send`: deliver a run's messages, with progress and an estimated end."""

import math
from typing import TYPE_CHECKING, Annotated

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
import typer

if TYPE_CHECKING:
    from pathlib import Path

    from src.send.crew import Order

__all__ = ["deliver_run", "prepare_order"]

_STAGE = "07_send"


def prepare_order(
    run: "Path", is_live: bool, rate: float = math.inf, n_processes: int = 1
) -> tuple["Order", int]:
    """Enter a run's planned messages into its ledger, and say what there is to deliver.

    Parameters
    ----------
    run : Path
        Folder of a run that has finished 06_campaign.
    is_live : bool
        To people; else into the run's outbox.
    rate : float, default inf
        Most messages a second.
    n_processes : int, default 1
        Senders side by side.

    Returns
    -------
    order : Order
    n_open : int
        Messages that wait.
    """
    from src.decide.catalogue import read_campaign
    from src.ledger import count_states, open_ledger, plan_messages
    from src.ledger.states import CLAIMABLE
    from src.params import read_params
    from src.send.crew import Order
    from src.send.windows import enter_window
    from src.stage import open_stage

    values = read_params(str(run / "params.yaml")).stages[_STAGE]
    campaign = read_campaign(values["campaign"])
    stage = open_stage(_STAGE, str(run))
    messages = stage.frame("messages")
    with open_ledger(run, values["ledger_url"]) as ledger:
        enter_window(ledger, campaign)
        plan_messages(ledger, messages)
        counts = count_states(ledger, campaign.campaign_id)
    order = Order(
        run=run,
        campaign=campaign,
        outbox=stage.folder("outbox"),
        mode="live" if is_live else "dry_run",
        clock="wall" if is_live else values["clock"],
        as_of_date=values["as_of_date"],
        ledger_url=values["ledger_url"],
        channel_file=values["channel_file"],
        on_unknown=values["on_unknown"],
        rate=rate,
        n_processes=n_processes,
    )
    return order, sum(counts.get(state, 0) for state in CLAIMABLE)


def deliver_run(
    folder: "Path", is_live: bool, rate: float, n_processes: int, console: Console
) -> dict[str, int]:
    """Deliver a run's messages by all channels of its campaign, showing how far it is."""
    from src.run_record import RunRecord
    from src.send.crew import deliver_order

    run = RunRecord.read(folder).run
    order, n_open = prepare_order(run, is_live, rate, n_processes)
    bars = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=console,
        disable=not console.is_terminal,
    )
    with bars:
        task = bars.add_task("live" if is_live else "dry run", total=n_open)
        result = deliver_order(order, lambda n_done: bars.update(task, completed=n_done))
    words = ", ".join(f"{n:,} {name.removeprefix('n_')}" for name, n in result.items())
    console.print(f"{'Live' if is_live else 'Dry run'}: {words}.")
    return result


RATE = Annotated[float, typer.Option(help="Most messages a second; 0: as fast as it goes.")]
PROCESSES = Annotated[int, typer.Option(min=1, max=64, help="Senders side by side.")]
