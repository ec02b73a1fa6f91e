"""The mail server of a rehearsal: it takes letters by SMTP and keeps what readers act on."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from email import message_from_bytes
from html import unescape
import json
from pathlib import Path
import re
import threading
from typing import NamedTuple

__all__ = ["Links", "PostOffice", "read_letters", "read_links"]

_LARGEST = 2 * 1024 * 1024
_HREF = re.compile(r'<a\b[^>]*?\shref="([^"]*)"')  # as our letters write them
_SRC = re.compile(r'<img\b[^>]*?\ssrc="([^"]*)"')
_RECIPIENT = re.compile(rb"<([^<>\s]+)>")


class Links(NamedTuple):
    """Where a letter leads: one-click unsubscription, links in their order, pictures."""

    leave: str
    links: tuple[str, ...]
    pixels: tuple[str, ...]


class PostOffice:
    """Takes letters on a port of this machine, one line of a file for each, until closed.

    A letter is on disk before it is acknowledged. Of most letters only the recipient and the
    message's key are kept; those to `interested` are kept whole.

    Parameters
    ----------
    file : Path
        Lines are appended to it.
    refused : collection of str
        Addresses that are told 550: the mailbox is gone.
    interested : collection of str
        Addresses whose readers may do something with the letter.
    """

    def __init__(self, file: Path, refused: Collection[str], interested: Collection[str]) -> None:
        self.file, self.refused = file, frozenset(refused)
        self.interested = frozenset(interested)
        self.port = 0

    @contextmanager
    def open(self) -> Iterator["PostOffice"]:
        """Listen until the block ends; `port` says where."""
        loop, is_ready = asyncio.new_event_loop(), threading.Event()
        thread = threading.Thread(target=self._serve, args=(loop, is_ready), daemon=True)
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("ab") as self._out:
            self._out.write(b"\n")  # ends a line that an earlier break cut off
            thread.start()
            is_ready.wait()
            try:
                yield self
            finally:
                loop.call_soon_threadsafe(loop.stop)
                thread.join()

    def _serve(self, loop: asyncio.AbstractEventLoop, is_ready: threading.Event) -> None:
        asyncio.set_event_loop(loop)
        server = loop.run_until_complete(
            asyncio.start_server(self._talk, "127.0.0.1", 0, limit=_LARGEST)
        )
        self.port = server.sockets[0].getsockname()[1]
        is_ready.set()
        loop.run_forever()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 rehearsal ESMTP\r\n")
            recipient = ""
            while line := await reader.readline():
                command = line[:4].upper()
                if command == b"DATA":
                    writer.write(b"354 go on\r\n")
                    letter = await reader.readuntil(b"\r\n.\r\n")
                    self._keep(recipient, letter)
                    writer.write(b"250 taken\r\n")
                elif command == b"RCPT":
                    found = _RECIPIENT.search(line)
                    recipient = found[1].decode("ascii", "replace") if found else ""
                    is_gone = recipient in self.refused
                    writer.write(b"550 5.1.1 no such mailbox\r\n" if is_gone else b"250 yes\r\n")
                elif command == b"EHLO":
                    writer.write(b"250-rehearsal\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE\r\n")
                elif command == b"QUIT":
                    writer.write(b"221 bye\r\n")
                    break
                else:
                    writer.write(b"250 yes\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # the sender went away; it will come again
        finally:
            writer.close()

    def _keep(self, recipient: str, letter: bytes) -> None:
        head = letter.partition(b"\r\n\r\n")[0]
        key = re.search(rb"^Message-ID: <([^@>]+)@", head, re.MULTILINE)
        kept: dict[str, object] = {"to": recipient, "key": key[1].decode() if key else ""}
        if recipient in self.interested:
            kept["letter"] = letter.decode("latin-1")
        self._out.write(json.dumps(kept).encode() + b"\n")
        self._out.flush()


def read_letters(file: Path) -> dict[str, dict]:
    """Give the letters that were taken, by the message's key; one that was cut off is none.

    Returns
    -------
    dict of str to dict
        `to`, `key`, `n_taken`, and of some `letter`, as it was taken.
    """
    letters: dict[str, dict] = {}
    for line in file.read_bytes().split(b"\n") if file.exists() else ():
        try:
            letter = json.loads(line)
        except ValueError:
            continue
        before = letters.get(letter["key"], {"n_taken": 0})
        letters[letter["key"]] = letter | {"n_taken": before["n_taken"] + 1}
    return letters


def read_links(letter: str) -> Links:
    """Find where a letter leads, as a mail program does."""
    message = message_from_bytes(letter.encode("latin-1"))
    page = ""
    for part in message.walk():
        if part.get_content_type() == "text/html":
            page = part.get_payload(decode=True).decode("utf-8", "replace")
    leave = re.search(r"<(https?://[^>]+)>", str(message.get("List-Unsubscribe", "")))
    links, pixels = ([unescape(one) for one in found.findall(page)] for found in (_HREF, _SRC))
    return Links(leave[1] if leave else "", tuple(links), tuple(pixels))
