"""Where a merge field may stand in HTML: in text, or alone in a quoted address or description."""

from html.parser import HTMLParser
import re

from jinja2 import Environment

from src.errors import TemplateError

__all__ = ["check_places"]

_DESCRIBING = ("alt", "aria-label", "title")
_PICTURE = "image_url"
"""The one field that may be the source of a picture: its host is on a list."""
_RAW_TEXT = ("script", "style", "textarea", "xmp", "iframe", "noscript", "noembed", "noframes")
_FIELD = re.compile("\ue000([a-z_]*)\ue001")
_UNFINISHED = re.compile(r"<([a-zA-Z/!?]|$)")
_QUOTED = re.compile(r"""=\s*("[^"]*"|'[^']*')""")


def check_places(environment: Environment, source: str, name: str) -> None:
    """Refuse a merge field or statement where autoescape would not keep a value harmless.

    Raises
    ------
    TemplateError
        If one stands in a tag or attribute name, an unquoted value, a style, a script, a
        comment, or an attribute that is neither an address nor a description.
    """
    if "\ue000" in source or "\ue001" in source:
        raise _misplaced(name, "characters of the private use area")
    places = _Places(name)
    places.feed(_with_tokens(environment, source))
    places.close()


def _with_tokens(environment: Environment, source: str) -> str:
    """Replace each field by a token with its name, each statement by a token without."""
    pieces, inside, names, is_dotted = [], "", [], False
    for _, kind, value in environment.lex(source):
        if kind in ("variable_begin", "block_begin"):
            inside, names = kind, []
        elif kind in ("variable_end", "block_end"):
            field = _named(names) if inside == "variable_begin" else ""
            pieces.append(f"\ue000{field}\ue001")
            inside, is_dotted = "", False
        elif kind == "data":
            pieces.append(value)
        elif kind == "name" and inside:
            if is_dotted and names:  # of `product.image_url` the last name says what it is
                names[-1] = value
            else:
                names.append(value)
            is_dotted = False
        elif inside and kind != "whitespace":
            is_dotted = value == "."
    return "".join(pieces)


def _named(names: list[str]) -> str:
    """Name what is shown; a choice between fields is no address, whatever they are called."""
    return "several" if len(names) > 1 else "".join(names)


class _Places(HTMLParser):
    """Reads the page with tokens in place of values and refuses misplaced ones."""

    def __init__(self, name: str) -> None:
        super().__init__(convert_charrefs=True)
        self.name = name
        self.element = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.element = tag
        bare = _QUOTED.sub("=", self.get_starttag_text() or "")
        if "\ue000" in bare or "\ue000" in tag:
            raise _misplaced(self.name, f"a field or statement inside the tag <{tag[:20]}>")
        for attribute, value in attrs:
            fields = _FIELD.findall(value or "")
            if not fields:
                continue
            is_alone = bool(re.fullmatch(_FIELD, value or ""))
            is_address = attribute == "href" and is_alone and fields[0].endswith("_url")
            is_address |= (tag, attribute) == ("img", "src") and is_alone and fields[0] == _PICTURE
            if not is_address and not (attribute in _DESCRIBING and all(fields)):
                raise _misplaced(self.name, f"a field in the attribute {attribute[:20]!r}")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.element = ""

    def handle_endtag(self, tag: str) -> None:
        if "\ue000" in tag:
            raise _misplaced(self.name, "a field in an end tag")
        self.element = ""

    def handle_data(self, data: str) -> None:
        if self.element not in _RAW_TEXT and _UNFINISHED.search(data):
            raise _misplaced(self.name, "an unfinished tag")
        if "\ue000" in data and self.element in _RAW_TEXT:
            raise _misplaced(self.name, f"a field inside <{self.element}>")

    def handle_comment(self, data: str) -> None:
        if "\ue000" in data:
            raise _misplaced(self.name, "a field in a comment")

    handle_decl = handle_pi = unknown_decl = handle_comment


def _misplaced(name: str, found: str) -> TemplateError:
    return TemplateError(
        f'Expected merge fields in {name} only in text, in href="{{{{ …_url }}}}", in the src '
        f"of a picture or in a quoted description, found {found}; move it."
    )
