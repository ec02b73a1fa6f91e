"""Pairs of customer ids: which have something in common, and whether it is one person."""

import duckdb
import numpy as np
import pandas as pd

__all__ = [
    "FIRST_ALIKE",
    "FIRST_UNLIKE",
    "LAST_ALIKE",
    "contradicts",
    "email_pairs",
    "fuzzy_pairs",
    "name_similarity",
    "pairs_within",
    "phone_pairs",
]

FIRST_UNLIKE = 0.85
"""First names below this similarity (Jaro-Winkler) are of two persons."""

FIRST_ALIKE = LAST_ALIKE = 0.90
"""Names from this similarity on may be one name with a slip of the pen."""

# Two spellings that are both names of many people are two names (Maria, Marie), not a slip.
_COMMON_SHARE, _COMMON_COUNT = 1e-5, 3
_MAX_BLOCK = 50
_SHORTEST_SHORT_FORM = 3  # Max for Maximilian


def pairs_within(labels: np.ndarray, max_size: int = _MAX_BLOCK) -> pd.DataFrame:
    """List all pairs of rows that share a label.

    Parameters
    ----------
    labels : array of int, shape (n,)
        Negative where a row has none.
    max_size : int, default 50
        Labels with more rows are passed over.

    Returns
    -------
    DataFrame
        One row per pair: `i` < `j`, positions in `labels`.
    """
    rows = np.flatnonzero(labels >= 0)
    order = rows[np.argsort(labels[rows], kind="stable")]
    found = labels[order]
    sizes = np.bincount(found)[found] if len(found) else found
    order, found = order[sizes <= max_size], found[sizes <= max_size]
    first, second = [], []
    for step in range(1, max_size):
        same = np.flatnonzero(found[step:] == found[:-step])
        if not len(same):
            break
        first.append(order[same])
        second.append(order[same + step])
    return _pairs(np.concatenate([[], *first]), np.concatenate([[], *second]))


def name_similarity(left: pd.Series, right: pd.Series) -> np.ndarray:
    """Jaro-Winkler similarity of names pair by pair; 0 where one is empty.

    Returns
    -------
    array of float, in [0, 1]

    References
    ----------
    .. Winkler, W. E. (1990). String comparator metrics and enhanced decision rules in the
       Fellegi-Sunter model of record linkage.
    """
    names = pd.DataFrame({"a": left.to_numpy(), "b": right.to_numpy()}, dtype="str")
    similarity = (names["a"] == names["b"]).to_numpy().astype(float)
    is_open = ((similarity == 0) & (names["a"] != "") & (names["b"] != "")).to_numpy()
    similarity[(names["a"] == "") | (names["b"] == "")] = 0.0
    if is_open.any():
        # without a folder to spill to: names stay in memory
        with duckdb.connect(":memory:", config={"temp_directory": ""}) as connection:
            connection.register("names", names[is_open])
            found = connection.sql("SELECT jaro_winkler_similarity(a, b) AS similarity FROM names")
            similarity[is_open] = found.fetchnumpy()["similarity"]
    return similarity


def contradicts(contacts: pd.DataFrame, pairs: pd.DataFrame) -> np.ndarray:
    """Whether what is known of two ids cannot be of one person.

    Their birth dates differ by more than a slip (one of year, month, day; or day and month
    exchanged), or their first names are not alike.
    """
    i, j = pairs["i"].to_numpy(), pairs["j"].to_numpy()
    return _dates_contradict(contacts["birth_date"], i, j) | _first_unlike(contacts, i, j)


def email_pairs(contacts: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Pairs with the same e-mail address, and how many more of them contradict each other."""
    pairs = pairs_within(_codes(contacts["email"]))
    refused = contradicts(contacts, pairs)
    return pairs[~refused], int(refused.sum())


def phone_pairs(contacts: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Pairs with the same phone and name, and how many more have the phone but not the name.

    Families share a phone and a last name, so the first name has to agree too; an initial does
    only with the same birth date.
    """
    pairs = pairs_within(_codes(contacts["phone"]))
    i, j = pairs["i"].to_numpy(), pairs["j"].to_numpy()
    births = contacts["birth_date"]
    is_same = _last_fits(contacts, i, j) & _first_same(contacts, i, j)
    is_same |= _is_swapped(contacts, i, j)
    is_same &= ~_dates_contradict(births, i, j)
    return pairs[is_same], int((~is_same).sum())


def fuzzy_pairs(contacts: pd.DataFrame) -> pd.DataFrame:
    """Pairs with names that are alike, and two of birth date, postcode and phone the same.

    At most one of the two names may have a slip, and nothing may contradict. The e-mail address
    is not looked at, so that it can tell afterwards how often the rule is right.
    """
    birth, postcode = _codes(contacts["birth_date"]), _codes(contacts["postcode"])
    phone = _codes(contacts["phone"])
    blocks = [_joint(birth, postcode), _joint(birth, phone), _joint(postcode, phone)]
    pairs = pd.concat([pairs_within(block) for block in blocks]).drop_duplicates(ignore_index=True)
    i, j = pairs["i"].to_numpy(), pairs["j"].to_numpy()
    first_same, last_fits = _first_same(contacts, i, j), _last_fits(contacts, i, j)
    last_alike = _similarity(contacts["last"], i, j, first_same & ~last_fits) >= LAST_ALIKE
    first_alike = _similarity(contacts["first_token"], i, j, last_fits & ~first_same) >= FIRST_ALIKE
    first_alike &= ~_both_common(contacts["first_token"], i, j)
    is_alike = first_same & (last_fits | last_alike) | last_fits & first_alike
    is_alike |= _is_swapped(contacts, i, j)
    is_alike &= ~_dates_contradict(contacts["birth_date"], i, j)
    return pairs[is_alike].sort_values(["i", "j"], ignore_index=True)


def _pairs(first: np.ndarray, second: np.ndarray) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "i": np.minimum(first, second).astype(np.int64),
            "j": np.maximum(first, second).astype(np.int64),
        }
    )


def _codes(values: pd.Series) -> np.ndarray:
    codes, _ = pd.factorize(values.mask(values == "") if values.dtype == "str" else values)
    return codes.astype(np.int64)


def _joint(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """One label for both; negative where one is missing."""
    both = np.where((first < 0) | (second < 0), -1, first * (second.max(initial=0) + 1) + second)
    codes, _ = pd.factorize(both)
    codes[both < 0] = -1
    return codes


def _dates_contradict(births: pd.Series, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    left, right = births.iloc[i], births.iloc[j]
    a = [getattr(left.dt, part).to_numpy() for part in ("year", "month", "day")]
    b = [getattr(right.dt, part).to_numpy() for part in ("year", "month", "day")]
    n_different = sum((x != y).astype(int) for x, y in zip(a, b, strict=True))
    is_exchanged = (a[0] == b[0]) & (a[1] == b[2]) & (a[2] == b[1])
    is_known = left.notna().to_numpy() & right.notna().to_numpy()
    return is_known & (n_different > 1) & ~is_exchanged


def _first_same(contacts: pd.DataFrame, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether first names are the same, or one the initial of the other at one birth date."""
    a, b = _texts(contacts["first_token"], i, j)
    births = contacts["birth_date"].to_numpy()
    is_same = (a == b) & (a != "")
    return is_same | (_is_short_form(a, b, only_initials=True) & (births[i] == births[j]))


def _first_unlike(contacts: pd.DataFrame, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    a, b = _texts(contacts["first_token"], i, j)
    is_open = (a != b) & (a != "") & (b != "") & ~_is_short_form(a, b)
    is_open &= ~_is_swapped(contacts, i, j)
    similarity = _similarity(contacts["first_token"], i, j, is_open)
    return is_open & (similarity < FIRST_UNLIKE)


def _is_short_form(a: np.ndarray, b: np.ndarray, only_initials: bool = False) -> np.ndarray:
    """Whether one of two different names is an initial, or a short form, of the other."""
    lengths = {1} if only_initials else {1, *range(_SHORTEST_SHORT_FORM, 20)}
    found = np.zeros(len(a), dtype=bool)
    for row in np.flatnonzero(a != b):
        short, long = sorted((a[row], b[row]), key=len)
        found[row] = len(short) in lengths and long.startswith(short)
    return found


def _last_fits(contacts: pd.DataFrame, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether last names are the same, or one is a part of the other's double name."""
    a, b = _texts(contacts["last"], i, j)
    fits = (a == b) & (a != "")
    for row in np.flatnonzero(a != b):
        parts, others = set(a[row].split()), set(b[row].split())
        fits[row] = bool(parts and others) and (parts <= others or others <= parts)
    return fits


def _is_swapped(contacts: pd.DataFrame, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    """Whether one has as first name what the other has as last name, and the other way round."""
    first_i, first_j = _texts(contacts["first"], i, j)
    last_i, last_j = _texts(contacts["last"], i, j)
    is_given = (first_i != "") & (last_i != "")
    return is_given & (first_i == last_j) & (last_i == first_j)


def _similarity(names: pd.Series, i: np.ndarray, j: np.ndarray, where: np.ndarray) -> np.ndarray:
    similarity = np.zeros(len(i))
    similarity[where] = name_similarity(names.iloc[i[where]], names.iloc[j[where]])
    return similarity


def _both_common(names: pd.Series, i: np.ndarray, j: np.ndarray) -> np.ndarray:
    counts = names.map(names.value_counts()).to_numpy()
    common = counts >= max(_COMMON_COUNT, _COMMON_SHARE * len(names))
    return common[i] & common[j]


def _texts(values: pd.Series, i: np.ndarray, j: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return values.iloc[i].to_numpy(object), values.iloc[j].to_numpy(object)
