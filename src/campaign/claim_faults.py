"""Claims of a message against the offer: numbers, days, codes, promises, stock; withheld goods."""

from collections.abc import Iterator
from functools import lru_cache
import re

from src.campaign.banned import BannedWord, find_banned_words, find_spam_words
from src.campaign.benefits import find_benefit_claims
from src.campaign.claims import find_coupon_claims, find_number_claims, without_phrases
from src.campaign.date_claims import find_date_claims
from src.campaign.form_faults import in_parts
from src.campaign.message import Message
from src.campaign.offers import Offer, format_date
from src.campaign.stock_claims import find_stock_claims

__all__ = [
    "banned_words",
    "benefits",
    "coupon",
    "dates",
    "describe",
    "no_products",
    "numbers",
    "offer_stated",
    "reviewed_words",
    "spam_words",
    "stock",
    "withheld_products",
]


def numbers(message: Message) -> Iterator[tuple[str, str]]:
    """Find numbers that are not the offer's."""
    return in_parts(message.claims, lambda text: find_number_claims(text, message.offer))


def dates(message: Message) -> Iterator[tuple[str, str]]:
    """Find days that are not the offer's."""
    return in_parts(message.claims, lambda text: find_date_claims(text, message.offer))


def coupon(message: Message) -> Iterator[tuple[str, str]]:
    """Find codes that are not the offer's."""
    return in_parts(message.claims, lambda text: find_coupon_claims(text, message.offer))


def benefits(message: Message) -> Iterator[tuple[str, str]]:
    """Find promises that the offer does not make."""
    given = message.offer.benefit
    if 50.0 in message.offer.percents:
        given = f"{given}; half price"
    words = message.facts.benefit_words
    return in_parts(message.claims, lambda text: find_benefit_claims(text, words, given))


def stock(message: Message) -> Iterator[tuple[str, str]]:
    """Find what is said to be left and is not the offer's stock."""
    return in_parts(message.claims, lambda text: find_stock_claims(text, message.offer))


def offer_stated(message: Message) -> Iterator[tuple[str, str]]:
    """Find what the offer promises and a body does not say word for word."""
    for part, text in message.bodies.items():
        for promise in _unstated(text, message.offer.promises):
            yield part, f"no {promise!r}"


@lru_cache(maxsize=4096)
def _unstated(text: str, promises: tuple[str, ...]) -> list[str]:
    return [promise for promise in promises if not _says(text, without_phrases(promise, ()))]


def _says(text: str, promise: str) -> bool:
    whole = rf"(?<![A-Za-z0-9.,$€£¥]){re.escape(promise)}(?![A-Za-z0-9%]|[.,]\d)"
    return bool(re.search(whole, text))


def banned_words(message: Message) -> Iterator[tuple[str, str]]:
    """Find words of the country's list that nobody let through."""
    for part, found in _listed(message):
        if found.override is None:
            asked = ", needs evidence" if found.state == "evidence" else ""
            yield part, f"{found.word} ({found.why}{asked})"


def reviewed_words(message: Message) -> Iterator[tuple[str, str]]:
    """Find words of the list that a person let through."""
    for part, found in _listed(message):
        if found.override is not None:
            yield part, f"{found.word}, let through by {found.override.reviewer}"


def _listed(message: Message) -> Iterator[tuple[str, BannedWord]]:
    facts = message.facts
    overrides = tuple(facts.overrides)
    return in_parts(message.parts, lambda text: find_banned_words(text, facts.country, overrides))


def spam_words(message: Message) -> Iterator[tuple[str, str]]:
    """Find words that are taken for spam."""
    return in_parts(message.claims, lambda text: find_spam_words(text, message.facts.language))


def withheld_products(message: Message) -> Iterator[tuple[str, str]]:
    """Find products that this person returned or has just bought; milk is not milk chocolate."""
    names = message.facts.withheld.get(message.customer_id, ())
    listed = message.facts.names.get(message.customer_id, ())
    others = [name for name in listed if name not in names]
    texts = {part: without_phrases(text, others) for part, text in message.parts.items()}
    return in_parts(texts, lambda text: [name for name in names if _names(text, name)])


def _names(text: str, name: str) -> bool:
    """Whether a text names a product, as a whole word where the script has words."""
    edge = r"(?!\w)" if name[-1:].isascii() else ""
    start = r"(?<!\w)" if name[:1].isascii() else ""
    return bool(name) and bool(re.search(start + re.escape(name) + edge, text, re.IGNORECASE))


def no_products(message: Message) -> Iterator[tuple[str, str]]:
    """Find a message with nothing of the customer's own."""
    if not message.facts.phrases.get(message.customer_id):
        yield "html" if message.channel == "email" else "text", "no product or department of theirs"


def describe(offer: Offer) -> str:
    """Say in one line what a message of an offer may claim."""
    if offer.is_empty:
        return "no offer: no number, day, code or promise"
    day = format_date(offer.valid_until, offer.language)
    told = [offer.headline, offer.limit and f"up to {offer.limit}"]
    told += [offer.minimum and f"from {offer.minimum}", f"through {day}"]
    told += [offer.coupon_code and f"code {offer.coupon_code}"]
    told += [f"stock {offer.stock}" if offer.stock else ""]
    return ", ".join(one for one in told if one)
