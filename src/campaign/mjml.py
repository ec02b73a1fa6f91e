"""E-mails written in MJML, turned once into HTML that mail programs show alike."""

from collections.abc import Callable
import re

import mrml

from src.errors import TemplateError

__all__ = ["compile_mjml", "include_blocks"]

MAX_DEPTH = 60
"""Elements inside each other; a compiler written for honest input need not survive more."""
MAX_CHARS = 64_000
MAX_INCLUDES = 20

ELEMENTS = frozenset(
    "mjml mj-head mj-title mj-preview mj-attributes mj-all mj-class mj-style mj-body mj-raw "
    "mj-wrapper mj-section mj-group mj-column mj-text mj-image mj-button mj-divider mj-spacer "
    "mj-table".split()
)
"""What a template may be built of. Left out is what loads something: fonts, icons, includes."""

_INCLUDE = re.compile(r"""<mj-include\s+path=["']blocks/([a-z][a-z0-9_]{0,47})\.mjml["']\s*/>""")
_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)((?:\"[^\"]*\"|'[^']*'|[^\"'<>])*?)(/?)>")
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_HTTP_EQUIV = re.compile(
    r"<!--\[if !mso\]><!--><meta http-equiv[^>]*><!--<!\[endif\]-->"
    r"|<meta http-equiv=\"Content-Type\"[^>]*>"
)
_STYLE = re.compile(r"<style type=\"text/css\">(.*?)</style>", re.DOTALL)
_SPACE_OF_STYLES = re.compile(r"\s+")
_ROWS = re.compile(r"(?<!\n)(</?(?:table|tr)\b)")
"""Where a line may end: some servers refuse lines of more than 998 signs."""
_LINES = re.compile(r">\s*\n\s*<")


def include_blocks(source: str, read_block: Callable[[str], str], name: str) -> str:
    """Put blocks in place of `<mj-include path="blocks/….mjml" />`, one level deep.

    The compiler itself is never asked to include: it opens no file.

    Raises
    ------
    TemplateError
        If there are too many, or one names anything but a block.
    """
    if len(_INCLUDE.findall(source)) > MAX_INCLUDES:
        raise TemplateError(f"Expected at most {MAX_INCLUDES} blocks in {name}, found more.")
    whole = _INCLUDE.sub(lambda found: read_block(found[1]), source)
    if "<mj-include" in whole.lower():
        raise TemplateError(
            f'Expected includes of {name} like <mj-include path="blocks/coupon.mjml" />, and none '
            "inside a block; found another."
        )
    return whole


def compile_mjml(source: str, name: str) -> str:
    """Turn MJML into HTML; merge fields, conditions and loops stay as they are.

    Parameters
    ----------
    source : str
        With all blocks included.
    name : str
        For messages of errors.

    Returns
    -------
    str
        One HTML page that loads nothing.

    Raises
    ------
    TemplateError
        If the source is too long, too deep, no MJML, or has an element that is not allowed.
    """
    if len(source) > MAX_CHARS:
        raise TemplateError(f"Expected at most {MAX_CHARS:,} characters in {name}, found more.")
    _check_elements(source, name)
    try:
        page = mrml.to_html(source, None, mrml.RenderOptions(fonts={}))
    except (OSError, ValueError) as error:
        raise TemplateError(f"Expected MJML in {name}, found: {error}.") from None
    return _plain_page(page.content)


def _check_elements(source: str, name: str) -> None:
    depth = 0
    for found in _TAG.finditer(source):
        closes, element, _, is_empty = found.groups()
        element = element.lower()
        if element.startswith("mj") and element not in ELEMENTS:
            raise TemplateError(
                f"Expected elements such as mj-text in {name}, found <{element:.40}>; "
                "take it out of the template."
            )
        if not is_empty and element not in _VOID:
            depth += -1 if closes else 1
        if depth > MAX_DEPTH:
            raise TemplateError(
                f"Expected at most {MAX_DEPTH} elements inside each other in {name}, found more."
            )


def _plain_page(page: str) -> str:
    """Leave out what no mail program needs; one sheet of styles, one way to write each tag."""
    sheets = _STYLE.findall(page)
    styles = _SPACE_OF_STYLES.sub(" ", " ".join(sheets)).strip().replace("} ", "}\n")
    first = True

    def once(found: re.Match) -> str:
        nonlocal first
        kept, first = (f"<style>{styles}</style>" if first else ""), False
        return kept

    page = _STYLE.sub(once, _HTTP_EQUIV.sub("", page))
    page = page.replace("<head>", '<head><meta charset="utf-8">', 1)
    return _ROWS.sub(r"\n\1", _LINES.sub(">\n<", page.replace(" />", ">")))
