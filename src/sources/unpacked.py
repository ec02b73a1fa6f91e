"""Open a file of a shop with care: regular, of the kind it says, gzip unpacked within bounds."""

from collections.abc import Callable
import gzip
import hashlib
import io
from pathlib import Path
import stat
import zlib

from src.errors import ParameterError, SourceError

__all__ = [
    "MAX_UNPACKED",
    "MAX_UNPACK_RATIO",
    "check_is_file",
    "check_is_text",
    "file_sha256",
    "open_unpacked",
]

MAX_UNPACKED = 1 << 40
"""Bytes that a gzip file may hold unpacked."""

MAX_UNPACK_RATIO = 250
"""Times that a gzip file may grow when it is unpacked; tables shrink by 3 to 50 times."""

_RATIO_FROM = 1 << 26  # below 64 MB a high ratio does no harm
_BLOCK = 1 << 20
_HEAD = 1 << 16

_MAGIC = {
    b"PAR1": "a Parquet file",
    b"PK\x03\x04": "a zip archive or an Excel workbook",
    b"\x1f\x8b": "a gzip file",
    b"\xd0\xcf\x11\xe0": "an old or locked Excel workbook",
    b"SQLite format 3\0": "an SQLite database",
    b"%PDF": "a PDF",
    b"\x89PNG": "a picture",
    b"BZh": "a bzip2 file",
    b"\x28\xb5\x2f\xfd": "a zstd file",
    b"7z\xbc\xaf": "a 7z archive",
    b"ARROW1": "an Arrow file",
    b"\x7fELF": "a program",
}
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<svg")


def check_is_file(path: str, file: Path) -> None:
    """Refuse what has the name of a file and is none, without opening it.

    Raises
    ------
    ParameterError
        If it is a folder, a pipe or a device.
    SourceError
        If it cannot be looked at, or is a link to nothing.
    """
    try:
        mode = file.stat().st_mode
    except OSError as error:
        is_link = file.is_symlink()
        found = "a link to nothing" if is_link else _reason(error)
        raise SourceError(
            f"Expected the file {file.name} that {path} names, found {found}; put it in its place."
        ) from None
    if not stat.S_ISREG(mode):
        found = "a folder" if stat.S_ISDIR(mode) else "a pipe, socket or device"
        raise ParameterError(
            f"Expected a file at {file.name} that {path} names, found {found}; correct the name."
        )


def file_sha256(file: Path, tell: Callable[[int], None]) -> str:
    """SHA-256 of a file's bytes as they lie; `tell` hears how many have been read."""
    digest = hashlib.sha256()
    with io.BufferedReader(_Unpacked(file, tell, is_gzip=False), _BLOCK) as stream:
        while block := stream.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def open_unpacked(file: Path, tell: Callable[[int], None] = lambda n: None) -> io.BufferedReader:
    """Open a file to read its bytes, unpacked if its name ends in ``.gz``.

    Parameters
    ----------
    file : Path
        A regular file.
    tell : callable
        Is told how many bytes of the file, packed as it is, have been read.

    Returns
    -------
    io.BufferedReader
        Reading from it raises SourceError where the file cannot be read, is no gzip file
        though its name says so, is cut short, or unpacks beyond the bounds of this module.
    """
    is_gzip = file.suffix.lower() == ".gz"
    return io.BufferedReader(_Unpacked(file, tell, is_gzip), _BLOCK)


def check_is_text(file: Path) -> None:
    """Refuse a text file that begins like something else.

    Raises
    ------
    SourceError
        If it is empty, or of another kind, or binary.
    """
    with open_unpacked(file) as stream:
        head = stream.read(_HEAD)
    if not head:
        raise SourceError(
            f"Expected rows in {file.name}, found an empty file; export it again or take it away."
        )
    found = _kind(head)
    if found is not None:
        raise SourceError(
            f"Expected text in {file.name}, found {found}; export it as text, or correct its "
            "ending or the field format."
        )


def _kind(head: bytes) -> str | None:
    for magic, name in _MAGIC.items():
        if head.startswith(magic):
            return name
    if head.lstrip(b"\xef\xbb\xbf \t\r\n")[:9].lower().startswith(_MARKUP):
        return "a web page or XML"
    is_marked = head.startswith((b"\xff\xfe", b"\xfe\xff")) and not head.startswith(
        b"\xff\xfe\0\0"  # UTF-32
    )
    if not is_marked and head.count(0) * 4 >= len(head):
        return "binary data, or UTF-16 or UTF-32 without the mark of UTF-16 at its start"
    return None


class _Unpacked(io.RawIOBase):
    """Bytes of a file whose errors are told in one sentence."""

    def __init__(self, file: Path, tell: Callable[[int], None], is_gzip: bool) -> None:
        self._file, self._tell, self._n_out = file, tell, 0
        try:
            self._packed = file.open("rb")
            self._size = file.stat().st_size
        except OSError as error:
            raise self._unreadable(error) from None
        self._stream = gzip.GzipFile(fileobj=self._packed) if is_gzip else self._packed

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:
        try:
            block = self._stream.read(len(buffer))
        except (gzip.BadGzipFile, zlib.error, EOFError):
            raise SourceError(
                f"Expected a whole gzip file in {self._file.name}, found a broken one, one cut "
                "short, or another kind; fetch it again."
            ) from None
        except OSError as error:
            raise self._unreadable(error) from None
        buffer[: len(block)] = block
        self._n_out += len(block)
        n_in = self._packed.tell()
        self._check_bounds(n_in)
        self._tell(n_in)
        return len(block)

    def close(self) -> None:
        if not self.closed:
            self._packed.close()
        super().close()

    def _check_bounds(self, n_in: int) -> None:
        if n_in > self._size:  # else one that is written to without end is read without end
            raise SourceError(
                f"Expected {self._file.name} to stay as it is while it is read, found that it "
                "grows; wait until it is written, then try again."
            )
        if self._stream is self._packed:
            return
        too_dense = self._n_out > _RATIO_FROM and self._n_out > MAX_UNPACK_RATIO * n_in
        if too_dense or self._n_out > MAX_UNPACKED:
            raise SourceError(
                f"Expected a gzip file of at most {MAX_UNPACK_RATIO} times its size and "
                f"{MAX_UNPACKED:,} bytes unpacked in {self._file.name}, found more; unpack it "
                "yourself if you trust it."
            )

    def _unreadable(self, error: OSError) -> SourceError:
        return SourceError(
            f"Expected to read {self._file.name}, found {_reason(error)}; see to the file and "
            "its permissions."
        )


def _reason(error: OSError) -> str:
    return (error.strerror or type(error).__name__).lower()
