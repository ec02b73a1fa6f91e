"""Profit of one customer: margin, minus the discount given, minus the message's cost."""

import numpy as np

__all__ = ["profit_minor"]


def profit_minor(
    revenue_minor: np.ndarray, discount_minor: np.ndarray, margin_share: float
) -> np.ndarray:
    r"""Margin minus discount in integer cents, before the cost of the message.

    .. math:: \pi = \operatorname{round}(m (R + D)) - D

    The shop receives :math:`R`, which is after its own discounts; the campaign's discount
    :math:`D` is added back before the margin is taken, because the goods cost the same, and then
    paid in full.

    Parameters
    ----------
    revenue_minor : array of int
        What the shop received, cents.
    discount_minor : array of int
        Of that, what the campaign's offers had taken off, cents.
    margin_share : float, in [0, 1]
        Margin as a share of the undiscounted price.

    Returns
    -------
    array of int
        Cents; more is better.

    Examples
    --------
    Goods of 100.00 sold for 90.00 by the campaign's offer, a quarter of the price is margin:

    >>> profit_minor(np.array([9000]), np.array([1000]), 0.25).tolist()
    [1500]
    """
    margin = np.rint(margin_share * (revenue_minor + discount_minor)).astype(np.int64)
    return margin - discount_minor
