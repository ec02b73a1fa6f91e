"""LaTeX formulas as MathML, which browsers draw by themselves, without a network."""

from html import escape
from html.parser import HTMLParser

from latex2mathml.converter import convert

__all__ = ["render_formula"]

_TAGS = frozenset(
    "math mfrac mi mmultiscripts mn mo mover mpadded mphantom mprescripts mroot mrow ms mspace"
    " msqrt mstyle msub msubsup msup mtable mtd mtext mtr munder munderover".split()
)
_ATTRIBUTES = frozenset(
    "accent accentunder columnalign columnspacing depth display displaystyle fence form height"
    " linethickness lspace mathvariant maxsize minsize movablelimits rowspacing rspace"
    " scriptlevel separator stretchy voffset width".split()
)
_KNOWN_AS = {"{aligned}": "{align*}", "{gathered}": "{gather*}"}
"""Environments that the converter knows under another name."""


def render_formula(source: str, display: str) -> str:
    r"""Turn a formula into MathML; one that cannot be read is shown as it was written.

    Parameters
    ----------
    source : str
        LaTeX without its dollar signs; not trusted.
    display : {"inline", "block"}
        Within a line, or on one of its own.

    Examples
    --------
    >>> render_formula(r"x^2", "inline")
    '<math display="inline"><mrow><msup><mi>x</mi><mn>2</mn></msup></mrow></math>'
    >>> render_formula(r"\frac{", "inline")
    '<code>\\frac{</code>'
    """
    for name, known in _KNOWN_AS.items():
        source = source.replace(name, known)
    try:
        markup = convert(source.strip(), display=display)
    except Exception:  # its parser fails in many ways; the text is then the honest answer
        return f"<code>{escape(source)}</code>"
    keep = _MathOnly()
    keep.feed(markup)
    keep.close()
    return "".join(keep.parts)


class _MathOnly(HTMLParser):
    """Keep MathML elements without links; all else becomes text (the converter escapes nothing)."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _TAGS:
            self.handle_data(self.get_starttag_text() or "")
            return
        kept = [f' {name}="{escape(value or "")}"' for name, value in attrs if name in _ATTRIBUTES]
        self.parts.append(f"<{tag}{''.join(kept)}>")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag in _TAGS:
            self.parts.append(f"</{tag}>")

    def handle_endtag(self, tag: str) -> None:
        self.parts.append(f"</{tag}>" if tag in _TAGS else escape(f"</{tag}>"))

    def handle_data(self, data: str) -> None:
        self.parts.append(escape(data))
