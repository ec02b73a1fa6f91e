"""Rules and value: whom a marketer would write to first, before anything is learnt."""

import numpy as np
import pandas as pd

__all__ = ["is_first_in_line", "is_late_regular"]


def is_late_regular(profiles: pd.DataFrame, customer_ids: pd.Series) -> np.ndarray:
    """Apply the marketer's rule: buys often (`f_score` at least 4) but is late (`r_score` to 3).

    Parameters
    ----------
    profiles : DataFrame
        One row per customer: `customer_id`, `r_score`, `f_score`.
    customer_ids : Series of str
        Whom to judge.

    Returns
    -------
    array of bool, in the order of `customer_ids`
    """
    scores = profiles.set_index("customer_id")[["r_score", "f_score"]].loc[customer_ids]
    return (scores["f_score"].ge(4) & scores["r_score"].le(3)).to_numpy(dtype=bool)


def is_first_in_line(
    profiles: pd.DataFrame, values: pd.DataFrame, customer_ids: pd.Series
) -> np.ndarray:
    """Say who comes first while nothing is learnt: late regulars, and the third of most value.

    Parameters
    ----------
    profiles, customer_ids
        As for `is_late_regular`.
    values : DataFrame
        One row per customer: `customer_id`, `clv`.

    Returns
    -------
    array of bool, in the order of `customer_ids`
    """
    value = customer_ids.map(values.set_index("customer_id")["clv"])
    is_valuable = value.rank(method="first", pct=True).gt(2 / 3).to_numpy(dtype=bool)
    return is_late_regular(profiles, customer_ids) | is_valuable
