"""Numbers, dates and benefits that a text claims, held against what the offer gives."""

from collections.abc import Iterable
import datetime as dt
from functools import lru_cache
import re
import unicodedata

from src.campaign.offers import Offer, format_date

__all__ = ["find_benefit_claims", "find_date_claims", "find_number_claims", "without_phrases"]

_NUMBER = r"\d[\d.,]*\d|\d"
_SIGN = r"[$€£¥₩₹]|\b(?-i:[A-Z]{3})(?=\s?\d)"
_COINS = {"dollar": "$", "buck": "$", "usd": "$", "euro": "€", "eur": "€", "pound": "£", "gbp": "£"}
_COINS |= {"yuan": "¥", "cny": "¥", "cent": "cent", "penn": "cent"}
_ONES = dict(
    zip(
        "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen "
        "sixteen seventeen eighteen nineteen".split(),
        range(1, 20),
        strict=True,
    )
)
_TENS = dict(
    zip(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(),
        range(20, 100, 10),
        strict=True,
    )
) | {"hundred": 100}
_WORD = rf"\b(?:(?:{'|'.join(_TENS)})[\s-]+)?(?:{'|'.join(_ONES)})|\b(?:{'|'.join(_TENS)}|half)"
_MONTHS = "January February March April May June July August September October November December"
_MONTH = "|".join(f"{month}|{month[:3]}\\.?" for month in _MONTHS.split())
_DAY = r"\d{1,2}"

_CLAIM = re.compile(
    rf"(?P<sign>{_SIGN})\s?(?P<signed>{_NUMBER})"
    rf"|(?P<percent>{_NUMBER}|{_WORD})[\s-]?(?:%|percent\b|per\s+cent\b)"
    rf"|(?P<coined>{_NUMBER}|{_WORD})[\s-]?(?P<coin>{'|'.join(_COINS)})\w*"
    rf"|(?P<bare>{_NUMBER})",
    re.IGNORECASE,
)
_DATE = re.compile(
    rf"\b(?P<m1>{_MONTH})\s+(?P<d1>{_DAY})(?:st|nd|rd|th)?\b(?!\s?%)(?:,?\s+(?P<y1>\d{{4}})\b)?"
    rf"|(?<![$€£¥₩₹\w.,])(?P<d2>{_DAY})(?:st|nd|rd|th)?\s+(?:of\s+)?(?P<m2>{_MONTH})\b"
    r"(?:,?\s+(?P<y2>\d{4})\b)?"
    r"|\b(?P<y3>\d{4})-(?P<m3>\d{2})-(?P<d3>\d{2})\b"
    rf"|(?<![$€£¥₩₹\w.,]){_DAY}(?:/{_DAY}(?:/\d{{2,4}})?|\.{_DAY}\.\d{{2,4}})\b(?!%)",
    re.IGNORECASE,
)


def without_phrases(text: str, phrases: Iterable[str]) -> str:
    """Take out what the data itself says, such as product names and the address.

    What is left is the template's own claim. Wide and other compatible forms of signs are
    made plain first, so that they cannot hide a number.

    Examples
    --------
    >>> without_phrases("７-grain bread, 10% off", ["7-grain bread"])
    ', 10% off'
    """
    left = _compatible(text)
    for phrase in sorted({_compatible(phrase) for phrase in phrases if phrase}, key=_longest_first):
        left = left.replace(phrase, " ")
    return " ".join(left.split())


@lru_cache(maxsize=4096)
def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _longest_first(phrase: str) -> tuple[int, str]:
    return -len(phrase), phrase


@lru_cache(maxsize=4096)
def find_number_claims(text: str, offer: Offer) -> tuple[str, ...]:
    """List percentages, amounts and other numbers that are not the offer's; dates aside."""
    return tuple(
        " ".join(match[0].split())
        for match in _CLAIM.finditer(_DATE.sub(" ", text))
        if not _is_offered(match, offer)
    )


@lru_cache(maxsize=4096)
def find_date_claims(text: str, offer: Offer) -> tuple[str, ...]:
    """List dates that are not the offer's last day, and written forms that can be misread."""
    return tuple(
        match[0] for match in _DATE.finditer(text) if not _is_day(match, offer.valid_until)
    )


@lru_cache(maxsize=4096)
def find_benefit_claims(text: str, benefit_words: tuple[str, ...]) -> tuple[str, ...]:
    """List words that promise more than a discount, such as "free shipping"."""
    if not benefit_words:
        return ()
    pattern = "|".join(
        r"[\s-]+".join(map(re.escape, words.split())) + r"(?:e?s)?" for words in benefit_words
    )
    found = re.finditer(rf"(?<!\bfeel )(?<!\w-)\b(?:{pattern})\b", text, re.IGNORECASE)
    return tuple(match[0] for match in found)


def _is_offered(match: re.Match, offer: Offer) -> bool:
    if match["percent"]:
        return _value(match["percent"]) in offer.percents
    if match["bare"]:
        return False
    sign = match["sign"] or _COINS[match["coin"].lower()]
    return _value(match["signed"] or match["coined"]) in offer.amounts and sign == _sign_of(offer)


def _value(text: str) -> float:
    words = text.lower().replace("-", " ").split()
    if words[0] in _TENS or words[0] in _ONES:
        return float(sum(_TENS.get(word, 0) + _ONES.get(word, 0) for word in words))
    try:
        return 50.0 if words == ["half"] else float(text.strip(".,").replace(",", ""))
    except ValueError:
        return float("nan")


def _sign_of(offer: Offer) -> str | None:
    """Currency sign or code that the offer's own words use."""
    found = re.search(_SIGN, f"{offer.headline} {offer.limit} {offer.minimum}")
    return found[0] if found else None


def _is_day(match: re.Match, day: dt.date) -> bool:
    month = match["m1"] or match["m2"] or match["m3"]
    number, year = (
        match["d1"] or match["d2"] or match["d3"],
        match["y1"] or match["y2"] or match["y3"],
    )
    if not month:
        return False
    is_month = (
        int(month) == day.month if month.isdigit() else month[:3].title() == format_date(day)[:3]
    )
    return is_month and int(number) == day.day and (year is None or int(year) == day.year)
