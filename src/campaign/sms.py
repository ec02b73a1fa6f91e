"""SMS as networks carry and bill them: parts in GSM-7 or UCS-2, their price, the way out."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
import re

import gsm0338

__all__ = [
    "GSM7",
    "UCS2",
    "Estimate",
    "Split",
    "count_parts",
    "estimate_cost",
    "find_signature",
    "has_opt_out",
    "split_sms",
]

GSM7, UCS2 = "GSM-7", "UCS-2"
LIMITS = {GSM7: (160, 153), UCS2: (70, 67)}
"""Septets or 16-bit units of a message that is alone, and of each of several parts."""

_CODEC = gsm0338.Codec()
_ESCAPE = "\x1b"
_SIGNS = re.compile("[\ud800-\udbff][\udc00-\udfff]|.", re.DOTALL)
"""One sign, or two halves of one that stand in the text by themselves."""

_OPT_OUT = {
    "en": re.compile(r"\b(?:reply|text|send)\s+STOP\b|\bSTOP\s+to\s+(?:stop|end|opt|quit)", re.I),
    "zh": re.compile(
        r"(?:拒收|退订)\s*请?\s*(?:回复?|发送?)?\s*[A-Z]{1,2}(?![A-Za-z])"
        r"|(?:回复?|发送?)\s*[A-Z]{1,2}\s*(?:拒收|退订)",
        re.I,
    ),
}
_SIGNATURE = re.compile(r"^\s*【([^【】]{2,20})】|【([^【】]{2,20})】\s*$")


@dataclass(frozen=True)
class Split:
    """A text as it is sent: its parts, whose join is the text, in one encoding."""

    parts: tuple[str, ...]
    encoding: str


@dataclass(frozen=True)
class Estimate:
    """What messages will cost: their parts, each at one price."""

    n_messages: int
    n_parts: int
    cost_value: Decimal


def split_sms(text: str) -> Split:
    r"""Cut a text into the parts that a network carries.

    GSM-7 counts septets, two for the signs of its extension such as € and the brackets; any
    sign outside it turns the whole text to UCS-2, which counts 16-bit units, two for an emoji.
    Neither pair is ever cut apart.

    Parameters
    ----------
    text : str
        As it is sent, signature and way out included: both are paid for.

    References
    ----------
    .. 3GPP TS 23.038, 6.2.1 and 6.2.3; TS 23.040, 9.2.3.24.1 (six octets of header a part).

    Examples
    --------
    >>> [len(part) for part in split_sms("a" * 161).parts], split_sms("满200减30").encoding
    ([153, 8], 'UCS-2')
    """
    encoding = GSM7 if _is_gsm7(text) else UCS2
    alone, several = LIMITS[encoding]
    signs = [(sign, _n_units(sign, encoding)) for sign in _SIGNS.findall(text)]
    if sum(n for _, n in signs) <= alone:
        return Split((text,), encoding)
    parts: list[list[str]] = [[]]
    left = several
    for sign, n_units in signs:
        if n_units > left:
            parts.append([])
            left = several
        parts[-1].append(sign)
        left -= n_units
    return Split(tuple("".join(part) for part in parts), encoding)


@lru_cache(maxsize=4096)
def count_parts(text: str) -> int:
    """Count the parts that a text is billed as."""
    return len(split_sms(text).parts)


def estimate_cost(texts: Iterable[str], price_per_part: float | str | Decimal) -> Estimate:
    """Price messages by their parts, exactly.

    Parameters
    ----------
    texts : iterable of str
        As they are sent; a personal field at its longest makes the estimate an upper bound.
    price_per_part : float, str or Decimal
        Shop currency.

    Examples
    --------
    >>> estimate_cost(["a" * 160, "a" * 161], "0.045")
    Estimate(n_messages=2, n_parts=3, cost_value=Decimal('0.135'))
    """
    counts = [count_parts(text) for text in texts]
    return Estimate(len(counts), sum(counts), sum(counts) * Decimal(str(price_per_part)))


def has_opt_out(text: str, language: str) -> bool:
    """Say whether a text tells how to get no more of them.

    Examples
    --------
    >>> has_opt_out("Reply STOP to stop.", "en"), has_opt_out("拒收请回复R", "zh")
    (True, True)
    """
    return bool(_OPT_OUT[language].search(text))


def find_signature(text: str) -> str:
    """Give the sender's name in 【】 at the start or the end, as China asks; empty without one."""
    found = _SIGNATURE.search(text)
    return (found[1] or found[2]) if found else ""


def _is_gsm7(text: str) -> bool:
    if _ESCAPE in text:  # it would change the sign after it
        return False
    try:
        _CODEC.encode(text)
    except UnicodeEncodeError:
        return False
    return True


def _n_units(sign: str, encoding: str) -> int:
    if encoding == GSM7:
        return len(_CODEC.encode(sign)[0])
    return len(sign.encode("utf-16-le", "surrogatepass")) // 2
