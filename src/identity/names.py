"""Names, postcodes and birth dates, evened out so that they can be compared."""

import re
import unicodedata

import numpy as np
import pandas as pd

__all__ = ["first_token", "fold_name", "fold_names", "fold_postcodes", "known_birth_dates"]

_TITLES = frozenset("dr prof mr mrs ms miss mme herr frau sr sra ing dipl mag".split())
_LETTERS = str.maketrans(
    {"ø": "o", "đ": "d", "ð": "d", "ł": "l", "ı": "i", "þ": "th", "æ": "a", "œ": "o"}
)
_UMLAUTS = re.compile("ae|oe|ue")
_NO_NAMES = frozenset(
    "na none null unknown unbekannt test kunde customer nobody gast guest".split()
)
_FIRST_BIRTH, _LAST_BIRTH = np.datetime64("1901-01-01"), np.datetime64("2100-01-01")
# A date that a form fills in has far more people than another.
_DEFAULT_TIMES, _DEFAULT_COUNT = 10, 20


def fold_name(name: str) -> str:
    """Write a name in small letters without accents, titles and signs.

    Examples
    --------
    >>> fold_name("Dr. Jürgen-Karl"), fold_name("Juergen Karl"), fold_name("O'Brien")
    ('jurgen karl', 'jurgen karl', 'obrien')
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LETTERS))
    plain = "".join(sign for sign in plain if not unicodedata.combining(sign))
    plain = _UMLAUTS.sub(lambda found: found.group()[0], plain)
    plain = re.sub(r"['’`´]", "", plain)
    words = [word for word in re.split(r"[\W\d_]+", plain) if word and word not in _TITLES]
    folded = " ".join(words)
    return "" if folded in _NO_NAMES else folded


def fold_names(names: pd.Series) -> pd.Series:
    """Fold many names; one that is none is empty text."""
    distinct = names.dropna().unique()
    return names.map({name: fold_name(name) for name in distinct}).astype("str").fillna("")


def first_token(names: pd.Series) -> pd.Series:
    """Give the first word of each folded name."""
    return names.str.replace(" .*", "", regex=True)


def fold_postcodes(postcodes: pd.Series) -> pd.Series:
    """Write postcodes in capitals without blanks and signs; fillers become empty text."""
    folded = postcodes.fillna("").str.upper().str.replace(r"[^A-Z0-9]", "", regex=True)
    is_filler = folded.str.fullmatch(r"0*|9{4,}|X+") | (folded.str.len() < 3)
    return folded.mask(is_filler, "").astype("str")


def known_birth_dates(birth_dates: pd.Series) -> np.ndarray:
    """Give birth dates to the day, without those that a form fills in.

    Parameters
    ----------
    birth_dates : Series of datetime
        Missing where not known.

    Returns
    -------
    array of datetime64[D]
        NaT where missing, before 1901, or where so many people share a day that it must be a
        default: more than ten times the median of all days, and more than 20.
    """
    days = birth_dates.to_numpy("datetime64[D]").copy()
    days[(days < _FIRST_BIRTH) | (days >= _LAST_BIRTH)] = np.datetime64("NaT")
    known, counts = np.unique(days[~np.isnat(days)], return_counts=True)
    if len(known):
        ceiling = max(_DEFAULT_COUNT, _DEFAULT_TIMES * float(np.median(counts)))
        filled = known[counts > ceiling]
        days[np.isin(days, filled)] = np.datetime64("NaT")
    return days
