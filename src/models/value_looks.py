"""Customers as they stood at a past date, and what they then spent."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
import logging

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, parse_date
from src.errors import LeakageError
from src.models.splits import Snapshot
from src.models.value import build_btyd

__all__ = ["Look", "build_looks", "window_spend"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Look:
    """One snapshot of the customers, and the window after it.

    Parameters
    ----------
    as_of_date : str
        Last day whose facts may be used.
    window_days : int
        Length of the window that follows, and of the one before it.
    btyd : DataFrame
        One row per customer known by then, as from `src.models.value.build_btyd`.
    profiles : DataFrame
        The same customers in the same order, as from `src.features.build_profiles`; without
        columns where none were asked for.
    past_value : array of shape (n_customers,)
        Spend in the `window_days` before, that day included; shop currency.
    spend_value : array of shape (n_customers,)
        Spend in the window after; empty where it is still to come.
    """

    as_of_date: str
    window_days: int
    btyd: pd.DataFrame
    profiles: pd.DataFrame
    past_value: np.ndarray
    spend_value: np.ndarray

    def __len__(self) -> int:
        return len(self.btyd)


def build_looks(
    order_days: Table,
    snapshots: Sequence[Snapshot],
    as_of_date: str,
    build_profiles: Callable[[str], Table] | None = None,
    profiles: pd.DataFrame | None = None,
) -> dict[str, Look]:
    """Look at the customers at each snapshot, and at `as_of_date` itself.

    Parameters
    ----------
    order_days : ibis.Table
        As from `src.models.value.build_order_days`.
    snapshots : sequence of Snapshot
        As planned by `src.models.splits.plan_snapshots`, all windows of one length.
    as_of_date : str
        Last day whose facts may be used.
    build_profiles : callable, optional
        Takes an ISO date and gives `profiles` as they stood on it.
    profiles : DataFrame, optional
        As they stand at `as_of_date`.

    Returns
    -------
    dict of Look
        By the role of the snapshot; `now` is that of `as_of_date`, whose window is to come.

    Raises
    ------
    LeakageError
        If a window reaches past `as_of_date`.
    """
    looks = {}
    for snapshot in snapshots:
        if parse_date(snapshot.label_until) > parse_date(as_of_date):
            raise LeakageError(
                f"Expected spend up to {as_of_date} only, but the {snapshot.role} snapshot looks "
                f"until {snapshot.label_until}; take the snapshot earlier."
            )
        n_days = (parse_date(snapshot.label_until) - parse_date(snapshot.as_of_date)).days
        known = build_profiles(snapshot.as_of_date).to_pandas() if build_profiles else None
        looks[snapshot.role] = _look(order_days, snapshot.as_of_date, n_days, known)
        logger.info("look_%s: %d customers", snapshot.role, len(looks[snapshot.role]))
    now = _look(order_days, as_of_date, n_days, profiles)
    return looks | {"now": replace(now, spend_value=np.empty(0))}


def _look(
    order_days: Table, as_of_date: str, window_days: int, profiles: pd.DataFrame | None
) -> Look:
    btyd = build_btyd(order_days, as_of_date).to_pandas()
    described = pd.DataFrame(index=btyd.index)
    if profiles is not None and len(btyd):
        described = profiles.set_index("customer_id").reindex(btyd["customer_id"]).reset_index()
    before, after = (
        window_spend(order_days, btyd["customer_id"], *ends)
        for ends in (
            (days_after(as_of_date, -window_days), as_of_date),
            (as_of_date, days_after(as_of_date, window_days)),
        )
    )
    return Look(as_of_date, window_days, btyd, described, before, after)


def window_spend(
    order_days: Table, customer_ids: pd.Series, after_date: str, until_date: str
) -> np.ndarray:
    """Spend of each customer on the days after one date and up to another, shop currency.

    Parameters
    ----------
    order_days : ibis.Table
        As from `src.models.value.build_order_days`.
    customer_ids : Series of shape (n_customers,)
        Whose spend; others are left out.
    after_date, until_date : str
        ISO dates; the first is outside, the second inside.

    Returns
    -------
    array of shape (n_customers,), 0 where there was none
    """
    days = order_days.filter(
        (order_days.order_date > ibis.date(after_date))
        & (order_days.order_date <= ibis.date(until_date))
    )
    totals = days.group_by("customer_id").agg(value_minor=days.day_value_minor.sum()).to_pandas()
    cents = totals.set_index("customer_id")["value_minor"].reindex(customer_ids).fillna(0)
    return cents.to_numpy(float) / 100.0
