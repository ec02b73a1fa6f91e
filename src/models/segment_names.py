"""Names of segments: what sets each apart from the average customer."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from src.models.design import column_words

__all__ = ["name_segments", "name_traits"]

_N_TRAITS = 2
_CLEAR = 0.5
_FREQUENT = ("frequent", "rare")
_SPENDING = ("high-spending", "low-spending")
_BARGAINS = ("bargain-seeking", "discount-shy")
_RANGING = ("wide-ranging", "narrow-ranging")

_TRAITS = {
    "recency_days": ("quiet", "recent"),
    "tenure_days": ("long-known", "newer"),
    "frequency": _FREQUENT,
    "n_orders_30": _FREQUENT,
    "n_orders_90": _FREQUENT,
    "n_orders_365": _FREQUENT,
    "monetary_value": ("big-basket", "small-basket"),
    "spend_30_value": _SPENDING,
    "spend_90_value": _SPENDING,
    "spend_365_value": _SPENDING,
    "spend_prior_90_value": ("formerly high-spending", "formerly low-spending"),
    "items_per_order": ("many-item", "few-item"),
    "gap_mean_days": ("slow-paced", "quick-paced"),
    "gap_std_days": ("irregular", "regular"),
    "overdue_ratio": ("overdue", "punctual"),
    "discount_share": _BARGAINS,
    "discounted_lines_share": _BARGAINS,
    "private_brand_share": ("own-brand", "national-brand"),
    "weekend_share": ("weekend", "weekday"),
    "evening_share": ("evening", "daytime"),
    "n_stores": ("many-store", "few-store"),
    "n_departments": _RANGING,
    "department_entropy": _RANGING,
    "top_department_share": ("one-department", "many-department"),
    "n_redemptions_365": ("coupon-redeeming", "coupon-ignoring"),
    "n_exposures_365": ("much-addressed", "little-addressed"),
}
"""Word for more, and word for less, than the average customer."""


def name_traits(centre: pd.Series, n_traits: int) -> str:
    """Name one centre by what sets it apart most from the average customer.

    Parameters
    ----------
    centre : pandas.Series
        By column, standard deviations from the average customer.
    n_traits : int
        Traits used: those of at least half a standard deviation, at most so many. From the
        third on, a fainter one is used too.

    Examples
    --------
    >>> name_traits(pd.Series({"n_orders_90": 1.2, "monetary_value": 0.8}), 2)
    'frequent big-basket buyers'
    >>> name_traits(pd.Series({"n_orders_90": 0.1, "monetary_value": -0.1}), 2)
    'typical buyers'
    """
    strength = centre.abs().sort_values(ascending=False, kind="stable")
    chosen = [
        name
        for position, name in enumerate(strength.index[:n_traits])
        if strength[name] >= _CLEAR or position >= _N_TRAITS
    ]
    words = [_trait(name, centre[name] > 0) for name in centre.index if name in chosen]
    return " ".join([*dict.fromkeys(words or ["typical"]), "buyers"])


def _trait(column: str, is_more: bool) -> str:
    if column in _TRAITS:
        return _TRAITS[column][0 if is_more else 1]
    return f"{'high' if is_more else 'low'} {column_words(column)}"


def name_segments(centres: pd.DataFrame) -> list[str]:
    """Name all segments, each differently.

    Two traits each; segments that would share a name get a further trait, and at last a number.

    Parameters
    ----------
    centres : pandas.DataFrame
        One row per segment, one column per feature, in standard deviations from the average.
    """
    names = [name_traits(centre, _N_TRAITS) for _, centre in centres.iterrows()]
    for n_traits in range(_N_TRAITS + 1, centres.shape[1] + 1):
        shared = _shared(names)
        names = [
            name_traits(centre, n_traits) if is_shared else name
            for name, is_shared, (_, centre) in zip(names, shared, centres.iterrows(), strict=True)
        ]
    return _numbered(names)


def _shared(names: Sequence[str]) -> np.ndarray:
    return pd.Series(names, dtype=object).duplicated(keep=False).to_numpy()


def _numbered(names: list[str]) -> list[str]:
    numbers = pd.Series(names, dtype=object).groupby(names).cumcount().to_numpy()
    return [
        f"{name} ({number + 1})" if is_shared else name
        for name, number, is_shared in zip(names, numbers, _shared(names), strict=True)
    ]
