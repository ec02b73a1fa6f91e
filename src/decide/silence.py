"""Compiled code that writes to the process's output, whatever it is asked, is kept quiet."""

from collections.abc import Iterator
from contextlib import contextmanager
import ctypes
import os
import sys

__all__ = ["silence_output"]


@contextmanager
def silence_output() -> Iterator[None]:
    """Let nothing written to file descriptor 1 through.

    HiGHS prints a line of its own from inside its integer solver even with its display off; a
    notebook would show it to readers. Both buffers are emptied before each turn, so that what
    others wrote comes out and what the solver wrote does not. What other threads write in the
    meantime is lost: keep it to the one call.
    """
    flush = ctypes.CDLL(None).fflush
    sys.stdout.flush()
    flush(None)
    kept = os.dup(1)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)
        yield
    finally:
        flush(None)
        os.dup2(kept, 1)
        os.close(kept)
