"""What every channel is: something that takes one finished message."""

from dataclasses import dataclass, field
from typing import Protocol

from src.errors import ChannelError

__all__ = ["Channel", "Envelope", "RefusedError"]


@dataclass(frozen=True)
class Envelope:
    """One message as it goes over the wire; only its key is ever shown.

    Parameters
    ----------
    message_key : str
        Key of the message in the ledger.
    sender, recipient : str
        Addresses in ASCII.
    content : bytes
        Headers and body, lines ended by CR LF, none above 998 octets.
    """

    message_key: str
    sender: str = field(repr=False)
    recipient: str = field(repr=False)
    content: bytes = field(repr=False)


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
    """

    name: str
    n_at_once: int

    def deliver(self, envelope: Envelope) -> None:
        """Hand one message over."""
        ...

    def was_delivered(self, message_key: str) -> bool | None:
        """Whether a message was taken, None where the channel cannot know."""
        ...
