"""Whether the words of an e-mail can be read on their ground, in light and in dark mode."""

from functools import lru_cache
from html import unescape
import re
from typing import NamedTuple

from bs4 import BeautifulSoup, NavigableString, Tag
from bs4.element import PreformattedString
from PIL import ImageColor

from src.campaign.placeholders import is_blank
from src.campaign.stylesheets import styles_of
from src.features.images.colors import contrast_ratio

__all__ = ["MIN_CONTRAST", "MIN_CONTRAST_LARGE", "find_low_contrast"]

MIN_CONTRAST = 4.5
MIN_CONTRAST_LARGE = 3.0
"""WCAG 2.2, success criterion 1.4.3, level AA; large is 24 px, or 18.66 px and bold."""

_GAP = re.compile(r">\s+<")
_TEXT = re.compile(r">([^<>]+)<")
_ADDRESS = re.compile(r""" (href|src|alt|title|aria-label)=("[^"]*"|'[^']*')""")
_COLOR = re.compile(r"#[0-9a-f]{3,8}\b|rgba?\([^)]*\)|\b[a-z]+\b")
_PIXELS = re.compile(r"(\d+(?:\.\d+)?)px")
_UNSEEN = frozenset(("style", "script", "title", "head"))


class _Look(NamedTuple):
    """What an element hands on to what is inside it."""

    ink: tuple[int, int, int] = (0, 0, 0)
    ground: tuple[int, int, int] = (255, 255, 255)
    pixels: float = 16.0
    is_bold: bool = False
    is_hidden: bool = False


def find_low_contrast(html: str) -> tuple[str, ...]:
    """List the texts that stand out too little from their ground.

    Colors are those of the elements' own styles and of the style sheets, without what only holds
    at some width; pictures as a ground are not looked at.

    Returns
    -------
    tuple of str
        Such as `'Terms apply': 2.9 in dark mode, below 4.5`.

    References
    ----------
    .. W3C (2024). Web Content Accessibility Guidelines 2.2, 1.4.3 Contrast (Minimum).
    """
    skeleton, texts = _skeleton(html)
    found = [
        f"{_words(texts, place)[:30]!r}: {ratio:.1f} in {mode} mode, below {least}"
        for place, ratio, mode, least in _find(skeleton)
    ]
    return tuple(dict.fromkeys(found))


def _skeleton(html: str) -> tuple[str, list[str]]:
    """Put numbers in place of texts, so that messages of one template are read once."""
    texts: list[str] = []

    def number(found: re.Match) -> str:
        if "{" in found[1]:  # a style sheet
            return found[0]
        if is_blank(unescape(found[1])):
            return "><"
        texts.append(found[1])
        return f">{len(texts) - 1}<"

    plain = _GAP.sub("><", _ADDRESS.sub(r' \1=""', html))
    return _TEXT.sub(number, plain), texts


def _words(texts: list[str], place: str) -> str:
    is_number = place.isdigit() and int(place) < len(texts)
    return " ".join(unescape(texts[int(place)] if is_number else place).split())


@lru_cache(maxsize=512)
def _find(html: str) -> tuple[tuple[str, float, str, float], ...]:
    page = BeautifulSoup(html, "html.parser")
    faults: dict[tuple[str, float, str, float], None] = {}
    for is_dark in (False, True):
        styles = styles_of(page, is_dark)
        _walk(page, _Look(), styles, "dark" if is_dark else "light", faults)
    return tuple(faults)


def _walk(
    element: Tag, look: _Look, styles: dict[int, dict[str, str]], mode: str, faults: dict
) -> None:
    for child in element.children:
        if isinstance(child, Tag) and child.name not in _UNSEEN:
            _walk(child, _inherit(child, look, styles.get(id(child), {})), styles, mode, faults)
        elif isinstance(child, NavigableString) and not isinstance(child, PreformattedString):
            words = " ".join(child.split())
            if words and not look.is_hidden:
                faults.update(dict.fromkeys(_faults(words, look, mode)))


def _faults(words: str, look: _Look, mode: str) -> list[tuple[str, float, str, float]]:
    is_large = look.pixels >= 24 or (look.is_bold and look.pixels >= 18.66)
    least = MIN_CONTRAST_LARGE if is_large else MIN_CONTRAST
    found = contrast_ratio(look.ink, look.ground)
    return [(words, found, mode, least)] if round(found, 2) < least else []


def _inherit(element: Tag, look: _Look, style: dict[str, str]) -> _Look:
    ink = _color(style.get("color", "")) or look.ink
    ground = _color(style.get("background-color", "")) or look.ground
    pixels = _PIXELS.match(style.get("font-size", ""))
    weight = style.get("font-weight", "")
    is_bold = weight in ("bold", "bolder") or (weight.isdigit() and int(weight) >= 700)
    is_plain = weight in ("normal", "lighter") or (weight.isdigit() and int(weight) < 700)
    is_hidden = (
        style.get("display") == "none"
        or style.get("visibility") == "hidden"
        or element.get("aria-hidden") == "true"
        or style.get("opacity") in ("0", "0.0")
    )
    return _Look(
        ink,
        ground,
        float(pixels[1]) if pixels else look.pixels,
        (is_bold or element.name in ("b", "strong", "h1", "h2", "h3") or look.is_bold)
        and not is_plain,
        look.is_hidden or is_hidden,
    )


def _color(value: str) -> tuple[int, int, int] | None:
    """Read the first color of a value; transparent ones show the ground below."""
    for word in _COLOR.findall(value):
        if word in ("transparent", "inherit", "none", "url"):
            return None
        try:
            rgb = ImageColor.getrgb(word)
        except ValueError:
            continue
        return rgb[:3] if len(rgb) == 3 or rgb[3] == 255 else None
    return None
