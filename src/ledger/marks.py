"""Marks beside the keys of what was last begun, so that an old copy of a ledger may not send.

Each sender holds a slot of its own and writes into it, once its attempts are durable in the ledger
and before any byte leaves, which attempt that was. A ledger that does not know an attempt marked
here was put back to an earlier day: what went out since, it would send again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import re

from sqlalchemy import select

from src.errors import LedgerError
from src.keys import keys_path
from src.ledger.audit import append_audit, audited
from src.ledger.schema import audit_head, messages
from src.ledger.states import Message
from src.ledger.store import Ledger

__all__ = ["RestoredError", "SendMark", "accept_restored", "check_marks", "marking"]

_MARK = re.compile(rb"([0-9a-f]{64}) ([0-9]{12})\n")
_MAX_SLOTS = 10_000


class RestoredError(LedgerError):
    """The ledger is older than what was sent from it."""


class SendMark:
    """A slot of one sender; `put` says which attempts have begun."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def put(self, begun: list[Message]) -> None:
        """Note the last attempt of a group; the others began in the same transaction.

        Survives the death of the process at once, and a power cut after some seconds.
        """
        if begun and self._descriptor is not None:
            line = f"{begun[-1].message_key} {begun[-1].fence:012d}\n"
            os.pwrite(self._descriptor, line.encode("ascii"), 0)


@contextmanager
def marking(ledger: Ledger, is_live: bool) -> Iterator[SendMark]:
    """Check the marks, and hold a slot until the block ends.

    Parameters
    ----------
    ledger : Ledger
        The ledger.
    is_live : bool
        Whether messages reach people; else nothing is checked or marked, and a copy of a run
        may be tried again.

    Raises
    ------
    RestoredError
        If an attempt that was marked is not in the ledger.
    """
    if not is_live:
        yield SendMark(None)
        return
    check_marks(ledger)
    descriptor = _take_slot(_folder(ledger))
    try:
        yield SendMark(descriptor)
    finally:
        os.fsync(descriptor)
        os.close(descriptor)


def check_marks(ledger: Ledger) -> None:
    """Refuse a ledger that does not know what was begun from it.

    Raises
    ------
    RestoredError
        If an attempt that was marked is not in the ledger.
    """
    fence = select(messages.c.fence)
    for path in sorted(_folder(ledger).glob("*.mark")):
        if (mark := _read(path)) is None:
            continue
        key, marked = mark
        with ledger.read() as connection:
            found = connection.scalar(fence.where(messages.c.message_key == key))
        if found is None or found < marked:
            raise RestoredError(
                "Expected a ledger that knows everything that was sent from it, found an older "
                f"copy: it does not know how message {key[:12]}… was begun; nothing was sent. "
                "Restore a newer copy, or see to it that nobody gets a message twice (call the "
                "campaigns off, or import the server's log) and run `campanile audit accept`."
            )


def accept_restored(ledger: Ledger, actor: str = "") -> int:
    """Let a restored ledger send again; the audit log keeps who took that upon them.

    Returns
    -------
    int
        Marks that were taken away.
    """
    paths = [path for path in sorted(_folder(ledger).glob("*.mark")) if path.stat().st_size]
    marks = [path.read_text(encoding="ascii", errors="replace").strip() for path in paths]
    details = {"marks": marks}
    now = ledger.now()
    audited(
        ledger,
        lambda connection: append_audit(
            connection, now, actor, "accept restored ledger", "", details
        ),
    )
    for path in paths:
        path.unlink()
    return len(marks)


def _read(path: Path) -> tuple[str, int] | None:
    """Read key and fence of a mark; None for a slot that was taken and not used."""
    text = path.read_bytes()
    if not text:
        return None
    found = _MARK.fullmatch(text)
    if not found:
        raise LedgerError(
            f"Expected a key and a number in the mark {path.parent.name}/{path.name}, found "
            "something else; nothing was sent. Restore it with the keys, or see that the ledger "
            "is no older copy and run `campanile audit accept`."
        )
    return found[1].decode("ascii"), int(found[2])


def _folder(ledger: Ledger) -> Path:
    with ledger.read() as connection:
        chain_id = connection.scalar(select(audit_head.c.chain_id))
    folder = keys_path() / f"sent-{chain_id}"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _take_slot(folder: Path) -> int:
    """Open and lock the first slot that no living sender holds."""
    for number in range(_MAX_SLOTS):
        path = folder / f"{number:04d}.mark"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        return descriptor
    raise LedgerError(f"Expected fewer than {_MAX_SLOTS} senders at once, found as many.")
