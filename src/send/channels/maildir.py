"""Folders on this machine: a Maildir that any mail reader opens, and its like for texts."""

from collections.abc import Iterator
import os
from pathlib import Path
import secrets

from src.errors import ChannelError
from src.send.channels.base import Envelope

__all__ = ["FolderChannel", "MaildirChannel", "count_maildir"]


class MaildirChannel:
    """Write each message as one file whose name holds the message key.

    A file of that name can be made once only, so the same key is never delivered twice, and
    what was delivered can be looked up for certain.

    Parameters
    ----------
    folder : Path
        The Maildir; made, with ``tmp``, ``new`` and ``cur``, if absent.
    """

    name = "maildir"
    suffix = ".eml"
    n_at_once = 32  # durable writes wait for the disk together

    def __init__(self, folder: Path) -> None:
        self._drafts, self._new, self._read = (folder / part for part in ("tmp", "new", "cur"))
        for part in (self._drafts, self._new, self._read):
            part.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._sweep()

    def deliver(self, envelope: Envelope) -> None:
        """Write beside, make durable, link into ``new``, make that durable.

        Raises
        ------
        ChannelError
            If the draft cannot be written: nothing was delivered, it may be tried again.
        """
        if self._was_read(envelope.message_key):
            return
        draft = self._drafts / f"{envelope.message_key}.{secrets.token_hex(6)}"
        try:
            _write(draft, self._octets(envelope))
        except OSError as error:
            draft.unlink(missing_ok=True)
            raise ChannelError(
                f"Expected to write into the outbox, found {error.strerror}; make room or "
                "mend its rights, then deliver again.",
                self.name,
                envelope.message_key,
                is_retryable=True,
            ) from None
        try:
            os.link(draft, self._new / f"{envelope.message_key}{self.suffix}")
        except FileExistsError:
            pass
        _sync_folder(self._new)
        draft.unlink(missing_ok=True)

    def was_delivered(self, message_key: str) -> bool:
        """Whether a file of that key is in the mailbox, read or unread."""
        is_new = (self._new / f"{message_key}{self.suffix}").exists()
        return is_new or self._was_read(message_key)

    def keys(self) -> list[str]:
        """Keys of all messages in the mailbox, one per file, sorted."""
        return sorted(name.partition(self.suffix)[0] for name in self._names())

    def _octets(self, envelope: Envelope) -> bytes:
        return envelope.content.replace(b"\r\n", b"\n")

    def _names(self) -> Iterator[str]:
        for folder in (self._new, self._read):
            with os.scandir(folder) as entries:
                yield from (entry.name for entry in entries)

    def _was_read(self, message_key: str) -> bool:
        """Whether a mail reader has moved the file on, where its name gets flags."""
        with os.scandir(self._read) as entries:
            return any(entry.name.startswith(message_key) for entry in entries)

    def _sweep(self) -> None:
        """Drop drafts that were linked into ``new`` before their writer was stopped."""
        for draft in self._drafts.iterdir():
            try:
                if draft.stat().st_nlink > 1:
                    draft.unlink()
            except FileNotFoundError:
                continue  # its writer was alive and has just finished


class FolderChannel(MaildirChannel):
    """The same scheme for text messages and calls: recipient, an empty line, what is sent."""

    name = "folder"
    suffix = ".txt"

    def _octets(self, envelope: Envelope) -> bytes:
        return f"To: {envelope.recipient}\n\n".encode() + envelope.content + b"\n"


def count_maildir(folder: Path) -> int:
    """Count the messages in a Maildir, read or unread."""
    return len(MaildirChannel(folder).keys())


def _write(path: Path, content: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
