"""Whether a text is in the language it should be in, by its script and its commonest words."""

from functools import lru_cache
import re
import unicodedata

__all__ = ["find_foreign"]

_EXPECTED = {"en": "LATIN", "zh": "CJK"}
_FEW_LETTERS = 6
_MOST = {"en": 0.8, "zh": 0.5}
"""Least share of letters of the expected script: Chinese has many foreign names in Latin."""

_LONG_RUN = {"en": 8, "zh": 1_000_000}
_LATIN_SENTENCE = re.compile(r"(?:[A-Za-z]+[ ,']+){4,}[A-Za-z]+")
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?")
_COMMON = {
    "en": "the of and to in is you that it for on with as this your our we are have from by or be "
    "an at will can now all more one when next through get".split(),
    "others": "der die das und nicht ein eine mit für auf ist ihr sie wir zum zur bei nur "
    "le la les des une et est pour vous votre dans sur avec nous du au "
    "el los las una y es para su con por en nuestra nuestro tu que "
    "il di che per con una nel sono della questo il tuo "
    "um uma não com você seu sua para os nos na do da "
    "het een van voor met niet uw jouw en je wij op".split(),
}
_SHARED = frozenset(_COMMON["en"]) & frozenset(_COMMON["others"])


@lru_cache(maxsize=4096)
def find_foreign(text: str, language: str) -> tuple[str, ...]:
    """List what shows that a text is not in its language; empty if nothing does.

    Script first: most letters must be of the language's own. English is then told from other
    languages in Latin letters by the commonest words of each, since their script is one.

    Parameters
    ----------
    text : str
        Without names of products and the like.
    language : str
        `en` or `zh`.

    Examples
    --------
    >>> find_foreign("Something green for you", "en"), find_foreign("给您的优惠", "en")
    ((), ('mostly CJK letters: 给您的优惠',))
    """
    letters = [_script(sign) for sign in text if sign.isalpha()]
    if len(letters) < _FEW_LETTERS and not (language == "en" and "CJK" in letters[:1]):
        return ()
    expected = _EXPECTED[language]
    if sum(script == expected for script in letters) < _MOST[language] * len(letters):
        other = max(set(letters) - {expected}, key=letters.count)
        return (f"mostly {other} letters: {text[:40]}",)
    found = _LATIN_SENTENCE.findall(text) if language == "zh" else _long_runs(text, expected)
    return tuple(run[:40] for run in found) or _other_words(text, language)


def _long_runs(text: str, expected: str) -> list[str]:
    """Find words in a row, eight letters or more, of one foreign script."""
    runs, run = [], ""
    for sign in f"{text}.":
        if sign.isalpha() and _script(sign) != expected:
            run += sign
        elif not sign.isspace():
            runs += [run] if len(run) >= _LONG_RUN["en"] else []
            run = ""
    return runs


def _other_words(text: str, language: str) -> tuple[str, ...]:
    words = [word.lower() for word in _WORD.findall(text)]
    if language != "en" or len(words) < 5:
        return ()
    foreign = [word for word in words if word in _COMMON["others"] and word not in _SHARED]
    own = sum(word in _COMMON["en"] for word in words)
    if len(set(foreign)) >= 2 and len(foreign) > own:
        return (f"words of another language: {' '.join(dict.fromkeys(foreign))[:40]}",)
    return ()


@lru_cache(maxsize=4096)
def _script(sign: str) -> str:
    """Name the script of a letter by the first word of its Unicode name."""
    return unicodedata.name(sign, "UNKNOWN").split()[0].split("-")[0]
