"""What a text speaks of (delivery, price, quality, service), clause by clause, by word list."""

from dataclasses import dataclass
import re

import yaml

from src.errors import ParameterError
from src.features.review_scores import ASPECTS
from src.root import PROJECT_ROOT

__all__ = ["AspectWords", "read_aspect_words", "split_clauses"]

_CLAUSE_END = re.compile(
    r"(?<=[。！？!?；;…，、~～])"
    r"|(?<=,)(?!\d)|(?<=\D,)"
    r"|(?<=\.)(?=\s|$|[\u4e00-\u9fff])"
    r"|\s(?=(?:but|however|although|though|yet|while|whereas|except)\b)"
    r"|(?=但是|但|不过|可是|然而|只是)"
)


def split_clauses(text: str) -> list[str]:
    """Cut a text after marks of punctuation and before words that turn it.

    Examples
    --------
    >>> split_clauses("Fast delivery, but the taste was bad.")
    ['Fast delivery,', 'but the taste was bad.']
    >>> split_clauses("送餐很快，味道不错但是太贵")
    ['送餐很快，', '味道不错', '但是太贵']
    """
    return [part for part in (piece.strip() for piece in _CLAUSE_END.split(text)) if part]


@dataclass(frozen=True)
class AspectWords:
    """One pattern per language and aspect; what a text of another language speaks of is unknown."""

    patterns: dict[str, dict[str, re.Pattern[str]]]

    def named_in(self, text: str, language: str) -> tuple[str, ...]:
        """Aspects that a text speaks of, in the order of `ASPECTS`; none in other languages."""
        patterns = self.patterns.get(language, {})
        return tuple(aspect for aspect in patterns if patterns[aspect].search(text))

    def clauses_about(self, text: str, language: str, aspect: str) -> list[str]:
        """Clauses of a text that speak of an aspect."""
        pattern = self.patterns[language][aspect]
        return [clause for clause in split_clauses(text) if pattern.search(clause)]


def read_aspect_words(path: str = "params/text/aspects.yaml") -> AspectWords:
    """Read the word lists; a relative path starts at the project root.

    Parameters
    ----------
    path : str
        YAML: under each language (``zh``, ``en``) each of `ASPECTS` with a list of words.

    Raises
    ------
    ParameterError
        If the file is missing, is no YAML, or lacks or adds a language or aspect.
    """
    file = PROJECT_ROOT / path
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError:
        raise ParameterError(
            f"Expected a file of aspect words at {path}, found none; check aspect_words."
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise ParameterError(f"Expected YAML in {path}, found something else; mend it.") from None
    _check(content, path)
    return AspectWords(
        {
            language: {aspect: _pattern(lists[aspect], language) for aspect in ASPECTS}
            for language, lists in content.items()
        }
    )


def _check(content: object, path: str) -> None:
    if not isinstance(content, dict) or not content or not {"zh", "en"} >= set(content):
        raise ParameterError(
            f"Expected word lists under the languages zh and en in {path}, found "
            f"{sorted(map(str, content)) if isinstance(content, dict) else content!r}; mend it."
        )
    for language, lists in content.items():
        if not isinstance(lists, dict) or set(lists) != set(ASPECTS):
            raise ParameterError(
                f"Expected the aspects {', '.join(ASPECTS)} under {language} of {path}, found "
                f"{sorted(lists) if isinstance(lists, dict) else lists!r}; mend it."
            )
        for aspect, words in lists.items():
            if not isinstance(words, list) or not words or not all(map(_is_word, words)):
                raise ParameterError(
                    f"Expected a list of words under {language}.{aspect} of {path}, found "
                    f"{words!r}; put numbers and yes or no in quotes."
                )


def _is_word(word: object) -> bool:
    return isinstance(word, str) and word.strip(" $") != ""


def _pattern(words: list[str], language: str) -> re.Pattern[str]:
    folded = sorted(
        (word.strip().casefold() for word in words), key=lambda word: (-len(word), word)
    )
    escaped = [re.escape(word.removesuffix("$")) + r"\b" * word.endswith("$") for word in folded]
    start = r"\b" if language == "en" else ""
    return re.compile(f"{start}(?:{'|'.join(escaped)})", re.IGNORECASE)
