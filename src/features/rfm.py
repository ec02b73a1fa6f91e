"""Recency, frequency and monetary value of customers, and their scores from 1 to 5."""

import functools

import ibis
from ibis.expr.types import IntegerColumn

from src.data.columns import count, value
from src.features.catalogue import PEERS, Feature
from src.features.windows import value_of

__all__ = ["FEATURES", "N_BINS", "score"]

N_BINS = 5


def score(values: ibis.Value, n_bins: int = N_BINS) -> IntegerColumn:
    r"""Score customers against each other, the highest value best.

    .. math:: s_i = 1 + \lfloor k \cdot \#\{j : x_j < x_i\} / n \rfloor

    with :math:`k` bins over :math:`n` customers: the share of customers strictly worse, cut
    into `k` equal parts. Equal values share a bin, so bins may differ in size or stay empty;
    where all are equal, all score 1.

    Parameters
    ----------
    values : ibis.Value
        Column of one value per customer, none missing.
    n_bins : int, default 5
        Number of bins :math:`k`.
    """
    n_worse = ibis.rank().over(order_by=values)  # from 0; ties get the lowest rank
    return 1 + (n_bins * n_worse) // values.count().over()


_rfm = functools.partial(Feature.of, family="rfm")

FEATURES = (
    _rfm(
        count("recency_days", "Days since the last order.", "days"),
        relation="baskets",
        build=lambda baskets: baskets.days_ago.min(),
    ),
    _rfm(
        count("frequency", "Orders so far, the first included.", "orders"),
        relation="baskets",
        build=lambda baskets: baskets.count(),
    ),
    _rfm(
        value("monetary_value", "Mean order value."),
        relation="baskets",
        build=lambda baskets: value_of(baskets.value_minor.sum(), baskets.count()),
    ),
    _rfm(
        count("tenure_days", "Days since the first order.", "days"),
        relation="baskets",
        build=lambda baskets: baskets.days_ago.max(),
    ),
    _rfm(
        count("r_score", "Recency score, 5 is best.", "1-5"),
        relation=PEERS,
        build=lambda peers: score(-peers.recency_days),
        uses=("recency_days",),
    ),
    _rfm(
        count("f_score", "Frequency score, 5 is best.", "1-5"),
        relation=PEERS,
        build=lambda peers: score(peers.frequency),
        uses=("frequency",),
    ),
    _rfm(
        count("m_score", "Monetary score, 5 is best.", "1-5"),
        relation=PEERS,
        build=lambda peers: score(peers.monetary_value),
        uses=("monetary_value",),
    ),
)
