"""HTML that notebooks carry, made safe, quiet and readable: nothing runs, nothing is fetched."""

import re

import bleach
from bleach.css_sanitizer import CSSSanitizer
from bs4 import BeautifulSoup, Tag
from bs4.dammit import EntitySubstitution
from bs4.formatter import HTMLFormatter

__all__ = ["clean_html"]

_TAGS = frozenset(
    "a abbr b blockquote br caption cite code col colgroup dd del details div dl dt em figcaption"
    " figure h1 h2 h3 h4 h5 h6 hr i iframe img ins kbd li mark ol p pre q s samp section small"
    " span strong sub summary sup table tbody td tfoot th thead time tr u ul".split()
)
_GLOBAL = frozenset({"class", "dir", "lang", "role", "style", "title"})
_OF_TAG = {
    "a": {"href"},
    "col": {"span"},
    "details": {"open"},
    "iframe": {"height", "srcdoc", "width"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
_STYLES = frozenset(
    "align-items background-color border border-bottom border-collapse border-color border-left"
    " border-radius border-right border-spacing border-style border-top border-width box-sizing"
    " color column-gap display flex flex-direction flex-wrap font-family font-size font-style"
    " font-variant-numeric font-weight gap grid-template-columns height justify-content"
    " letter-spacing line-height margin margin-bottom margin-left margin-right margin-top"
    " max-height max-width min-height min-width opacity overflow overflow-x overflow-y padding"
    " padding-bottom padding-left padding-right padding-top row-gap text-align text-decoration"
    " text-transform vertical-align white-space width".split()
)
_PICTURE = re.compile(r"data:image/(png|jpeg|gif|webp|svg\+xml)[;,]", re.IGNORECASE)
_LINK = re.compile(r"(https?://|mailto:|#|[\w.-]+\.html(#|$))", re.IGNORECASE)
_FETCHING_STYLE = re.compile(r"@import[^;]*;?|url\((?!\s*['\"]?data:)[^)]*\)?", re.IGNORECASE)
_NUMBER = re.compile(r"[−+-]?[\d,.\u202f ]*\d[\d,.]*(e[+-]?\d+)?\s*%?|nan|NaN|<NA>|NaT|None|–|-|")
_TO_STRIP = re.compile("<(script|style|iframe)", re.IGNORECASE)
_TO_DRESS = re.compile("<(a|iframe|table)[ >]")

_MISSING = frozenset({"NaN", "nan", "NaT", "<NA>"})
_LONG = 24
"""Characters from which on a cell is given room, so that its row does not become a column."""

_IN_LETTERS = frozenset({"applet", "base", "embed", "iframe", "link", "meta", "object", "script"})
"""Elements that a letter's preview must not have: they run, load or move it."""

_WITHOUT_QUOTES = HTMLFormatter(
    lambda text: EntitySubstitution.substitute_xml(text).replace('"', "&quot;")
)
"""The cleaner escapes a second time what stands in single quotes, so none are written."""


def clean_html(markup: str) -> str:
    """Make HTML of a notebook fit for a page of the report.

    Scripts, handlers, styles of the page, forms and whatever would load from a network are
    dropped. Tables get a frame that scrolls; letters in iframes become dead pictures: no script,
    no link, nothing fetched.

    Parameters
    ----------
    markup : str
        HTML, not trusted.

    Examples
    --------
    >>> clean_html('<b onclick="x()">5</b><script>x()</script><a href="javascript:x()">y</a>')
    '<b>5</b><a>y</a>'
    """
    markup = _CLEANER.clean(_without_code(markup))
    if not _TO_DRESS.search(markup):
        return markup
    soup = BeautifulSoup(markup, "html.parser")
    for link in soup.find_all("a", href=True):
        link["rel"] = "noopener noreferrer"
    for frame in soup.find_all("iframe"):
        _still(frame)
    for table in soup.find_all("table"):
        _dress(soup, table)
    return str(soup)


def _without_code(markup: str) -> str:
    """Drop what the cleaner, which keeps the text of what it drops, would show as text."""
    if not _TO_STRIP.search(markup):
        return markup
    soup = BeautifulSoup(markup, "html.parser")
    for element in soup.find_all(["script", "style"]):
        element.decompose()
    return soup.decode(formatter=_WITHOUT_QUOTES)


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if name == "src":
        return tag == "img" and _PICTURE.match(value.strip()) is not None
    if name == "href":
        return tag == "a" and _LINK.match(value.strip()) is not None
    return name in _GLOBAL or name in _OF_TAG.get(tag, ()) or name.startswith("aria-")


_CLEANER = bleach.Cleaner(
    tags=_TAGS,
    attributes=_is_allowed,
    protocols=frozenset({"http", "https", "mailto", "data"}),
    strip=True,
    css_sanitizer=CSSSanitizer(allowed_css_properties=_STYLES),
)


def _still(frame: Tag) -> None:
    """Shut a frame in: a sandbox without rights around a letter without hooks."""
    frame["sandbox"] = ""
    frame["title"] = frame.get("title") or "Preview of a message"
    frame["srcdoc"] = _still_letter(str(frame.get("srcdoc", "")))


def _still_letter(letter: str) -> str:
    soup = BeautifulSoup(letter, "html.parser")
    for element in soup.find_all(True):
        if element.name in _IN_LETTERS:
            element.decompose()
        elif element.name == "style" and element.string:
            element.string.replace_with(_FETCHING_STYLE.sub("", element.string))
    for element in soup.find_all(True):
        _drop_hooks(element)
    return str(soup)


def _drop_hooks(element: Tag) -> None:
    if "href" in element.attrs:
        element["title"] = element.attrs.pop("href")  # where it would lead
    for name, value in list(element.attrs.items()):
        loads = name in {"src", "background", "poster"} and not _PICTURE.match(str(value).strip())
        if loads or name.startswith("on") or name in {"action", "data", "formaction", "srcset"}:
            del element[name]
        elif name == "style":
            element[name] = _FETCHING_STYLE.sub("", str(value))


def _dress(soup: BeautifulSoup, table: Tag) -> None:
    """Let a wide table scroll in its frame, its numbers stand to the right."""
    table.attrs.pop("style", None)
    head = table.find("thead")
    if head is not None and not head.get_text(strip=True):
        head.decompose()
    for row in table.find_all("tr"):
        row.attrs.pop("style", None)
    _join_heads(table)
    _drop_row_numbers(table)
    for cell in _cells_of_number_columns(table):
        cell["class"] = [*cell.get("class", []), "number"]
    for cell in table.select("tbody th, td"):
        text = cell.get_text(strip=True)
        if text in _MISSING:
            cell.string = "–"
        elif len(text) > (_LONG if cell.name == "td" else _LONG / 2):
            cell["class"] = [*cell.get("class", []), "long"]
    frame = soup.new_tag(
        "div",
        attrs={"class": "table-frame", "role": "region", "aria-label": "Table", "tabindex": "0"},
    )
    table.wrap(frame)


def _join_heads(table: Tag) -> None:
    """Make one row of the two in which pandas heads columns and index."""
    rows = [row.find_all("th") for row in table.select("thead tr")]
    if len(rows) != 2 or len(rows[0]) != len(rows[1]):
        return
    pairs = list(zip(*rows, strict=True))
    if any(above.get_text(strip=True) and below.get_text(strip=True) for above, below in pairs):
        return
    for above, below in pairs:
        if not above.get_text(strip=True):
            above.string = below.get_text(strip=True)
    rows[1][0].parent.decompose()


def _drop_row_numbers(table: Tag) -> None:
    """Drop the nameless numbers with which pandas counts rows."""
    firsts = [row.find(["td", "th"]) for row in table.find_all("tr")]
    heads = [cell for cell in firsts if cell is not None and cell.name == "th"]
    if len(heads) < len(firsts) or len(heads) < 2 or heads[0].get_text(strip=True):
        return
    if all(head.get_text(strip=True).isdigit() for head in heads[1:]):
        for head in heads:
            head.decompose()


def _cells_of_number_columns(table: Tag) -> list[Tag]:
    """Cells of the columns whose body holds numbers only; none if cells span columns."""
    rows = [row.find_all(["td", "th"]) for row in table.find_all("tr")]
    n_columns = {len(row) for row in rows}
    if len(n_columns) != 1 or table.find(["td", "th"], colspan=True):
        return []
    columns = [list(column) for column in zip(*rows, strict=True)]
    return [cell for column in columns if _is_of_numbers(column) for cell in column]


def _is_of_numbers(column: list[Tag]) -> bool:
    if column[0].get_text(strip=True).endswith("_id"):
        return False
    bodies = [cell.get_text(strip=True) for cell in column if cell.name == "td"]
    return any(bodies) and all(_NUMBER.fullmatch(text) for text in bodies)
