"""The law by which customers answer a message, and what it means for the profit of each."""

from dataclasses import dataclass

import numpy as np

from src.decide.catalogue import Action, Campaign
from src.rehearsal.baseline import DAY_SECONDS, ORDER_SPREAD, RETURN_DAYS, season_factor
from src.rehearsal.customers import DOG, HUNTER, REGULAR, Customers
from src.rehearsal.world import World

__all__ = [
    "Moment",
    "expected_effects",
    "least_full_minor",
    "offer_minor",
    "p_drop",
    "p_leave",
    "p_more",
    "price_with_offer",
]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_HOUR_REACH = 4.0


@dataclass(frozen=True)
class Moment:
    """What is so when a campaign is sent, customer by customer.

    Parameters
    ----------
    sent_at, ends_at : int
        When messages go out, and when the window is over: seconds since the beginning of the
        history.
    n_recent : array of int
        Messages of the last `fatigue_days`.
    value_lost : array of float
        What the shop reckons to lose with a permission, shop currency.
    may_be_written : array of bool
        Living address, standing permission: who gets what they drew.
    """

    sent_at: int
    ends_at: int
    n_recent: np.ndarray
    value_lost: np.ndarray
    may_be_written: np.ndarray


def offer_minor(action: Action, paid_minor: np.ndarray) -> np.ndarray:
    """Give what an offer takes off an order of which so much was paid, as 08 reckons it."""
    share = np.floor(paid_minor * action.discount_share + 0.5)  # half a cent up, as there
    if action.discount_ceiling_value is not None:
        share = np.minimum(share, round(100 * action.discount_ceiling_value))
    discount = np.minimum(share + round(100 * action.discount_value), paid_minor)
    return np.where(paid_minor >= round(100 * action.minimum_basket_value), discount, 0).astype(
        np.int64
    )


def price_with_offer(action: Action, full_minor: np.ndarray) -> np.ndarray:
    """Give what is paid for goods of a full price: it and the offer on it make up the price."""
    paid = np.rint(full_minor / (1 + action.discount_share)).astype(np.int64)
    if action.discount_ceiling_value is not None:
        paid = np.maximum(paid, full_minor - round(100 * action.discount_ceiling_value))
    paid = paid - round(100 * action.discount_value)
    return np.where(paid >= round(100 * action.minimum_basket_value), paid, full_minor)


def least_full_minor(action: Action) -> int:
    """Give the full price at which an order that a letter brings reaches the offer's minimum."""
    return max(round(100 * (action.minimum_basket_value + action.discount_value)), 100)


def p_more(world: World, customers: Customers, moment: Moment, action: str) -> np.ndarray:
    """Probability that a message that is seen brings one more order."""
    q = np.minimum(1.0, world.extra_orders(action) * _strength(world, customers, moment))
    return q * (customers.kind == HUNTER)


def p_drop(world: World, customers: Customers, moment: Moment) -> np.ndarray:
    """Probability that a message that is seen makes an order of the window fall away."""
    share = world.dog_loss_share * np.minimum(_strength(world, customers, moment), 2.0)
    return np.minimum(1.0, share) * (customers.kind == DOG)


def p_leave(world: World, moment: Moment) -> np.ndarray:
    """Probability that somebody who sees a message takes the permission back."""
    return np.minimum(1.0, world.p_unsubscribe * (1 + moment.n_recent))


def _strength(world: World, customers: Customers, moment: Moment) -> np.ndarray:
    """Give what is left of the full effect of a message that is delivered and seen."""
    hour = moment.sent_at % DAY_SECONDS / 3600
    is_off = np.abs(customers.hour - hour) > _HOUR_REACH
    tired = world.fatigue_share**moment.n_recent
    return customers.hidden * tired * np.where(is_off, world.off_hour_share, 1.0)


def expected_effects(
    world: World, customers: Customers, moment: Moment, campaign: Campaign
) -> np.ndarray:
    r"""Profit that each arm adds to the window of each customer, on average over all chance.

    A bargain hunter makes :math:`q` more orders, each of margin net of the offer; hunters and
    regulars take it on an order that comes anyway, which costs the offer; a sleeping dog drops
    a share of the orders of the window; whoever leaves costs what the shop reckons. Order values
    are log-normal and integrated by Gauss-Hermite quadrature.

    Returns
    -------
    array of shape (n_customers, n_arms)
        Shop currency, message costs included; control is 0.
    """
    days = (moment.ends_at - moment.sent_at) / DAY_SECONDS
    middle = (moment.ends_at + moment.sent_at) / 2 / DAY_SECONDS
    n_orders = customers.rate / 7 * days * season_factor(world, middle)
    scale = np.exp(ORDER_SPREAD * _NODES - ORDER_SPREAD**2 / 2)
    weights = _WEIGHTS / _WEIGHTS.sum()
    full = np.rint(100 * customers.value[:, None] * scale)
    brought_stays, stays = _kept_shares(world, days)
    seen = world.seen_share * moment.may_be_written
    leaves = seen * p_leave(world, moment) * moment.value_lost
    margin = campaign.margin_share
    lost = p_drop(world, customers, moment) * n_orders * stays * margin * (full @ weights) / 100
    in_time = 1 - np.exp(-days / world.delay_days)
    effects = [np.zeros(len(customers))]
    for name, action in campaign.actions.items():
        brought = np.maximum(full, least_full_minor(action)).astype(np.int64)
        paid = price_with_offer(action, brought)
        off = offer_minor(action, paid)
        each = (margin * (paid + off) - off) @ weights / 100
        q = p_more(world, customers, moment, name)
        own = price_with_offer(action, full.astype(np.int64))
        given = (full - own) @ weights / 100
        fits = (own < full) @ weights
        takes = world.redeem_share * np.isin(customers.kind, (HUNTER, REGULAR)) * (1 - q)
        first = _first_that_stays(world, days, n_orders * fits)
        anyway = takes * first * np.where(fits > 0, given / np.maximum(fits, 1e-9), 0.0)
        effects.append(
            seen * (q * in_time * brought_stays * each - anyway - lost) - leaves - action.cost_value
        )
    return np.stack(effects, axis=1)


def _kept_shares(world: World, days: float) -> tuple[float, float]:
    """Share of orders not back by the end of the window: of those brought, of those that come."""
    grid = (np.arange(400) + 0.5) / 400
    first, last = RETURN_DAYS
    back = first + (last - first) * grid[None, :]
    brought = np.minimum(-world.delay_days * np.log(1 - grid), days)
    return tuple(
        1 - world.refund_share * float((bought[:, None] + back < days).mean())
        for bought in (brought, days * grid)
    )


def _first_that_stays(world: World, days: float, n_orders: np.ndarray) -> np.ndarray:
    """Probability that there is an order in the window and that the first of them is kept."""
    edges = np.linspace(0.0, days, 61)
    first, last = RETURN_DAYS
    is_back = np.clip((days - (edges[1:] + edges[:-1]) / 2 - first) / (last - first), 0.0, 1.0)
    none_yet = np.exp(-n_orders[:, None] * edges[None, :] / days)
    return (none_yet[:, :-1] - none_yet[:, 1:]) @ (1 - world.refund_share * is_back)
