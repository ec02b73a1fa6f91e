"""What the customers of an invented shop buy if nobody writes to them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from src.rehearsal.customers import DEPARTMENTS, Customers, draws
from src.rehearsal.world import World

__all__ = [
    "DAY_SECONDS",
    "N_PRODUCTS",
    "ORDER_SPREAD",
    "RETURN_DAYS",
    "Orders",
    "draw_baseline",
    "draw_returns",
    "order_lines",
    "season_factor",
]

DAY_SECONDS = 86_400
N_PRODUCTS = 25
"""In each department."""

ORDER_SPREAD = 0.4
"""Standard deviation of the logarithm of a customer's order values."""

RETURN_DAYS = (3, 21)
"""What comes back does so evenly between these days after the order."""

_DISCOUNT = 0.15
_OWN_DEPARTMENT = 0.75
_SEASON_DAYS = 182
_N_LINES = np.array([0.50, 0.30, 0.20])


@dataclass(frozen=True)
class Orders:
    """Orders in the order of their time.

    Parameters
    ----------
    order_id : array of int
        Never the same for two orders of a rehearsal.
    customer : array of int
        Place among the customers.
    at : array of int
        Seconds since the beginning of the history.
    paid_minor : array of int
        What was paid, offers already taken off, integer cents.
    returned_at : array of int
        Seconds at which all of it came back; -1: it was kept.
    """

    order_id: np.ndarray
    customer: np.ndarray
    at: np.ndarray
    paid_minor: np.ndarray
    returned_at: np.ndarray

    def __len__(self) -> int:
        return len(self.at)

    def take(self, rows: np.ndarray) -> "Orders":
        """Give some of them."""
        return Orders(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))

    def join(self, other: "Orders") -> "Orders":
        """Give both, in the order of their time."""
        names = self.__dataclass_fields__
        both = Orders(*(np.r_[getattr(self, name), getattr(other, name)] for name in names))
        return both.take(np.lexsort((both.order_id, both.at)))


def season_factor(world: World, day: np.ndarray | float) -> np.ndarray | float:
    """Give how far orders lie above or below their mean on a day of the history, as a factor."""
    return 1 + world.season_share * np.sin(2 * np.pi * day / _SEASON_DAYS)


def _order_values(
    customers: Customers, customer: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Draw what orders of these customers are worth, integer cents, at least one."""
    factor = rng.lognormal(-(ORDER_SPREAD**2) / 2, ORDER_SPREAD, len(customer))
    return np.maximum(np.rint(100 * customers.value[customer] * factor), 100).astype(np.int64)


def draw_returns(world: World, at: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw when orders come back; -1 for those that are kept."""
    comes_back = rng.random(len(at)) < world.refund_share
    first, last = RETURN_DAYS
    return np.where(
        comes_back, at + rng.integers(first * DAY_SECONDS, last * DAY_SECONDS, len(at)), -1
    )


def draw_baseline(world: World, customers: Customers, n_waves: int, seed: int) -> Orders:
    """Draw all orders of the history and of the waves, as if nobody were ever written to.

    They are drawn once for the whole time: what a message changes is then known exactly, order
    by order. Of each customer they are a Poisson process whose rate follows the season.
    """
    days = 7 * world.history_weeks + (n_waves + 1) * world.wave_days
    rng = draws(seed, "baseline", days)
    per_day = customers.rate / 7
    n_orders = rng.poisson(per_day * (1 + world.season_share) * (days - customers.joined_day))
    customer = np.repeat(np.arange(len(customers)), n_orders)
    start = customers.joined_day[customer]
    day = start + rng.random(len(customer)) * (days - start)
    stays = rng.random(len(day)) < season_factor(world, day) / (1 + world.season_share)
    customer, day = customer[stays], np.floor(day[stays]).astype(np.int64)
    hour = np.clip(customers.hour[customer] + rng.normal(0, 2.0, len(day)), 0, 23.99)
    at = day * DAY_SECONDS + (hour * 3600).astype(np.int64)
    order = np.lexsort((customer, at))
    customer, at = customer[order], at[order]
    return Orders(
        order_id=np.arange(len(at)),
        customer=customer,
        at=at,
        paid_minor=_order_values(customers, customer, rng),
        returned_at=draw_returns(world, at, rng),
    )


def order_lines(orders: Orders, customers: Customers, seed: int) -> pd.DataFrame:
    """Part each order into lines of products, the same whenever it is asked for.

    Returns
    -------
    DataFrame
        One row per line: `order_id`, `customer`, `at`, `product` (place in the list),
        `quantity`, `paid_minor` and `discount_minor` (what the shop took off the price),
        `returned_at`.
    """
    bits = _noise(orders.order_id, seed)
    n_lines = 1 + np.searchsorted(np.cumsum(_N_LINES), bits[0], side="right").clip(max=2)
    row = np.repeat(np.arange(len(orders)), n_lines)
    place = np.arange(len(row)) - np.repeat(np.cumsum(n_lines) - n_lines, n_lines)
    draw = _noise(orders.order_id[row] * 4 + place + 1, seed)
    paid = orders.paid_minor[row] // n_lines[row]
    paid[place == 0] += orders.paid_minor - paid[place == 0] * n_lines
    customer = orders.customer[row]
    favours = draw[0] < _OWN_DEPARTMENT
    department = np.where(
        favours, customers.department[customer], (draw[1] * len(DEPARTMENTS)).astype(int)
    )
    popular = np.floor(N_PRODUCTS * draw[2] ** 2).astype(int)
    is_discounted = draw[3] < customers.discount_share[customer]
    return pd.DataFrame(
        {
            "order_id": orders.order_id[row],
            "customer": customer,
            "at": orders.at[row],
            "product": department * N_PRODUCTS + popular,
            "quantity": 1,
            "paid_minor": paid,
            "discount_minor": np.where(
                is_discounted, np.rint(paid * _DISCOUNT / (1 - _DISCOUNT)), 0
            ).astype(np.int64),
            "returned_at": orders.returned_at[row],
        }
    )


def _noise(number: np.ndarray, seed: int, n: int = 4) -> np.ndarray:
    """Give uniform draws that depend on a number and the seed alone (splitmix64)."""
    mask = np.uint64(0xFFFFFFFFFFFFFFFF)
    with np.errstate(over="ignore"):
        z = (
            number.astype(np.uint64)[None, :] * np.uint64(n)
            + np.arange(n, dtype=np.uint64)[:, None]
        )
        z = (z + np.uint64(seed) * np.uint64(0x632BE59BD9B4E019)) * np.uint64(0x9E3779B97F4A7C15)
        z = ((z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)) & mask
        z = ((z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)) & mask
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(11)).astype(float) / 2.0**53
