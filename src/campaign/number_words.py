"""Numbers in digits and in words, English and Chinese, as values."""

import re

__all__ = ["NUMBER", "NUMBER_WORD", "ZH_NUMBER", "tenths_paid", "value_of"]

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
_ZH_DIGITS = {sign: value for value, sign in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_ZH_UNITS = {"十": 10, "百": 100, "千": 1_000, "万": 10_000}

NUMBER = r"\d[\d.,]*\d|\d"
NUMBER_WORD = (
    rf"\b(?:(?:{'|'.join(_TENS)})[\s-]+)?(?:{'|'.join(_ONES)})|\b(?:{'|'.join(_TENS)}|half)"
)
ZH_NUMBER = r"[零〇一二两三四五六七八九十百千万]+(?:点[零〇一二三四五六七八九]+)?"


def value_of(text: str) -> float:
    """Read a number in digits or in words; what is none gives NaN.

    Examples
    --------
    >>> [value_of(t) for t in ("1,234.50", "forty-five", "half", "二十五", "两百", "八点五")]
    [1234.5, 45.0, 50.0, 25.0, 200.0, 8.5]
    """
    words = text.lower().replace("-", " ").split()
    if words and words[0] in (*_TENS, *_ONES):
        return float(sum(_TENS.get(word, 0) + _ONES.get(word, 0) for word in words))
    if words == ["half"]:
        return 50.0
    if re.fullmatch(ZH_NUMBER, text):
        return _zh_value(text)
    try:
        return float(text.strip(".,").replace(",", ""))
    except ValueError:
        return float("nan")


def tenths_paid(text: str) -> float:
    """Read what stands before 折, the tenths of the price that are left to pay.

    Examples
    --------
    >>> [tenths_paid(t) for t in ("8", "8.5", "85", "八", "八五", "九点五")]
    [8.0, 8.5, 8.5, 8.0, 8.5, 9.5]
    """
    value = value_of(text)
    return value / 10 if 10 < value < 100 else value


def _zh_value(text: str) -> float:
    whole, _, tail = text.partition("点")
    fraction = sum(_ZH_DIGITS[sign] / 10 ** (place + 1) for place, sign in enumerate(tail))
    if not any(sign in _ZH_UNITS for sign in whole):
        return float("".join(str(_ZH_DIGITS[sign]) for sign in whole)) + fraction
    total, digit = 0, 0
    for sign in whole:
        if sign in _ZH_UNITS:
            total += (digit or 1) * _ZH_UNITS[sign] if sign != "万" else 0
            total = (total + digit or 1) * 10_000 if sign == "万" else total
            digit = 0
        else:
            digit = _ZH_DIGITS[sign]
    return float(total + digit) + fraction
