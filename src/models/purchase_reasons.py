"""Why a customer got the score: the columns that moved it most, in words."""

import numpy as np
import pandas as pd

from src.models.design import column_words
from src.models.purchase_candidates import Candidate

__all__ = ["NO_REASON", "driver_values", "driver_words", "explain_scores", "value_words"]

NO_REASON = "the same rate for everybody"
"""Reason where nothing tells customers apart."""

_AVERAGE = "like the average customer"
_FLOOR = 1e-9


def explain_scores(candidate: Candidate, profiles: pd.DataFrame) -> pd.Series:
    """Name the two columns that moved each customer's probability most.

    Parameters
    ----------
    candidate : Candidate
        That scores, fitted.
    profiles : pandas.DataFrame
        One row per customer.

    Returns
    -------
    pandas.Series of n texts
        Such as ``raised by orders in the last 30 days (6), lowered by mean order value (3.10)``:
        against the average of the customers learnt from, the stronger first. What moves a score
        is not what makes a person buy.
    """
    added = candidate.contributions(profiles)
    if added.shape[1] == 0:
        return pd.Series(NO_REASON, index=profiles.index, dtype="str")
    effects = added.to_numpy()
    ranked = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :2]
    strength = np.take_along_axis(effects, ranked, axis=1)
    parts = [
        _name_drivers(profiles, added.columns, ranked[:, place]) for place in range(ranked.shape[1])
    ]
    words = [
        _sentence(effect, drivers)
        for effect, drivers in zip(strength, zip(*parts, strict=True), strict=True)
    ]
    return pd.Series(words, index=profiles.index, dtype="str")


def _name_drivers(profiles: pd.DataFrame, columns: pd.Index, chosen: np.ndarray) -> np.ndarray:
    """Words and value of the chosen column of each row."""
    named = np.empty(len(profiles), dtype=object)
    for place in np.unique(chosen):
        rows = np.flatnonzero(chosen == place)
        column = columns[place]
        values = value_words(driver_values(profiles.iloc[rows], column), column)
        words = driver_words(column)
        named[rows] = [f"{words} ({value})" for value in values]
    return named


def _sentence(effects: np.ndarray, drivers: tuple[str, ...]) -> str:
    told = [
        ("raised" if effect > 0 else "lowered", driver)
        for effect, driver in zip(effects, drivers, strict=True)
        if abs(effect) > _FLOOR
    ]
    if not told:
        return _AVERAGE
    if len(told) == 2 and told[0][0] == told[1][0]:
        return f"{told[0][0]} by {told[0][1]} and {told[1][1]}"
    return ", ".join(f"{way} by {driver}" for way, driver in told)


def driver_words(column: str) -> str:
    """Say a column that contributes, in the words of the feature catalogue."""
    return "recency score plus frequency score" if column == "rf_score" else column_words(column)


def driver_values(profiles: pd.DataFrame, column: str) -> pd.Series:
    """Give the values of a column that contributes; the sum of scores is made from its parts."""
    if column == "rf_score":
        return profiles["r_score"] + profiles["f_score"]
    return profiles[column]


def value_words(values: pd.Series, column: str) -> np.ndarray:
    """Write values for reading: shares in percent, large numbers without decimals.

    Examples
    --------
    >>> value_words(pd.Series([0.256, None]), "discount_share").tolist()
    ['26 %', 'unknown']
    >>> value_words(pd.Series([1234.5, 3.14159, 7.0]), "monetary_value").tolist()
    ['1,234', '3.1', '7']
    """
    codes, levels = pd.factorize(values)
    words = [_one_value(value, column) for value in levels]
    return np.array([*words, "unknown"], dtype=object)[codes]


def _one_value(value: object, column: str) -> str:
    if not isinstance(value, int | float | np.number):
        return str(value)
    if column.endswith("_share"):
        return f"{100 * value:.0f} %"
    if abs(value) >= 100 or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2f}"
