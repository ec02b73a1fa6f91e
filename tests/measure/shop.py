"""A made-up grocer with the skewed spend of a real one, as tables of 02 to 04."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.tables import table_contract
from src.decide.catalogue import Action, Campaign

AS_OF = "2017-09-30"
DAYS = 56

PLAN = Campaign(
    campaign_id="trial",
    goal="",
    channel="email",
    margin_share=0.25,
    sender_name="",
    sender_address="",
    postal_address="",
    unsubscribe_url="",
    actions={name: Action(label=name, template="t") for name in ("letter", "card")},
)
"""Messages that cost nothing and give nothing away, so that no effect is an effect of zero."""

_NO_EVENTS = {
    "customer_id": "string",
    "event_type": "string",
    "event_at": "timestamp('UTC')",
    "campaign_id": "string",
}


@dataclass(frozen=True)
class Shop:
    """One population: its orders over three windows, and what 03 and 04 would say of it.

    `orders` has one line per order; `profiles`, `segments` and `values` one row per customer.
    """

    orders: pd.DataFrame
    profiles: pd.DataFrame
    segments: pd.DataFrame
    values: pd.DataFrame

    @property
    def ids(self) -> pd.Series:
        """All customers."""
        return self.profiles["customer_id"]


def make_shop(n_customers: int, seed: int) -> Shop:
    """Draw customers who differ in how often and how much they buy, both with a long tail.

    Orders in a window are Poisson with a gamma-distributed rate, baskets log-normal around a
    customer's own level. Eight weeks are like those of the Complete Journey's households, whose
    figures are in brackets: 9.6 baskets (9.6), spend with a deviation of 1.3 means (1.2), a
    skewness of 2 to 3 (2.6), .75 to .80 of it explained by the weeks before (.73), and 13 % who
    buy nothing (11 %).
    """
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 9.6 / 0.8, n_customers)
    level = rng.lognormal(3.1, 0.35, n_customers)
    ids = pd.Series([f"{seed}-{i:05d}" for i in range(n_customers)])
    counts = rng.poisson(rate[:, None], (n_customers, 3))
    customer = np.repeat(np.tile(np.arange(n_customers), 3), counts.T.ravel())
    window = np.repeat([-1, 0, 1], counts.sum(axis=0))  # 0 ends on the as-of date
    seconds = rng.integers(0, DAYS * 86_400, len(customer))
    start = pd.Timestamp(AS_OF, tz="UTC") + pd.Timedelta(days=1 - DAYS)
    moments = start + pd.to_timedelta(window * DAYS * 86_400 + seconds, unit="s").as_unit("us")
    value = level[customer] * rng.lognormal(0, 0.8, len(customer))
    orders = pd.DataFrame(
        {
            "order_id": [f"{seed}-{i}" for i in range(len(customer))],
            "line_number": 1,
            "customer_id": ids.to_numpy()[customer],
            "product_id": "x",
            "store_id": "x",
            "ordered_at": moments,
            "quantity": 1,
            "line_value_minor": np.rint(100 * value).astype(np.int64),
            "discount_minor": 0,
            "coupon_minor": 0,
            "is_discounted": False,
            "is_outlier": False,
        }
    )[table_contract("orders").column_names]
    spend = orders[window == 0].groupby("customer_id")["line_value_minor"].sum() / 100
    return described(orders, ids, ids.map(spend).fillna(0.0), rng)


def described(
    orders: pd.DataFrame, ids: pd.Series, spend: pd.Series, rng: np.random.Generator
) -> Shop:
    """Give the shop the profiles, segments and values that its last window suggests."""
    band = np.ceil(spend.rank(method="first", pct=True) * 5).astype(int)
    profiles = pd.DataFrame(
        {
            "customer_id": ids,
            "recency_days": rng.integers(0, 300, len(ids)),
            "r_score": rng.integers(1, 6, len(ids)),
            "f_score": band,
        }
    )
    segments = pd.DataFrame({"customer_id": ids, "segment": "kind " + (band > 3).astype(str)})
    return Shop(orders, profiles, segments, pd.DataFrame({"customer_id": ids, "clv": 2.0 * spend}))


def orders_table(engine: ibis.BaseBackend, orders: pd.DataFrame) -> Table:
    """Hand orders to the engine."""
    naive = orders.assign(ordered_at=orders["ordered_at"].dt.tz_localize(None))
    memory = ibis.memtable(naive).cast({"ordered_at": "timestamp('UTC')"})
    return engine.create_table("orders", memory, overwrite=True)


def events_table(engine: ibis.BaseBackend) -> Table:
    """Nobody redeemed anything."""
    return engine.create_table("events", schema=ibis.schema(_NO_EVENTS), overwrite=True)
