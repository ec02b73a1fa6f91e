"""What a campaign truly earned: the orders there were, against those there would have been."""

import numpy as np

from src.decide.catalogue import Campaign
from src.metrics.profit import profit_minor
from src.rehearsal.answers import Answers
from src.rehearsal.baseline import Orders
from src.rehearsal.law import Moment, offer_minor

__all__ = ["earned_value", "true_gains"]


def earned_value(
    orders: Orders,
    redeemed: np.ndarray,
    arm: np.ndarray,
    campaign: Campaign,
    moment: Moment,
    first_second: int,
) -> np.ndarray:
    """Margin net of offers that each customer brought in the window, shop currency.

    Parameters
    ----------
    orders : Orders
        All that were made.
    redeemed : array of int
        Numbers of the orders on which the campaign's offer was taken.
    arm : array of int, shape (n_customers,)
        Place of each customer's arm, control 0.
    campaign : Campaign
        Margin and offers.
    moment : Moment
        Its end closes the window.
    first_second : int
        Opens the window.
    """
    n = len(arm)
    is_back = (orders.returned_at >= 0) & (orders.returned_at < moment.ends_at)
    inside = (orders.at >= first_second) & (orders.at < moment.ends_at) & ~is_back
    kept = orders.take(np.flatnonzero(inside))
    revenue = np.bincount(kept.customer, kept.paid_minor, n).astype(np.int64)
    taken = kept.take(np.flatnonzero(np.isin(kept.order_id, redeemed)))
    off = np.zeros(len(taken), dtype=np.int64)
    for place, action in enumerate(campaign.actions.values(), start=1):
        own = arm[taken.customer] == place
        off[own] = offer_minor(action, taken.paid_minor[own])
    discount = np.bincount(taken.customer, off, n).astype(np.int64)
    return profit_minor(revenue, discount, campaign.margin_share) / 100.0


def true_gains(
    before: Orders,
    after: Orders,
    answers: Answers,
    arm: np.ndarray,
    campaign: Campaign,
    moment: Moment,
    first_second: int,
) -> np.ndarray:
    """Give what its arm changed for each customer in the window, message costs included.

    The orders that would have been without the campaign are known one by one, so this is no
    estimate.

    Parameters
    ----------
    before, after : Orders
        All orders without the campaign, and with it.
    answers : Answers
        What it changed.
    arm : array of int
        As drawn; -1 and 0 cost nothing.
    campaign, moment, first_second
        As for `earned_value`.
    """
    redeemed = np.r_[answers.added.order_id, answers.paid["order_id"].to_numpy(dtype=np.int64)]
    place = np.maximum(arm, 0)
    with_it = earned_value(after, redeemed, place, campaign, moment, first_second)
    without = earned_value(before, redeemed[:0], place, campaign, moment, first_second)
    costs = np.array([0.0, *(action.cost_value for action in campaign.actions.values())])
    left = answers.readers["left_at"].ge(0) & answers.readers["left_at"].lt(moment.ends_at)
    lost = np.zeros(len(arm))
    who = answers.readers.loc[left, "customer"].to_numpy(dtype=int)
    lost[who] = moment.value_lost[who]
    return with_it - without - costs[place] - lost
