"""A channel that only remembers: for tests and rehearsals."""

from src.send.channels.base import Envelope

__all__ = ["MemoryChannel"]


class MemoryChannel:
    """Keep what was delivered, in order; like a mail server it cannot be asked afterwards."""

    name = "memory"
    n_at_once = 1

    def __init__(self) -> None:
        self.delivered: list[Envelope] = []

    def deliver(self, envelope: Envelope) -> None:
        """Remember one message."""
        self.delivered.append(envelope)

    def was_delivered(self, message_key: str) -> bool | None:
        """Give no answer."""
        return None
