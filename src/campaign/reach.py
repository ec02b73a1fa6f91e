"""Whether addresses answer, and how heavy pictures are: asked only where a person wants to know."""

from collections.abc import Iterable

import pandas as pd
import requests

from src.campaign.page import read_page
from src.campaign.placeholders import find_markers

__all__ = ["MAX_PICTURE_BYTES", "find_unreachable", "list_addresses"]

MAX_PICTURE_BYTES = 500_000
"""Heavier pictures load late on a phone."""

MAX_ADDRESSES = 200
_SECONDS = 5.0


def list_addresses(messages: pd.DataFrame) -> dict[str, list[str]]:
    """List the `links` and `images` of messages, each once; personal ones are left out."""
    links: dict[str, None] = {}
    images: dict[str, None] = {}
    for html in messages["html"]:
        page = read_page(html)
        sources = [attributes.get("src", "") for attributes in page.attributes_of("img")]
        images |= dict.fromkeys(sources)
        links |= dict.fromkeys(link for link in page.links if link not in sources)
    web = [link for link in links if link.startswith("http") and not find_markers(link)]
    return {"links": web, "images": list(images)}


def find_unreachable(
    links: Iterable[str], images: Iterable[str] = (), seconds: float = _SECONDS
) -> list[tuple[str, str]]:
    """Ask for each address once and list those that do not answer as they should.

    Nothing of an answer but its first line and headers is read. An address that leads to
    another counts as answered: where it leads is told, since the check of links cannot see it.

    Parameters
    ----------
    links, images : iterable of str
        From `list_addresses`; those beyond the first 200 are not asked for, and that is told.
    seconds : float, default 5
        To wait for each.

    Returns
    -------
    list of (str, str)
        Address, and what was found.
    """
    asked = [*((link, False) for link in links), *((image, True) for image in images)]
    faults = [
        (address, found)
        for address, is_picture in asked[:MAX_ADDRESSES]
        if (found := _ask(address, is_picture, seconds))
    ]
    if len(asked) > MAX_ADDRESSES:
        faults.append(("the rest", f"{len(asked) - MAX_ADDRESSES} addresses were not asked for"))
    return faults


def _ask(address: str, is_picture: bool, seconds: float) -> str:
    try:
        with requests.get(address, timeout=seconds, stream=True, allow_redirects=False) as answer:
            return _fault(answer, is_picture)
    except requests.Timeout:
        return f"no answer within {seconds:g} s"
    except (requests.RequestException, ValueError) as error:
        return f"no answer ({type(error).__name__})"


def _fault(answer: requests.Response, is_picture: bool) -> str:
    if answer.is_redirect:
        return f"leads on to {answer.headers.get('location', '')[:80]}"
    if answer.status_code != 200:
        return f"status {answer.status_code}"
    if not is_picture:
        return ""
    kind = answer.headers.get("content-type", "").partition(";")[0]
    if not kind.startswith("image/"):
        return f"no picture but {kind or 'nothing named'}"
    size = answer.headers.get("content-length", "")
    if size.isdigit() and int(size) > MAX_PICTURE_BYTES:
        return f"{int(size):,} bytes, more than {MAX_PICTURE_BYTES:,}"
    return ""
