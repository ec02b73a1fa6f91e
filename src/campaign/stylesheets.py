"""Rules of an e-mail's style sheets, as light and dark mail programs apply them."""

from collections.abc import Mapping
import re
from typing import NamedTuple

from bs4 import BeautifulSoup, Tag
from soupsieve import SelectorSyntaxError

__all__ = ["Rule", "declarations", "read_rules", "styles_of"]

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_BLOCK = re.compile(r"([^{}]+)\{([^{}]*)\}")
_MEDIA = re.compile(r"@media([^{]*)\{((?:[^{}]*\{[^{}]*\})*[^{}]*)\}", re.DOTALL)
_IMPORTANT = re.compile(r"\s*!\s*important\s*$", re.IGNORECASE)
_DARK = re.compile(r"prefers-color-scheme\s*:\s*dark", re.IGNORECASE)


class Rule(NamedTuple):
    """One selector with what it sets; of dark mode alone or of both."""

    selector: str
    values: Mapping[str, tuple[str, bool]]
    is_dark: bool


def declarations(style: str) -> dict[str, tuple[str, bool]]:
    """Read `color: red !important` as the value of each property, and whether it is important.

    Examples
    --------
    >>> declarations("color: #FFF; background:red!important")
    {'color': ('#fff', False), 'background': ('red', True)}
    """
    found = {}
    for piece in style.split(";"):
        name, colon, value = piece.partition(":")
        if colon:
            plain = _IMPORTANT.sub("", value).strip().lower()
            found[name.strip().lower()] = (plain, bool(_IMPORTANT.search(value)))
    return found


def read_rules(sheet: str) -> list[Rule]:
    """Read the rules that hold at any width, and those of dark mode; others are left out."""
    sheet = _COMMENT.sub("", sheet)
    rules = [
        rule
        for media, inner in _MEDIA.findall(sheet)
        if _DARK.search(media)
        for rule in _rules(inner, True)
    ]
    return _rules(_MEDIA.sub("", sheet), False) + rules


def _rules(sheet: str, is_dark: bool) -> list[Rule]:
    return [
        Rule(selector.strip(), declarations(values), is_dark)
        for selectors, values in _BLOCK.findall(sheet)
        for selector in selectors.split(",")
        if "@" not in selector and ":" not in selector
    ]


def styles_of(page: BeautifulSoup, is_dark: bool) -> dict[int, dict[str, str]]:
    """Work out what the sheets and its own attributes set for each element, by its `id()`.

    An important value beats one that is not, an element's own beats a rule's, a later rule an
    earlier one. Specificity is left out: e-mails give one class per thing.
    """
    rules = read_rules(" ".join(sheet.get_text() for sheet in page.find_all("style")))
    found: dict[int, dict[str, tuple[str, bool, int]]] = {}
    for number, rule in enumerate(rules):
        if rule.is_dark and not is_dark:
            continue
        for element in _select(page, rule.selector):
            _apply(found.setdefault(id(element), {}), rule.values, number)
    for element in page.find_all(True):
        own = declarations(str(element.get("style", "")))
        if element.get("bgcolor"):
            own = {"background-color": (str(element["bgcolor"]).lower(), False)} | own
        _apply(found.setdefault(id(element), {}), own, len(rules))
    return {
        key: {name: value for name, (value, _, _) in values.items()}
        for key, values in found.items()
    }


def _select(page: BeautifulSoup, selector: str) -> list[Tag]:
    try:
        return list(page.select(selector))
    except (SelectorSyntaxError, NotImplementedError):
        return []


def _apply(
    known: dict[str, tuple[str, bool, int]], values: Mapping[str, tuple[str, bool]], order: int
) -> None:
    for name, (value, is_important) in values.items():
        if name == "background":
            name = "background-color"
        earlier = known.get(name)
        if earlier is None or (is_important, order) >= (earlier[1], earlier[2]):
            known[name] = (value, is_important, order)
