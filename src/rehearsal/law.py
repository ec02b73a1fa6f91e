"""The law by which customers answer a message, and what it means for the profit of each."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from src.decide.catalogue import Action, Campaign
from src.rehearsal.baseline import DAY_SECONDS, RETURN_DAYS, Orders, draw_returns
from src.rehearsal.customers import KINDS, Customers, draws
from src.rehearsal.world import World

__all__ = [
    "Answers",
    "Chances",
    "Moment",
    "answer",
    "apply",
    "expected_effects",
    "may_act",
    "offer_minor",
]

HUNTER, DOG, REGULAR, OTHER = range(len(KINDS))

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(9)
_ORDER_SPREAD = 0.4
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


@dataclass(frozen=True)
class Chances:
    """Draws of one campaign for every customer, written to or not.

    What somebody does after a message does not depend on who else gets one, nor on whether the
    rehearsal was broken off.

    Parameters
    ----------
    sees, buys, redeems, leaves, clicks : array of float
        Uniform draws; something happens where they are below its probability.
    delay_days, value_factor : array of float
        Of the order that a message brings.
    early : array of float, shape (2, n)
        How far into the window somebody clicks, or leaves.
    returned_after : array of int
        Seconds after which the order comes back; -1: it is kept.
    """

    sees: np.ndarray
    buys: np.ndarray
    redeems: np.ndarray
    leaves: np.ndarray
    clicks: np.ndarray
    delay_days: np.ndarray
    value_factor: np.ndarray
    early: np.ndarray
    returned_after: np.ndarray

    @classmethod
    def of(cls, world: World, n: int, campaign_id: str, seed: int) -> "Chances":
        """Draw those of a campaign."""
        rng = draws(seed, "answers", campaign_id)
        return cls(
            *rng.random((5, n)),
            delay_days=rng.exponential(world.delay_days, n),
            value_factor=rng.lognormal(-(_ORDER_SPREAD**2) / 2, _ORDER_SPREAD, n),
            early=rng.random((2, n)),
            returned_after=draw_returns(world, np.zeros(n, dtype=np.int64), rng),
        )


@dataclass(frozen=True)
class Answers:
    """What one campaign changed.

    Parameters
    ----------
    added : Orders
        Orders that would not have been.
    dropped : array of int
        Numbers of the orders that would have been.
    paid : DataFrame
        `order_id`, `paid_minor`: orders that would have been anyway, on which an offer was taken.
    redemptions : DataFrame
        `customer`, `at`, `campaign_id` of each offer taken.
    readers : DataFrame
        One row per delivered message: `customer`, `clicked_at`, `left_at` (seconds; -1: not).
    """

    added: Orders
    dropped: np.ndarray
    paid: pd.DataFrame
    redemptions: pd.DataFrame
    readers: pd.DataFrame


def offer_minor(action: Action, paid_minor: np.ndarray) -> np.ndarray:
    """Give what an offer takes off an order of which so much was paid, as 08 reckons it."""
    share = np.rint(paid_minor * action.discount_share)
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


def _strength(world: World, customers: Customers, moment: Moment) -> np.ndarray:
    """Give what is left of the full effect of a message that is delivered and seen."""
    hour = moment.sent_at % DAY_SECONDS / 3600
    is_off = np.abs(customers.hour - hour) > _HOUR_REACH
    tired = world.fatigue_share**moment.n_recent
    return customers.hidden * tired * np.where(is_off, world.off_hour_share, 1.0)


def _p_leave(world: World, moment: Moment) -> np.ndarray:
    return np.minimum(1.0, world.p_unsubscribe * (1 + moment.n_recent))


def may_act(world: World, customers: Customers, campaign_id: str, seed: int) -> np.ndarray:
    """Tell of whom it cannot be ruled out that they, or their mailbox, do something with a link."""
    chances = Chances.of(world, len(customers), campaign_id, seed)
    often = (chances.leaves < 10 * world.p_unsubscribe) | (chances.clicks < world.p_click)
    return customers.is_bot | (customers.kind == HUNTER) | often


def answer(
    world: World,
    customers: Customers,
    moment: Moment,
    drawn: np.ndarray,
    delivered: np.ndarray,
    campaign: Campaign,
    baseline: Orders,
    first_id: int,
    seed: int,
) -> Answers:
    """Let the customers answer the messages of one campaign.

    Parameters
    ----------
    world, customers, seed
        Of the rehearsal.
    moment : Moment
        When it is sent.
    drawn : array of int
        Place of each customer's arm among the campaign's, control 0; -1: not of the campaign.
    delivered : array of bool
        Who got their message.
    campaign : Campaign
        The arms; its `campaign_id` names the draws.
    baseline : Orders
        All orders as they stood before; those after the message may change.
    first_id : int
        Number of the first order that is added.
    """
    n, actions = len(customers), list(campaign.actions.values())
    chances = Chances.of(world, n, campaign.campaign_id, seed)
    returned = chances.returned_after
    u_drop = draws(seed, "drops", campaign.campaign_id).random(len(baseline))

    arm = np.where(delivered, drawn, 0)
    sees = (arm > 0) & (chances.sees < world.seen_share)
    strength = _strength(world, customers, moment)
    promised = np.array([0.0, *(world.extra_orders(name) for name in campaign.actions)])
    buys = sees & (customers.kind == HUNTER) & (chances.buys < promised[arm] * strength)
    redeems = (
        sees & np.isin(customers.kind, (HUNTER, REGULAR)) & (chances.redeems < world.redeem_share)
    )

    at = moment.sent_at + 1800 + (chances.delay_days * DAY_SECONDS).astype(np.int64)
    full = np.rint(100 * customers.value * chances.value_factor).astype(np.int64)
    paid = np.zeros(n, dtype=np.int64)
    for place, action in enumerate(actions, start=1):
        least = round(100 * (action.minimum_basket_value + action.discount_value))
        price = price_with_offer(action, np.maximum(full, max(least, 100)))
        paid[arm == place] = price[arm == place]
    who = np.flatnonzero(buys)
    added = Orders(
        order_id=first_id + np.arange(len(who)),
        customer=who,
        at=at[who],
        paid_minor=paid[who],
        returned_at=np.where(returned[who] >= 0, at[who] + returned[who], -1),
    )
    dropped, cut, cut_rows = _changed(
        world, customers, moment, arm, sees, strength, redeems & ~buys, actions, baseline, u_drop
    )
    taken = pd.DataFrame(
        {
            "customer": np.r_[who, baseline.customer[cut_rows]],
            "at": np.r_[added.at, baseline.at[cut_rows]],
            "campaign_id": campaign.campaign_id,
        }
    )
    clicks = sees & (chances.clicks < world.p_click + (1 - world.p_click) * buys)
    leaves = sees & (chances.leaves < _p_leave(world, moment))
    length = moment.ends_at - moment.sent_at
    soon = moment.sent_at + 600 + (chances.early * 0.2 * length).astype(np.int64)
    readers = pd.DataFrame(
        {
            "customer": np.arange(n),
            "clicked_at": np.where(clicks, np.where(buys, at - 900, soon[0]), -1),
            "left_at": np.where(leaves, soon[1], -1),
        }
    )
    return Answers(added, baseline.order_id[dropped], cut, taken, readers[arm > 0])


def _changed(
    world: World,
    customers: Customers,
    moment: Moment,
    arm: np.ndarray,
    sees: np.ndarray,
    strength: np.ndarray,
    redeems: np.ndarray,
    actions: list[Action],
    baseline: Orders,
    u_drop: np.ndarray,
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Find orders of the window that are dropped, and those on which an offer is taken."""
    inside = (baseline.at > moment.sent_at) & (baseline.at < moment.ends_at)
    rows = np.flatnonzero(inside)
    customer = baseline.customer[rows]
    is_dog = sees[customer] & (customers.kind[customer] == DOG)
    drops = is_dog & (u_drop[rows] < world.dog_loss_share * np.minimum(strength[customer], 2.0))
    dropped = rows[drops]
    offered = rows[redeems[customer]]
    price = np.zeros(len(offered), dtype=np.int64)
    for place, action in enumerate(actions, start=1):
        own = arm[baseline.customer[offered]] == place
        price[own] = price_with_offer(action, baseline.paid_minor[offered])[own]
    fits = price < baseline.paid_minor[offered]
    offered, price = offered[fits], price[fits]
    _, first = np.unique(baseline.customer[offered], return_index=True)  # the first that fits
    cut_rows = offered[first]
    cut = pd.DataFrame({"order_id": baseline.order_id[cut_rows], "paid_minor": price[first]})
    return dropped, cut, cut_rows


def apply(answers: Answers, baseline: Orders) -> Orders:
    """Give the orders as they are after a campaign."""
    kept = baseline.take(np.flatnonzero(~np.isin(baseline.order_id, answers.dropped)))
    paid = kept.paid_minor.copy()
    if len(answers.paid):
        order = np.argsort(kept.order_id)
        place = order[np.searchsorted(kept.order_id[order], answers.paid["order_id"])]
        paid[place] = answers.paid["paid_minor"]
    return replace(kept, paid_minor=paid).join(answers.added)


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
    season = _season(world, moment)
    n_orders = customers.rate / 7 * days * season
    strength = _strength(world, customers, moment)
    scale = np.exp(_ORDER_SPREAD * _NODES - _ORDER_SPREAD**2 / 2)
    weights = _WEIGHTS / _WEIGHTS.sum()
    full = np.rint(100 * customers.value[:, None] * scale)
    brought_stays, stays = _kept_shares(world, days)
    seen = world.seen_share * moment.may_be_written
    leaves = seen * _p_leave(world, moment) * moment.value_lost
    effects = [np.zeros(len(customers))]
    for name, action in campaign.actions.items():
        least = round(100 * (action.minimum_basket_value + action.discount_value))
        paid = price_with_offer(action, np.maximum(full, max(least, 100)).astype(np.int64))
        off = offer_minor(action, paid)
        margin = campaign.margin_share
        each = (margin * (paid + off) - off) @ weights / 100
        in_time = 1 - np.exp(-days / world.delay_days)
        q = np.minimum(1.0, world.extra_orders(name) * strength) * (customers.kind == HUNTER)
        own = price_with_offer(action, full.astype(np.int64))
        given = (full - own) @ weights / 100
        fits = (own < full) @ weights
        takes = world.redeem_share * np.isin(customers.kind, (HUNTER, REGULAR)) * (1 - q)
        first = _first_that_stays(world, days, n_orders * fits)
        anyway = takes * first * np.where(fits > 0, given / np.maximum(fits, 1e-9), 0.0)
        lost = (customers.kind == DOG) * world.dog_loss_share * np.minimum(strength, 2.0)
        lost = lost * n_orders * stays * margin * (full @ weights) / 100
        effects.append(
            seen * (q * in_time * brought_stays * each - anyway - lost) - leaves - action.cost_value
        )
    return np.stack(effects, axis=1)


def _season(world: World, moment: Moment) -> float:
    day = moment.sent_at / DAY_SECONDS + world.wave_days / 2
    return 1 + world.season_share * float(np.sin(2 * np.pi * day / 182))


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
