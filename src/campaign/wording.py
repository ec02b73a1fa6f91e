"""The shop's own codes in readable words: `ICE - CRUSHED/CUBED` becomes `Ice, crushed or cubed`."""

import re

from pydantic import BaseModel, ConfigDict, ValidationError
import yaml

from src.campaign.placeholders import plain
from src.errors import ParameterError
from src.root import PROJECT_ROOT

__all__ = ["Wording", "name_department", "name_product", "read_wording", "readable"]

MAX_NAME_CHARS = 48
_CUT_AT = 30
"""The source cuts product types here, so a type of this length lacks its end."""

_BRACKETS = re.compile(r"\([^)]*(\)|$)")
_DIVIDERS = re.compile(r"\s*(?::|\s-\s|-\s+|\s-)\s*")
_JOINED = re.compile(r"[A-Z]{4,}-[A-Z]{4,}", re.IGNORECASE)
_VOWEL = re.compile(r"[AEIOUY]")
_IDEOGRAPH = re.compile(r"[\u3400-\u9fff]")
"""One such sign may be a word: fewer than three Latin letters say nothing, 绿茶 does."""
_NOISE = re.compile(r"[^\w&,/'’%\- ]+")


class Wording(BaseModel):
    """How codes read; an empty value means that the thing is never named in a message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    departments: dict[str, str | None] = {}
    categories: dict[str, str | None] = {}
    product_types: dict[str, str | None] = {}
    vague_types: frozenset[str] = frozenset()
    abbreviations: dict[str, str] = {}
    vague_words: frozenset[str] = frozenset()
    dropped_words: frozenset[str] = frozenset()
    proper_nouns: tuple[str, ...] = ()
    benefit_words: tuple[str, ...] = ()


def read_wording(path: str) -> Wording:
    """Read a wording file; an empty path gives the general rules without any table.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, or has an unknown or wrong field.
    """
    if not path:
        return Wording()
    file = PROJECT_ROOT / path
    if not file.is_file():
        raise ParameterError(f"Expected a wording file at {path}, found none; check its name.")
    try:
        return Wording.model_validate(yaml.safe_load(file.read_text(encoding="utf-8")) or {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f" at line {mark.line + 1}" if mark else ""
        raise ParameterError(f"Expected YAML in {path}, found an error{place}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ParameterError(
            f"Expected a valid wording file at {path}, but {place}: {first['msg']}; mend that line."
        ) from None


def name_department(department: object, wording: Wording) -> str | None:
    """Give the department as it reads in "the … department", or None if it is not named."""
    code = _code(department)
    if code in wording.departments:
        return wording.departments[code] or None
    name = readable(code, wording)
    return name[:1].lower() + name[1:] if name else None


def name_product(
    department: object, category: object, product_type: object, wording: Wording
) -> str | None:
    """Give a product in readable words: its type, or its category where the type says too little.

    Parameters
    ----------
    department, category, product_type : str or missing
        Codes of the shop.
    wording : Wording
        Tables and rules.

    Returns
    -------
    str or None
        None if there are no words for it, or if it is a thing that a message never names.

    Examples
    --------
    >>> name_product("GROCERY", "FRZN ICE", "ICE - CRUSHED/CUBED", Wording())
    'Ice, crushed or cubed'
    """
    owner, group, kind = _code(department), _code(category), _code(product_type)
    if any(
        code in table and not table[code]
        for code, table in (
            (owner, wording.departments),
            (group, wording.categories),
            (kind, wording.product_types),
        )
    ):
        return None
    if kind in wording.product_types:
        return wording.product_types[kind]
    if kind and kind not in wording.vague_types and not _is_coded(kind, wording):
        return readable(kind, wording)
    if group in wording.categories:
        return wording.categories[group]
    return readable(group, wording) if group and not _is_coded(group, wording) else None


def _is_coded(code: str, wording: Wording) -> bool:
    """Whether a code is cut off, numbered, or has words that nobody reads."""
    text = _BRACKETS.sub(" ", code)
    words = re.findall(r"[A-Z']+", text.upper())
    known = {*wording.abbreviations, *wording.dropped_words}
    return (
        len(code) >= _CUT_AT
        or any(sign.isdigit() for sign in text)
        or text.count("/") > 1
        or bool(_JOINED.search(text))
        or any(word in wording.vague_words for word in words)
        or any(len(word) > 1 and not _VOWEL.search(word) and word not in known for word in words)
    )


def readable(code: str, wording: Wording) -> str | None:
    """Turn a code in capitals into words: dividers to commas, slashes to "or", one capital.

    Examples
    --------
    >>> readable("BREAD:ITALIAN/FRENCH", Wording(proper_nouns=("Italian", "French")))
    'Bread, Italian or French'
    """
    text = _NOISE.sub(" ", _BRACKETS.sub(" ", plain(code)).replace(":", " - "))
    parts = [_words(part, wording) for part in _DIVIDERS.split(text)]
    name = ", ".join(part for part in parts if part)
    name = (name[:1].upper() + name[1:])[:MAX_NAME_CHARS].strip(" ,-/&")
    is_word = sum(letter.isalpha() for letter in name) >= 3 or _IDEOGRAPH.search(name)
    return name if is_word else None


def _words(part: str, wording: Wording) -> str:
    choices = [_choice(choice, wording) for choice in part.split("/")]
    return " or ".join(choice for choice in choices if choice)


def _choice(text: str, wording: Wording) -> str:
    proper = {noun.upper(): noun for noun in wording.proper_nouns}
    words = [
        word for word in text.replace("&", " & ").split() if word.strip("&,.-'’") or word == "&"
    ]
    kept = [
        "and" if word == "&" else _word(word, wording, proper)
        for word in words
        if word.upper() not in wording.dropped_words
    ]
    return re.sub(r"^(and )+|( and)+$|^and$", "", " ".join(kept))


def _word(word: str, wording: Wording, proper: dict[str, str]) -> str:
    return proper.get(word.upper()) or wording.abbreviations.get(word.upper()) or word.lower()


def _code(value: object) -> str:
    """Text of a code; a missing one is empty."""
    return " ".join(plain(value).split())
