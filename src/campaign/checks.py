"""Checks that every message passes before anything is written: each with name, reason and place."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
import re
from urllib.parse import urlsplit

import pandas as pd

from src.campaign.claims import find_benefit_claims, find_date_claims, find_number_claims
from src.campaign.message import Facts, Message
from src.campaign.page import Tag
from src.campaign.placeholders import PERSONAL_FIELDS, find_markers, marker
from src.errors import TemplateError

__all__ = ["CHECKS", "Check", "check_messages", "require_clean"]

MAX_SUBJECT_CHARS = 78
PHONE_SUBJECT_CHARS = 60
MAX_HTML_BYTES = 102_000
NAME_CHARS = 20
"""Room for a first name where a subject has its marker."""

_TAGS = frozenset(
    "a b body br div em h1 h2 h3 head hr html i li meta ol p span strong style table tbody td th "
    "thead title tr u ul img".split()
)
_LEFT_OVER = re.compile(r"\{\{|\}\}|\{%|%\}|\{#|#\}|\[\[|\]\]|%\(\w+\)s|\$\{")
_EMPTY_VALUE = re.compile(r"\b(?:None|nan|NaN|NaT|null|undefined|Undefined)\b|<NA>")
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]"
)
_BARE_HOST = re.compile(r"\b(?:[a-z0-9-]+\.)+[a-z]{2,}\b", re.IGNORECASE)
_DOT_INSIDE = re.compile(r"\.[^\W_]")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SCRIPT = re.compile(r"(?:javascript|vbscript|data|file|blob)\s*:", re.IGNORECASE)
_MARKUP = re.compile(r"</?[a-z][^>]*>|&(?:#\d+|#x[0-9a-f]+|[a-z]{2,8});", re.IGNORECASE)
_ACTIVE_ATTRIBUTES = ("srcdoc", "formaction", "http-equiv", "ping")
_LOADING_ATTRIBUTES = ("src", "srcset", "background", "poster")
_LOADING = re.compile(r"url\s*\(|@import|expression\s*\(|behavior\s*:|-moz-binding", re.IGNORECASE)


@dataclass(frozen=True)
class Check:
    """One check: `find` yields (place, what was found) for each fault of a message."""

    name: str
    reason: str
    find: Callable[[Message], Iterable[tuple[str, str]]]
    is_warning: bool = False


def check_messages(messages: pd.DataFrame, facts: Facts) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every check on every message.

    Parameters
    ----------
    messages : DataFrame
        Table `messages`.
    facts : Facts
        What they are held against.

    Returns
    -------
    summary : DataFrame
        One row per check: `check`, `reason`, `effect` of a fault, `n_messages`, `n_faulty`
        (messages).
    faults : DataFrame
        One row per fault: `check`, `is_warning`, `customer_id`, `action`, `place`, `found`.
    """
    faults = []
    for row in messages.itertuples(index=False):
        message = Message(
            row.customer_id, row.subject, row.html, row.text, facts.offers[row.action], facts
        )
        for check in CHECKS:
            faults += [
                (check.name, check.is_warning, row.customer_id, row.action, place, found)
                for place, found in check.find(message)
            ]
    columns = ["check", "is_warning", "customer_id", "action", "place", "found"]
    found = pd.DataFrame(faults, columns=columns)
    n_faulty = found.groupby("check")["customer_id"].nunique()
    summary = pd.DataFrame(
        [(check.name, check.reason, "warns" if check.is_warning else "stops") for check in CHECKS],
        columns=["check", "reason", "effect"],
    )
    summary["n_messages"] = len(messages)
    summary["n_faulty"] = [int(n_faulty.get(check.name, 0)) for check in CHECKS]
    return summary, found


def require_clean(faults: pd.DataFrame) -> None:
    """Stop if a message broke a check that is no warning.

    Raises
    ------
    TemplateError
        Naming the first fault: check, place, what was found, action and customer.
    """
    broken = faults[~faults["is_warning"].astype(bool)]
    if broken.empty:
        return
    first = broken.iloc[0]
    raise TemplateError(
        f"Expected every message to pass the check {first['check']!r}, but "
        f"{broken['customer_id'].nunique()} messages break a check; first: {first['found']!r} in "
        f"{first['place']} of {first['action']} for customer {first['customer_id'][:8]}…; "
        "mend the template or the data, nothing was written."
    )


def _in_parts(texts: Mapping[str, str], find: Callable[[str], Iterable[str]]) -> Iterator:
    return ((part, found) for part, text in texts.items() for found in find(text))


def _raw_parts(message: Message) -> tuple[tuple[str, str], ...]:
    return (("subject", message.subject), ("html", message.html), ("text", message.text))


def _subject_present(message: Message) -> Iterator[tuple[str, str]]:
    if not any(sign.isalpha() for sign in message.subject):
        yield "subject", message.subject


def _subject_length(message: Message) -> Iterator[tuple[str, str]]:
    n_chars = _subject_chars(message.subject)
    if n_chars > MAX_SUBJECT_CHARS:
        yield "subject", f"{n_chars} characters"


def _subject_for_phones(message: Message) -> Iterator[tuple[str, str]]:
    n_chars = _subject_chars(message.subject)
    if PHONE_SUBJECT_CHARS < n_chars <= MAX_SUBJECT_CHARS:
        yield "subject", f"{n_chars} characters"


def _subject_chars(subject: str) -> int:
    for field in PERSONAL_FIELDS:
        subject = subject.replace(marker(field), "x" * NAME_CHARS)
    return len(subject)


def _control_signs(message: Message) -> Iterator[tuple[str, str]]:
    if re.search(r"[\r\n\t]", message.subject):
        yield "subject", "line break"
    for part, text in _raw_parts(message):
        if not text.replace("\n", "").isprintable():
            yield from ((part, repr(sign)) for sign in _CONTROL.findall(text))


def _unsubscribe(message: Message) -> Iterator[tuple[str, str]]:
    sign = marker("unsubscribe_url")
    if sign not in (attributes.get("href") for attributes in message.page.attributes_of("a")):
        yield "html", f"no link to {sign}"
    if sign not in message.text:
        yield "text", f"no {sign}"


def _postal_address(message: Message) -> Iterator[tuple[str, str]]:
    for part in ("html", "text"):
        if message.facts.postal_address not in message.parts[part]:
            yield part, "no postal address"


def _numbers(message: Message) -> Iterator[tuple[str, str]]:
    return _in_parts(message.claims, lambda text: find_number_claims(text, message.offer))


def _dates(message: Message) -> Iterator[tuple[str, str]]:
    return _in_parts(message.claims, lambda text: find_date_claims(text, message.offer))


def _benefits(message: Message) -> Iterator[tuple[str, str]]:
    words = message.facts.benefit_words
    return _in_parts(message.claims, lambda text: find_benefit_claims(text, words))


def _offer_stated(message: Message) -> Iterator[tuple[str, str]]:
    for part in ("html", "text"):
        for promise in _unstated(message.claims[part], message.offer.promises):
            yield part, f"no {promise!r}"
        if message.offer.coupon_code not in message.parts[part]:
            yield part, f"no {message.offer.coupon_code!r}"


@lru_cache(maxsize=4096)
def _unstated(text: str, promises: tuple[str, ...]) -> list[str]:
    return [
        promise
        for promise in promises
        if not re.search(rf"(?<![\w.,$]){re.escape(promise)}(?![\w%]|[.,]\d)", text)
    ]


def _links(message: Message) -> Iterator[tuple[str, str]]:
    for link in message.page.links:
        if not _is_allowed(link, message.facts):
            yield "html", link
    for part, links in message.links.items():
        yield from ((part, link) for link in links if not _is_allowed(link, message.facts))
    for part, text in message.unlinked.items():
        hosts = _BARE_HOST.findall(_EMAIL.sub(" ", text)) if _DOT_INSIDE.search(text) else []
        for host in hosts:
            if host.lower() not in message.facts.link_hosts:
                yield part, host


def _is_allowed(link: str, facts: Facts) -> bool:
    if link in (marker("unsubscribe_url"), f"mailto:{facts.sender_address}"):
        return True
    try:
        address = urlsplit(link)
        host, port = address.hostname, address.port
    except ValueError:
        return False
    is_plain = not any(sign in link for sign in "\\@⟦⟧") and link.isprintable() and " " not in link
    return (
        is_plain and address.scheme == "https" and host in facts.link_hosts and port in (None, 443)
    )


def _scripts(message: Message) -> Iterator[tuple[str, str]]:
    yield from (("html", found) for found in _active_tags(message.page.tags))
    if "javascript:" in "".join(message.text.lower().split()):
        yield "text", "javascript:"


@lru_cache(maxsize=1024)
def _active_tags(tags: tuple[Tag, ...]) -> list[str]:
    faults = []
    for name, attributes in tags:
        faults += [] if name in _TAGS else [f"<{name}>"]
        for attribute, value in attributes:
            squeezed = re.sub(r"[\x00-\x20]+", "", value)
            if attribute.startswith("on") or attribute in _ACTIVE_ATTRIBUTES:
                faults.append(f"attribute {attribute}")
            elif attribute != "style" and _SCRIPT.match(squeezed):
                faults.append(f"{attribute}={value[:40]}")
    return faults


def _remote_content(message: Message) -> Iterator[tuple[str, str]]:
    page = message.page
    yield from (("html", found) for found in _loading(page.tags, page.styles))


@lru_cache(maxsize=1024)
def _loading(tags: tuple[Tag, ...], styles: tuple[str, ...]) -> list[str]:
    loading = [
        f"<{name}>"
        for name, attributes in tags
        if name == "img" or any(attribute in _LOADING_ATTRIBUTES for attribute, _ in attributes)
    ]
    return loading + [found for style in styles for found in _LOADING.findall(style)]


def _left_over(message: Message) -> Iterator[tuple[str, str]]:
    for part, text in message.parts.items():
        if any(sign in text for sign in ("{", "}", "[[", "]]", "%(")):
            yield from ((part, found) for found in _LEFT_OVER.findall(text))
    yield from _in_parts(message.claims, _empty_values)


@lru_cache(maxsize=4096)
def _empty_values(text: str) -> list[str]:
    return _EMPTY_VALUE.findall(text)


def _markers(message: Message) -> Iterator[tuple[str, str]]:
    for part, text in _raw_parts(message):
        fields = find_markers(text)
        yield from ((part, field) for field in fields if field not in PERSONAL_FIELDS)
        if text.count("⟦") != len(fields) or text.count("⟧") != len(fields):
            yield part, "a broken marker"


def _markup_as_text(message: Message) -> Iterator[tuple[str, str]]:
    for part, text in message.parts.items():
        if "<" in text or "&" in text:
            yield from ((part, found) for found in _MARKUP.findall(text))


def _html_size(message: Message) -> Iterator[tuple[str, str]]:
    n_bytes = len(message.html.encode())
    if n_bytes > MAX_HTML_BYTES:
        yield "html", f"{n_bytes:,} bytes"


def _accessible(message: Message) -> Iterator[tuple[str, str]]:
    page = message.page
    if not any(attributes.get("lang") for attributes in page.attributes_of("html")):
        yield "html", "no language"
    if not page.attributes_of("title"):
        yield "html", "no title"
    if any(attributes.get("role") != "presentation" for attributes in page.attributes_of("table")):
        yield "html", "a layout table that is read out as data"


def _personal_data(message: Message) -> Iterator[tuple[str, str]]:
    yield from (
        (part, "an e-mail address")
        for part, text in message.parts.items()
        if "@" in text
        for address in _EMAIL.findall(text)
        if address != message.facts.sender_address
    )


def _shouting(message: Message) -> Iterator[tuple[str, str]]:
    letters = [sign for sign in message.subject if sign.isalpha()]
    if len(letters) > 5 and sum(sign.isupper() for sign in letters) > len(letters) / 2:
        yield "subject", "mostly capitals"
    yield from _in_parts(message.parts, re.compile(r"[!?]{2,}|[$€£]{2,}").findall)


def _no_products(message: Message) -> Iterator[tuple[str, str]]:
    if not message.facts.phrases.get(message.customer_id):
        yield "html", "no product or department from the data"


CHECKS = (
    Check("subject_present", "A message without a subject looks like spam.", _subject_present),
    Check(
        "subject_length",
        f"At most {MAX_SUBJECT_CHARS} characters fit a header line.",
        _subject_length,
    ),
    Check(
        "control_signs",
        "Line breaks and hidden signs can forge headers.",
        _control_signs,
    ),
    Check("unsubscribe", "Every reader can leave, from both bodies.", _unsubscribe),
    Check("postal_address", "The law asks for the sender's postal address.", _postal_address),
    Check("numbers", "Prices and percentages are the offer's.", _numbers),
    Check("dates", "Dates are the offer's last day.", _dates),
    Check("benefits", "Nothing is promised that the offer does not give.", _benefits),
    Check("offer_stated", "Both bodies state discount, terms and last day.", _offer_stated),
    Check("links", "Links lead to allowed hosts, by https.", _links),
    Check("scripts", "No script, form or frame, in no disguise.", _scripts),
    Check("remote_content", "Nothing is loaded when the message is opened.", _remote_content),
    Check("left_over", "No template sign or empty value is left.", _left_over),
    Check("markers", "Only personal fields are still to be filled.", _markers),
    Check("markup_as_text", "No tag or entity shows as text.", _markup_as_text),
    Check("html_size", "Mail programs cut longer messages.", _html_size),
    Check("accessible", "Screen readers get language, title and no layout.", _accessible),
    Check("personal_data", "No person's address is in a planned message.", _personal_data),
    Check(
        "subject_for_phones",
        f"Phones cut subjects after about {PHONE_SUBJECT_CHARS} characters.",
        _subject_for_phones,
        True,
    ),
    Check("shouting", "Capitals and repeated marks are taken for spam.", _shouting, True),
    Check("no_products", "The message has nothing of the customer's own.", _no_products, True),
)
