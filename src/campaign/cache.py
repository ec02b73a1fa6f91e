"""Rendered messages kept by the hash of what they are made of: in this process, or in Redis."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
import hashlib
import hmac
import json
import logging
from typing import Protocol
import zlib

import redis

from src.errors import ParameterError
from src.keys import read_key

__all__ = [
    "ContentCache",
    "MemoryCache",
    "NoCache",
    "Parts",
    "RedisCache",
    "content_key",
    "open_cache",
]

Parts = tuple[str, str, str]
"""Subject, HTML and text, personal fields still markers."""

KEPT_SECONDS = 7 * 24 * 3600
MAX_BYTES = 64_000_000
_PREFIX = "campanile:content:"
_TIMEOUT_SECONDS = 1.0
_SIGNED = hashlib.sha256().digest_size
_MAX_PARTS_BYTES = 1_000_000

logger = logging.getLogger(__name__)


class ContentCache(Protocol):
    """Remembers rendered parts; may forget any of them at any time."""

    def get(self, key: bytes) -> Parts | None:
        """Give the parts kept under a key, if they are still there."""

    def put(self, key: bytes, parts: Parts) -> None:
        """Keep the parts under a key."""


class NoCache:
    """Remembers nothing."""

    def get(self, key: bytes) -> Parts | None:
        """Give nothing."""

    def put(self, key: bytes, parts: Parts) -> None:
        """Keep nothing."""


@dataclass
class MemoryCache:
    """Keeps parts in this process; beyond `max_bytes` what was not asked for longest goes first."""

    max_bytes: int = MAX_BYTES
    n_bytes: int = 0
    kept: OrderedDict[bytes, Parts] = field(default_factory=OrderedDict, repr=False)

    def get(self, key: bytes) -> Parts | None:
        """Give the parts kept under a key, if they are still there."""
        parts = self.kept.get(key)
        if parts is not None:
            self.kept.move_to_end(key)
        return parts

    def put(self, key: bytes, parts: Parts) -> None:
        """Keep the parts under a key."""
        if key in self.kept:
            self.n_bytes -= _size(self.kept.pop(key))
        self.kept[key] = parts
        self.n_bytes += _size(parts)
        while self.n_bytes > self.max_bytes and self.kept:
            self.n_bytes -= _size(self.kept.popitem(last=False)[1])


class RedisCache:
    """Keeps parts in Redis for a week, so that processes share them.

    Each entry is signed with a key of this installation: what somebody else writes there counts
    as absent, and so does everything while Redis cannot be reached. No personal field is ever
    in it.
    """

    def __init__(self, url: str) -> None:
        self._client = redis.Redis.from_url(
            url, socket_timeout=_TIMEOUT_SECONDS, socket_connect_timeout=_TIMEOUT_SECONDS
        )
        self._key = read_key("cache")
        self._is_down = False

    def get(self, key: bytes) -> Parts | None:
        """Give the parts kept under a key, if they are there and are our own."""
        entry = self._ask("get", _PREFIX.encode() + key)
        return _opened(entry, key, self._key) if isinstance(entry, bytes) else None

    def put(self, key: bytes, parts: Parts) -> None:
        """Keep the parts under a key."""
        packed = zlib.compress(json.dumps(parts, ensure_ascii=False).encode(), 1)
        entry = _signature(packed, key, self._key) + packed
        self._ask("set", _PREFIX.encode() + key, entry, ex=KEPT_SECONDS)

    def _ask(self, command: str, *arguments: object, **options: object) -> object:
        """Ask Redis; the first failure is told and ends the asking, rendering goes on without."""
        if self._is_down:
            return None
        try:
            return getattr(self._client, command)(*arguments, **options)
        except redis.RedisError as error:
            self._is_down = True
            logger.warning("cache: Redis does not answer (%s); going on without", type(error))
            return None


def open_cache(url: str) -> ContentCache:
    """Open the cache that a parameter names.

    Parameters
    ----------
    url : str
        Empty: in this process; `off`: none; else an address such as `redis://host:6379/0`.

    Raises
    ------
    ParameterError
        If it is none of these; the text does not repeat it, as it may hold a password.
    """
    if not url:
        return MemoryCache()
    if url == "off":
        return NoCache()
    try:
        if url.startswith(("redis://", "rediss://", "unix://")):
            return RedisCache(url)
    except ValueError:
        pass
    raise ParameterError(
        "Expected cache to be empty, 'off' or an address such as redis://host:6379/0, found "
        "another; mend that parameter."
    )


def content_key(template_digest: bytes, values: Mapping[str, object]) -> bytes:
    """Hash what a message is made of: the sources of its template, and its merge values.

    Parameters
    ----------
    template_digest : bytes
        Of all parts of the template.
    values : mapping of str to object
        Texts, and lists of mappings of texts.
    """
    told = json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = hashlib.sha256(template_digest)
    digest.update(told.encode("utf-8", "surrogatepass"))
    return digest.digest()


def _opened(entry: bytes, key: bytes, secret: bytes) -> Parts | None:
    signature, packed = entry[:_SIGNED], entry[_SIGNED:]
    if not hmac.compare_digest(signature, _signature(packed, key, secret)):
        return None
    text = zlib.decompressobj().decompress(packed, _MAX_PARTS_BYTES)
    subject, html, plain = json.loads(text)
    return subject, html, plain


def _signature(packed: bytes, key: bytes, secret: bytes) -> bytes:
    return hmac.digest(secret, key + packed, "sha256")


def _size(parts: Parts) -> int:
    return sum(map(len, parts)) * 2
