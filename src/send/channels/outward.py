"""HTTPS calls to addresses that others gave: never into our own network.

The name is resolved once, every address it has is checked, and the connection goes to the
checked address, so that a second answer of the DNS cannot lead elsewhere. Redirects are not
followed. However an address is written (decimal, octal, mapped into IPv6), it is the resolved
one that counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
import http.client
import ipaddress
import socket
import ssl
from urllib.parse import urlsplit

__all__ = ["Answer", "ForbiddenAddressError", "NotReachedError", "check_address", "post"]

_MAX_BODY_OCTETS = 256 * 1024
_MAX_ANSWER_OCTETS = 64 * 1024
_NAT64 = tuple(ipaddress.ip_network(net) for net in ("64:ff9b::/96", "64:ff9b:1::/48"))
_COMPATIBLE = ipaddress.ip_network("::/96")


class ForbiddenAddressError(ValueError):
    """An address that must not be called; the text does not hold it."""


class NotReachedError(OSError):
    """The call was certainly not made: no connection, or no encryption."""


@dataclass(frozen=True)
class Answer:
    """Status of an answer, and the start of its body; 0 if the call was made and none came."""

    status: int
    body: bytes = b""


class _Pinned(http.client.HTTPConnection):
    """A connection to one checked address, whatever the name resolves to meanwhile."""

    def __init__(
        self, host: str, place: tuple[str, int], context: ssl.SSLContext | None, seconds: float
    ) -> None:
        super().__init__(host, place[1], timeout=seconds)
        self._place, self._context = place, context

    def connect(self) -> None:
        self.sock = socket.create_connection(self._place, self.timeout)
        if self._context:
            self.sock = self._context.wrap_socket(self.sock, server_hostname=self.host)


def check_address(text: str, is_loopback_allowed: bool = False) -> bool:
    """Whether an IP address belongs to the public internet.

    Addresses that carry another inside (mapped, 6to4, Teredo, NAT64) are judged by that one too.

    Examples
    --------
    >>> [check_address(one) for one in ("93.184.216.34", "10.0.0.1", "::ffff:169.254.169.254")]
    [True, False, False]
    """
    address = ipaddress.ip_address(text.partition("%")[0])
    inner = _inner(address)
    if is_loopback_allowed and (address.is_loopback or (inner and inner.is_loopback)):
        return True
    if inner is not None:
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved)


def post(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float,
    is_loopback_allowed: bool = False,
) -> Answer:
    """Call an address once.

    Parameters
    ----------
    url : str
        Begins with https://; with http:// only to this machine, where that is allowed.
    body : bytes
        At most 256 KiB.
    headers : mapping of str to str
        Further headers.
    seconds : float
        Longest wait for each step.
    is_loopback_allowed : bool, default False
        For tests, and for gateways on this machine.

    Raises
    ------
    ForbiddenAddressError
        If the address is no public one.
    NotReachedError
        If no connection was made; nothing was sent.
    """
    if len(body) > _MAX_BODY_OCTETS:
        raise ForbiddenAddressError(f"Expected at most {_MAX_BODY_OCTETS} octets to post.")
    host, port, target, is_secure = _parts(url, is_loopback_allowed)
    place = _resolve(host, port, is_loopback_allowed)
    context = ssl.create_default_context() if is_secure else None
    connection = _Pinned(host, place, context, seconds)
    try:
        try:
            connection.connect()
        except OSError as error:
            raise NotReachedError(type(error).__name__) from None
        try:
            connection.request("POST", target, body, dict(headers))
            answer = connection.getresponse()
            return Answer(answer.status, answer.read(_MAX_ANSWER_OCTETS))
        except (OSError, http.client.HTTPException):
            return Answer(0)
    finally:
        connection.close()


def _parts(url: str, is_loopback_allowed: bool) -> tuple[str, int, str, bool]:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ForbiddenAddressError("Expected an https address, found none.") from None
    is_secure = parts.scheme == "https"
    is_plain = parts.scheme == "http" and is_loopback_allowed
    is_clean = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    if not (is_secure or is_plain) or not host or parts.username is not None or not is_clean:
        raise ForbiddenAddressError("Expected an https address without a user, found another.")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return host, port or (443 if is_secure else 80), target, is_secure


def _resolve(host: str, port: int, is_loopback_allowed: bool) -> tuple[str, int]:
    """Give the first address of a name, if all of them are public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotReachedError("name not found") from None
    addresses = [place[0] for *_, place in found]
    if not all(check_address(one, is_loopback_allowed) for one in addresses):
        raise ForbiddenAddressError("Expected a public address, found one of a private network.")
    return addresses[0], port


def _inner(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> ipaddress.IPv4Address | None:
    """Take out the IPv4 address that an IPv6 address carries, if it is of a kind that does."""
    if address.version == 4:
        return None
    if address in _COMPATIBLE and int(address) > 1:
        return ipaddress.IPv4Address(int(address))
    if any(address in net for net in _NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
