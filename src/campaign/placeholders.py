"""Personal fields: they stay markers in planned messages and are filled only at sending."""

from collections.abc import Mapping
import html
import re

from src.errors import TemplateError

__all__ = [
    "PERSONAL_FIELDS",
    "fill",
    "find_markers",
    "is_blank",
    "marker",
    "plain",
    "without_markers",
]

PERSONAL_FIELDS = ("first_name", "unsubscribe_url")

_OPEN, _CLOSE = "⟦", "⟧"
_ADDRESS = re.compile(r"https?://\S+")
_MAX_CHARS = 300
_MARKER = re.compile(f"{_OPEN}([a-z_]{{1,40}}){_CLOSE}")
_CONTROL = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029]+")
_INVISIBLE = re.compile("[\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BLANK = re.compile(
    r"[\s\x00-\x1f\x7f-\xa0\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f"
    r"\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]*"
)
"""Signs that show nothing by themselves, whatever Unicode takes them for."""


def marker(field: str) -> str:
    """Write the marker that stands for a personal field.

    Examples
    --------
    >>> marker("first_name")
    '⟦first_name⟧'
    """
    if field not in PERSONAL_FIELDS:
        raise TemplateError(
            f"Expected one of the personal fields {list(PERSONAL_FIELDS)}, found {field!r}."
        )
    return f"{_OPEN}{field}{_CLOSE}"


def find_markers(text: str) -> list[str]:
    """List the fields whose markers `text` carries, in order of appearance."""
    return _MARKER.findall(text)


def without_markers(value: str) -> str:
    """Take the marker brackets out of a value from data, so that it can never become a marker."""
    return value.replace(_OPEN, "").replace(_CLOSE, "")


def plain(value: object) -> str:
    r"""Make a value one line of harmless length, without marker brackets or control signs.

    What is no text, such as a missing value, becomes empty.

    Examples
    --------
    >>> plain("Milk\n⟦first_name⟧")
    'Milk first_name'
    """
    return _one_line(value)[:_MAX_CHARS]


def _one_line(value: object) -> str:
    text = without_markers(value) if isinstance(value, str) else ""
    return _INVISIBLE.sub("", _CONTROL.sub(" ", text)).strip()


def is_blank(value: object) -> bool:
    r"""Say whether a value shows nothing: missing, spaces, or signs that nobody sees.

    Examples
    --------
    >>> is_blank(None), is_blank("\u200b "), is_blank("\u3164"), is_blank("0")
    (True, True, True, False)
    """
    if value is None:
        return True
    text = str(value)
    return not (text.isascii() and text[:1].isalnum()) and bool(_BLANK.fullmatch(text))


def fill(text: str, values: Mapping[str, str], is_html: bool) -> str:
    """Fill the personal fields of a rendered text.

    Plain replacement in one pass: what a value contains is never read as a marker.

    Parameters
    ----------
    text : str
        Rendered subject, HTML or plain text with markers.
    values : mapping of str to str
        Value of each personal field that `text` uses; others are ignored. They become one
        line without control signs, but are never cut.
    is_html : bool
        Whether the values land in HTML and are escaped, quotes too.

    Returns
    -------
    str
        The text without any marker.

    Raises
    ------
    TemplateError
        If `text` has an unknown or broken marker, or a value is missing, empty, or an address
        that is not http(s). The text of the error holds no value.

    Examples
    --------
    >>> fill("Dear ⟦first_name⟧,", {"first_name": "Alex & Co"}, is_html=True)
    'Dear Alex &amp; Co,'
    """
    filled = _MARKER.sub("", text)
    if _OPEN in filled or _CLOSE in filled:
        raise TemplateError(
            "Expected only whole markers such as ⟦first_name⟧ in the message, found a broken one; "
            "mend the template."
        )
    ready = {field: _ready(field, values, is_html) for field in dict.fromkeys(find_markers(text))}
    return _MARKER.sub(lambda found: ready[found[1]], text)


def _ready(field: str, values: Mapping[str, str], is_html: bool) -> str:
    if field not in PERSONAL_FIELDS:
        raise TemplateError(
            f"Expected markers of {list(PERSONAL_FIELDS)} in the message, found {field!r}; "
            "mend the template."
        )
    value = _one_line(values.get(field))
    if is_blank(value):
        raise TemplateError(
            f"Expected a value for the personal field {field!r}, found none; "
            "add it to the person or let the sender give a neutral one."
        )
    if field.endswith("_url") and not _ADDRESS.fullmatch(value):
        raise TemplateError(f"Expected an http(s) address for the field {field!r}, found another.")
    return html.escape(value) if is_html else value
