"""Ways out: each takes finished messages and says how each ended."""

from src.send.channels.base import (
    Channel,
    Envelope,
    Outcome,
    Pause,
    RefusedError,
    Verdict,
    hand_over,
)
from src.send.channels.maildir import FolderChannel, MaildirChannel, count_maildir
from src.send.channels.memory import MemoryChannel
from src.send.channels.opening import open_channel, open_channels
from src.send.channels.smtp import SmtpChannel
from src.send.channels.stationery import PLAIN, Stationery, read_return_path, return_path

__all__ = [
    "PLAIN",
    "Channel",
    "Envelope",
    "FolderChannel",
    "MaildirChannel",
    "MemoryChannel",
    "Outcome",
    "Pause",
    "RefusedError",
    "SmtpChannel",
    "Stationery",
    "Verdict",
    "count_maildir",
    "hand_over",
    "open_channel",
    "open_channels",
    "read_return_path",
    "return_path",
]
