"""What a channel adds to letters: signatures of the domain, and an address bounces come back to."""

from dataclasses import dataclass, field
import hashlib
import hmac
import re

from src.send.channels.settings import SmtpSettings
from src.send.dkim import Signer, read_signer

__all__ = ["PLAIN", "Stationery", "open_stationery", "read_return_path", "return_path"]

_KEY_DIGITS, _TAG_DIGITS = 32, 16
_RETURN = re.compile(rf"bounce\+([0-9a-f]{{{_KEY_DIGITS}}})-([0-9a-f]{{{_TAG_DIGITS}}})@.+")


@dataclass(frozen=True)
class Stationery:
    """How letters are signed and where their bounces go.

    Parameters
    ----------
    signers : tuple of Signer
        Each adds a DKIM-Signature.
    bounce_domain : str
        Domain of return paths made for each message (VERP); empty: bounces go to the sender.
    """

    signers: tuple[Signer, ...] = field(default=(), repr=False)
    bounce_domain: str = ""


PLAIN = Stationery()
"""Neither signed nor traced."""


def open_stationery(settings: SmtpSettings) -> Stationery:
    """Read the keys that a channel file names.

    Raises
    ------
    ConfigurationError
        If a key is missing or is none.
    """
    signers = tuple(read_signer(one.domain, one.selector, one.key.read()) for one in settings.dkim)
    return Stationery(signers, settings.bounce_domain)


def return_path(message_key: str, domain: str, key: bytes) -> str:
    """Address that a bounce of this one message comes back to (VERP).

    The mark shows that we made it: who knows a message's key cannot make its bounce.

    Examples
    --------
    >>> return_path("ab" * 32, "b.example.com", b"key")[:24]
    'bounce+ababababababababa'
    """
    name = message_key[:_KEY_DIGITS]
    return f"bounce+{name}-{_mark(name, key)}@{domain}"


def read_return_path(address: str, key: bytes) -> str | None:
    """First 32 digits of the message key in a return path that we made; None for any other.

    Examples
    --------
    >>> read_return_path(return_path("ab" * 32, "b.example.com", b"key"), b"key") == "ab" * 16
    True
    """
    found = _RETURN.fullmatch(address.strip().strip("<>").lower())
    if not found or not hmac.compare_digest(found[2], _mark(found[1], key)):
        return None
    return found[1]


def _mark(name: str, key: bytes) -> str:
    return hmac.new(key, f"bounce|{name}".encode(), hashlib.sha256).hexdigest()[:_TAG_DIGITS]
