"""Words that a country's law keeps out of advertisements, and words that look like spam."""

from collections.abc import Sequence
from functools import lru_cache
import re
from typing import NamedTuple
import unicodedata

from src.campaign.check_files import CHECKS_PATH, read_check_file
from src.decide.catalogue import Override
from src.errors import ParameterError

__all__ = ["BannedWord", "find_banned_words", "find_spam_words"]

_STATES = ("banned", "evidence")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
_BETWEEN_HAN = re.compile(r"(?<=[\u3400-\u9fff])[\s·•.\-_*~|/\\]+(?=[\u3400-\u9fff])")


class BannedWord(NamedTuple):
    """A word of the list that a text has.

    `state` is `banned`, or `evidence` where a proven fact may be told; `override` is what lets
    it through, if anything.
    """

    word: str
    state: str
    why: str
    override: Override | None


class _Rule(NamedTuple):
    word: str
    state: str
    why: str
    harmless: tuple[str, ...]


def find_banned_words(
    text: str, country: str, overrides: Sequence[Override] = ()
) -> tuple[BannedWord, ...]:
    """List the words of a country's file that a text has, but for harmless phrases around them.

    Signs set between Chinese letters, invisible ones and wide forms do not hide a word.

    Parameters
    ----------
    text : str
        Everything a reader sees: names of products are part of the advertisement.
    country : str
        Such as `cn`: the file is `params/checks/banned_cn.yaml`. A country without file has
        no such words.
    overrides : sequence of Override
        What a person let through: without evidence only words whose state does not ask for it.

    Examples
    --------
    >>> [found.word for found in find_banned_words("最 好的茶，最后三天", "cn")]
    ['最']
    """
    found = _find(text, country)
    by_word = {override.word: override for override in overrides}
    return tuple(
        BannedWord(rule.word, rule.state, rule.why, _fitting(rule, by_word.get(rule.word)))
        for rule in found
    )


def find_spam_words(text: str, language: str) -> tuple[str, ...]:
    """List words that mail programs and readers take for spam."""
    return tuple(rule.word for rule in _matching(text, _spam_rules(language)))


@lru_cache(maxsize=4096)
def _find(text: str, country: str) -> tuple[_Rule, ...]:
    return _matching(text, _rules(country))


def _matching(text: str, rules: tuple[_Rule, ...]) -> tuple[_Rule, ...]:
    plain = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).lower()
    plain = " ".join(plain.split())
    joined = _BETWEEN_HAN.sub("", plain)
    return tuple(
        rule
        for rule in rules
        if rule.word in joined and len(_at(rule.word, joined)) > _count_harmless(plain, rule)
    )


def _count_harmless(text: str, rule: _Rule) -> int:
    """Count where the word stands in a harmless phrase that nothing holds apart."""
    spans = [found.span() for phrase in rule.harmless for found in _at(phrase, text)]
    return sum(
        any(start <= hit.start() and hit.end() <= end for start, end in spans)
        for hit in _at(rule.word, text)
    )


def _at(word: str, text: str) -> "list[re.Match[str]]":
    pattern = rf"(?<!\w){re.escape(word)}(?!\w)" if word.isascii() else re.escape(word)
    return list(re.finditer(pattern, text))


def _fitting(rule: _Rule, override: Override | None) -> Override | None:
    is_lacking = override is not None and rule.state == "evidence" and not override.evidence
    return None if is_lacking else override


@lru_cache(maxsize=16)
def _rules(country: str) -> tuple[_Rule, ...]:
    name = f"banned_{country}.yaml"
    if not (CHECKS_PATH / name).is_file():
        return ()
    rules = []
    for group in read_check_file(name).get("groups", ()):
        if group.get("state") not in _STATES or not group.get("why") or not group.get("words"):
            raise ParameterError(
                f"Expected groups with words, why and a state of {list(_STATES)} in params/checks/"
                f"{name}, found {str(group)!r:.120}; mend it."
            )
        harmless = tuple(str(phrase).lower() for phrase in group.get("harmless", ()))
        rules += [
            _Rule(str(word).lower(), group["state"], group["why"], harmless)
            for word in group["words"]
        ]
    return tuple(rules)


@lru_cache(maxsize=4)
def _spam_rules(language: str) -> tuple[_Rule, ...]:
    content = read_check_file(f"spam_{language}.yaml")
    harmless = tuple(content.get("harmless", ()))
    return tuple(_Rule(str(word).lower(), "", "", harmless) for word in content["words"])
