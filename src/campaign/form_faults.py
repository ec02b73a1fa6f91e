"""Form of a message: length, hidden and left-over signs, language, what can be read."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
import re
import unicodedata

from src.campaign.check_files import read_check_file
from src.campaign.contrast import find_low_contrast
from src.campaign.message import Message
from src.campaign.placeholders import PERSONAL_FIELDS, find_markers, marker
from src.campaign.scripts import find_foreign
from src.campaign.sms import count_parts

__all__ = [
    "MAX_HTML_BYTES",
    "accessible",
    "columns_of",
    "contrast",
    "control_signs",
    "garbled",
    "html_size",
    "in_parts",
    "language",
    "left_over",
    "length_limit",
    "markers",
    "markup_as_text",
    "payload_form",
    "preheader_length",
    "shouting",
    "sms_parts",
    "subject_for_phones",
    "subject_length",
    "subject_present",
]

MAX_HTML_BYTES = 102_000
NAME_CHARS = 20
"""Room for a first name where a text has its marker."""

URL_CHARS = 40
"""Room for a personal address where a text has its marker."""

_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|\[\[|\]\]|%\(\w+\)s|\$\{")
_EMPTY_VALUE = re.compile(r"\b(?:None|nan|NaN|NaT|null|undefined|Undefined)\b|<NA>")
_GAP = re.compile(r"(?:\bHi|\bHello|\bDear)\s*[,!]|^\s*，|[,，]\s*[,，]|\(\s*\)|【\s*】")
"""Where a name or another value should be and is none."""

_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u2028\u2029\u202a-\u202e\u2060-\u2069\ufeff]"
)
_MARKUP = re.compile(r"</?[a-z][^>]*>|&(?:#\d+|#x[0-9a-f]+|[a-z]{2,8});", re.IGNORECASE)
_MOJIBAKE = re.compile(r"\ufffd|Ã[\u0080-\u00bf]|â€|ï»¿|锟斤拷|烫烫烫")
_REPEATED = re.compile(r"\b(\w+)(?:[\s,]+\1\b){3,}|([\u3400-\u9fff]{1,4})\2{4,}", re.IGNORECASE)
_PREHEADER = re.compile(r"<div style=\"display:none[^>]*>(.*?)(?:&#847;|\u034f|</div>)", re.DOTALL)


def in_parts(texts: Mapping[str, str], find: Callable[[str], Iterable[str]]) -> Iterator:
    """Give (part, found) for all that `find` finds."""
    return ((part, found) for part, text in texts.items() for found in find(text))


def columns_of(text: str) -> int:
    """Columns that a text takes on a screen: two for each Chinese letter, room for each name."""
    for name in PERSONAL_FIELDS:
        room = URL_CHARS if name.endswith("_url") else NAME_CHARS
        text = text.replace(marker(name), "x" * room)
    return len(text) + sum(unicodedata.east_asian_width(sign) in "WF" for sign in text)


def length_limit(name: str) -> int:
    """Give a limit of `params/checks/limits.yaml`."""
    return int(read_check_file("limits.yaml")[name])


def _raw_parts(message: Message) -> tuple[tuple[str, str], ...]:
    return (("subject", message.subject), ("html", message.html), ("text", message.text))


def subject_present(message: Message) -> Iterator[tuple[str, str]]:
    """Find a subject, or the title of a push, that says nothing."""
    part = "subject" if message.channel == "email" else "title"
    text = message.parts.get(part, "")
    if not any(sign.isalpha() for sign in text):
        yield part, text


def subject_length(message: Message) -> Iterator[tuple[str, str]]:
    """Find titles and bodies beyond the limits of their channel."""
    if message.channel == "email":
        yield from _too_long("subject", message.subject, "subject_columns")
    elif message.channel == "push":
        yield from _too_long("title", message.parts.get("title", ""), "push_title_columns")
        yield from _too_long("body", message.parts.get("body", ""), "push_body_columns")
    elif message.channel == "social":
        yield from _too_long("text", message.parts.get("text", ""), "social_text_columns")


def _too_long(part: str, text: str, limit: str) -> Iterator[tuple[str, str]]:
    n_columns = columns_of(text)
    if n_columns > length_limit(limit):
        yield part, f"{n_columns} characters, more than {length_limit(limit)}"


def subject_for_phones(message: Message) -> Iterator[tuple[str, str]]:
    """Find a subject that phones cut."""
    n_columns = columns_of(message.subject)
    if length_limit("subject_phone_columns") < n_columns <= length_limit("subject_columns"):
        yield "subject", f"{n_columns} characters"


def preheader_length(message: Message) -> Iterator[tuple[str, str]]:
    """Find a missing or long line beside the subject in the inbox."""
    found = _PREHEADER.search(message.html)
    n_columns = columns_of(" ".join(found[1].split())) if found else 0
    least, most = length_limit("preheader_min_columns"), length_limit("preheader_max_columns")
    if not least <= n_columns <= most:
        yield "html", f"a preheader of {n_columns} characters"


def sms_parts(message: Message) -> Iterator[tuple[str, str]]:
    """Find an SMS of too many parts, names and addresses at their longest."""
    text = message.text
    for name in PERSONAL_FIELDS:
        room = URL_CHARS if name.endswith("_url") else NAME_CHARS
        text = text.replace(marker(name), "x" * room)
    n_parts = count_parts(text)
    if n_parts > length_limit("sms_max_parts"):
        yield "text", f"{n_parts} parts"


def control_signs(message: Message) -> Iterator[tuple[str, str]]:
    """Find signs that forge headers or hide words."""
    if re.search(r"[\r\n\t]", message.subject):
        yield "subject", "line break"
    for part, text in _raw_parts(message):
        if not text.replace("\n", "").isprintable():
            yield from ((part, repr(sign)) for sign in _CONTROL.findall(text))


def payload_form(message: Message) -> Iterator[tuple[str, str]]:
    """Find a payload that is no JSON object of texts."""
    if message.payload is None:
        yield "text", message.text[:40]


def left_over(message: Message) -> Iterator[tuple[str, str]]:
    """Find signs of a template, and the traces of an empty value."""
    for part, text in message.parts.items():
        if any(sign in text for sign in ("{", "}", "[[", "]]", "%(")):
            yield from ((part, found) for found in _LEFT_OVER.findall(text))
    yield from in_parts(message.claims, _empty_values)
    yield from in_parts(message.parts, _gaps)


@lru_cache(maxsize=4096)
def _empty_values(text: str) -> list[str]:
    return _EMPTY_VALUE.findall(text)


@lru_cache(maxsize=4096)
def _gaps(text: str) -> list[str]:
    return _GAP.findall(text)


def markers(message: Message) -> Iterator[tuple[str, str]]:
    """Find open fields that are not personal, and broken ones."""
    for part, text in _raw_parts(message):
        fields = find_markers(text)
        yield from ((part, field) for field in fields if field not in PERSONAL_FIELDS)
        if text.count("⟦") != len(fields) or text.count("⟧") != len(fields):
            yield part, "a broken marker"


def markup_as_text(message: Message) -> Iterator[tuple[str, str]]:
    """Find tags and entities that a reader would see."""
    for part, text in message.parts.items():
        if "<" in text or "&" in text:
            yield from ((part, found) for found in _MARKUP.findall(text))


def garbled(message: Message) -> Iterator[tuple[str, str]]:
    """Find broken encodings and words said again and again."""
    for part, text in message.claims.items():
        yield from ((part, found) for found in _MOJIBAKE.findall(text))
        yield from ((part, found[0][:40]) for found in _REPEATED.finditer(text))


def language(message: Message) -> Iterator[tuple[str, str]]:
    """Find parts that are not in the campaign's language."""
    wanted = message.facts.language
    return in_parts(message.claims, lambda text: find_foreign(text, wanted))


def html_size(message: Message) -> Iterator[tuple[str, str]]:
    """Find HTML of too many bytes."""
    n_bytes = len(message.html.encode())
    if n_bytes > MAX_HTML_BYTES:
        yield "html", f"{n_bytes:,} bytes"


def accessible(message: Message) -> Iterator[tuple[str, str]]:
    """Find what a screen reader needs and is not there."""
    page = message.page
    if not any(attributes.get("lang") for attributes in page.attributes_of("html")):
        yield "html", "no language"
    if not page.attributes_of("title"):
        yield "html", "no title"
    if any(attributes.get("role") != "presentation" for attributes in page.attributes_of("table")):
        yield "html", "a layout table that is read out as data"


def contrast(message: Message) -> Iterator[tuple[str, str]]:
    """Find words that do not stand out from their ground."""
    yield from (("html", found) for found in find_low_contrast(message.html))


def shouting(message: Message) -> Iterator[tuple[str, str]]:
    """Find capitals and repeated marks."""
    part = "subject" if message.channel == "email" else "title"
    letters = [sign for sign in message.parts.get(part, "") if sign.isalpha()]
    if len(letters) > 5 and sum(sign.isupper() for sign in letters) > len(letters) / 2:
        yield part, "mostly capitals"
    yield from in_parts(message.parts, re.compile(r"[!?！？]{2,}|[$€£]{2,}").findall)
