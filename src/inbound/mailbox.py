"""Mailboxes that bounces come back to: Maildir or IMAP. What is not understood stays in them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
import imaplib
import mailbox
from pathlib import Path
import re
from typing import Protocol
from urllib.parse import unquote, urlsplit

from src.errors import ParameterError, SourceError
from src.inbound.bounces import MailKind, read_mail
from src.ledger.feedback import record_feedback
from src.ledger.store import Ledger

__all__ = ["ImapMailbox", "MaildirMailbox", "open_mailbox", "process_mailbox"]

_DONE_FOLDER = "Processed"
_SETTLED = {MailKind.DELAYED, MailKind.DELIVERED}
_SECONDS = 60.0
_SAFE = re.compile(r"[A-Za-z0-9._/-]{1,200}")


class Mailbox(Protocol):
    """Mails under names, and a way to put one aside."""

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Give the mails; reading changes nothing."""

    def put_aside(self, name: str) -> None:
        """Move one mail to the folder of those that are done; again, it changes nothing."""


class MaildirMailbox:
    """A Maildir; mails that are done go into its folder ``.Processed``."""

    def __init__(self, path: Path) -> None:
        self._box = mailbox.Maildir(path, create=False)

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Give the mails, in the order of their names."""
        for name in sorted(self._box.keys()):
            try:
                yield name, self._box.get_bytes(name)
            except (KeyError, OSError):
                continue  # another reader has put it aside

    def put_aside(self, name: str) -> None:
        """Copy one into the folder, then take it away: it is never in neither."""
        done = self._box.add_folder(_DONE_FOLDER)
        try:
            done.add(self._box.get_bytes(name))
        except KeyError:
            return
        done.flush()
        self._box.discard(name)


class ImapMailbox:
    """A folder on an IMAP server; mails that are done go into the folder ``Processed``."""

    def __init__(self, connection: imaplib.IMAP4, folder: str) -> None:
        self._imap = connection
        _checked(connection.select(folder))
        connection.create(_DONE_FOLDER)  # NO if it is there already

    def mails(self) -> Iterator[tuple[str, bytes]]:
        """Give the mails without marking them as read."""
        (found,) = _checked(self._imap.uid("SEARCH", "UNDELETED"))
        for uid in (found or b"").decode("ascii").split():
            for item in _checked(self._imap.uid("FETCH", uid, "(BODY.PEEK[])")):
                if isinstance(item, tuple):
                    yield uid, item[1]

    def put_aside(self, name: str) -> None:
        """Copy one into the folder, then take away that one alone."""
        if "MOVE" in self._imap.capabilities:
            _checked(self._imap.uid("MOVE", name, _DONE_FOLDER))
            return
        _checked(self._imap.uid("COPY", name, _DONE_FOLDER))
        _checked(self._imap.uid("STORE", name, "+FLAGS.SILENT", r"(\Deleted)"))
        if "UIDPLUS" in self._imap.capabilities:  # a plain EXPUNGE would take others' mails, too
            _checked(self._imap.uid("EXPUNGE", name))


@contextmanager
def open_mailbox(source: str, password: str = "") -> Iterator[Mailbox]:
    """Open a Maildir by its path, or a folder by ``imaps://user@host/folder``.

    Raises
    ------
    ParameterError
        If there is no Maildir, or the address is none; ``imap://``, without encryption, goes to
        this machine only.
    SourceError
        If the server does not let us in.
    """
    if "://" not in source:
        if not (Path(source) / "new").is_dir():
            raise ParameterError("Expected a Maildir with a folder new in it, found none.")
        yield MaildirMailbox(Path(source))
        return
    connection, folder = _connect(source, password)
    try:
        yield ImapMailbox(connection, folder)
    finally:
        connection.logout()


def process_mailbox(ledger: Ledger, box: Mailbox, key: bytes) -> Counter[str]:
    """Keep what the mails of a mailbox say, and put aside those that are done with.

    A mail is put aside after the ledger has kept what it says; stopped in between, the next
    pass finds it again and changes nothing. Answers of machines and of people, and bounces of
    messages that are not ours, stay.

    Returns
    -------
    Counter of str
        Mails by kind, ``new`` for statements that were new, ``left`` for mails that stayed.
    """
    counts: Counter[str] = Counter()
    for name, raw in box.mails():
        reading = read_mail(raw, key)
        counts[reading.kind.value] += 1
        if reading.report is not None:
            counts["new"] += record_feedback(ledger, [reading.report], "mailbox")
            box.put_aside(name)
        elif reading.kind in _SETTLED and reading.message_key:
            box.put_aside(name)
        else:
            counts["left"] += 1
    return counts


def _connect(source: str, password: str) -> tuple[imaplib.IMAP4, str]:
    parts = urlsplit(source)
    folder = unquote(parts.path.strip("/")) or "INBOX"
    is_local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    is_known = parts.scheme == "imaps" or (parts.scheme == "imap" and is_local)
    if not is_known or not parts.username or parts.password or not _SAFE.fullmatch(folder):
        raise ParameterError(
            "Expected imaps://user@host/folder without a password, found another address; "
            "name the password by --password env:NAME."
        )
    kind = imaplib.IMAP4_SSL if parts.scheme == "imaps" else imaplib.IMAP4
    port = parts.port or (993 if parts.scheme == "imaps" else 143)
    try:
        connection = kind(parts.hostname or "", port, timeout=_SECONDS)
        connection.login(unquote(parts.username), password)
    except (OSError, imaplib.IMAP4.error):
        raise SourceError(
            f"Expected the mailbox at {parts.hostname} to let us in, but it did not; check its "
            "name, the account and the password."
        ) from None
    return connection, folder


def _checked(answer: tuple[str, list]) -> list:
    """Give what a server answered.

    Raises
    ------
    SourceError
        If it is not OK.
    """
    if answer[0] != "OK":
        raise SourceError("Expected the mail server to do as asked, found NO; try again.")
    return answer[1]
