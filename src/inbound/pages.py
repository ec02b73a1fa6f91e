"""Pages for people: no script, no picture, nothing from elsewhere."""

import base64
from collections.abc import Mapping
from functools import cache
import hashlib
from pathlib import Path

from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from src.inbound.words import LANGUAGES, WORDS, name_channel, name_purpose

__all__ = ["SAFE_HEADERS", "show"]

_FOLDER = Path(__file__).with_name("templates")
SAFE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}


def show(
    name: str, language: str, status: int = 200, headers: Mapping[str, str] | None = None, **values
) -> HTMLResponse:
    """Fill a template.

    Parameters
    ----------
    name : str
        Name of the template, without its ending.
    language : str
        ``en`` or ``zh``.
    status : int, default 200
    headers : mapping, optional
        Further headers.
    **values
        What the template shows; always escaped.
    """
    style = _style()
    page = _templates().get_template(f"{name}.html.j2")
    text = page.render(
        language=language,
        languages=LANGUAGES,
        words=WORDS[language],
        style=style,
        name_channel=name_channel,
        name_purpose=name_purpose,
        **values,
    )
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    )
    safe = SAFE_HEADERS | {"Content-Security-Policy": policy, "Content-Language": language}
    return HTMLResponse(text, status, safe | dict(headers or {}))


@cache
def _style() -> str:
    return (_FOLDER / "page.css").read_text(encoding="utf-8")


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
