"""Texts as a model reads them: one spelling, one hash per wording, and the language by script."""

from collections.abc import Iterable
import hashlib
import html
import re
import unicodedata

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["LANGUAGES", "LONGEST", "hash_text", "normalize_text", "plain_text", "tell_languages"]

LANGUAGES = ("zh", "en", "other")
"""`zh`: Chinese signs; `en`: Latin letters, whatever the language; `other`: anything else."""

LONGEST = 2_000
"""Signs of a text that are read; what follows is ignored."""

_SCRIPTS = re.compile(r"<(script|style)\b.*?(?:</\1\s*>|$)", re.IGNORECASE | re.DOTALL)
_MARKUP = re.compile(r"<[/!?a-zA-Z][^<>]*>?")
_BLANKS = re.compile(r"\s+")
_HAN = r"\p{Han}"
_KANA = r"[\p{Hiragana}\p{Katakana}]"
_LATIN = r"\p{Latin}"
_LETTER = r"\p{L}"
_LETTERS_PER_SIGN = 4  # a Chinese sign says about as much as four Latin letters


def plain_text(text: str | None) -> str:
    r"""Give a text without markup, control and invisible signs, on one line, as written else.

    Parameters
    ----------
    text : str or None
        From anybody: HTML, broken Unicode and any length are borne.

    Returns
    -------
    str
        At most `LONGEST` signs.

    Examples
    --------
    >>> plain_text("<p>Fast&amp;friendly\ufeff,\n 5 stars!</p><script>alert(1)</script>")
    'Fast&friendly, 5 stars!'
    """
    text = (text or "")[:LONGEST]
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _MARKUP.sub(" ", _SCRIPTS.sub(" ", text))
    if not text.isprintable():
        text = "".join(sign if sign.isprintable() else _visible(sign) for sign in text)
    return _BLANKS.sub(" ", text).strip()


def _visible(sign: str) -> str:
    """Nothing for signs that only format (BOM, joiners, direction marks), else a blank."""
    return "" if unicodedata.category(sign) in ("Cf", "Cs") else " "


def normalize_text(text: str | None) -> str:
    """Give the one spelling under which two texts are the same: `plain_text`, NFKC, no capitals.

    Examples
    --------
    >>> normalize_text("Ｇｒｅａｔ  ROOM")
    'great room'
    """
    folded = unicodedata.normalize("NFKC", plain_text(text)).casefold()
    return _BLANKS.sub(" ", folded).strip()[:LONGEST]


def hash_text(normalized: str) -> bytes:
    """Sixteen bytes of SHA-256 of a normalised text, by which training knows what it has seen."""
    return hashlib.sha256(normalized.encode()).digest()[:16]


def tell_languages(normalized: Iterable[str]) -> np.ndarray:
    """Tell languages by their script.

    Parameters
    ----------
    normalized : iterable of str
        From `normalize_text`.

    Returns
    -------
    array of str, shape (n,)
        One of `LANGUAGES` each. A text in Japanese, Cyrillic or in no letters is `other`; one
        that mixes is `zh` if Chinese signs are at least a quarter as many as Latin letters.

    Examples
    --------
    >>> tell_languages(["味道好", "tasty", "送餐快 good", "вкусно", "おいしい味", "10/10"]).tolist()
    ['zh', 'en', 'zh', 'other', 'other', 'other']
    """
    texts = pa.array(normalized, type=pa.string())
    han, kana, latin, letters = (
        pc.count_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)
        for pattern in (_HAN, _KANA, _LATIN, _LETTER)
    )
    is_zh = (han > 0) & (kana * 10 < han) & (_LETTERS_PER_SIGN * han >= latin)
    is_en = ~is_zh & (latin > 0) & (2 * latin >= letters)
    return np.select([is_zh, is_en], ["zh", "en"], "other")
