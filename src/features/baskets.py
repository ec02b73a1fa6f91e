"""How large customers' orders are."""

import functools

from src.data.columns import count, real, share, value
from src.features.catalogue import Feature
from src.features.windows import value_of

__all__ = ["FEATURES"]

_baskets = functools.partial(Feature.of, family="baskets", relation="baskets")

FEATURES = (
    _baskets(
        real("items_per_order", "Mean order lines per order.", "lines"),
        build=lambda baskets: baskets.n_lines.sum() / baskets.count(),
    ),
    _baskets(
        count("max_items_per_order", "Order lines of the longest order.", "lines"),
        build=lambda baskets: baskets.n_lines.max(),
    ),
    _baskets(
        value("max_order_value", "Value of the dearest order."),
        build=lambda baskets: value_of(baskets.value_minor.max()),
    ),
    _baskets(
        share("single_item_share", "Orders of one line."),
        build=lambda baskets: baskets.count(where=baskets.n_lines == 1) / baskets.count(),
    ),
)
