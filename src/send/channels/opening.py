"""Choosing a channel: the dry run's Maildir, one of ours by its file, or a package's."""

from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

from src.errors import ConfigurationError, ParameterError
from src.send.channels.base import Channel
from src.send.channels.maildir import MaildirChannel
from src.send.channels.settings import check_settings, read_channel_file
from src.send.channels.sms import SmsChannel
from src.send.channels.smtp import SmtpChannel
from src.send.channels.webhook import WebhookChannel

__all__ = ["ENTRY_POINTS", "open_channel"]

ENTRY_POINTS = "campanile.channels"
"""Group in which a package offers channels: functions from a file's fields to a channel."""

_OWN: dict[str, Callable[..., Channel]] = {
    "smtp": SmtpChannel,
    "sms": SmsChannel,
    "webhook": WebhookChannel,
}


def open_channel(mode: str, folder: Path, channel_file: str = "") -> Channel:
    """Open the channel of a mode.

    Parameters
    ----------
    mode : str
        ``dry_run``: a Maildir in `folder`, nothing leaves the machine. ``live``: a real channel.
    folder : Path
        Where the Maildir is.
    channel_file : str, default ""
        File that describes the live channel, such as ``params/channels/relay.yaml``.

    Raises
    ------
    ConfigurationError
        If the mode is ``live`` and no channel is named.
    ParameterError
        If the mode is neither, or the channel file is not valid.
    """
    if mode == "dry_run":
        return MaildirChannel(folder)
    if mode != "live":
        raise ParameterError(f"Expected 07_send.mode to be dry_run or live, found {mode!r}.")
    if not channel_file:
        raise ConfigurationError(
            "Expected a configured live channel for mode live, found none; nothing was sent: "
            "name a file of params/channels in 07_send.channel_file, or use mode dry_run."
        )
    fields = read_channel_file(channel_file)
    kind = fields["kind"]
    if kind in _OWN:
        return _OWN[kind](check_settings(fields, channel_file))
    return _foreign(kind)(fields)


def _foreign(kind: str) -> Callable[[dict], Channel]:
    """Find the channel of an installed package by its name."""
    found = [point for point in entry_points(group=ENTRY_POINTS) if point.name == kind]
    if not found:
        known = sorted(_OWN) + sorted(point.name for point in entry_points(group=ENTRY_POINTS))
        raise ParameterError(f"Expected one of the kinds of channel {known}, found {kind!r}.")
    return found[0].load()
