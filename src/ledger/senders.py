"""Who is sending: a name for the ledger, and a lock that dies with the process."""

from collections.abc import Iterator
from contextlib import contextmanager
import fcntl
import os
from pathlib import Path
import secrets
import socket

from src.ledger.store import Ledger

__all__ = ["is_alive", "sending"]


@contextmanager
def sending(ledger: Ledger) -> Iterator[str]:
    """Give this sender a name and keep it alive until the block ends, however it ends.

    Beside a SQLite file the sign of life is a locked file: the kernel frees it when the
    process dies, and no clock or process number can mislead. For a server there is only the
    lease.
    """
    name = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(6)}"
    path = _lock_path(ledger, name)
    if path is None:
        yield name
        return
    path.parent.mkdir(exist_ok=True, mode=0o700)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        try:
            yield name
        finally:
            path.unlink(missing_ok=True)


def is_alive(ledger: Ledger, name: str | None) -> bool:
    """Whether a sender may still be at work; where that cannot be known, the answer is yes."""
    path = _lock_path(ledger, name or "")
    if path is None:
        return True
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            path.unlink(missing_ok=True)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _lock_path(ledger: Ledger, name: str) -> Path | None:
    return ledger.folder / "senders" / name.replace(":", "-") if ledger.folder else None
