"""Key files: made at first use, readable by their owner only, never logged or copied."""

import hashlib
import os
from pathlib import Path
import secrets
import stat
import tempfile

from src.errors import ConfigurationError
from src.root import PROJECT_ROOT

__all__ = ["KEYS_VARIABLE", "keys_path", "read_key"]

KEYS_VARIABLE = "CAMPANILE_KEYS"
"""Environment variable that moves the folder of keys away from the project."""

_N_BYTES = 32


def keys_path() -> Path:
    """Folder of the key files."""
    return Path(os.environ.get(KEYS_VARIABLE) or PROJECT_ROOT / "keys")


def read_key(name: str, is_public: bool = False) -> bytes:
    """Read a key, and make its file (mode 0600) at first use.

    Parameters
    ----------
    name : str
        Name of the key, such as that of a source.
    is_public : bool, default False
        Data that everybody has needs no secret: the key is then made from its name, so that
        every machine makes the same pseudonyms. Else it is random.

    Returns
    -------
    bytes of length 32

    Raises
    ------
    ConfigurationError
        If the file is readable by others or is not a key.
    """
    path = keys_path() / f"{name}.key"
    if not path.exists():
        fresh = _public_key(name) if is_public else secrets.token_bytes(_N_BYTES)
        _create(path, fresh)
    _check_mode(path)
    try:
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != _N_BYTES:
        raise ConfigurationError(
            f"Expected {_N_BYTES} bytes in hexadecimal in the key file {path.name}, found "
            "something else; restore it from a backup, a new key would orphan what it protects."
        )
    return key


def _public_key(name: str) -> bytes:
    return hashlib.sha256(f"campanile public data: {name}".encode()).digest()


def _create(path: Path, key: bytes) -> None:
    """Write beside and link into place, so that two first runs agree on one key."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor, draft = tempfile.mkstemp(dir=path.parent)  # mode 0600 from the start
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(key.hex() + "\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        os.unlink(draft)


def _check_mode(path: Path) -> None:
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        raise ConfigurationError(
            f"Expected the key file {path.name} to be readable by its owner only (0600), found "
            f"{mode:04o}; run chmod 600 on it."
        )
