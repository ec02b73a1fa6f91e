"""The customers of an invented shop: what they are like, which no notebook is told."""

from dataclasses import dataclass

import numpy as np

from src.rehearsal.world import World

__all__ = [
    "DEPARTMENTS",
    "DOG",
    "HUNTER",
    "KINDS",
    "OTHER",
    "REGULAR",
    "Customers",
    "draws",
    "invent_customers",
]

KINDS = ("hunter", "dog", "regular", "other")
HUNTER, DOG, REGULAR, OTHER = range(len(KINDS))
"""Places in `KINDS`."""
DEPARTMENTS = ("KITCHEN", "GARDEN", "BOOKS", "TOYS", "BEAUTY", "OFFICE", "SPORT", "PANTRY")

_DOGS_DEPARTMENT = 1
_RATE_SHAPE = 2.5
_RATE_OF = np.array([1.1, 0.9, 2.2, 0.7])
_DISCOUNT_OF = np.array([0.85, 0.08, 0.10, 0.10])
_VALUE_SPREAD = 0.35


def draws(seed: int, *names: object) -> np.random.Generator:
    """Give the source of chance of one purpose; the same whenever it is asked for.

    A rehearsal that goes on after a break draws what it would have drawn without.
    """
    words = " ".join(str(name) for name in names).encode()
    return np.random.default_rng([seed, *words])


@dataclass(frozen=True)
class Customers:
    """One entry per person, in the shop's order.

    Parameters
    ----------
    kind : array of int
        Place in `KINDS`.
    rate : array of float
        Orders a week.
    value : array of float
        Mean value of an order, shop currency.
    discount_share : array of float
        Share of order lines bought at a discount.
    department : array of int
        The one that most lines are of, place in `DEPARTMENTS`.
    hour : array of float
        Time of day at which they read and order.
    hidden : array of float
        Factor of the effect that nothing observed tells of, mean 1.
    joined_day : array of int
        Day of the first order at the earliest, counted from the beginning of the history.
    is_bot, is_dead, has_consent : array of bool
        Mailbox behind a scanner; address that is refused; permission.
    has_second : array of bool
        A second account under the same address, under which half of their orders go.
    """

    kind: np.ndarray
    rate: np.ndarray
    value: np.ndarray
    discount_share: np.ndarray
    department: np.ndarray
    hour: np.ndarray
    hidden: np.ndarray
    joined_day: np.ndarray
    is_bot: np.ndarray
    is_dead: np.ndarray
    has_consent: np.ndarray
    has_second: np.ndarray

    def __len__(self) -> int:
        return len(self.kind)


def invent_customers(world: World, n_customers: int, seed: int) -> Customers:
    """Draw the customers of a shop.

    Bargain hunters mostly buy at a discount, regulars come often, sleeping dogs buy for the
    garden: what they do shows what they are, though never for sure.
    """
    rng = draws(seed, "customers")
    n = n_customers
    shares = [world.persuadable_share, world.dog_share, world.regular_share]
    kind = rng.choice(4, n, p=[*shares, 1 - sum(shares)])
    scale = _RATE_OF / (np.array([*shares, 1 - sum(shares)]) @ _RATE_OF)
    spread = world.hidden_spread
    hidden = rng.gamma(1 / spread**2, spread**2, n) if spread else np.ones(n)
    department = rng.integers(0, len(DEPARTMENTS), n)
    elsewhere = np.where(department == _DOGS_DEPARTMENT, 0, department)
    history = 7 * world.history_weeks
    newcomer = rng.random(n) < 0.2
    is_bot, is_dead, is_closed, has_second = (
        rng.random(n) < share
        for share in (
            world.bot_share,
            world.dead_share,
            world.no_consent_share,
            world.duplicate_share,
        )
    )
    return Customers(
        kind=kind,
        rate=world.orders_per_week * scale[kind] * rng.gamma(_RATE_SHAPE, 1 / _RATE_SHAPE, n),
        value=world.order_value * rng.lognormal(-(_VALUE_SPREAD**2) / 2, _VALUE_SPREAD, n),
        discount_share=_DISCOUNT_OF[kind],
        department=np.where(kind == DOG, _DOGS_DEPARTMENT, elsewhere),
        hour=rng.choice([9.0, 13.0, 20.0], n, p=[0.5, 0.2, 0.3]),
        hidden=hidden,
        joined_day=np.where(newcomer, rng.integers(0, history, n), 0),
        is_bot=is_bot,
        is_dead=is_dead,
        has_consent=~is_closed,
        has_second=has_second,
    )
