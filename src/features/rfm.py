"""Recency, frequency and monetary value of customers, and their scores from 1 to 5."""

import functools

import ibis
from ibis.expr.types import IntegerColumn, Table, Value

from src.features.windows import value_of

__all__ = ["N_BINS", "add_rfm_scores", "rfm_metrics"]

N_BINS = 5


def rfm_metrics(baskets: Table) -> dict[str, Value]:
    """Describe customers by how lately, how often and for how much they bought.

    Parameters
    ----------
    baskets : ibis.Table
        From `build_baskets`.

    Returns
    -------
    dict of str to ibis.Value
        To aggregate by customer: `recency_days` (since the last order, low is good), `frequency`
        (orders, first included), `monetary_value` (mean order value, shop currency),
        `tenure_days` (since the first order), `items_per_order` (mean lines), `n_stores`.
    """
    n_orders = baskets.count()
    return {
        "recency_days": baskets.days_ago.min(),
        "frequency": n_orders,
        "monetary_value": value_of(baskets.value_minor.sum(), n_orders),
        "tenure_days": baskets.days_ago.max(),
        "items_per_order": baskets.n_lines.sum() / n_orders,
        "n_stores": baskets.store_id.nunique(),
    }


def add_rfm_scores(rfm: Table, n_bins: int = N_BINS) -> Table:
    r"""Add `r_score`, `f_score` and `m_score`, 5 is best.

    .. math:: s_i = 1 + \lfloor k \cdot \#\{j : x_j \text{ worse than } x_i\} / n \rfloor

    with :math:`k` bins over :math:`n` customers: the share of customers strictly worse, cut
    into `k` equal parts. Equal values share a bin, so bins may differ in size or stay empty;
    where all are equal, all score 1. Worse means less, for recency more days.

    Parameters
    ----------
    rfm : ibis.Table
        One row per customer with `recency_days`, `frequency` and `monetary_value`.
    n_bins : int, default 5
        Number of bins :math:`k`.
    """
    bins = functools.partial(_score, n_customers=rfm.count().over(), n_bins=n_bins)
    return rfm.mutate(
        r_score=bins(-rfm.recency_days),
        f_score=bins(rfm.frequency),
        m_score=bins(rfm.monetary_value),
    )


def _score(values: ibis.Value, n_customers: ibis.Value, n_bins: int) -> IntegerColumn:
    n_worse = ibis.rank().over(order_by=values)  # from 0; ties get the lowest rank
    return 1 + (n_bins * n_worse) // n_customers
