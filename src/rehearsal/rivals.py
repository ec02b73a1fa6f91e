"""What others would make of a campaign's budget: the oracle, nobody, everybody, chance, RFM."""

import numpy as np
import pandas as pd

from src.decide.rules import is_late_regular

__all__ = ["rival_profits"]


def rival_profits(
    effects: np.ndarray, n_messages: int, profiles: pd.DataFrame, values: pd.Series
) -> dict[str, float]:
    """Give the expected profit of other ways to choose, each with as many messages.

    Parameters
    ----------
    effects : array of shape (n_customers, n_arms)
        True expected profit of each arm for the customers of the experiment, control 0 first.
    n_messages : int
        The budget.
    profiles : DataFrame
        `customer_id`, `r_score`, `f_score`, `m_score` of the same customers, in that order.
    values : Series of float
        Expected value of the same customers, for the order within a group.

    Returns
    -------
    dict of str to float
        `oracle`: knows every customer's effect and picks those of most profit. `nobody`: 0.
        `everybody`: the best one action for whoever comes, as far as the budget reaches. `random`:
        customers and actions by chance. `rfm`: late regulars first, then by RFM scores and
        value, with the action that is best for them on average.
    """
    n = len(effects)
    n_messages = min(n_messages, n)
    best = np.sort(effects.max(axis=1))[::-1][:n_messages]
    share = n_messages / n if n else 0.0
    actions = effects[:, 1:]
    order = _rfm_order(profiles, values)[:n_messages]
    return {
        "oracle": float(best.clip(min=0).sum()),
        "nobody": 0.0,
        "everybody": float(share * actions.sum(axis=0).max()) if n else 0.0,
        "random": float(share * actions.mean(axis=1).sum()) if n else 0.0,
        "rfm": float(actions[order].sum(axis=0).max()) if len(order) else 0.0,
    }


def _rfm_order(profiles: pd.DataFrame, values: pd.Series) -> np.ndarray:
    late = is_late_regular(profiles, profiles["customer_id"])
    score = profiles[["r_score", "f_score", "m_score"]].sum(axis=1).to_numpy(dtype=float)
    return np.lexsort((-values.to_numpy(dtype=float), -score, ~late))
