"""Where customers buy, and where they live, as far as the shop says."""

import functools

from ibis.expr.types import Table

from src.data.columns import count, share, text
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting

__all__ = ["FEATURES", "RELATIONS", "build_stores"]


def build_stores(baskets: Table) -> Table:
    """Count the orders of each customer in each store.

    Parameters
    ----------
    baskets : ibis.Table
        From `build_baskets`.

    Returns
    -------
    ibis.Table
        One row per customer and known `store_id`: `n_orders`, and `top_orders` of the
        customer's most visited store.
    """
    known = baskets.filter(baskets.store_id.notnull())
    counts = known.group_by("customer_id", "store_id").agg(n_orders=lambda t: t.count())
    tops = counts.group_by("customer_id").agg(top_orders=counts.n_orders.max())
    return counts.join(tops, "customer_id")


def _stores(baskets: Table, setting: Setting) -> Table:
    return build_stores(baskets)


RELATIONS = (Relation("stores", "one row per customer and store", ("baskets",), _stores),)

_places = functools.partial(Feature.of, family="places")

FEATURES = (
    _places(
        count("n_stores", "Stores visited."),
        relation="baskets",
        build=lambda baskets: baskets.store_id.nunique(),
    ),
    _places(
        text("favourite_store", "Store with most orders, of equals the first by name.", True),
        relation="stores",
        build=lambda stores: stores.store_id.min(where=stores.n_orders == stores.top_orders),
    ),
    _places(
        share("favourite_store_share", "Its share of orders in known stores.", True),
        relation="stores",
        build=lambda stores: stores.n_orders.max() / stores.n_orders.sum(),
    ),
)
