"""Snapshots of the past with their labels: split by time with a gap, and by customer."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
import hashlib
import logging

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, known_by, parse_date, within
from src.errors import LeakageError, ParameterError
from src.models.leaks import MAX_AUC, check_leaks

__all__ = [
    "HAS_ORDERED",
    "Snapshot",
    "build_labels",
    "build_snapshots",
    "check_snapshots",
    "customer_numbers",
    "observed_days",
    "plan_snapshots",
]

logger = logging.getLogger(__name__)

HAS_ORDERED = "has_ordered"
"""Label: an order in the outcome window."""


@dataclass(frozen=True)
class Snapshot:
    """One look at the customers in the past, and the window that tells what they did next.

    Parameters
    ----------
    role : str
        `train`, `validation` or `test`.
    as_of_date : str
        Last day whose facts may be features.
    label_until : str
        Last day of the outcome window, which begins on the day after `as_of_date`.
    """

    role: str
    as_of_date: str
    label_until: str


def plan_snapshots(
    as_of_date: str, outcome_days: int = 28, gap_days: int = 7
) -> tuple[Snapshot, Snapshot, Snapshot]:
    """Three snapshots inside the history: train, validation, test.

    The outcome window of the test snapshot ends on `as_of_date`. The window of an earlier
    snapshot ends `gap_days` before the date of the next snapshot, so that outcome windows
    share no day, lie at least `gap_days` apart, and whatever was learnt from one was known
    when the next was taken.

    Parameters
    ----------
    as_of_date : str
        Last day whose facts may be used at all.
    outcome_days : int, default 28
        Length of the outcome window, days.
    gap_days : int, default 7
        Days left out between an outcome window and the next snapshot.

    Examples
    --------
    >>> for snapshot in plan_snapshots("2017-09-30", outcome_days=28, gap_days=7):
    ...     print(snapshot.role, snapshot.as_of_date, snapshot.label_until)
    train 2017-06-24 2017-07-22
    validation 2017-07-29 2017-08-26
    test 2017-09-02 2017-09-30
    """
    if outcome_days < 1 or gap_days < 0:
        raise ParameterError(
            f"Expected outcome_days of at least 1 and gap_days of at least 0, found {outcome_days} "
            f"and {gap_days}; lengthen the window."
        )
    until = [days_after(as_of_date, -back * (outcome_days + gap_days)) for back in (2, 1, 0)]
    train, validation, test = (
        Snapshot(role, days_after(last, -outcome_days), last)
        for role, last in zip(("train", "validation", "test"), until, strict=True)
    )
    return train, validation, test


def build_labels(orders: Table, snapshot: Snapshot, as_of_date: str) -> Table:
    """Find the customers with an order in the outcome window of a snapshot.

    Parameters
    ----------
    orders : ibis.Table
        One row per order line: `customer_id`, `ordered_at` (UTC timestamp).
    snapshot : Snapshot
        Whose window counts; only its days are read.
    as_of_date : str
        Last day whose facts may be used.

    Returns
    -------
    ibis.Table
        One row per customer who ordered: `customer_id`.

    Raises
    ------
    LeakageError
        If the window reaches past `as_of_date`.
    """
    if parse_date(snapshot.label_until) > parse_date(as_of_date):
        raise LeakageError(
            f"Expected outcomes up to {as_of_date} only, but the {snapshot.role} snapshot looks "
            f"until {snapshot.label_until}; take the snapshot earlier."
        )
    window = within(orders, "ordered_at", snapshot.as_of_date, snapshot.label_until)
    return window.select("customer_id").distinct()


def build_snapshots(
    build: Callable[[str], Table],
    orders: Table,
    snapshots: Sequence[Snapshot],
    as_of_date: str,
) -> dict[str, pd.DataFrame]:
    """Profiles as they stood at each snapshot, with what the customers did next.

    Parameters
    ----------
    build : callable
        Takes an ISO date and gives `profiles` as they stood on it.
    orders : ibis.Table
        One row per order line: `customer_id`, `ordered_at` (UTC timestamp).
    snapshots : sequence of Snapshot
        As planned by :func:`plan_snapshots`.
    as_of_date : str
        Last day whose facts may be used.

    Returns
    -------
    dict of pandas.DataFrame
        By role; one row per customer known at the snapshot, by `customer_id`: the columns of
        `profiles` and `has_ordered` (bool).
    """
    labelled = {}
    for snapshot in snapshots:
        profiles = build(snapshot.as_of_date).to_pandas()
        buyers = build_labels(orders, snapshot, as_of_date).to_pandas()["customer_id"]
        profiles[HAS_ORDERED] = profiles["customer_id"].isin(buyers)
        labelled[snapshot.role] = profiles.sort_values("customer_id", ignore_index=True)
        logger.info("label_%s: %d customers", snapshot.role, len(profiles))
    return labelled


def check_snapshots(
    snapshots: Sequence[Snapshot],
    labelled: dict[str, pd.DataFrame],
    columns: Sequence[str],
    max_auc: float = MAX_AUC,
) -> pd.DataFrame:
    """Hold every snapshot against the leakage guards.

    Parameters
    ----------
    snapshots : sequence of Snapshot
        As planned by :func:`plan_snapshots`.
    labelled : dict of pandas.DataFrame
        As built by :func:`build_snapshots`.
    columns : sequence of str
        Columns that a model may look at.
    max_auc : float, default 0.98
        What a column may tell alone; customers who come like clockwork may need more.

    Returns
    -------
    pandas.DataFrame
        How much each column tells alone, the strongest at any snapshot first: `feature`, and the
        AUC by role, .5 to 1.

    Raises
    ------
    LeakageError
        If a column was taken after its snapshot, or alone tells the outcome.
    """
    found = []
    for snapshot in snapshots:
        rows = labelled[snapshot.role]
        looked_at = rows[["customer_id", "as_of_date", *columns]]
        y = rows[HAS_ORDERED].to_numpy(dtype="float64")
        label_from = days_after(snapshot.as_of_date, 1)
        alone = check_leaks(looked_at, y, snapshot.as_of_date, label_from, max_auc=max_auc)
        found.append(alone.set_index("feature")["auc"].rename(snapshot.role))
    table = pd.concat(found, axis=1).rename_axis("feature")
    order = table.max(axis=1).sort_values(ascending=False, kind="stable").index
    return table.loc[order]


def observed_days(orders: Table, as_of_date: str) -> int:
    """Days of history at a date: from the first order to it, both included; 0 without orders."""
    first = known_by(orders, "ordered_at", as_of_date)["ordered_at"].min().to_pandas()
    if first is None or pd.isna(first):
        return 0
    return (parse_date(as_of_date) - first.date()).days + 1


def customer_numbers(customer_ids: Sequence[str], salt: str) -> np.ndarray:
    """Draw a number from 0 up to 1 for each customer by hash: the same in every run.

    Parameters
    ----------
    customer_ids : sequence of str
        Customers, in any order.
    salt : str
        Names the draw; another salt gives an independent one.

    Returns
    -------
    array of shape (n,), in [0, 1)

    Examples
    --------
    >>> customer_numbers(["a", "b"], "test").round(3).tolist()
    [0.903, 0.131]
    """
    digests = (hashlib.sha256(f"{salt}:{name}".encode()).digest()[:7] for name in customer_ids)
    return np.array([int.from_bytes(digest) / 2**56 for digest in digests], dtype=float)
