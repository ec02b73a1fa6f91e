"""Several senders side by side, each a process of its own, all at one ledger."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
import math
import multiprocessing
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from pathlib import Path
import time

from src.decide.catalogue import Campaign
from src.errors import ChannelError, ConfigurationError, MarketingError
from src.ledger.store import open_ledger
from src.send.channels import open_channels
from src.send.clock import run_clock
from src.send.rounds import add_up, deliver_in_turn

__all__ = ["Order", "deliver_order"]

_TELL_SECONDS = 0.2


@dataclass(frozen=True)
class Order:
    """All that a sender has to know; it goes to other processes, so it holds no secret.

    Parameters
    ----------
    run : Path
        Folder of the run.
    campaign : Campaign
        Whose messages.
    outbox : Path
        Where a dry run writes: a folder for each channel.
    mode, clock, as_of_date, ledger_url, channel_file, on_unknown : str
        As in the parameters of 07_send.
    rate : float, default inf
        Most messages a second by any one channel, all senders together.
    n_processes : int, default 1
        Senders. Each has its own connections: a crash of all leaves at most
        `n_processes` times the channel's connections UNKNOWN.
    """

    run: Path
    campaign: Campaign
    outbox: Path
    mode: str = "dry_run"
    clock: str = "campaign"
    as_of_date: str = ""
    ledger_url: str = ""
    channel_file: str = ""
    on_unknown: str = "hold"
    rate: float = math.inf
    n_processes: int = 1


def deliver_order(order: Order, on_progress: Callable[[int], None] | None = None) -> dict[str, int]:
    """Deliver with as many processes as the order says.

    Parameters
    ----------
    order : Order
        What to deliver, and how.
    on_progress : callable, optional
        Told now and then how many messages are done.

    Returns
    -------
    dict of str to int
        As `deliver`, all senders together.

    Raises
    ------
    MarketingError or ConfigurationError
        What stopped a sender; the others finish first.
    """
    if order.n_processes == 1:
        return _deliver(order, on_progress, lambda: False)
    context = multiprocessing.get_context("spawn")  # with the environment as it is now
    stop = context.Event()
    crew: dict[Connection, SpawnProcess] = {}
    for _ in range(order.n_processes):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_work, args=(order, theirs, stop), daemon=True)
        process.start()
        theirs.close()
        crew[ours] = process
    try:
        return _follow(crew, on_progress)
    finally:
        stop.set()
        for process in crew.values():
            process.join()


def _deliver(
    order: Order, on_progress: Callable[[int], None] | None, is_stopped: Callable[[], bool]
) -> dict[str, int]:
    clock = run_clock(order.clock, order.as_of_date, order.mode)
    with open_ledger(order.run, order.ledger_url) as ledger:
        ways = open_channels(order.mode, order.outbox, order.campaign, order.channel_file)
        results = deliver_in_turn(
            ledger,
            ways,
            order.campaign,
            clock,
            order.on_unknown,
            order.rate,
            order.n_processes,
            on_progress,
            is_stopped,
        )
    return add_up(results)


def _work(order: Order, tell: Connection, stop: Event) -> None:
    """Be one sender; what comes of it goes through the pipe."""
    told_at = 0.0

    def on_progress(n_done: int) -> None:
        nonlocal told_at
        if time.monotonic() - told_at > _TELL_SECONDS:
            told_at = time.monotonic()
            tell.send(n_done)

    try:
        tell.send(_deliver(order, on_progress, stop.is_set))
    except (MarketingError, ConfigurationError) as error:
        tell.send(error if not isinstance(error, ChannelError) else MarketingError(str(error)))
    finally:
        tell.close()


def _follow(
    crew: dict[Connection, SpawnProcess], on_progress: Callable[[int], None] | None
) -> dict[str, int]:
    """Listen to all senders until each has said its last word."""
    done: dict[Connection, int] = {}
    totals: Counter = Counter()
    errors: list[Exception] = []
    open_pipes = list(crew)
    while open_pipes:
        for pipe in wait(open_pipes):
            try:
                said = pipe.recv()
            except EOFError:
                open_pipes.remove(pipe)
                continue
            if isinstance(said, dict):
                totals.update(said)
                done[pipe] = sum(said.values())
            elif isinstance(said, Exception):
                errors.append(said)
            else:
                done[pipe] = said
        if on_progress:
            on_progress(sum(done.values()))
    for process in crew.values():
        process.join()
        if process.exitcode and not errors:
            text = f"Expected every sender to end well, found exit code {process.exitcode}"
            errors.append(MarketingError(f"{text}; send again: what is out is not sent twice."))
    if errors:
        raise errors[0]
    return dict(totals)
