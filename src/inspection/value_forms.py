"""In what form times, numbers and amounts of money are written."""

from dataclasses import dataclass
import re
import unicodedata

import pandas as pd

__all__ = ["TimeGuess", "guess_currency", "guess_numbers", "guess_signs", "guess_times", "unsigned"]

_POINT = r"[+-]?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_COMMA = r"[+-]?(?:\d{1,3}(?:[.\u00a0 ]\d{3})+|\d+)(?:,\d+)?"
_ENOUGH = 0.9
_DAY_FIRST = re.compile(r"^(\d{1,2})([-/.])(\d{1,2})[-/.]\d{4}")
_SIMPLE = {
    "iso": r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}(?:[T ,].*)?",
    "ymd": r"(?:19|20)\d{2}[01]\d[0-3]\d",
    "unix": r"[0-9]{9,10}",
    "unix_ms": r"[0-9]{12,13}",
}
_AMOUNT = re.compile(
    r"[+-]?\s?([^\W\d_]{1,3}\.?|[^\W\d_]{0,2}[^\w\s+.,'()-])?\s?[+-]?"
    r"\d[\d.,'\s]*?\s?([^\W\d_]{1,3}\.?|[^\W\d_]{0,2}[^\w\s+.,'()-])?"
)
_RARE = 0.01
_SIGNS = {"€": "EUR", "£": "GBP", "US$": "USD", "zł": "PLN", "CHF": "CHF", "元": "CNY"}
_CODES = frozenset((*_SIGNS, *_SIGNS.values(), "USD", "CAD", "AUD", "JPY", "SEK", "NOK", "DKK"))
_CODES |= {"KR", "KR.", "FR.", "ZŁ", "RMB", "円"}


@dataclass(frozen=True)
class TimeGuess:
    """A form of time, and what is not sure of it.

    Parameters
    ----------
    form : str or None
        As in a source file; None if none fits.
    doubt : str
        Empty if there is none.
    """

    form: str | None
    doubt: str = ""


def guess_times(values: pd.Series) -> TimeGuess:
    """Form of the times of a column, by its values.

    Examples
    --------
    >>> guess_times(pd.Series(["31.12.2024", "01.02.2024"])).form
    'dmy'
    >>> guess_times(pd.Series(["01/02/2024"])).doubt
    'day or month first? no value tells'
    """
    if not isinstance(values.dtype, pd.StringDtype) and not values.dtype == "int64":
        is_time = pd.api.types.is_datetime64_any_dtype(values.dtype) or _holds_dates(values)
        return TimeGuess("iso" if is_time else None)
    texts = values.dropna().astype("str").str.strip()
    if not len(texts):
        return TimeGuess(None)
    for form, pattern in _SIMPLE.items():
        if texts.str.fullmatch(pattern).mean() >= _ENOUGH:
            return TimeGuess(form)
    found = [match for match in map(_DAY_FIRST.match, texts) if match]
    if len(found) < _ENOUGH * len(texts):
        return TimeGuess(None)
    has_dmy = any(int(match[1]) > 12 for match in found)
    has_mdy = any(int(match[3]) > 12 for match in found)
    if has_dmy and has_mdy:
        return TimeGuess("dmy", "some rows have the month first, some the day")
    if has_mdy:
        return TimeGuess("mdy")
    is_sure = has_dmy or all(match[2] == "." for match in found)
    return TimeGuess("dmy", "" if is_sure else "day or month first? no value tells")


def _holds_dates(values: pd.Series) -> bool:
    return values.dropna().head(1).map(lambda value: hasattr(value, "isoformat")).any()


def guess_numbers(columns: list[pd.Series]) -> tuple[str, str]:
    """Decimal sign of columns of numbers written as text, and what is not sure of it.

    Examples
    --------
    >>> guess_numbers([pd.Series(["1.234,50", "3"])])
    ('comma', '')
    >>> guess_numbers([pd.Series(["1.234"])])
    ('point', 'a point or thousands? no value tells')
    """
    texts = [column.dropna().str.strip() for column in columns if column.dtype == "str"]
    together = pd.concat(texts) if texts else pd.Series(dtype="str")
    together = together[together.str.contains("[.,]", regex=True).astype(bool)]
    if not len(together):
        return "point", ""
    is_point = together.str.fullmatch(_POINT).astype(bool)
    is_comma = together.str.fullmatch(_COMMA).astype(bool)
    n_point, n_comma = int((is_point & ~is_comma).sum()), int((is_comma & ~is_point).sum())
    if n_point and n_comma:
        return ("point" if n_point > n_comma else "comma"), "values of both forms occur"
    if n_point or n_comma:
        return ("point" if n_point else "comma"), ""
    return "point", "a point or thousands? no value tells"


def guess_signs(columns: list[pd.Series]) -> list[str]:
    """Signs of currency that stand beside amounts written as text, the commonest first.

    Examples
    --------
    >>> guess_signs([pd.Series(["$1,234.50", "-$3", "4.00"])])
    ['$']
    >>> guess_signs([pd.Series(["12,50 EUR", "5 kg"])])
    ['EUR']
    """
    texts = [column.dropna().str.strip() for column in columns if column.dtype == "str"]
    together = pd.concat(texts) if texts else pd.Series(dtype="str")
    found: dict[str, int] = {}
    for text, n in together.value_counts().items():
        match = _AMOUNT.fullmatch(str(text))
        sign = match and (match[1] or match[2])
        if sign and (unicodedata.category(sign[-1]) == "Sc" or sign.upper() in _CODES):
            found[sign] = found.get(sign, 0) + int(n)
    often = [sign for sign, n in found.items() if n >= _RARE * len(together)]
    return sorted(often, key=lambda sign: -found[sign])


def unsigned(values: pd.Series, signs: list[str]) -> pd.Series:
    """Texts without the signs of currency in them; what is no text stays."""
    if values.dtype != "str":
        return values
    for sign in signs:
        values = values.str.replace(sign, "", regex=False)
    return values.str.strip()


def guess_currency(
    columns: dict[str, pd.Series], codes: pd.Series | None
) -> tuple[str | None, str]:
    """Currency of a file, and by what it was told; None if nothing tells.

    Parameters
    ----------
    columns : dict of str to Series
        Columns of amounts by their names.
    codes : Series, optional
        The column of currencies.
    """
    if codes is not None:
        found = codes.dropna().astype("str").str.strip().str.upper().value_counts()
        known = [code for code in found.index if re.fullmatch("[A-Z]{3}", code)]
        if known:
            others = f"; {len(known) - 1} others need rates_raw" if len(known) > 1 else ""
            return known[0], f"the commonest in its column{others}"
    for name, values in columns.items():
        texts = " ".join([name, *values.dropna().astype("str").head(50)])
        for sign, code in _SIGNS.items():
            if sign in texts or re.search(rf"(?:^|[\W_]){code}(?:[\W_]|$)", texts, re.IGNORECASE):
                return code, f"{sign if sign in texts else code} at the amounts"
        if re.search(r"(?:^|[\W_])usd(?:[\W_]|$)", name, re.IGNORECASE):
            return "USD", "the name of the amount"
    return None, ""
