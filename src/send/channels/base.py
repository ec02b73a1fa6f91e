"""What every channel is: something that takes finished messages and says how each ended."""

from collections.abc import Sequence
from concurrent.futures import Executor, wait
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from src.errors import ChannelError

__all__ = ["Channel", "Envelope", "Outcome", "Pause", "RefusedError", "Verdict", "hand_over"]


@dataclass(frozen=True)
class Envelope:
    """One message as it goes over the wire; only its key is ever shown.

    Parameters
    ----------
    message_key : str
        Key of the message in the ledger.
    sender, recipient : str
        Addresses in ASCII; for other ways than e-mail a number or an https address.
    content : bytes
        E-mail: headers and body, lines ended by CR LF, none above 998 octets. Else UTF-8 text.
    """

    message_key: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


class Verdict(StrEnum):
    """What is known of a message after it was handed over."""

    TAKEN = "taken"
    RETRY = "retry"  # certainly not taken, may be tried again
    REFUSED = "refused"  # certainly not taken, and never will be
    UNKNOWN = "unknown"  # perhaps taken


class Pause(StrEnum):
    """Whom the other side asks for less."""

    NONE = "none"
    DOMAIN = "domain"  # for this recipient's domain
    SERVER = "server"  # for everything: it is not there, or closes


@dataclass(frozen=True)
class Outcome:
    """How one hand-over ended.

    Parameters
    ----------
    verdict : Verdict
        What is known.
    reason : str
        In our own words: a server's may hold addresses.
    pause : Pause, default NONE
        Whether the other side asked for less.
    """

    verdict: Verdict
    reason: str = ""
    pause: Pause = Pause.NONE


class RefusedError(ChannelError):
    """The channel refused the message for good, and certainly did not take it."""

    def __init__(self, message: str, channel: str, message_key: str) -> None:
        super().__init__(message, channel, message_key, is_retryable=False)


class Channel(Protocol):
    """A way out.

    `deliver` returns once the message is certainly taken. It raises `ChannelError` with
    `is_retryable` where certainly nothing was taken, `RefusedError` where it never will be,
    and any other `ChannelError` where it cannot tell: the message is then UNKNOWN. Up to
    `n_at_once` messages are handed over side by side, from as many threads; after a crash at
    most so many are UNKNOWN.

    A channel may also have ``deliver_all(envelopes) -> list[Outcome]``, which is then used
    for a whole group at once; ``check() -> bool``, asked before a group is begun, false while
    the other side is not there; ``max_seconds``, the longest a group can take; ``stationery``,
    how letters by it are signed and where bounces go; and ``close()``.
    """

    name: str
    n_at_once: int

    def deliver(self, envelope: Envelope) -> None:
        """Hand one message over."""
        ...

    def was_delivered(self, message_key: str) -> bool | None:
        """Whether a message was taken, None where the channel cannot know."""
        ...


def hand_over(
    channel: Channel, envelopes: Sequence[Envelope], threads: Executor
) -> list[Outcome | BaseException]:
    """Hand a group of at most `n_at_once` messages over, side by side.

    Returns
    -------
    list of Outcome or BaseException
        One per envelope, in order; an exception is an error of the program, which says nothing
        about the message.
    """
    if hasattr(channel, "deliver_all"):
        return channel.deliver_all(envelopes)
    done = [threads.submit(_outcome, channel, envelope) for envelope in envelopes]
    wait(done)
    return [found.exception() or found.result() for found in done]


def _outcome(channel: Channel, envelope: Envelope) -> Outcome:
    try:
        channel.deliver(envelope)
    except RefusedError:
        return Outcome(Verdict.REFUSED, "refused by the channel")
    except ChannelError as error:
        if error.is_retryable:
            return Outcome(Verdict.RETRY, "not taken yet")
        return Outcome(Verdict.UNKNOWN, "channel cannot tell")
    return Outcome(Verdict.TAKEN)
