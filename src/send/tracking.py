"""Links of a letter that tell when they are followed, and two marks that nobody sees.

A letter is cut at its links once; for each person the gaps are filled with sealed tokens
(`src.send.links`). Without a tracking address nothing of this happens.
"""

import datetime as dt
from html import unescape
import re
from typing import NamedTuple

from src.send.links import LinkKind, make_token

__all__ = ["MAX_TARGET_OCTETS", "OPEN", "TRAP", "Tracking", "split_at_links"]

MAX_TARGET_OCTETS = 1500
"""A longer address stays as it is: its token would be longer than tokens may be."""

OPEN, TRAP = "open", "trap"

_ATTRIBUTES = r"""(?:[^"'<>]|"[^"]*"|'[^']*')*?"""
_HREF = re.compile(
    rf"""<(?:a|area|v:roundrect)\s{_ATTRIBUTES}(?<![\w:-])href\s*=\s*"""
    r"""(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://[^\s⟦⟧]+", re.IGNORECASE)
_BODY_END = re.compile(r"</body\s*>", re.IGNORECASE)
_TRAP_START = '<a href="'
_TRAP_END = '" style="display:none;mso-hide:all" aria-hidden="true" tabindex="-1"></a>'
_OPEN_START = '<img src="'
_OPEN_END = '" alt="" width="1" height="1" style="display:block;border:0">'


class Tracking(NamedTuple):
    """Where links of letters lead first.

    Parameters
    ----------
    url : str
        Address of the application that `campanile serve` runs, without a slash at its end.
    untouched : tuple of str
        Addresses that begin so stay as they are: whoever leaves is not counted as a click.
    """

    url: str
    untouched: tuple[str, ...] = ()

    def split(self, html: str) -> list[tuple[str, str]]:
        """Cut a page at its links, the hidden link and the pixel added before its end."""
        return split_at_links(html, (self.url, *self.untouched))

    def links(self, key: bytes, message_key: str, day: dt.date, *targets: str) -> dict[str, str]:
        """Make the links of one message: by target, and of the two marks.

        Parameters
        ----------
        key : bytes
            The key `links`.
        message_key : str
            Message they are in.
        day : date
            Day of sending.
        *targets : str
            What `split` gave: addresses, `OPEN` or `TRAP`.
        """

        def token(kind: LinkKind, target: str = "") -> str:
            return make_token(kind, key, message_key, day, target)

        marks = {OPEN: ("o", LinkKind.OPEN), TRAP: ("l", LinkKind.TRAP)}
        links = {}
        for target in targets:
            if target in marks:
                page, kind = marks[target]
                links[target] = f"{self.url}/{page}?t={token(kind)}"
            else:
                links[target] = f"{self.url}/c?t={token(LinkKind.CLICK, target)}"
        return links


def split_at_links(html: str, untouched: tuple[str, ...] = ()) -> list[tuple[str, str]]:
    """Cut a page before each link that a click of may be noted.

    Parameters
    ----------
    html : str
        A page with markers.
    untouched : tuple of str
        Addresses that begin so are no such links; nor are others than http(s).

    Returns
    -------
    list of (str, str)
        Words, and what belongs behind them: a link's target, `TRAP`, `OPEN`, or at the end
        nothing.

    Examples
    --------
    >>> pieces = split_at_links('<a href="https://x.example/?a=1&amp;b=2">Look</a>')
    >>> pieces[0]
    ('<a href="', 'https://x.example/?a=1&b=2')
    >>> [link for _, link in pieces]
    ['https://x.example/?a=1&b=2', 'trap', 'open', '']
    """
    ends = [found.start() for found in _BODY_END.finditer(html)]
    end = ends[-1] if ends else len(html)
    pieces, done = [], 0
    for found in _HREF.finditer(html):
        group = found.lastindex or 1
        target = unescape(found[group]).strip()
        if found.end() <= end and _is_tracked(target, untouched):
            pieces.append((html[done : found.start(group)], target))
            done = found.end(group)
    pieces.append((html[done:end] + _TRAP_START, TRAP))
    pieces.append((_TRAP_END + _OPEN_START, OPEN))
    return [*pieces, (_OPEN_END + html[end:], "")]


def _is_tracked(target: str, untouched: tuple[str, ...]) -> bool:
    return (
        bool(_ADDRESS.fullmatch(target))
        and len(target.encode("utf-8", "replace")) <= MAX_TARGET_OCTETS
        and not target.startswith(untouched)
    )
