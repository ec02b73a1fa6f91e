"""Ways out: each takes one finished message."""

from pathlib import Path

from src.errors import ConfigurationError, ParameterError
from src.send.channels.base import Channel, Envelope, RefusedError
from src.send.channels.maildir import MaildirChannel, count_maildir
from src.send.channels.memory import MemoryChannel

__all__ = [
    "Channel",
    "Envelope",
    "MaildirChannel",
    "MemoryChannel",
    "RefusedError",
    "count_maildir",
    "open_channel",
]


def open_channel(mode: str, folder: Path) -> Channel:
    """Open the channel of a mode.

    Parameters
    ----------
    mode : str
        ``dry_run``: a Maildir in `folder`, nothing leaves the machine. ``live``: a real channel.
    folder : Path
        Where the Maildir is.

    Raises
    ------
    ConfigurationError
        If the mode is ``live``: no live channel is configured.
    ParameterError
        If the mode is neither.
    """
    if mode == "dry_run":
        return MaildirChannel(folder)
    if mode == "live":
        raise ConfigurationError(
            "Expected a configured live channel for mode live, found none; nothing was sent: "
            "configure one, or use mode dry_run."
        )
    raise ParameterError(f"Expected 07_send.mode to be dry_run or live, found {mode!r}.")
