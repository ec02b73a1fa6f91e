"""Seals of the vault: AES-GCM, each field bound to its place, under keys with a version."""

from functools import lru_cache
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from src.errors import ConfigurationError
from src.keys import keys_path, read_key

__all__ = ["Vault", "make_next_key", "newest_version"]

_KEY = "vault"
_NONCE_BYTES = 12


class Vault:
    """Opens and seals fields of `people`; holds the keys it has needed so far.

    A key is read from its file once for each vault, so make one for a batch of rows.
    """

    def __init__(self) -> None:
        self.version = newest_version()
        self._ciphers: dict[int, AESGCM] = {}

    def __repr__(self) -> str:
        return "Vault()"

    def seal(self, column: str, customer_id: str, text: str) -> bytes | None:
        """Encrypt one field under the newest key; nothing for an empty one."""
        if not text:
            return None
        nonce = secrets.token_bytes(_NONCE_BYTES)
        place = _place(column, customer_id, self.version)
        content = text.encode("utf-8", "surrogatepass")
        return nonce + self._cipher(self.version).encrypt(nonce, content, place)

    def open(self, column: str, customer_id: str, version: int, sealed: bytes | None) -> str:
        """Decrypt one field.

        Raises
        ------
        ConfigurationError
            If it does not open: wrong key, or moved between rows, columns or versions.
        """
        if sealed is None:
            return ""
        place = _place(column, customer_id, version)
        cipher = self._cipher(version)
        try:
            opened = cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], place)
        except (InvalidTag, ValueError):
            raise ConfigurationError(
                f"Expected the key {_name(version)}.key to open people.{column}, but it does not; "
                "restore the key that belongs to this ledger, or the ledger that belongs to this "
                "key."
            ) from None
        return opened.decode("utf-8", "surrogatepass")

    def _cipher(self, version: int) -> AESGCM:
        if version not in self._ciphers:
            self._ciphers[version] = _cipher(_read(version))
        return self._ciphers[version]


def newest_version() -> int:
    """Give the number of the newest key there is."""
    numbers = [
        int(number)
        for path in keys_path().glob(f"{_KEY}-*.key")
        if (number := path.stem.removeprefix(f"{_KEY}-")).isdecimal()
    ]
    return max(numbers, default=1)


def make_next_key() -> int:
    """Make the next key; gives its version. The old ones stay, for what they have sealed."""
    version = newest_version() + 1
    read_key(_name(version))
    return version


@lru_cache(maxsize=16)
def _cipher(key: bytes) -> AESGCM:
    return AESGCM(key)


def _read(version: int) -> bytes:
    """Read the key of a version; only the first is made where there is none."""
    if version != 1 and not (keys_path() / f"{_name(version)}.key").exists():
        raise ConfigurationError(
            f"Expected the key file {_name(version)}.key, found none (vault.key is the first); "
            "restore the key that belongs to this ledger."
        )
    return read_key(_name(version))


def _name(version: int) -> str:
    return _KEY if version == 1 else f"{_KEY}-{version}"


def _place(column: str, customer_id: str, key_version: int) -> bytes:
    """Bind a field to its place, so that it opens nowhere else."""
    return f"people|{column}|{customer_id}|{key_version}".encode()
