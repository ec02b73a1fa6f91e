"""Bodies of requests: read up to a bound, and forms in both encodings that providers use."""

from collections.abc import AsyncIterator
from email import policy
from email.parser import BytesParser
from urllib.parse import parse_qs

__all__ = ["TooLargeError", "parse_form", "read_body"]

_MAX_FIELDS = 200


class TooLargeError(ValueError):
    """A body longer than allowed; nothing more of it was read."""


async def read_body(stream: AsyncIterator[bytes], max_octets: int) -> bytes:
    """Read a body, and not one octet more than allowed.

    Raises
    ------
    TooLargeError
        If it is longer.
    """
    body = bytearray()
    async for piece in stream:
        body += piece
        if len(body) > max_octets:
            raise TooLargeError
    return bytes(body)


def parse_form(content_type: str, body: bytes) -> dict[str, list[str]]:
    """Read a form, urlencoded or multipart; empty if it is neither, or broken.

    Examples
    --------
    >>> parse_form("application/x-www-form-urlencoded", b"List-Unsubscribe=One-Click")
    {'List-Unsubscribe': ['One-Click']}
    >>> parse_form("text/plain", b"List-Unsubscribe=One-Click")
    {}
    """
    kind = content_type.partition(";")[0].strip().lower()
    try:
        if kind == "application/x-www-form-urlencoded":
            return parse_qs(body.decode("utf-8"), max_num_fields=_MAX_FIELDS)
        if kind == "multipart/form-data":
            return _parse_multipart(content_type, body)
    except (ValueError, LookupError):
        pass
    return {}


def _parse_multipart(content_type: str, body: bytes) -> dict[str, list[str]]:
    """Read the fields of a multipart form; files are no fields of ours."""
    line = "".join(sign for sign in content_type if sign.isprintable())
    head = f"Content-Type: {line}\r\n\r\n".encode("utf-8", "replace")
    message = BytesParser(policy=policy.HTTP).parsebytes(head + body)
    fields: dict[str, list[str]] = {}
    for part in message.iter_parts() if message.is_multipart() else ():
        name = part.get_param("name", header="content-disposition")
        if not isinstance(name, str) or part.get_filename() or part.is_multipart():
            continue
        value = (part.get_payload(decode=True) or b"").decode("utf-8")
        fields.setdefault(name, []).append(value)
    return fields
