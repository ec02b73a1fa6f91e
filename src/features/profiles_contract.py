"""The contract of the table `profiles`, made from the features that are computed."""

from dataclasses import replace

from src.data.columns import AS_OF, CUSTOMER
from src.data.contract import Table
from src.data.tables import table_contract
from src.features.catalogue import Catalogue, Feature

__all__ = ["profiles_contract"]

_TRUTHS = {
    ("recency_days", "tenure_days"): "tenure_days >= recency_days",
    ("frequency", "n_orders_365"): "frequency >= n_orders_365",
    ("n_orders_365", "n_orders_90"): "n_orders_365 >= n_orders_90",
    ("n_orders_90", "n_orders_30"): "n_orders_90 >= n_orders_30",
    ("n_orders_30", "n_orders_7"): "n_orders_30 >= n_orders_7",
}


def profiles_contract(features: Catalogue) -> Table:
    """Make the contract of ``profiles`` with these features.

    A feature of the unit ``0-1`` is held to lie there, one of ``1-5`` too, and a count or a
    number of days that is a whole number not to be negative.
    """
    kept = table_contract("profiles")
    names = set(features.names)
    truths = [truth for used, truth in _TRUTHS.items() if names.issuperset(used)]
    truths += [found for one in features.features if (found := _truth(one))]
    columns = (CUSTOMER, AS_OF, *(one.column for one in features.features))
    return replace(kept, columns=columns, truths=tuple(truths), is_open=True)


def _truth(one: Feature) -> str:
    if one.package:
        return ""
    if one.unit == "0-1":
        return f"{one.name} BETWEEN 0 AND 1"
    if one.unit == "1-5":
        return f"{one.name} BETWEEN 1 AND 5"
    return f"{one.name} >= 0" if one.type == "int64" else ""
