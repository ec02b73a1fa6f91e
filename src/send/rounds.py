"""All channels of a campaign, one after the other, each by its own way out."""

from collections import Counter
from collections.abc import Callable, Mapping
import math

from src.decide.catalogue import Campaign
from src.ledger.store import Ledger
from src.send.channels import Channel
from src.send.clock import Clock
from src.send.outbox import deliver
from src.send.pace import limits_of

__all__ = ["add_up", "count_files", "deliver_in_turn"]


def deliver_in_turn(
    ledger: Ledger,
    ways: Mapping[str, Channel],
    campaign: Campaign,
    clock: Clock,
    on_unknown: str = "hold",
    rate: float = math.inf,
    n_processes: int = 1,
    on_progress: Callable[[int], None] | None = None,
    is_stopped: Callable[[], bool] = lambda: False,
) -> dict[str, dict[str, int]]:
    """Deliver the messages of each channel, as `deliver` does those of one.

    Parameters
    ----------
    ledger : Ledger
        Where the messages are planned.
    ways : mapping of str to Channel
        By channel of the messages, from `open_channels`; in this order.
    campaign : Campaign
        Whose messages.
    clock : callable
        Time that messages and attempts are dated with.
    on_unknown : str, default "hold"
        As for `deliver`.
    rate : float, default inf
        Most messages a second by any one channel.
    n_processes : int, default 1
        Senders that run side by side.
    on_progress : callable, optional
        Told how many messages of all channels are done.
    is_stopped : callable, optional
        Asked before each group whether to end here.

    Returns
    -------
    dict of str to dict of str to int
        What this pass did, by channel.
    """
    results: dict[str, dict[str, int]] = {}
    for name, channel in ways.items():
        n_before = sum(add_up(results).values())
        tell = on_progress and (lambda n, n_before=n_before: on_progress(n_before + n))
        results[name] = deliver(
            ledger,
            channel,
            campaign,
            clock,
            on_unknown=on_unknown,
            limits=limits_of(channel, ledger, clock(), rate, n_processes),
            on_progress=tell,
            is_stopped=is_stopped,
            by=name,
        )
    return results


def add_up(results: Mapping[str, Mapping[str, int]]) -> dict[str, int]:
    """Add what was done by each channel.

    Examples
    --------
    >>> add_up({"email": {"n_sent": 2, "n_failed": 1}, "sms": {"n_sent": 3, "n_failed": 0}})
    {'n_sent': 5, 'n_failed': 1}
    """
    totals: Counter = Counter()
    for result in results.values():
        totals.update(result)
    return dict(totals)


def count_files(ways: Mapping[str, Channel]) -> dict[str, int]:
    """Count the messages in the folders of a dry run, by channel; none where it is live."""
    return {name: len(way.keys()) for name, way in ways.items() if hasattr(way, "keys")}
