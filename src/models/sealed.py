"""Files read as bytes and held against their keyed digest, before anything parses them."""

from collections.abc import Mapping
import hashlib
import hmac
import json
import os
from pathlib import Path
import re
import stat

from src.errors import ModelRefusedError

__all__ = ["MOST_BYTES", "MOST_FILES", "read_sealed", "sealed_digest"]

MOST_BYTES = 512 * 2**20
"""Bytes of all files together that are read at all."""

MOST_FILES = 64
"""Files of a model at most."""

_FILE_NAME = re.compile(r"[a-z][a-z0-9_]{0,60}\.[a-z]{2,4}")


def sealed_digest(files: Mapping[str, bytes], purpose: str, key: bytes) -> tuple[bytes, str]:
    """Make the content of a digest file.

    It follows from the files, what they are for, and the key, so that a reader makes it anew
    and compares bytes; the digest file itself is never parsed either.

    Parameters
    ----------
    files : mapping of str to bytes
        Content of each file by name.
    purpose : str
        What the files are for, such as a stage; the same files for another purpose have
        another digest.
    key : bytes
        Secret.

    Returns
    -------
    bytes
        JSON: `purpose`, HMAC-SHA256 of each of the `files`, and of `all` of them together.
    str
        The last of these, 64 hexadecimal digits.
    """
    each = {name: _hmac(key, "file", name, files[name]) for name in sorted(files)}
    together = _hmac(key, "all", purpose, json.dumps(each, sort_keys=True).encode())
    content = {"all": together, "files": each, "purpose": purpose}
    return (json.dumps(content, indent=2, sort_keys=True) + "\n").encode(), together


def _hmac(key: bytes, kind: str, name: str, content: bytes) -> str:
    head = f"campanile {kind} {name}".encode() + b"\0" + len(content).to_bytes(8)
    digest = hmac.new(key, head, hashlib.sha256)
    digest.update(content)
    return digest.hexdigest()


def read_sealed(
    folder: Path, purpose: str, digest_name: str, key: bytes
) -> tuple[dict[str, bytes], str]:
    """Read all files of a folder, and give them only if they are what was sealed.

    Parameters
    ----------
    folder : Path
        The folder itself must not be a link; those above it may.
    purpose, key
        As given to `sealed_digest`.
    digest_name : str
        Name of the digest file in the folder.

    Returns
    -------
    dict of str to bytes
        Every file but the digest.
    str
        Digest of all of them.

    Raises
    ------
    ModelRefusedError
        If they are not exactly what was sealed; one sentence says why.
    """
    content = _read_folder(folder)
    found = content.pop(digest_name, b"")
    expected, together = sealed_digest(content, purpose, key)
    if not hmac.compare_digest(found, expected):
        raise ModelRefusedError(
            f"Expected in {folder.name} the model of {purpose} as it was written here, but "
            f"{_difference(found, content, together, key)}; fit it again, or restore the folder "
            "and the key file models.key from a backup."
        )
    return content, together


def _difference(found: bytes, content: Mapping[str, bytes], together: str, key: bytes) -> str:
    """Say what does not fit, by looking for digests in the file's bytes."""
    if not found:
        return "its digest is missing"
    strange = [
        name
        for name in sorted(content)
        if _hmac(key, "file", name, content[name]).encode() not in found
    ]
    if strange and len(strange) == len(content):
        return "its digest was made with another key, or for other files"
    if strange:
        return f"{', '.join(strange)} is not what was written"
    if together.encode() in found:
        return "its digest was edited"
    return "a file is missing, or it is the model of something else"


def _read_folder(folder: Path) -> dict[str, bytes]:
    try:
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise ModelRefusedError(
            f"Expected the folder of a kept model at {folder}, found none ({error.strerror}); run "
            "the stage that fits it."
        ) from None
    try:
        names = sorted(os.listdir(handle))
        if len(names) > MOST_FILES:
            raise _refusal(folder, f"{len(names)} files, more than {MOST_FILES}")
        content, left = {}, MOST_BYTES
        for name in names:
            content[name] = _read_file(handle, name, folder, left)
            left -= len(content[name])
        return content
    finally:
        os.close(handle)


def _read_file(handle: int, name: str, folder: Path, largest: int) -> bytes:
    """Read a regular file of bounded size; a link is not followed, a pipe not waited for."""
    if not _FILE_NAME.fullmatch(name):
        raise _refusal(folder, f"a file {ascii(name)[:80]} that no model has")
    try:
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=handle)
    except OSError as error:
        raise _refusal(folder, f"{name!r}, which cannot be opened ({error.strerror})") from None
    try:
        status = os.fstat(file)
        if not stat.S_ISREG(status.st_mode):
            raise _refusal(folder, f"{name!r}, which is no regular file")
        if status.st_size > largest:
            raise _refusal(folder, f"{name!r} of {status.st_size:,} bytes, more than are read")
        with os.fdopen(file, "rb", closefd=False) as opened:
            return opened.read(largest)
    finally:
        os.close(file)


def _refusal(folder: Path, found: str) -> ModelRefusedError:
    return ModelRefusedError(
        f"Expected the regular files of a kept model in {folder.name}, found {found}; fit it again."
    )
