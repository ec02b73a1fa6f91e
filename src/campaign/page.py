"""What a reader and a mail client see of an HTML message: text, tags and addresses."""

from dataclasses import dataclass, replace
from functools import lru_cache
from html import unescape
from html.parser import HTMLParser
import re

__all__ = ["Page", "Tag", "read_page"]

Tag = tuple[str, tuple[tuple[str, str], ...]]

_UNSEEN = ("style", "script")
_PLAIN_PIECE = re.compile(
    r'(<!--(?:(?!--)[\s\S])*-->|<style(?:\s+media="[^"<>]*")?>[^<]*</style>|<!doctype html>'
    r"|</?(?!script|style|textarea|xmp|iframe|no|plaintext|svg|math)"
    r'[a-z][a-z0-9]*(?:\s+[a-z-]+(?::[a-z]+)?="[^"<>]*")*\s*>)'
)
"""Pieces of markup that can be read in one way only."""

_ADDRESS_ATTRIBUTES = ("href", "src", "action", "background", "poster", "srcset", "formaction")


@dataclass(frozen=True)
class Page:
    """One parsed HTML message.

    Parameters
    ----------
    text : str
        Everything a reader may come to see, hidden preheader and descriptions included.
        Descriptions come last.
    tags : tuple of tuple
        Name of each element and its (attribute, value) pairs.
    links : tuple of str
        Every address that an element names.
    styles : tuple of str
        All style sheets and inline styles.
    """

    text: str
    tags: tuple[Tag, ...]
    links: tuple[str, ...]
    styles: tuple[str, ...]

    def attributes_of(self, tag: str) -> list[dict[str, str]]:
        """Attributes of each element of one name."""
        return [dict(attributes) for name, attributes in self.tags if name == tag]


def read_page(html: str) -> Page:
    """Parse an HTML message.

    Messages of one template share nearly all their markup, so plain pieces of it are read
    once and remembered; a page with anything unusual in it is parsed as a whole.
    """
    pieces = _PLAIN_PIECE.split(html)
    if any("<" in text for text in pieces[::2]):
        return _parse(html)
    markup = _join(tuple(pieces[1::2]))
    return replace(markup, text=_one_line([unescape(" ".join(pieces[::2])), markup.text]))


@lru_cache(maxsize=1024)
def _join(pieces: tuple[str, ...]) -> Page:
    """Everything but the text between the pieces of markup."""
    parts = [_parse(piece) for piece in pieces]
    return Page(
        _one_line([part.text for part in parts]),
        tuple(tag for part in parts for tag in part.tags),
        tuple(link for part in parts for link in part.links),
        tuple(style for part in parts for style in part.styles),
    )


@lru_cache(maxsize=4096)
def _parse(html: str) -> Page:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return Page(
        _one_line([*reader.texts, *reader.descriptions]),
        tuple(reader.tags),
        tuple(reader.links),
        tuple(reader.styles),
    )


def _one_line(texts: list[str]) -> str:
    return " ".join(" ".join(texts).split())


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.texts: list[str] = []
        self.descriptions: list[str] = []
        self.tags: list[Tag] = []
        self.links: list[str] = []
        self.styles: list[str] = []
        self.element = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.element = tag
        attributes = tuple((name, value or "") for name, value in attrs)
        self.tags.append((tag, attributes))
        for name, value in attributes:
            if name in _ADDRESS_ATTRIBUTES:
                self.links.append(value)
            elif name == "style":
                self.styles.append(value)
            elif name in ("alt", "title", "aria-label"):
                self.descriptions.append(value)

    def handle_endtag(self, tag: str) -> None:
        self.element = ""

    def handle_data(self, data: str) -> None:
        if self.element == "style":
            self.styles.append(data)
        elif self.element not in _UNSEEN:
            self.texts.append(data)
