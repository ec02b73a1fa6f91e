"""Choosing a way out: the dry run's folders, one of ours by its file, or a package's."""

from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path

from src.decide.catalogue import Campaign
from src.errors import ConfigurationError, ParameterError
from src.root import PROJECT_ROOT
from src.send.channels.base import Channel
from src.send.channels.maildir import FolderChannel, MaildirChannel
from src.send.channels.settings import check_settings, read_channel_file
from src.send.channels.sms import SmsChannel
from src.send.channels.smtp import SmtpChannel
from src.send.channels.webhook import WebhookChannel

__all__ = ["ENTRY_POINTS", "open_channel", "open_channels"]

ENTRY_POINTS = "campanile.channels"
"""Group in which a package offers channels: functions from a file's fields to a channel."""

_OWN: dict[str, Callable[..., Channel]] = {
    "smtp": SmtpChannel,
    "sms": SmsChannel,
    "webhook": WebhookChannel,
}


_FITTING = {"email": "smtp", "sms": "sms", "push": "webhook", "social": "webhook"}
_FOLDER = "params/channels"
_THIS_MACHINE = frozenset({"127.0.0.1", "::1", "localhost"})


def open_channels(
    mode: str, outbox: Path, campaign: Campaign, channel_file: str = ""
) -> dict[str, Channel]:
    """Open the way out of each channel of a campaign, before anything is sent by any.

    Parameters
    ----------
    mode : str
        ``dry_run``: folders in `outbox`, a Maildir for letters. ``live``: real channels.
        ``rehearsal``: as live, to a mail server of this machine and no other.
    outbox : Path
        Where those folders are.
    campaign : Campaign
        Whose channels.
    channel_file : str, default ""
        File of the campaign's own channel. That of any other channel of its actions lies
        beside it (in ``params/channels`` if there is none) and is called as the channel is,
        such as ``sms.yaml``.

    Returns
    -------
    dict of str to Channel
        By channel, in the order of the campaign's actions.

    Raises
    ------
    ConfigurationError
        If the mode is ``live`` and a channel has no file.
    ParameterError
        If the mode is neither, or a channel file is not valid or is for other messages.
    """
    ways: dict[str, Channel] = {}
    for name in campaign.channels:
        if mode == "dry_run" and name != "email":
            ways[name] = FolderChannel(outbox / name)
            continue
        file = channel_file if mode == "dry_run" else _file_of(name, campaign, channel_file)
        if mode != "dry_run" and file:
            _check_fits(name, file)
        ways[name] = open_channel(mode, outbox / "maildir", file)
    return ways


def _file_of(name: str, campaign: Campaign, channel_file: str) -> str:
    """Name the file of one channel; of the campaign's own it is the one that was given."""
    if name == campaign.channel:
        return channel_file
    folder = Path(channel_file).parent if channel_file else Path(_FOLDER)
    file = folder / f"{name}.yaml"
    if not (PROJECT_ROOT / file).is_file():
        raise ConfigurationError(
            f"Expected a channel file at {file} for the {name} messages of "
            f"{campaign.campaign_id}, found none; nothing was sent: write one, kind: "
            f"{_FITTING[name]}, or use mode dry_run."
        )
    return str(file)


def _check_fits(name: str, file: str) -> None:
    kind = read_channel_file(file)["kind"]
    if kind in _OWN and kind != _FITTING[name]:
        raise ParameterError(
            f"Expected kind: {_FITTING[name]} in {file}, for it is to take {name} messages, found "
            f"{kind}; nothing was sent: name another file."
        )


def open_channel(mode: str, folder: Path, channel_file: str = "") -> Channel:
    """Open the channel of a mode.

    Parameters
    ----------
    mode : str
        ``dry_run``: a Maildir in `folder`, nothing leaves the machine. ``live``: a real channel.
        ``rehearsal``: letters, by SMTP, to a server of this machine.
    folder : Path
        Where the Maildir is.
    channel_file : str, default ""
        File that describes the live channel, such as ``params/channels/relay.yaml``.

    Raises
    ------
    ConfigurationError
        If the mode is ``live`` or ``rehearsal`` and no channel is named.
    ParameterError
        If the mode is none of these, the channel file is not valid, or a rehearsal would reach
        another machine.
    """
    if mode == "dry_run":
        return MaildirChannel(folder)
    if mode not in ("live", "rehearsal"):
        raise ParameterError(
            f"Expected 07_send.mode to be dry_run, rehearsal or live, found {mode!r}."
        )
    if not channel_file:
        raise ConfigurationError(
            f"Expected a configured live channel for mode {mode}, found none; nothing was sent: "
            "name a file of params/channels in 07_send.channel_file, or use mode dry_run."
        )
    fields = read_channel_file(channel_file)
    kind = fields["kind"]
    if mode == "rehearsal":
        _check_stays_here(fields, channel_file)
    if kind in _OWN:
        return _OWN[kind](check_settings(fields, channel_file))
    return _foreign(kind)(fields)


def _check_stays_here(fields: Mapping[str, object], file: str) -> None:
    """Let a rehearsal write to nobody: its letters end on this machine."""
    if fields["kind"] != "smtp" or fields.get("host") not in _THIS_MACHINE:
        raise ParameterError(
            f"Expected kind: smtp and a host among {sorted(_THIS_MACHINE)} in {file}, for a "
            "rehearsal reaches no other machine; nothing was sent."
        )


def _foreign(kind: str) -> Callable[[dict], Channel]:
    """Find the channel of an installed package by its name."""
    found = [point for point in entry_points(group=ENTRY_POINTS) if point.name == kind]
    if not found:
        known = sorted(_OWN) + sorted(point.name for point in entry_points(group=ENTRY_POINTS))
        raise ParameterError(f"Expected one of the kinds of channel {known}, found {kind!r}.")
    return found[0].load()
