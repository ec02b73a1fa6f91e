"""DKIM signatures (RFC 6376, RFC 8463), so that a letter can be traced to its domain.

Signed with `cryptography`, relaxed/relaxed, over the whole body (no ``l=``). Headers that a
reader or mailbox provider acts on are named once more than they occur, so that another of the
same name, put in on the way, breaks the signature.
"""

import base64
from collections.abc import Mapping, Sequence
from functools import lru_cache
import hashlib
import re

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, utils
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from src.errors import ConfigurationError

__all__ = ["Signer", "body_hash", "read_signer", "relax_headers", "sign"]

_OVERSIGNED = (
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "MIME-Version",
    "Content-Type",
)
_MIN_RSA_BITS = 2048
_LINE = 72
_BLANKS = re.compile(rb"[ \t]+")
_BLANKS_AT_END = re.compile(rb"[ \t]+\r\n")
_FOLD = re.compile(r"\r\n[ \t]")
_SPACES = re.compile(r"[ \t]+")


class Signer:
    """A private key of a domain, ready to sign.

    Parameters
    ----------
    domain, selector : str
        Where the public key is: ``<selector>._domainkey.<domain>``.
    key : RSAPrivateKey or Ed25519PrivateKey
    """

    def __init__(self, domain: str, selector: str, key: RSAPrivateKey | Ed25519PrivateKey) -> None:
        self.domain = domain
        self.selector = selector
        self._key = key
        is_rsa = isinstance(key, RSAPrivateKey)
        self._padding, self._digest = padding.PKCS1v15(), utils.Prehashed(hashes.SHA256())
        self.algorithm = "rsa-sha256" if is_rsa else "ed25519-sha256"

    def signature(self, headers: str) -> str:
        """Sign canonical headers; base64."""
        digest = hashlib.sha256(headers.encode("ascii")).digest()
        if isinstance(self._key, RSAPrivateKey):
            signed = self._key.sign(digest, self._padding, self._digest)
        else:
            signed = self._key.sign(digest)
        return base64.b64encode(signed).decode("ascii")


def read_signer(domain: str, selector: str, pem: str) -> Signer:
    """Read a private key in PEM.

    Raises
    ------
    ConfigurationError
        If it is no RSA key of at least 2048 bits and no Ed25519 key. The text holds no part of it.
    """
    try:
        key = serialization.load_pem_private_key(pem.encode("ascii"), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        key = None
    is_rsa = isinstance(key, RSAPrivateKey) and key.key_size >= _MIN_RSA_BITS
    if not is_rsa and not isinstance(key, Ed25519PrivateKey):
        raise ConfigurationError(
            f"Expected the DKIM key {selector} of {domain} to be a PEM of RSA with at least "
            f"{_MIN_RSA_BITS} bits or of Ed25519, found something else; nothing was sent."
        )
    return Signer(domain, selector, key)


def sign(
    signers: Sequence[Signer], headers: Mapping[str, str], body: bytes, signed_at: int
) -> list[str]:
    """Make the values of the DKIM-Signature headers of a letter.

    Parameters
    ----------
    signers : sequence of Signer
        One signature each.
    headers : mapping of str to str
        As they are written, folds included.
    body : bytes
        As it is written, lines ended by CR LF.
    signed_at : int
        Seconds since 1970.

    Returns
    -------
    list of str
    """
    names = tuple(name for name in _OVERSIGNED if name in headers)
    listed = _listed(names)
    signed = relax_headers([(name, headers[name]) for name in names])
    hashed = body_hash(body)
    return [_one(signer, listed, signed, hashed, signed_at) for signer in signers]


def body_hash(body: bytes) -> str:
    r"""SHA-256 of a body in relaxed form: blanks as one, none at line ends, no empty last lines.

    Examples
    --------
    >>> body_hash(b"a  b \r\n\r\n\r\n") == body_hash(b"a\tb\r\n")
    True
    """
    if b"\t" in body or b"  " in body:
        body = _BLANKS.sub(b" ", body)
    if b" \r\n" in body:
        body = _BLANKS_AT_END.sub(b"\r\n", body)
    while body.endswith(b"\r\n\r\n"):
        body = body[:-2]
    if body == b"\r\n":
        body = b""
    elif body and not body.endswith(b"\r\n"):
        body += b"\r\n"
    return base64.b64encode(hashlib.sha256(body).digest()).decode("ascii")


def relax_headers(headers: Sequence[tuple[str, str]]) -> str:
    r"""Canonical form of headers: names in lower case, unfolded, blanks as one.

    Examples
    --------
    >>> relax_headers([("Subject", "a\r\n  b ")])
    'subject:a b\r\n'
    """
    return "".join(f"{name.lower()}:{_relax(value)}\r\n" for name, value in headers)


def _relax(value: str) -> str:
    if "\r\n" in value:
        value = _FOLD.sub(" ", value)
    if "  " in value or "\t" in value:
        value = _SPACES.sub(" ", value)
    return value.strip(" ")


def _one(signer: Signer, listed: str, signed: str, hashed: str, signed_at: int) -> str:
    value = (
        f"v=1; a={signer.algorithm}; c=relaxed/relaxed; d={signer.domain}; s={signer.selector};\r\n"
        f" t={signed_at}; h={listed};\r\n bh={hashed};\r\n b="
    )
    signature = signer.signature(f"{signed}dkim-signature:{_relax(value)}")
    return value + "\r\n ".join(signature[i : i + _LINE] for i in range(0, len(signature), _LINE))


@lru_cache(maxsize=64)
def _listed(names: tuple[str, ...]) -> str:
    """Name each header twice, folded after colons, which takes no part in what is signed."""
    lines, line = [], ""
    for name in (twice for one in names for twice in (one, one)):
        if len(line) + len(name) > _LINE:
            lines.append(line)
            line = ""
        line += f"{name}:"
    return "\r\n ".join([*lines, line]).removesuffix(":")
