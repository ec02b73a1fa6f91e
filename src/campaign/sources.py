"""Where the parts of a template come from: files, words in slots, MJML, or made from another."""

from collections.abc import Callable, Mapping
import hashlib
import json
from pathlib import Path
import re

from jinja2 import BaseLoader, Environment
from jinja2.exceptions import TemplateNotFound

from src.campaign.mjml import compile_mjml, include_blocks
from src.campaign.plaintext import text_of_html
from src.campaign.slots import fill_slots, read_slots
from src.errors import TemplateError

__all__ = ["PartSources"]

_PART = re.compile(r"([a-z][a-z0-9_]{0,47})/([a-z][a-z0-9_]{0,47}\.(?:html|txt))")
_LAYOUT = re.compile(r"[a-z][a-z0-9_]{0,47}\.(?:html|txt)")
_PAYLOAD_PART = re.compile(r"(push|social)_([a-z][a-z0-9_]{0,31})\.txt")
_MAX_BYTES = 256_000


class PartSources(BaseLoader):
    """Gives the source of each part of one template, in one language and one choice of words.

    A part is a file of its folder, with its slots filled. Missing, `message.html` is made of
    `message.mjml`, `message.txt` of `message.html`, and others are those of the folder above,
    which hold nothing but slots. Nothing outside the folder is read.
    """

    def __init__(
        self, folder: Path, template: str, language: str, words: Mapping[str, str] | None = None
    ) -> None:
        self.folder, self.template = folder.resolve(), template
        self.slots = read_slots(folder, template, language)
        unknown = sorted(set(words or {}) - set(self.slots))
        if unknown:
            raise TemplateError(
                f"Expected slots of the template {template} in the variant, found {unknown[0]!r}; "
                f"it has {sorted(self.slots)}."
            )
        self.slots |= words or {}
        self.given: dict[str, str] = {}

    def digest(self) -> bytes:
        """Hash over all sources given so far: what is compiled of them."""
        told = "\0".join(f"{name}\0{self.given[name]}" for name in sorted(self.given))
        return hashlib.sha256(told.encode()).digest()

    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool]]:
        """Give source, no file name, and that it never changes meanwhile."""
        if template not in self.given:
            self.given[template] = self.source(template)
        return self.given[template], None, _unchanged

    def source(self, name: str) -> str:
        """Give the source of a part such as `welcome/message.html`, slots filled.

        Raises
        ------
        TemplateNotFound
            If there is no such part, nor anything to make it of.
        TemplateError
            If it cannot be made.
        """
        if _LAYOUT.fullmatch(name):
            return self._file(name) or _missing(name)
        part = _PART.fullmatch(name)
        if not part or part[1] != self.template:
            raise TemplateNotFound(name)
        return self._file(name) or self._made(part[2]) or _missing(name)

    def payload_keys(self, channel: str) -> list[str]:
        """List the fields of a channel's payload, each a part of its own."""
        return list(self._payload(channel))

    def _made(self, part: str) -> str | None:
        if found := _PAYLOAD_PART.fullmatch(part):
            return self._payload(found[1]).get(found[2])
        if part == "message.html":
            return self._from_mjml()
        if part == "message.txt":
            page = self.source(f"{self.template}/message.html")
            return text_of_html(page) if "{% extends" not in page else None
        return self._file(part)

    def _from_mjml(self) -> str | None:
        name = f"{self.template}/message.mjml"
        source = self._read(name)
        if source is None:
            return None
        whole = include_blocks(source, self._block, name)
        return compile_mjml(fill_slots(whole, self.slots, name), name)

    def _block(self, block: str) -> str:
        return self._read(f"blocks/{block}.mjml") or _missing(f"blocks/{block}.mjml")

    def _payload(self, channel: str) -> dict[str, str]:
        name = f"{self.template}/{channel}.json"
        source = self._read(name) or self._read(f"{channel}.json")
        if source is None:
            raise TemplateNotFound(name)
        try:
            fields = json.loads(source)
        except (ValueError, RecursionError):
            raise TemplateError(f"Expected JSON in {name}, found something else.") from None
        is_flat = isinstance(fields, dict) and all(isinstance(v, str) for v in fields.values())
        if not is_flat or not all(_PAYLOAD_PART.fullmatch(f"push_{key}.txt") for key in fields):
            raise TemplateError(f"Expected one JSON object of names and texts in {name}.")
        return {key: fill_slots(text, self.slots, name) for key, text in fields.items()}

    def _file(self, name: str) -> str | None:
        source = self._read(name)
        return None if source is None else fill_slots(source, self.slots, name)

    def _read(self, name: str) -> str | None:
        path = self.folder / name
        if not path.is_file():
            return None
        if not path.resolve().is_relative_to(self.folder):
            raise TemplateNotFound(name)
        if path.stat().st_size > _MAX_BYTES:
            raise TemplateError(f"Expected at most {_MAX_BYTES:,} bytes in {name}, found more.")
        return path.read_text(encoding="utf-8")


def _missing(name: str) -> str:
    raise TemplateNotFound(name)


def _unchanged() -> bool:
    return True
