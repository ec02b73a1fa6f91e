"""Promises beside a discount, such as free shipping: the same one in other words, and others."""

from collections.abc import Callable, Iterable
from functools import lru_cache
import re

from src.campaign.check_files import read_check_file

__all__ = ["find_benefit_claims"]


@lru_cache(maxsize=4096)
def find_benefit_claims(
    text: str, benefit_words: tuple[str, ...] = (), given: str = ""
) -> tuple[str, ...]:
    """List words that promise what the offer does not give.

    Parameters
    ----------
    text : str
        What a message says.
    benefit_words : tuple of str
        The shop's own words for such promises, beside those of `params/checks/benefits.yaml`.
    given : str, default ""
        What the offer does give, in words; another word for the same is no fault.

    Examples
    --------
    >>> find_benefit_claims("Free delivery and a gift", given="free shipping"), find_benefit_claims(
    ...     "全场包邮", given="免运费")
    (('gift',), ())
    """
    pattern, kinds = _vocabulary(benefit_words)
    granted = {kinds(found[0]) for found in pattern.finditer(given)}
    harmless = [span for phrase in _harmless() for span in _spans(phrase, text)]
    return tuple(
        " ".join(found[0].split())
        for found in pattern.finditer(text)
        if kinds(found[0]) not in granted and not _lies_in(found.span(), harmless)
    )


@lru_cache(maxsize=16)
def _vocabulary(own: tuple[str, ...]) -> tuple[re.Pattern[str], Callable[[str], str]]:
    """Give the pattern of all words, and what tells the kind of a found one."""
    kind_of = {_plain(word): _plain(word) for word in own}
    for kind, words in read_check_file("benefits.yaml").items():
        if kind != "harmless":
            kind_of |= {_plain(word): kind for word in words}
    ordered = sorted(kind_of, key=lambda word: (-len(word), word))
    pattern = re.compile("|".join(map(_as_pattern, ordered)), re.IGNORECASE)

    def kind(found: str) -> str:
        plain = _plain(found)
        known = (plain[: len(plain) - cut] for cut in range(3))
        return next((kind_of[word] for word in known if word in kind_of), plain)

    return pattern, kind


@lru_cache(maxsize=1)
def _harmless() -> tuple[str, ...]:
    return tuple(read_check_file("benefits.yaml").get("harmless", ()))


def _as_pattern(word: str) -> str:
    if not word.isascii():
        return re.escape(word)
    return rf"(?<!\w-)\b{_spaced(word)}(?:e?s)?\b"


def _spaced(words: str) -> str:
    return r"[\s-]+".join(map(re.escape, words.split()))


def _plain(word: str) -> str:
    return " ".join(word.lower().replace("-", " ").split())


def _spans(phrase: str, text: str) -> Iterable[tuple[int, int]]:
    return (found.span() for found in re.finditer(_spaced(phrase), text, re.IGNORECASE))


def _lies_in(span: tuple[int, int], others: Iterable[tuple[int, int]]) -> bool:
    return any(start <= span[0] and span[1] <= end for start, end in others)
