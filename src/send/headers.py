"""Headers that cannot be broken out of: everything personal is encoded here, in ASCII.

The standard library is not used to write them: on Python 3.11 it turns an encoded word that
decodes to a line break into a new header.
"""

import base64
from collections.abc import Mapping
from functools import lru_cache
import re
import unicodedata

__all__ = ["encode_address", "encode_mailbox", "encode_text", "write_headers"]

_MAX_LINE_OCTETS = 998
_MAX_PLAIN_CHARACTERS = 66
_MAX_WORD_OCTETS = 45
_BREAKS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PLAIN = re.compile(r"[\x20-\x7e]*")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9 .'&-]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z-]*")
_VALUE = re.compile(r"[\x20-\x7e]+(\r\n [\x20-\x7e]+)*")
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_DOMAIN = re.compile(r"([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_MAX_LOCAL_OCTETS, _MAX_DOMAIN_OCTETS = 64, 253


def encode_text(text: str) -> str:
    r"""Encode free text, such as a subject, as it stands: what looks like code stays text.

    Examples
    --------
    >>> encode_text("Ten percent off")
    'Ten percent off'
    >>> encode_text("10 € off\r\nBcc: x")
    '=?utf-8?b?MTAg4oKsIG9mZiBCY2M6IHg=?='
    """
    text = _one_line(text)
    if _PLAIN.fullmatch(text) and len(text) <= _MAX_PLAIN_CHARACTERS:
        return text
    return _encoded_words(text)


def encode_mailbox(name: str, address: str) -> str:
    """Encode a display name and an address from `encode_address` as one mailbox.

    Examples
    --------
    >>> encode_mailbox("Ann Lee", "ann@example.com")
    '"Ann Lee" <ann@example.com>'
    """
    name = _one_line(name)
    if not name:
        return f"<{address}>"
    if _PLAIN_NAME.fullmatch(name) and len(name) <= _MAX_PLAIN_CHARACTERS:
        return f'"{name}" <{address}>'
    return f"{_encoded_words(name)}\r\n <{address}>"


def encode_address(address: str) -> str | None:
    """Write an address in ASCII, its domain by IDNA.

    Returns
    -------
    str or None
        None if it is no address, or one that only few servers take: quoted, without a dotted
        domain, or with other than ASCII before the @.

    Examples
    --------
    >>> encode_address("ann@bücher.example")
    'ann@xn--bcher-kva.example'
    >>> encode_address("ann@example.com, eve@example.com") is None
    True
    """
    local, at, domain = address.rpartition("@")
    try:
        domain = domain.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None
    is_local = len(local) <= _MAX_LOCAL_OCTETS and _LOCAL.fullmatch(local) and "=?" not in local
    is_domain = len(domain) <= _MAX_DOMAIN_OCTETS and _DOMAIN.fullmatch(domain)
    return f"{local}{at}{domain}" if is_local and is_domain else None


def write_headers(headers: Mapping[str, str]) -> bytes:
    """Write a block of headers, and refuse whatever would be more than that.

    Raises
    ------
    ValueError
        If a name or value is not plain ASCII on well-formed lines. The text holds no value.
    """
    return "".join(_line(name, value) for name, value in headers.items()).encode("ascii")


@lru_cache(maxsize=256)
def _line(name: str, value: str) -> str:
    """Write one header; what all letters share is looked at once."""
    longest = max(map(len, value.split("\r\n"))) + len(name) + 2
    if not (_NAME.fullmatch(name) and _VALUE.fullmatch(value)) or longest > _MAX_LINE_OCTETS:
        raise ValueError(f"header {name} cannot be written")
    return f"{name}: {value}\r\n"


def _one_line(text: str) -> str:
    """Take out line breaks and controls, and what another reader could decode once more."""
    text = unicodedata.normalize("NFC", _BREAKS.sub(" ", text)).replace("=?", "= ?")
    return " ".join(text.split())


def _encoded_words(text: str) -> str:
    """Encode as words of RFC 2047, cut between characters, one per line."""
    words, word = [], b""
    for character in text:
        octets = character.encode("utf-8", "replace")
        if len(word) + len(octets) > _MAX_WORD_OCTETS:
            words.append(word)
            word = b""
        word += octets
    words.append(word)
    return "\r\n ".join(f"=?utf-8?b?{base64.b64encode(item).decode()}?=" for item in words)
