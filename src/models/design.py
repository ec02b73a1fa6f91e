"""Profiles as a feature matrix: which columns, on what scale, and what is missing."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.features.families import BUILT_IN

__all__ = [
    "DEMOGRAPHICS",
    "LOGGED",
    "Design",
    "column_words",
    "fit_design",
    "log_scaled",
    "purchase_columns",
]

DEMOGRAPHICS = (
    "age_band",
    "income_band",
    "home_ownership",
    "marital_status",
    "household_size",
    "household_composition",
    "kids_band",
)
"""Columns used as categories."""

LOGGED = frozenset(
    {
        "recency_days",
        "frequency",
        "monetary_value",
        "tenure_days",
        "n_orders_30",
        "n_orders_90",
        "n_orders_365",
        "spend_30_value",
        "spend_90_value",
        "spend_365_value",
        "spend_prior_90_value",
        "items_per_order",
        "gap_mean_days",
        "gap_std_days",
        "overdue_ratio",
        "n_stores",
        "n_departments",
        "n_redemptions_365",
        "n_exposures_365",
    }
)
"""Counts, days and values: their logarithm is used, for a second order says more than a 52nd."""

_ANY_LENGTH = (
    "recency_days",
    "monetary_value",
    "items_per_order",
    "gap_mean_days",
    "gap_std_days",
    "overdue_ratio",
    "discount_share",
    "discounted_lines_share",
    "private_brand_share",
    "weekend_share",
    "evening_share",
    "top_department_share",
    "department_entropy",
)

_WINDOWS = {
    "n_orders_30": 30,
    "spend_30_value": 30,
    "n_orders_90": 90,
    "spend_90_value": 90,
    "spend_prior_90_value": 180,
    "n_orders_365": 365,
    "spend_365_value": 365,
    "n_redemptions_365": 365,
    "n_exposures_365": 365,
}

_WORDS = {
    "discount_share": "share of the price cut off by discounts",
    "gap_std_days": "spread of the gaps between days with an order",
    "overdue_ratio": "days since the last order over the mean gap",
    "top_department_share": "share of spend in the top department",
}


def purchase_columns(history_days: int) -> tuple[str, ...]:
    """Profile columns that mean the same at every snapshot.

    A count over a year, taken when the shop's history is half a year old, is a count over half
    a year: a model learnt on it would misread the same column later. So a window is used only
    where the earliest snapshot fills it, and what grows with the length of the history
    (`frequency`, `tenure_days`, `n_stores`, `n_departments`) is not used at all.

    Parameters
    ----------
    history_days : int
        Days of history at the earliest snapshot.

    Examples
    --------
    >>> sorted(set(purchase_columns(200)) - set(purchase_columns(100)))
    ['spend_prior_90_value']
    """
    filled = tuple(name for name, days in _WINDOWS.items() if days <= history_days)
    return filled + _ANY_LENGTH


def log_scaled(profiles: pd.DataFrame, columns: tuple[str, ...]) -> pd.DataFrame:
    """Columns as floats, with `LOGGED` ones as the logarithm of one more; gaps stay NaN."""
    scaled = profiles.loc[:, list(columns)].astype("float64")
    logged = [name for name in columns if name in LOGGED]
    scaled[logged] = np.log1p(scaled[logged])
    return scaled


@dataclass(frozen=True)
class Design:
    """Which columns of `profiles` become which features.

    Parameters
    ----------
    columns : tuple of str
        Numeric columns, log-scaled where they are in `LOGGED`.
    levels : tuple of (str, str)
        Column and level that get a feature of 0 or 1. An unknown level has none, and counts as
        all others together.
    """

    columns: tuple[str, ...]
    levels: tuple[tuple[str, str], ...] = ()

    @property
    def names(self) -> list[str]:
        """Names of the features, in order."""
        return [*self.columns, *(f"{column} = {level}" for column, level in self.levels)]

    @property
    def sources(self) -> list[str]:
        """Column that each feature comes from, in order."""
        return [*self.columns, *(column for column, _ in self.levels)]

    def transform(self, profiles: pd.DataFrame) -> np.ndarray:
        """Feature matrix of shape (n_customers, n_features); NaN where a number is missing."""
        numbers = log_scaled(profiles, self.columns).to_numpy()
        return np.column_stack([numbers, *_level_flags(profiles, self.levels)])


def _level_flags(profiles: pd.DataFrame, levels: tuple[tuple[str, str], ...]) -> list[np.ndarray]:
    """Say 1.0 for each customer who has a level; each column is read once."""
    coded = {column: pd.factorize(profiles[column]) for column, _ in levels}
    flags = []
    for column, level in levels:
        codes, found = coded[column]
        places = np.flatnonzero(np.asarray(found, dtype=object) == level)
        flags.append((codes == (places[0] if len(places) else -2)).astype("float64"))
    return flags


def fit_design(
    profiles: pd.DataFrame,
    columns: tuple[str, ...],
    min_customers: int = 20,
    categories: tuple[str, ...] = DEMOGRAPHICS,
) -> Design:
    """Choose the features that can tell customers apart.

    Parameters
    ----------
    profiles : pandas.DataFrame
        One row per customer that is fitted on.
    columns : tuple of str
        Numeric columns allowed; those with fewer than two values are dropped.
    min_customers : int, default 20
        A level needs so many customers that have it, and as many that do not.
    categories : tuple of str
        Columns of texts whose levels may become features.

    Returns
    -------
    Design
        Without any feature where no column differs between customers.
    """
    varied = tuple(name for name in columns if profiles[name].nunique() > 1)
    levels = []
    for column in categories:
        counts = profiles[column].value_counts()
        kept = (counts >= min_customers) & (counts <= len(profiles) - min_customers)
        levels += [(column, str(level)) for level in sorted(counts.index[kept])]
    return Design(varied, tuple(levels))


def column_words(feature: str) -> str:
    """Say a feature in the words of the feature catalogue.

    Examples
    --------
    >>> column_words("n_orders_30")
    'orders in the last 30 days'
    """
    column, _, level = feature.partition(" = ")
    if level:
        return f"{column.replace('_', ' ')}: {level}"
    meanings = {known.name: known.meaning for known in BUILT_IN.features}
    words = (meanings | _WORDS).get(column, column.replace("_", " ")).rstrip(".")
    return words[0].lower() + words[1:]
