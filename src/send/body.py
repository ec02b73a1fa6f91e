"""Bodies of letters: encoded once for a content, filled for each person.

A text is cut at its markers and the pieces are encoded as quoted-printable once. Between two
pieces stands a soft line break, which a reader takes out again, so that a person's value can be
encoded by itself: the letter reads the same as if it had been encoded as a whole.
"""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from html import escape

from src.campaign.placeholders import PERSONAL_FIELDS, fill, find_markers, marker
from src.send.tracking import Tracking

__all__ = ["Body", "PreparedLetter", "prepare_letter"]

_N_KEPT = 2048
_MAX_CLOSED = 75
_MARKERS = {field: marker(field) for field in PERSONAL_FIELDS}
_EXAMPLES = {field: "https://x" if field.endswith("_url") else "x" for field in PERSONAL_FIELDS}


@dataclass(frozen=True)
class Body:
    """A text in pieces: encoded bytes, and between them names of fields or targets of links."""

    pieces: tuple[bytes, ...]
    fields: tuple[str, ...]
    is_html: bool

    def fill(self, values: Mapping[str, str]) -> bytes:
        """Put a person's values in, encoded, their lines ended by CR LF.

        Raises
        ------
        TemplateError
            If a value is missing, empty, or an address that is not http(s).
        KeyError
            If the link of a target is missing.
        """
        ready = {field: self._ready(field, values) for field in dict.fromkeys(self.fields)}
        parts = [self.pieces[0]]
        for field, piece in zip(self.fields, self.pieces[1:], strict=True):
            parts += ready[field], piece
        return b"".join(parts)

    def _ready(self, field: str, values: Mapping[str, str]) -> bytes:
        if field not in _MARKERS:
            return _encode(escape(values[field]), is_open=True)
        return _encode(fill(_MARKERS[field], values, self.is_html), is_open=True)

    @property
    def links(self) -> tuple[str, ...]:
        """What stands between the pieces beside personal fields."""
        return tuple(field for field in dict.fromkeys(self.fields) if field not in _MARKERS)


@dataclass(frozen=True)
class PreparedLetter:
    """Subject as a function of the values, and both bodies."""

    subject: Callable[[Mapping[str, str]], str]
    plain: Body
    html: Body


@lru_cache(maxsize=_N_KEPT)
def prepare_letter(
    subject: str, text: str, html: str, tracking: Tracking | None = None
) -> PreparedLetter:
    """Check a content and encode what is the same for everybody; the last ones are kept.

    Links of the page are cut out if they are tracked; those of the text stay readable.

    Raises
    ------
    TemplateError
        If a marker is broken or names no personal field.
    """
    return PreparedLetter(
        lambda values: fill(subject, values, is_html=False),
        _prepare(text, _as_it_is, is_html=False),
        _prepare(html, tracking.split if tracking else _as_it_is, is_html=True),
    )


def _as_it_is(text: str) -> list[tuple[str, str]]:
    return [(text, "")]


def _prepare(text: str, split: Callable[[str], list[tuple[str, str]]], is_html: bool) -> Body:
    fill(text, _EXAMPLES, is_html)  # refuses what is no marker
    fields, pieces = [], []
    for rest, link in split(text.replace("\r\n", "\n").replace("\r", "\n")):
        for field in find_markers(rest):
            piece, _, rest = rest.partition(_MARKERS[field])
            pieces.append(_encode(piece, is_open=True))
            fields.append(field)
        pieces.append(_encode(rest, is_open=bool(link)))
        fields += [link] if link else []
    return Body(tuple(pieces), tuple(fields), is_html)


def _encode(text: str, is_open: bool) -> bytes:
    """Encode as quoted-printable; what stays open ends with a soft line break."""
    encoded = binascii.b2a_qp(text.encode("utf-8", "replace"), istext=True)
    if is_open and encoded and not encoded.endswith(b"\n"):
        encoded = _soften(encoded)
    return encoded.replace(b"\n", b"\r\n")


def _soften(encoded: bytes) -> bytes:
    """Break the last line softly, so that no line has more than 76 octets."""
    start = encoded.rfind(b"\n") + 1
    if len(encoded) - start > _MAX_CLOSED:
        cut = len(encoded) - 1
        while b"=" in encoded[cut - 2 : cut]:  # not inside an escape such as =C3
            cut -= 1
        encoded = encoded[:cut] + b"=\n" + encoded[cut:]
    return encoded + b"=\n"
