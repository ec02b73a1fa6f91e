"""Mean effect of an action: the plain baseline, with its interval and its bootstrap draws."""

import numpy as np
import pandas as pd

from src.metrics.intervals import Interval
from src.models.uplift_contacts import Contacts, build_contacts

__all__ = ["draw_effects", "estimate_effect", "mean_effect"]

_BLOCK = 1_000_000


def estimate_effect(rows: pd.DataFrame, action: str, seed: int) -> Interval:
    """Mean effect of an action against control, from a frame of contacts.

    Parameters
    ----------
    rows : DataFrame
        One row per contact: `campaign_id`, `customer_id`, `action`, `pscore`, `outcome_value`.
        Only campaigns that tried both the action and control count.
    action : str
    seed : int
        Of the bootstrap over customers, who keep all their contacts.

    Returns
    -------
    Interval
        As from `mean_effect`.
    """
    contacts = build_contacts(rows, (action,), np.zeros((len(rows), 0)))
    return mean_effect(contacts, 0, seed)


def mean_effect(
    contacts: Contacts, action: int, seed: int, n_resamples: int = 1000, level: float = 0.95
) -> Interval:
    r"""Mean effect of an action against control, weighted by how it was drawn (Hájek).

    .. math:: \hat\tau = \frac{\sum_{i: a} h_i y_i / p_i}{\sum_{i: a} h_i / p_i}
              - \frac{\sum_{i: c} h_i y_i / p_i}{\sum_{i: c} h_i / p_i}

    over the campaigns that tried the action, a customer counting by the precision :math:`h_i`: less
    where the toss was nearly decided. If all were tossed alike, all count the same.

    Parameters
    ----------
    contacts : Contacts
    action : int
        Its place in `contacts.actions`.
    seed, n_resamples, level
        Of the percentile bootstrap over customers.

    Returns
    -------
    Interval
        Unit of the outcome; `n` is customers compared.
    """
    sums = _customer_sums(contacts, action)
    sums = sums[(sums[:, 1] > 0) | (sums[:, 3] > 0)]
    n = len(sums)
    rng = np.random.default_rng(seed)
    rows = max(1, _BLOCK // n)
    draws = [
        _difference(sums[rng.integers(0, n, (min(rows, n_resamples - i), n))].sum(axis=1))
        for i in range(0, n_resamples, rows)
    ]
    ends = np.nanquantile(np.concatenate(draws), [0.5 - level / 2, 0.5 + level / 2])
    estimate = float(_difference(sums.sum(axis=0)[None])[0])
    return Interval(estimate, float(ends[0]), float(ends[1]), level, n)


def draw_effects(contacts: Contacts, times: np.ndarray) -> np.ndarray:
    """Mean effect of every action in given resamples of the customers.

    Parameters
    ----------
    contacts : Contacts
    times : array of int, shape (n_draws, n_customers)
        How often each customer is in each resample: the same for all actions.

    Returns
    -------
    array of shape (n_draws, n_actions)
    """
    found = [_difference(times @ _customer_sums(contacts, k)) for k in range(len(contacts.actions))]
    return np.column_stack(found)


def _customer_sums(contacts: Contacts, action: int) -> np.ndarray:
    """Weighted outcome and weight of each customer, treated and control, shape (n, 4)."""
    pair, n = contacts.pair(action), contacts.n_customers
    customer = contacts.customer[pair]
    weight = contacts.weight[pair] * contacts.precision[pair, action]
    outcome, treated = contacts.outcome[pair], contacts.arm[pair] == action + 1
    parts = [
        np.bincount(customer, weight * value * arm, minlength=n)
        for arm in (treated, ~treated)
        for value in (outcome, np.ones(len(outcome)))
    ]
    return np.column_stack(parts)


def _difference(sums: np.ndarray) -> np.ndarray:
    y_t, n_t, y_c, n_c = sums.T.astype(float)
    both = (n_t > 0) & (n_c > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(both, y_t / n_t - y_c / n_c, np.nan)
