"""The plain-text part, made from the HTML of a template with its fields and conditions kept."""

from html.parser import HTMLParser
import re

__all__ = ["text_of_html"]

_SKIPPED = frozenset(("head", "style", "script", "title"))
_PARAGRAPHS = frozenset(("p", "h1", "h2", "h3", "div", "ul", "ol"))
_LINES = frozenset(("tr", "li", "br", "table"))
_VOID = frozenset(("br", "img", "hr", "meta", "link", "input"))
_HIDDEN = re.compile(r"display\s*:\s*none")
_STATEMENT = re.compile(r"(\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\})", re.DOTALL)
_STATEMENT_ONLY = re.compile(r"\{%.*?%\}")
_SPACE = re.compile(r"\s+")
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0]+")
_AROUND_BREAK = re.compile(r" *\n *")
_MANY_BREAKS = re.compile(r"\n{3,}")


def text_of_html(source: str) -> str:
    r"""Write what a reader sees of an HTML template as plain text.

    Addresses follow the words of their links. What is only for the eye (`aria-hidden`, or of the
    class `only-html`) and what is hidden is left out; a row of the class `item` becomes a point
    of a list on one line, its paragraphs in brackets. Merge fields, conditions and loops stay.

    Examples
    --------
    >>> page = '<h1>Tea &amp; {{ department }}</h1><p><a href="{{ shop_url }}">Shop</a></p>'
    >>> text_of_html(page)
    'Tea & {{ department }}\n\nShop: {{ shop_url }}\n'
    """
    reader = _Reader()
    reader.feed(source)
    reader.close()
    text = _BLANKS.sub(" ", "".join(reader.pieces))
    text = _MANY_BREAKS.sub("\n\n", _AROUND_BREAK.sub("\n", text))
    lines = text.strip().split("\n")
    return "".join(_ended(line) for line in lines)


def _ended(line: str) -> str:
    """End a line; the sandbox swallows a break after a statement, so words get one more."""
    is_swallowed = line.endswith("%}") and bool(_STATEMENT_ONLY.sub("", line).strip())
    return line + ("\n\n" if is_swallowed else "\n")


class _Reader(HTMLParser):
    """Collects text; breaks wait until something follows them, and the widest one counts."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.skipped: list[str] = []
        self.rows: list[bool] = []
        self.address = ""
        self.gap, self.is_tight = "", False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = {name: value or "" for name, value in attrs}
        if self.skipped or _is_skipped(tag, attributes):
            if tag not in _VOID:
                self.skipped.append(tag)
            return
        self._break(tag)
        if tag == "tr":
            self.rows.append("item" in attributes.get("class", "").split())
            if self.rows[-1]:
                self._add("* ")
        if tag == "p" and any(self.rows):
            self._add("(")
            self.is_tight = True
        if tag == "a":
            self.address = attributes.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        if self.skipped:
            if tag in self.skipped:
                while self.skipped.pop() != tag:
                    pass
            return
        if tag == "p" and any(self.rows):
            self.pieces.append(")")
        if tag == "a" and self.address:
            self.pieces.append(f": {self.address}")
            self.address = ""
        if tag == "tr" and self.rows:
            self.rows.pop()
        if tag in ("td", "th"):
            self._break("td")
        self._break(tag)

    def handle_data(self, data: str) -> None:
        if self.skipped:
            return
        for index, piece in enumerate(_STATEMENT.split(data)):
            text = piece if index % 2 else _SPACE.sub(" ", piece)
            if text.strip():
                self._add(text)
            elif text and not self.gap:
                self.gap = " "

    def _add(self, text: str) -> None:
        if self.pieces and not self.is_tight:
            self.pieces.append(self.gap)
        self.pieces.append(text.lstrip() if self.gap else text)
        self.gap, self.is_tight = "", False

    def _break(self, tag: str) -> None:
        wanted = "\n\n" if tag in _PARAGRAPHS else "\n" if tag in _LINES else ""
        if tag == "td" or (wanted and any(self.rows)):
            wanted = " "
        if len(wanted.strip(" ")) > len(self.gap.strip(" ")) or not self.gap:
            self.gap = wanted


def _is_skipped(tag: str, attributes: dict[str, str]) -> bool:
    return (
        tag in _SKIPPED
        or attributes.get("aria-hidden") == "true"
        or "only-html" in attributes.get("class", "").split()
        or bool(_HIDDEN.search(attributes.get("style", "")))
    )
