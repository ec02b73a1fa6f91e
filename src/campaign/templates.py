"""Message templates: compiled once in the sandbox, filled many times."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
import json
from pathlib import Path
import time

from jinja2 import Template
from jinja2.exceptions import SecurityError, UndefinedError

from src.campaign.placeholders import is_blank
from src.campaign.sandbox import MERGE_FIELDS, compile_template, make_environment
from src.campaign.sources import PartSources
from src.decide.catalogue import Campaign
from src.errors import TemplateError
from src.root import PROJECT_ROOT

__all__ = [
    "MERGE_FIELDS",
    "TEMPLATES_PATH",
    "MessageTemplate",
    "Payload",
    "load_arms",
    "load_template",
    "load_templates",
    "render_part",
    "render_payload",
]

TEMPLATES_PATH = PROJECT_ROOT / "params" / "templates"

PARTS = {"subject": "subject.txt", "html": "message.html", "text": "message.txt"}
MAX_OUTPUT_CHARS = 102_000
MAX_RENDER_SECONDS = 1.0
"""Of one part; compiling the longest source takes up to another half second."""
MAX_LIST_ITEMS = 1000
"""Of a list among the values: with the length of templates it bounds what a loop may do."""

_PIECES = 64
"""Pieces of output between two looks at length and clock."""


@dataclass(frozen=True)
class Payload:
    """A message of fields, such as title and body: each a compiled part of its own."""

    fields: Mapping[str, Template]


@dataclass(frozen=True)
class MessageTemplate:
    """The compiled parts of one template for one channel.

    An e-mail has `subject`, `html` and `text`; an SMS `text` alone; push and social a `payload`.
    """

    name: str
    subject: Template | None = None
    html: Template | None = None
    text: Template | None = None
    payload: Payload | None = None
    digest: bytes = b""
    """Hash over the sources of all parts, words filled in."""


def load_templates(
    names: Iterable[str], folder: Path = TEMPLATES_PATH
) -> dict[str, MessageTemplate]:
    """Check and compile e-mail templates in English, by name; see `load_template`."""
    return {name: load_template(name, folder=folder) for name in dict.fromkeys(names)}


def load_arms(campaign: Campaign, folder: Path = TEMPLATES_PATH) -> dict[str, MessageTemplate]:
    """Compile the template of each arm: in its channel, the campaign's language, its own words."""
    return {
        arm: load_template(
            action.template, campaign.channel_of(arm), campaign.language, action.slots, folder
        )
        for arm, action in campaign.actions.items()
    }


def load_template(
    name: str,
    channel: str = "email",
    language: str = "en",
    words: Mapping[str, str] | None = None,
    folder: Path = TEMPLATES_PATH,
) -> MessageTemplate:
    """Check and compile a template.

    Parameters
    ----------
    name : str
        Of its folder, as the campaign file has it.
    channel : str, default "email"
        `email` takes `subject.txt`, `message.mjml` or `message.html`, and `message.txt` (made
        from the HTML if absent); `sms` takes `sms.txt`; `push` and `social` a JSON object.
    language : str, default "en"
        Whose words fill the slots.
    words : mapping of str to str, optional
        Other words for some slots: a variant.
    folder : Path, default `params/templates`
        Where the templates lie; nothing outside is read.

    Raises
    ------
    TemplateError
        If a part is missing, too long, not valid, or uses anything that is not allowed: calls,
        arithmetic, macros, imports, assignments, attributes that start with an underscore,
        unknown fields or filters, loops over anything but a list of the data, or a merge field
        at a place in the HTML where a value could become markup.
    """
    sources = PartSources(folder, name, language, words)
    environment = make_environment(sources)

    if channel in ("email", "sms"):
        files = PARTS if channel == "email" else {"text": "sms.txt"}
    else:
        files = {key: f"{channel}_{key}.txt" for key in sources.payload_keys(channel)}
    parts = {part: compile_template(environment, f"{name}/{file}") for part, file in files.items()}
    digest = sources.digest()
    if channel in ("email", "sms"):
        return MessageTemplate(name, **parts, digest=digest)
    return MessageTemplate(name, payload=Payload(parts), digest=digest)


def render_part(template: Template, values: Mapping[str, object]) -> str:
    """Fill one part; an empty value counts as missing unless the template gives a default.

    Raises
    ------
    TemplateError
        If a field is missing or empty (the error names it), the output is too long, or filling
        it takes too long.
    """
    return _fill(template, _without_empty(values))


def render_payload(payload: Payload, values: Mapping[str, object]) -> str:
    """Fill the fields of a payload and write them as one JSON object."""
    known = _without_empty(values)
    fields = {key: " ".join(_fill(part, known).split()) for key, part in payload.fields.items()}
    return json.dumps(fields, ensure_ascii=False)


class _Watched(list):
    """A list that looks at the clock before each item: a loop that writes nothing ends, too."""

    def __init__(self, items: list, until: float, name: str) -> None:
        super().__init__(items)
        self.until, self.name = until, name

    def __iter__(self) -> Iterator:
        for item in super().__iter__():
            _check_time(self.until, self.name)
            yield item


def _check_time(until: float, name: str) -> None:
    if time.monotonic() > until:
        raise TemplateError(
            f"Expected {name} to be filled within {MAX_RENDER_SECONDS:g} s, found it slower; make "
            "it simpler."
        )


def _fill(template: Template, values: Mapping[str, object]) -> str:
    pieces, length, until = [], 0, time.monotonic() + MAX_RENDER_SECONDS
    watched = {
        name: _Watched(value, until, template.name) if isinstance(value, list) else value
        for name, value in values.items()
    }
    try:
        stream = template.generate(watched)
        while some := list(islice(stream, _PIECES)):
            pieces += some
            length += sum(map(len, some))
            if length > MAX_OUTPUT_CHARS:
                raise TemplateError(
                    f"Expected at most {MAX_OUTPUT_CHARS:,} characters from {template.name}, "
                    "found more; shorten the template or its values."
                )
            _check_time(until, template.name)
    except UndefinedError as error:
        raise TemplateError(
            f"Expected a value for the field {str(error)!r} in {template.name}, found none; fill "
            "it in the data or give a default in the template."
        ) from None
    except (SecurityError, TypeError, ValueError) as error:
        if isinstance(error, TemplateError):
            raise
        raise TemplateError(f"Expected {template.name} to render, found: {error}.") from None
    return "".join(pieces)


def _without_empty(values: Mapping[str, object]) -> dict[str, object]:
    kept = {}
    for name, value in values.items():
        if isinstance(value, list):
            if len(value) > MAX_LIST_ITEMS:
                raise TemplateError(
                    f"Expected at most {MAX_LIST_ITEMS:,} items in {name}, found {len(value):,}."
                )
            kept[name] = [_without_empty(item) for item in value]
        elif not is_blank(value):
            kept[name] = value
    return kept
