"""What customers do after the messages of one campaign, by the law and by chance."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from src.decide.catalogue import Campaign
from src.rehearsal.baseline import DAY_SECONDS, ORDER_SPREAD, Orders, draw_returns
from src.rehearsal.customers import HUNTER, REGULAR, Customers, draws
from src.rehearsal.law import (
    Moment,
    least_full_minor,
    p_drop,
    p_leave,
    p_more,
    price_with_offer,
)
from src.rehearsal.world import World

__all__ = ["Answers", "Chances", "answer", "apply", "may_act"]


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
            value_factor=rng.lognormal(-(ORDER_SPREAD**2) / 2, ORDER_SPREAD, n),
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


def may_act(world: World, customers: Customers, campaign_id: str, seed: int) -> np.ndarray:
    """Tell of whom it cannot be ruled out that they, or their mailbox, do something with a link."""
    chances = Chances.of(world, len(customers), campaign_id, seed)
    most_recent = world.fatigue_days // world.wave_days + 1
    leaves = chances.leaves < world.p_unsubscribe * (1 + most_recent)
    clicks = (chances.clicks < world.p_click) | (customers.kind == HUNTER)
    return customers.is_bot | leaves | clicks


@dataclass(frozen=True)
class _Scene:
    """What the parts of an answer share: the law's inputs, and who sees which arm."""

    world: World
    customers: Customers
    moment: Moment
    campaign: Campaign
    chances: Chances
    arm: np.ndarray
    sees: np.ndarray


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
    chances = Chances.of(world, len(customers), campaign.campaign_id, seed)
    arm = np.where(delivered, drawn, 0)
    sees = (arm > 0) & (chances.sees < world.seen_share)
    scene = _Scene(world, customers, moment, campaign, chances, arm, sees)
    inside = np.flatnonzero((baseline.at > moment.sent_at) & (baseline.at < moment.ends_at))
    added = _brought(scene, first_id)
    buys = np.isin(np.arange(len(customers)), added.customer)
    u_drop = draws(seed, "drops", campaign.campaign_id).random(len(baseline))[inside]
    p = (p_drop(world, customers, moment) * sees)[baseline.customer[inside]]
    rows, price = _taken_along(scene, baseline.take(inside), ~buys)
    taken = inside[rows]
    redemptions = pd.DataFrame(
        {
            "customer": np.r_[added.customer, baseline.customer[taken]],
            "at": np.r_[added.at, baseline.at[taken]],
            "campaign_id": campaign.campaign_id,
        }
    )
    return Answers(
        added=added,
        dropped=baseline.order_id[inside[u_drop < p]],
        paid=pd.DataFrame({"order_id": baseline.order_id[taken], "paid_minor": price}),
        redemptions=redemptions,
        readers=_readers(scene, buys),
    )


def _brought(scene: _Scene, first_id: int) -> Orders:
    """Orders that a message brings, each with the offer taken."""
    chances, customers, actions = scene.chances, scene.customers, scene.campaign.actions
    full = np.rint(100 * customers.value * chances.value_factor).astype(np.int64)
    paid, buys = np.zeros_like(full), np.zeros(len(customers), dtype=bool)
    for place, (name, action) in enumerate(actions.items(), start=1):
        own = scene.sees & (scene.arm == place)
        buys |= own & (chances.buys < p_more(scene.world, customers, scene.moment, name))
        paid[own] = price_with_offer(action, np.maximum(full, least_full_minor(action)))[own]
    who = np.flatnonzero(buys)
    at, back = _bought_at(scene)[who], chances.returned_after[who]
    return Orders(
        order_id=first_id + np.arange(len(who)),
        customer=who,
        at=at,
        paid_minor=paid[who],
        returned_at=np.where(back >= 0, at + back, -1),
    )


def _bought_at(scene: _Scene) -> np.ndarray:
    return scene.moment.sent_at + 1800 + (scene.chances.delay_days * DAY_SECONDS).astype(np.int64)


def _taken_along(
    scene: _Scene, orders: Orders, has_none: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Find for each who redeems on an order that comes anyway the first it fits, and its price."""
    kinds = np.isin(scene.customers.kind, (HUNTER, REGULAR))
    redeems = scene.sees & kinds & has_none & (scene.chances.redeems < scene.world.redeem_share)
    price = orders.paid_minor.copy()
    for place, action in enumerate(scene.campaign.actions.values(), start=1):
        own = (redeems & (scene.arm == place))[orders.customer]
        price[own] = price_with_offer(action, orders.paid_minor[own])
    fits = np.flatnonzero(price < orders.paid_minor)
    _, first = np.unique(orders.customer[fits], return_index=True)
    return fits[first], price[fits[first]]


def _readers(scene: _Scene, buys: np.ndarray) -> pd.DataFrame:
    """Say who clicks and who leaves, and when; whoever buys clicks before."""
    world, chances, moment = scene.world, scene.chances, scene.moment
    clicks = scene.sees & (chances.clicks < world.p_click + (1 - world.p_click) * buys)
    leaves = scene.sees & (chances.leaves < p_leave(world, moment))
    length = moment.ends_at - moment.sent_at
    soon = moment.sent_at + 600 + (chances.early * 0.2 * length).astype(np.int64)
    clicked_at = np.where(buys, _bought_at(scene) - 900, soon[0])
    readers = pd.DataFrame(
        {
            "customer": np.arange(len(scene.arm)),
            "clicked_at": np.where(clicks, clicked_at, -1),
            "left_at": np.where(leaves, soon[1], -1),
        }
    )
    return readers[scene.arm > 0]


def apply(answers: Answers, baseline: Orders) -> Orders:
    """Give the orders as they are after a campaign."""
    kept = baseline.take(np.flatnonzero(~np.isin(baseline.order_id, answers.dropped)))
    paid = kept.paid_minor.copy()
    if len(answers.paid):
        order = np.argsort(kept.order_id)
        place = order[np.searchsorted(kept.order_id[order], answers.paid["order_id"])]
        paid[place] = answers.paid["paid_minor"]
    return replace(kept, paid_minor=paid).join(answers.added)
