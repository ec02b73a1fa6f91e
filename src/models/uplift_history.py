"""Past contacts as an experiment: which were drawn at random, and what came of them."""

from collections.abc import Callable, Mapping

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, known_by, within
from src.features.offers import Offer, redeemed_by_offer
from src.metrics.profit import profit_minor

__all__ = [
    "CONTROL",
    "build_uplift_rows",
    "describe_history",
    "select_randomised",
    "summarise_history",
]

CONTROL = "control"
"""Name of the arm that gets nothing."""


def select_randomised(exposures: Table, as_of_date: str, outcome_days: int) -> pd.DataFrame:
    """Keep the contacts that can teach an effect: drawn at random, outcome window over.

    Parameters
    ----------
    exposures : ibis.Table
        As in its contract; control customers are rows with action ``control``.
    as_of_date : str
        ISO date; the outcome window must have ended by then.
    outcome_days : int
        Length of the outcome window, the day of the contact included.

    Returns
    -------
    DataFrame
        One row per campaign and customer: `campaign_id`, `customer_id`, `exposed_date` (ISO),
        `action`, `pscore`, `pscores`; by campaign and customer.
    """
    closed = known_by(exposures, "exposed_at", days_after(as_of_date, 1 - outcome_days))
    drawn = closed.filter(closed.is_randomised & (closed.pscore > 0))
    rows = drawn.select(
        "campaign_id",
        "customer_id",
        "action",
        "pscore",
        "pscores",
        exposed_date=drawn.exposed_at.date().cast("string"),
    )
    return rows.order_by("campaign_id", "customer_id").to_pandas()


def summarise_history(exposures: Table, as_of_date: str, outcome_days: int) -> pd.DataFrame:
    """Count past contacts by action.

    Returns
    -------
    DataFrame
        One row per action known by the as-of date: `action`, `n_campaigns`, `n_contacts`,
        `n_customers`, `n_randomised` and `n_usable` (of these, with the outcome window over).
    """
    known = known_by(exposures, "exposed_at", as_of_date)
    counts = (
        known.group_by("action")
        .agg(
            n_campaigns=known.campaign_id.nunique(),
            n_contacts=known.count(),
            n_customers=known.customer_id.nunique(),
            n_randomised=known.is_randomised.cast("int64").sum(),
        )
        .order_by("action")
        .to_pandas()
    )
    usable = select_randomised(exposures, as_of_date, outcome_days)["action"].value_counts()
    return counts.assign(n_usable=counts["action"].map(usable).fillna(0).astype(int))


def describe_history(history: pd.DataFrame, actions: tuple[str, ...]) -> str:
    """Say in Markdown whether effects can be learnt, and what follows if not.

    Parameters
    ----------
    history : DataFrame
        As from `summarise_history`.
    actions : tuple of str
        Actions of the present campaign, without control.
    """
    n_contacts, n_usable = int(history["n_contacts"].sum()), int(history["n_usable"].sum())
    if not n_contacts:
        return (
            "**No past contact is known**, so no effect of a message can be learnt. What follows: "
            "05_decide must explore, that is, draw the action at random and write down with which "
            "probability, and the next run of this stage has something to learn from."
        )
    if not n_usable:
        return (
            f"**{n_contacts:,} past contacts are known, and none was drawn at random** with a "
            "known probability (or its outcome window is not over). No effect can be learnt "
            "from them: the section below shows why a comparison would mislead. What follows: "
            "`uplift_value` stays empty, and 05_decide must explore, that is, draw the action at "
            "random and write down with which probability."
        )
    known = set(history.loc[history["n_usable"] > 0, "action"])
    lacking = [action for action in actions if action not in known]
    text = f"**{n_usable:,} of {n_contacts:,} past contacts were drawn at random** and can be used."
    if lacking:
        text += f" Never tried so far: {', '.join(lacking)}; for these 05_decide must explore."
    return text


def build_uplift_rows(
    build: Callable[[str], Table],
    randomised: pd.DataFrame,
    orders: Table,
    events: Table,
    as_of_date: str,
    outcome_days: int,
    margin_share: float,
    offers: Mapping[str, Offer],
) -> pd.DataFrame:
    """Lay the profile before each contact beside the profit after it.

    Parameters
    ----------
    build : callable
        Takes an ISO date and gives `profiles` as they stood on it.
    randomised : DataFrame
        As from `select_randomised`.
    orders : ibis.Table
        One row per order line: `customer_id`, `order_id`, `ordered_at`, `line_value_minor`.
    events : ibis.Table
        One row per event; redemptions of a campaign's offers are found by its name.
    as_of_date : str
        ISO date; nothing after it is read.
    outcome_days : int
        Length of the outcome window, the day of the contact included.
    margin_share : float
        Margin as a share of the undiscounted price, 0-1.
    offers : mapping of str to Offer
        What each action took off a basket when redeemed.

    Returns
    -------
    DataFrame
        One row per campaign and customer who had a profile on the day before the contact: the
        columns of `randomised` and of `profiles`, and of the window `outcome_value`: margin minus
        redeemed discount (`src.metrics.profit`), shop currency, before the message's cost, and
        `has_ordered`.
    """
    orders, events = (
        known_by(table, column, as_of_date)
        for table, column in ((orders, "ordered_at"), (events, "event_at"))
    )
    waves = []
    for exposed_date, wave in randomised.groupby("exposed_date", sort=True):
        eve = days_after(exposed_date, -1)
        last_date = days_after(eve, outcome_days)
        profiles = build(eve).to_pandas()
        rows = wave.merge(profiles, on="customer_id", validate="many_to_one")
        spent = _spend(within(orders, "ordered_at", eve, last_date), rows["customer_id"])
        discount = _redeemed(orders, events, rows, offers, eve, last_date)
        profit = profit_minor(spent["minor"].to_numpy(), discount, margin_share) / 100.0
        ordered = spent["n_lines"].to_numpy() > 0
        waves.append(rows.assign(outcome_value=profit, has_ordered=ordered))
    if not waves:
        nothing = {"outcome_value": pd.Series(dtype=float), "has_ordered": pd.Series(dtype=bool)}
        return randomised.assign(**nothing)
    rows = pd.concat(waves, ignore_index=True)
    return rows.sort_values(["campaign_id", "customer_id"], ignore_index=True)


def _spend(lines: Table, customer_ids: pd.Series) -> pd.DataFrame:
    totals = lines.group_by("customer_id").agg(
        minor=lines.line_value_minor.sum().cast("int64"), n_lines=lines.count()
    )
    totals = totals.to_pandas().set_index("customer_id")
    return totals.reindex(customer_ids).fillna(0).astype("int64")


def _redeemed(
    orders: Table,
    events: Table,
    rows: pd.DataFrame,
    offers: Mapping[str, Offer],
    eve: str,
    last_date: str,
) -> np.ndarray:
    """Discount each contact's customer took from that campaign's offers, cents, as in 08.

    A customer who redeemed without having been sent an offer took the dearest.
    """
    discount = np.zeros(len(rows), dtype=np.int64)
    for campaign_id, part in rows.groupby("campaign_id", sort=True):
        taken = redeemed_by_offer(orders, events, campaign_id, offers, eve, last_date)
        taken = taken.reindex(part["customer_id"]).fillna(0)
        taken = taken.assign(**{CONTROL: taken.max(axis=1)})
        action = part["action"].where(part["action"].isin(offers), CONTROL)
        columns = taken.columns.get_indexer(action)
        discount[part.index] = taken.to_numpy()[np.arange(len(part)), columns]
    return discount
