"""What is odd in a source's rows: fillers, sentinels, columns that know too much."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata

__all__ = [
    "GUEST_WORDS",
    "LEAK_AUC",
    "OUTCOME_NAMES",
    "Oddity",
    "as_numbers",
    "find_crowd",
    "find_guest_words",
    "find_leaks",
    "find_missing_words",
    "find_outcome",
    "find_sentinels",
    "outcome_aucs",
]

LEAK_AUC = 0.80
"""A column that ranks the outcome this well by itself is likely to have been known only after."""

OUTCOME_NAMES = frozenset(
    "y outcome target label response responded converted conversion churn churned bought "
    "purchased subscribed deposit clicked".split()
)

_MISSING_WORDS = frozenset(
    "unknown,unbekannt,n/a,#n/a,na,n.a.,nan,none,null,nil,missing,undefined,not available,"
    "not given,tbd,-,--,?,??,.,sans,inconnu,desconocido,未知,无,不详".split(",")
)

GUEST_WORDS = frozenset(
    "guest,guest checkout,anonymous,anonym,walk-in,walk in,cash,cash customer,gast,"
    "gastbestellung,laufkunde,barverkauf,invité,invite,anonyme,invitado,anónimo,游客,匿名".split(
        ","
    )
)
"""What shops write in the place of a customer whom they do not know."""

_CROWD_SHARE, _CROWD_TIMES, _CROWD_ROWS = 0.01, 5, 10
_MIN_SENTINEL_SHARE = 0.01
_MIN_OTHERS = 3  # distinct values beside a sentinel
_NEGATIVE_SENTINELS = (-1, -9, -99, -999, -9999)
_MAX_LEVELS = 50  # of a text column whose levels are ranked by their outcome
_READABLE_SHARE = 0.95


@dataclass(frozen=True)
class Oddity:
    """Something odd in one column.

    Parameters
    ----------
    column : str
        Name in the source.
    value : str
        What was found.
    n : int
        In so many rows.
    """

    column: str
    value: str
    n: int


def find_missing_words(rows: pd.DataFrame, known: list[str]) -> list[Oddity]:
    """Texts that look like missing and are not in `known`, the source's list of such texts."""
    words = _MISSING_WORDS - {word.strip().casefold() for word in known}
    found = []
    for column in rows.columns:
        if rows[column].dtype != "str":
            continue
        counts = rows[column].value_counts()
        is_word = pd.Series(counts.index, dtype="str").str.strip().str.casefold().isin(words)
        for value, n in counts[is_word.to_numpy()].items():
            found.append(Oddity(column, str(value), int(n)))
    return found


def find_sentinels(rows: pd.DataFrame, numbers: str, known: list[str]) -> list[Oddity]:
    """Numbers that are likely to mean something else, such as 999 for never.

    A single value at the end of a column of numbers, in at least one row of a hundred, further
    from its neighbour than all others are from each other; or the only negative value, where it
    is one of -1, -9, -99, -999, -9999.
    """
    found = []
    for column in rows.columns:
        values = as_numbers(rows[column], numbers)
        if values is None:
            continue
        counts = values.value_counts().sort_index()
        for value, n in _sentinels(counts):
            if f"{value:g}" not in known:
                found.append(Oddity(column, f"{value:g}", n))
    return found


def find_guest_words(customers: pd.Series) -> list[str]:
    """Words among customer ids that stand for guests, as they are written."""
    values = customers.dropna().astype("str").str.strip()
    return sorted(set(values[values.str.casefold().isin(GUEST_WORDS)]))


def find_crowd(customers: pd.Series, known: list[str]) -> Oddity | None:
    """Find a customer id that is likely to stand for many people, such as guests.

    A word for guests; or the commonest id, in at least one row of a hundred and ten rows, where
    it is five times as common as the next.
    """
    words = {word.strip().casefold() for word in known}
    counts = customers.dropna().astype("str").str.strip().value_counts()
    counts = counts[~counts.index.str.casefold().isin(words)]
    is_guest = counts.index.str.casefold().isin(GUEST_WORDS)
    for value, n in counts[is_guest].items():
        return Oddity(str(customers.name), str(value), int(n))
    if len(counts) < 2 or counts.iloc[0] < max(_CROWD_ROWS, _CROWD_SHARE * len(customers)):
        return None
    if counts.iloc[0] < _CROWD_TIMES * counts.iloc[1]:
        return None
    return Oddity(str(customers.name), str(counts.index[0]), int(counts.iloc[0]))


def _sentinels(counts: pd.Series) -> list[tuple[float, int]]:
    levels, sizes = counts.index.to_numpy(), counts.to_numpy()
    if len(levels) <= _MIN_OTHERS:
        return []
    enough = _MIN_SENTINEL_SHARE * sizes.sum()
    found = []
    for at, others, gap in (
        (-1, levels[:-1], levels[-1] - levels[-2]),
        (0, levels[1:], levels[1] - levels[0]),
    ):
        is_far = gap > others[-1] - others[0]
        is_only_negative = levels[at] in _NEGATIVE_SENTINELS and others[0] >= 0
        if sizes[at] >= enough and (is_far or is_only_negative):
            found.append((float(levels[at]), int(sizes[at])))
    return found


def find_outcome(rows: pd.DataFrame) -> str | None:
    """Name of the column that looks like an outcome: two values, and a telling name."""
    for column in reversed(rows.columns):
        if column.strip().casefold() in OUTCOME_NAMES and rows[column].nunique() == 2:
            return column
    return None


def find_leaks(rows: pd.DataFrame, outcome: str, numbers: str) -> dict[str, float]:
    """Columns that rank the outcome too well by themselves, and their AUC."""
    aucs = outcome_aucs(rows, outcome, numbers)
    return {column: auc for column, auc in aucs.items() if auc >= LEAK_AUC}


def outcome_aucs(rows: pd.DataFrame, outcome: str, numbers: str) -> dict[str, float]:
    """Area under the ROC curve of every column as a score of the outcome, best way round.

    Numbers are ranked as they are, texts of at most 50 levels by the share of the outcome in
    each level; other columns are left out.

    Parameters
    ----------
    rows : DataFrame
        As the source has them.
    outcome : str
        A column of two values.
    numbers : {"point", "comma"}
        Decimal sign of numbers written as text.

    Returns
    -------
    dict of str to float
        From .5 (knows nothing) to 1.

    References
    ----------
    .. Mann, H. B. and Whitney, D. R. (1947). On a test of whether one of two random variables
       is stochastically larger than the other.
    """
    known = rows[rows[outcome].notna()]
    is_yes = (known[outcome] == sorted(known[outcome].unique(), key=str)[-1]).to_numpy()
    aucs = {}
    for column in known.columns.drop(outcome):
        score = _score(known[column], is_yes, numbers)
        if score is not None:
            aucs[column] = _auc(score, is_yes)
    return aucs


def _score(values: pd.Series, is_yes: np.ndarray, numbers: str) -> np.ndarray | None:
    found = as_numbers(values, numbers)
    if found is not None:
        return found.fillna(found.min() - 1).to_numpy()
    levels = values.astype("str").fillna("")
    if levels.nunique() > _MAX_LEVELS:
        return None
    return levels.map(pd.Series(is_yes).groupby(levels.to_numpy()).mean()).to_numpy(float)


def _auc(score: np.ndarray, is_yes: np.ndarray) -> float:
    n_yes, n_no = int(is_yes.sum()), int((~is_yes).sum())
    if not n_yes or not n_no:
        return 0.5
    auc = (rankdata(score)[is_yes].sum() - n_yes * (n_yes + 1) / 2) / (n_yes * n_no)
    return float(max(auc, 1 - auc))


def as_numbers(values: pd.Series, numbers: str) -> pd.Series | None:
    """Column as numbers, if nearly all that it holds are some."""
    if pd.api.types.is_bool_dtype(values.dtype):
        return values.astype(float)
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype(float)
    if values.dtype != "str":
        return None
    texts = values.str.strip()
    if numbers == "comma":
        texts = texts.str.replace(".", "", regex=False).str.replace(",", ".", regex=False)
    else:
        texts = texts.str.replace(",", "", regex=False)
    found = pd.to_numeric(texts, errors="coerce")
    n_given = int(values.notna().sum())
    return found if n_given and found.notna().sum() >= _READABLE_SHARE * n_given else None
