"""Numbers, coupons and what else a text claims, held against what the offer gives."""

from collections.abc import Iterable
from functools import lru_cache
import re
import unicodedata

from src.campaign.date_claims import without_dates
from src.campaign.number_words import NUMBER, NUMBER_WORD, ZH_NUMBER, tenths_paid, value_of
from src.campaign.offers import Offer
from src.campaign.stock_claims import without_stock

__all__ = ["find_coupon_claims", "find_number_claims", "without_phrases"]

_SIGN = r"[$€£¥₩₹]|\b(?-i:[A-Z]{3})(?=\s?\d)"
_COINS = {"dollar": "$", "buck": "$", "usd": "$", "euro": "€", "eur": "€", "pound": "£", "gbp": "£"}
_COINS |= {"yuan": "¥", "cny": "¥", "rmb": "¥", "cent": "cent", "penn": "cent"}
_ZH_COINS = {
    "美元": "$",
    "美金": "$",
    "欧元": "€",
    "英镑": "£",
    "日元": "¥",
    "港元": "HKD",
    "元": "¥",
}
_ZH_COINS |= {"块钱": "¥", "块": "¥", "圆": "¥", "角": "cent", "毛钱": "cent", "分钱": "cent"}

_CLAIM = re.compile(
    rf"(?P<sign>{_SIGN})\s?(?P<signed>{NUMBER})"
    rf"|百分之(?P<zh_percent>{NUMBER}|{ZH_NUMBER})"
    rf"|(?P<tenths>{NUMBER}|{ZH_NUMBER})\s*折(?![叠射腾断页返])"
    r"|(?P<half>半价|对折|\bhalf[\s-]+(?:price|off)\b)"
    rf"|(?P<percent>{NUMBER}|{NUMBER_WORD})[\s-]?(?:%|percent\b|per\s+cent\b)"
    rf"|(?P<coined>{NUMBER}|{NUMBER_WORD})[\s-]?(?P<coin>{'|'.join(_COINS)})\w*"
    rf"|(?P<zh_coined>{NUMBER}|{ZH_NUMBER}(?!块(?!钱)|角))\s*(?P<zh_coin>{'|'.join(_ZH_COINS)})"
    rf"|(?P<bare>{NUMBER})",
    re.IGNORECASE,
)
_GIFT_AFTER = re.compile(r"\s*(?:off\b|discount|voucher|优惠券|抵扣|红包)", re.IGNORECASE)
_GIFT_BEFORE = re.compile(
    r"(?:\bsav(?:e|es|ing)(?:\s+you)?|\bup\s+to|\btake|减|省|抵|优惠|封顶|最高|不超过)\s*$",
    re.IGNORECASE,
)
_MINIMUM_AFTER = re.compile(r"\s*(?:or\s+(?:more|over|above)\b|minimum|以上|起)", re.IGNORECASE)
_MINIMUM_BEFORE = re.compile(
    r"(?:\bspend(?:ing)?|\b(?:orders?|baskets?|purchases?)\s+(?:of|over|from|above)|\bfrom|\bover|"
    r"\babove|\bat\s+least|\bminimum(?:\s+of)?|满|(?<!不)超过|达到?)\s*$",
    re.IGNORECASE,
)
_COUPON = re.compile(
    r"(?:(?i:\b(?:code|coupon|voucher|promo)\b)|优惠码|优惠券码|券码|兑换码|折扣码|口令)"
    r"\s*(?:is\b|为|是)?\s*[:：\"“「『(]?\s*(?P<named>[A-Z0-9][A-Z0-9-]{2,23}|[a-z]+\d[a-z0-9-]*)(?![\w-])"
    r"|(?<![\w-])(?P<bare>(?=[A-Z-]*\d)(?=[\d-]*[A-Z])[A-Z0-9-]{4,24})(?![\w-])",
    re.ASCII,
)
_AROUND = 24


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
    """List percentages, amounts and other numbers that are not the offer's.

    Percentages compare as what is taken off: 8折, "20 % off" and "twenty percent" are one. An
    amount must be the offer's in its role: what is given, or the basket from which it holds.
    Dates, stock and coupon codes have checks of their own.
    """
    plain = _without_codes(without_stock(without_dates(text)), offer)
    return tuple(
        " ".join(match[0].split())
        for match in _CLAIM.finditer(plain)
        if not _is_offered(match, offer)
    )


@lru_cache(maxsize=4096)
def find_coupon_claims(text: str, offer: Offer) -> tuple[str, ...]:
    """List coupon codes that are not the offer's, whatever their case."""
    codes = (match["named"] or match["bare"] for match in _COUPON.finditer(text))
    return tuple(code for code in codes if code != offer.coupon_code)


def _without_codes(text: str, offer: Offer) -> str:
    code = offer.coupon_code
    return (
        re.sub(rf"(?<![A-Za-z0-9-]){re.escape(code)}(?![A-Za-z0-9-])", " ", text) if code else text
    )


def _is_offered(match: re.Match, offer: Offer) -> bool:
    if match["bare"]:
        return False
    percent = _percent(match)
    if percent is not None:
        return any(abs(percent - offered) < 1e-6 for offered in offer.percents)
    coin = _COINS.get((match["coin"] or "").lower()) or _ZH_COINS.get(match["zh_coin"] or "")
    value = value_of(match["signed"] or match["coined"] or match["zh_coined"])
    return value in _amounts_in_role(match, offer) and (match["sign"] or coin) == _sign_of(offer)


def _percent(match: re.Match) -> float | None:
    """Give what is taken off, in percent, or None where the claim is no percentage."""
    if match["half"]:
        return 50.0
    if match["tenths"]:
        return round((10 - tenths_paid(match["tenths"])) * 10, 6)
    found = match["percent"] or match["zh_percent"]
    return value_of(found) if found else None


def _amounts_in_role(match: re.Match, offer: Offer) -> frozenset[float]:
    before = match.string[max(match.start() - _AROUND, 0) : match.start()]
    after = match.string[match.end() : match.end() + _AROUND]
    is_gift = _GIFT_AFTER.match(after) or _GIFT_BEFORE.search(before)
    is_minimum = _MINIMUM_AFTER.match(after) or _MINIMUM_BEFORE.search(before)
    least = re.search(NUMBER, offer.minimum)
    minimum = frozenset({value_of(least[0])} if least else ())
    if _GIFT_AFTER.match(after) or (is_gift and not _MINIMUM_AFTER.match(after)):
        return (offer.amounts - minimum) or offer.amounts
    return minimum if is_minimum else offer.amounts


def _sign_of(offer: Offer) -> str | None:
    """Currency sign or code that the offer's own words use."""
    found = re.search(_SIGN, f"{offer.headline} {offer.limit} {offer.minimum}")
    return found[0] if found else None
