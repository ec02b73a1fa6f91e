"""Words of a template kept apart from its form: one file per language, other words per variant."""

from collections.abc import Mapping
import html
from pathlib import Path
import re

import yaml

from src.errors import TemplateError

__all__ = ["fill_slots", "read_slots"]

MAX_SLOT_CHARS = 1000

_SLOT = re.compile(r"\[\[\s*([^\[\]]{0,60}?)\s*\]\]")
_SLOT_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_STATEMENT = re.compile(r"(\{\{.*?\}\}|\{%.*?%\})", re.DOTALL)


def read_slots(folder: Path, template: str, language: str) -> dict[str, str]:
    """Gather the words of a template: its own, then those that all share, then the look.

    Parameters
    ----------
    folder : Path
        Of all templates; has `look.yaml` and a file such as `en.yaml` for all.
    template : str
        Name of the template; its folder has such files, too, for what is its own.
    language : str
        Such as `en`.

    Returns
    -------
    dict of str to str
        By name of the slot; `language` is one of them.

    Raises
    ------
    TemplateError
        If the template has words, but not in this language, or a file is no plain mapping.
    """
    own = folder / template / f"{language}.yaml"
    others = sorted(path.stem for path in (folder / template).glob("??.yaml"))
    if others and not own.is_file():
        raise TemplateError(
            f"Expected the words of the template {template} in {language!r}, found {others}; "
            f"write params/templates/{template}/{language}.yaml."
        )
    slots = {"language": language}
    shared = folder / "look.yaml", folder / f"{language}.yaml"
    for path in (*shared, folder / template / "look.yaml", own):
        if path.is_file():
            slots |= _read_words(path)
    return slots


def fill_slots(source: str, slots: Mapping[str, str], name: str) -> str:
    r"""Put words into the slots of a source, such as `[[headline]]`.

    In HTML their text is escaped, so that words never become markup; merge fields in them stay
    what they are, and the sandbox judges them with the rest.

    Raises
    ------
    TemplateError
        If a slot has no words.

    Examples
    --------
    >>> fill_slots("<b>[[headline]]</b>", {"headline": "Tea & {{ department }}"}, "mail.html")
    '<b>Tea &amp; {{ department }}</b>'
    """
    is_markup = name.endswith((".html", ".mjml"))

    def words(found: re.Match) -> str:
        if found[1] not in slots:
            raise TemplateError(
                f"Expected words for the slot {found[1]!r} of {name}, found none; write them into "
                "the template's file of words."
            )
        text = slots[found[1]]
        return _escape(text) if is_markup else text

    return _SLOT.sub(words, source)


def _escape(text: str) -> str:
    pieces = _STATEMENT.split(text)
    return "".join(
        piece if index % 2 else html.escape(piece, quote=False).replace('"', "&quot;")
        for index, piece in enumerate(pieces)
    )


def _read_words(path: Path) -> dict[str, str]:
    place = f"params/templates/{path.parent.name}/{path.name}"
    try:
        words = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError):
        raise TemplateError(f"Expected YAML in {place}, found something else; mend it.") from None
    if not isinstance(words, dict):
        raise TemplateError(f"Expected a mapping of slots to words in {place}, found a list.")
    for slot, text in words.items():
        if not (isinstance(slot, str) and _SLOT_NAME.fullmatch(slot)):
            raise TemplateError(f"Expected names of slots in {place}, found {slot!r:.60}.")
        if not isinstance(text, str) or len(text) > MAX_SLOT_CHARS:
            raise TemplateError(
                f"Expected a text of at most {MAX_SLOT_CHARS:,} characters for {slot} in {place}, "
                f"found {text!r:.60}; put it in quotes, or shorten it."
            )
    return {slot: text.strip("\n") for slot, text in words.items()}
