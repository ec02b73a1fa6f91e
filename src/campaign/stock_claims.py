"""What a text says of how much is left, held against the stock that the offer names."""

from functools import lru_cache
import re

from src.campaign.number_words import NUMBER, NUMBER_WORD, ZH_NUMBER, value_of
from src.campaign.offers import Offer

__all__ = ["find_stock_claims", "without_stock"]

_ANY = rf"{NUMBER}|{NUMBER_WORD}"
_THING = r"(?:items?|pieces?|units?|packs?|boxes|bottles?|places?|spots?)"
_ZH_THING = "[件份个只瓶箱盒名位套台双袋组]"
_COUNTED = re.compile(
    rf"\b(?:only|just|last|the\s+first|first)\s+(?P<n1>{_ANY})\s+{_THING}(?:\s+(?:left|remaining))?"
    rf"|(?P<n2>{_ANY})\s+(?:{_THING}\s+)?(?:left|remaining|in\s+stock|available)\b"
    rf"|(?:仅剩|只剩|还剩|剩余|最后|限量|库存仅?|余量?|仅限?|前)\s*(?P<n3>{NUMBER}|{ZH_NUMBER})\s*{_ZH_THING}",
    re.IGNORECASE,
)
_SCARCE = re.compile(
    r"\b(?:(?:almost|nearly)\s+(?:gone|sold\s+out)|selling\s+(?:out|fast)|(?:while|until)\s+"
    r"(?:stocks?|supplies)\s+lasts?|limited\s+(?:stock|supply|(?:quantity|quantities)|number)|"
    r"last\s+(?:few|ones|items|pieces)|stocks?\s+(?:is|are)\s+(?:running\s+)?(?:low|out)|sold\s+out)\b"
    r"|库存(?:告急|紧张|不多|有限)|即将(?:售罄|断货)|售完(?:即止|为止)|数量有限|限量(?:发售|供应|抢购)|"
    r"抢完(?:即止|为止)|手慢无|所剩无几|最后几[件份个]|送完即止",
    re.IGNORECASE,
)


@lru_cache(maxsize=4096)
def find_stock_claims(text: str, offer: Offer) -> tuple[str, ...]:
    """List counts of what is left that are not the offer's stock; without stock, any such word."""
    wrong = [match[0] for match in _COUNTED.finditer(text) if not _is_stock(match, offer)]
    scarce = [match[0] for match in _SCARCE.finditer(text)] if offer.stock is None else []
    return tuple(" ".join(found.split()) for found in (*wrong, *scarce))


def without_stock(text: str) -> str:
    """Take counts of what is left out, so that their numbers are no claims of another kind."""
    return _COUNTED.sub(" ", text)


def _is_stock(match: re.Match, offer: Offer) -> bool:
    number = match["n1"] or match["n2"] or match["n3"]
    return offer.stock is not None and value_of(number) == offer.stock
