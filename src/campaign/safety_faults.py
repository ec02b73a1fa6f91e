"""Where a message leads and what it would load or run: nothing but what is allowed."""

from collections.abc import Iterator
from functools import lru_cache
import re

from src.campaign.message import Facts, Message
from src.campaign.page import Tag, read_page
from src.campaign.placeholders import marker
from src.campaign.products import is_on_hosts

__all__ = ["images", "links", "personal_data", "remote_content", "scripts"]

_TAGS = frozenset(
    "a b body br del div em h1 h2 h3 head hr html i li meta ol p s span strong style sub sup table "
    "tbody td th thead title tr u ul img".split()
)
_OFFICE_TAGS = frozenset(
    "noscript xml o:officedocumentsettings o:allowpng o:pixelsperinch v:roundrect w:anchorlock "
    "center".split()
)
"""In comments that Outlook alone reads."""

_BARE_HOST = re.compile(r"(?<![\w.-])(?:[a-z0-9-]+\.)+[a-z]{2,}(?![\w-])", re.IGNORECASE | re.ASCII)
_RUN_ON = re.compile(r"//[!-~]+(?=[^\x00-\x7f])(?=\w)")
_DOT_INSIDE = re.compile(r"\.[^\W_]")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SCRIPT = re.compile(r"(?:javascript|vbscript|data|file|blob)\s*:", re.IGNORECASE)
_ACTIVE_ATTRIBUTES = ("srcdoc", "formaction", "http-equiv", "ping")
_LOADING_ATTRIBUTES = ("src", "srcset", "background", "poster")
_LOADING = re.compile(r"url\s*\(|@import|expression\s*\(|behavior\s*:|-moz-binding", re.IGNORECASE)
_CONDITIONAL = re.compile(r"<!--\[if[^\]]*\]>(.*?)<!\[endif\]-->", re.DOTALL | re.IGNORECASE)


def links(message: Message) -> Iterator[tuple[str, str]]:
    """Find addresses that are not allowed, in markup, as text, and as a bare host."""
    facts = message.facts
    pictures = {attributes.get("src") for attributes in message.page.attributes_of("img")}
    for link in message.page.links:
        if link not in pictures and not _is_allowed(link, facts):
            yield "html", link
    for part, found in message.links.items():
        yield from ((part, link) for link in found if not _is_allowed(link, facts))
    for part, text in message.parts.items():
        yield from (
            (part, f"{found}…, which runs into the words after it")
            for found in _RUN_ON.findall(text)
        )
    for part, text in message.unlinked.items():
        hosts = _BARE_HOST.findall(_EMAIL.sub(" ", text)) if _DOT_INSIDE.search(text) else []
        yield from ((part, host) for host in hosts if host.lower() not in facts.link_hosts)


def _is_allowed(link: str, facts: Facts) -> bool:
    if link in (marker("unsubscribe_url"), f"mailto:{facts.sender_address}"):
        return True
    return "⟦" not in link and "⟧" not in link and is_on_hosts(link, facts.link_hosts)


def scripts(message: Message) -> Iterator[tuple[str, str]]:
    """Find what runs, in any disguise, and what only Outlook would read."""
    yield from (("html", found) for found in _active_tags(message.page.tags, _TAGS))
    for found in _active_in_comments(_comments(message.html)):
        yield "html", found
    for part, text in message.parts.items():
        if part != "html" and "javascript:" in "".join(text.lower().split()):
            yield part, "javascript:"


def _comments(html: str) -> tuple[str, ...]:
    return tuple(found for found in _CONDITIONAL.findall(html) if "<" in found)


@lru_cache(maxsize=256)
def _active_in_comments(comments: tuple[str, ...]) -> list[str]:
    pages = [read_page(comment) for comment in comments]
    return [found for page in pages for found in _active_tags(page.tags, _TAGS | _OFFICE_TAGS)]


def _active_tags(tags: tuple[Tag, ...], allowed: frozenset[str]) -> list[str]:
    return [found for tag in tags for found in _active_tag(tag, allowed)]


@lru_cache(maxsize=16_384)
def _active_tag(tag: Tag, allowed: frozenset[str]) -> tuple[str, ...]:
    name, attributes = tag
    faults = [] if name in allowed else [f"<{name}>"]
    for attribute, value in attributes:
        squeezed = re.sub(r"[\x00-\x20]+", "", value)
        if attribute.startswith("on") or attribute in _ACTIVE_ATTRIBUTES:
            faults.append(f"attribute {attribute}")
        elif attribute != "style" and _SCRIPT.match(squeezed):
            faults.append(f"{attribute}={value[:40]}")
    return tuple(faults)


def remote_content(message: Message) -> Iterator[tuple[str, str]]:
    """Find what would be loaded on opening, but for pictures from an allowed host."""
    page = message.page
    hosts = tuple(message.facts.image_hosts)
    yield from (("html", found) for found in _loading(page.tags, page.styles, hosts))
    for found in _loading_in_comments(_comments(message.html)):
        yield "html", found


@lru_cache(maxsize=256)
def _loading_in_comments(comments: tuple[str, ...]) -> list[str]:
    pages = [read_page(comment) for comment in comments]
    return [found for page in pages for found in _loading(page.tags, page.styles, ())]


def _loading(tags: tuple[Tag, ...], styles: tuple[str, ...], hosts: tuple[str, ...]) -> list[str]:
    loading = [f"<{tag[0]}>" for tag in tags if _loads(tag, hosts)]
    return loading + [found for style in styles for found in _loading_styles(style)]


@lru_cache(maxsize=16_384)
def _loads(tag: Tag, hosts: tuple[str, ...]) -> bool:
    name, attributes = tag[0], dict(tag[1])
    loaded = {one for one in _LOADING_ATTRIBUTES if one in attributes}
    if name != "img":
        return bool(loaded)
    return loaded != {"src"} or not is_on_hosts(attributes["src"], hosts)


@lru_cache(maxsize=4096)
def _loading_styles(style: str) -> list[str]:
    return _LOADING.findall(style)


def images(message: Message) -> Iterator[tuple[str, str]]:
    """Find pictures without words for those who do not see them, or without their size."""
    for attributes in message.page.attributes_of("img"):
        source = attributes.get("src", "")[-40:]
        is_ornament = attributes.get("role") == "presentation" or "aria-hidden" in attributes
        if "alt" not in attributes or not (attributes["alt"].strip() or is_ornament):
            yield "html", f"no alternative text: …{source}"
        if not (_is_size(attributes.get("width")) and _is_size(attributes.get("height"))):
            yield "html", f"no width and height: …{source}"


def _is_size(value: str | None) -> bool:
    return bool(value and value.isascii() and value.isdigit() and 0 < int(value) <= 1200)


def personal_data(message: Message) -> Iterator[tuple[str, str]]:
    """Find addresses of people."""
    yield from (
        (part, "an e-mail address")
        for part, text in message.parts.items()
        if "@" in text
        for address in _EMAIL.findall(text)
        if address != message.facts.sender_address
    )
