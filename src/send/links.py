"""Tokens in links: whose message it is, when it was written and where it leads, sealed.

Deterministic authenticated encryption (AES-SIV, RFC 5297) of the message's key: a token tells
nothing, cannot be guessed or changed, needs no table, and one message always has the same.
"""

import base64
import binascii
import datetime as dt
from enum import StrEnum
from functools import lru_cache
import hashlib
import hmac
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

__all__ = ["Link", "LinkKind", "make_token", "read_token"]

_KEY_OCTETS = 32
_DAY_OCTETS = 3
_SEAL_OCTETS = 16
_MAX_SIGNS = 3000
_LABEL = b"campanile link tokens 1"


class LinkKind(StrEnum):
    """What a token may be used for, and for nothing else."""

    LEAVE = "leave"
    CLICK = "click"
    OPEN = "open"
    TRAP = "trap"


class Link(NamedTuple):
    """What a valid token says.

    Parameters
    ----------
    message_key : str
        Message it was in.
    issued_on : date
        Day it was written.
    target : str
        Where a click leads; empty for other kinds.
    """

    message_key: str
    issued_on: dt.date
    target: str = ""


def make_token(
    kind: LinkKind, key: bytes, message_key: str, issued_on: dt.date, target: str = ""
) -> str:
    """Seal a token for one message.

    Parameters
    ----------
    kind : LinkKind
        What it may be used for.
    key : bytes
        The key `links`.
    message_key : str
        64 hexadecimal digits.
    issued_on : date
        Day of sending.
    target : str, default ""
        Where a click leads.

    Examples
    --------
    >>> day = dt.date(2026, 11, 21)
    >>> token = make_token(LinkKind.LEAVE, b"key", "ab" * 32, day)
    >>> read_token(LinkKind.LEAVE, b"key", token, day).message_key == "ab" * 32
    True
    >>> read_token(LinkKind.CLICK, b"key", token, day) is None
    True
    """
    plain = bytes.fromhex(message_key) + issued_on.toordinal().to_bytes(_DAY_OCTETS, "big")
    sealed = _cipher(key).encrypt(plain + target.encode(), [kind.encode()])
    return base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")


def read_token(
    kind: LinkKind, key: bytes, token: str, today: dt.date, max_age_days: int = 400
) -> Link | None:
    """Open a token; None for one that is forged, of another kind or key, or too old.

    The seal is compared in constant time, and all that is refused is refused alike.
    """
    sealed = _decode(token)
    if len(sealed) < _SEAL_OCTETS + _KEY_OCTETS + _DAY_OCTETS:
        return None
    try:
        plain = _cipher(key).decrypt(sealed, [kind.encode()])
    except InvalidTag:
        return None
    day, target = plain[_KEY_OCTETS : _KEY_OCTETS + _DAY_OCTETS], plain[_KEY_OCTETS + _DAY_OCTETS :]
    issued_on = dt.date.fromordinal(int.from_bytes(day, "big"))
    if (today - issued_on).days > max_age_days:
        return None
    return Link(plain[:_KEY_OCTETS].hex(), issued_on, target.decode())


def _decode(token: str) -> bytes:
    """Give the bytes of a token in its one spelling; empty for any other."""
    if len(token) > _MAX_SIGNS or not token.isascii():
        return b""
    try:
        sealed = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    except (binascii.Error, ValueError):
        return b""
    again = base64.urlsafe_b64encode(sealed).decode("ascii").rstrip("=")
    return sealed if hmac.compare_digest(again, token) else b""


@lru_cache(maxsize=8)
def _cipher(key: bytes) -> AESSIV:
    return AESSIV(hmac.digest(key, _LABEL, hashlib.sha512))
