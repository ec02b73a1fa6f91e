"""Past contacts as an experiment: which were drawn at random, and what came of them."""

from collections.abc import Callable

from ibis.expr.types import Table
import pandas as pd

from src.data.window import days_after, known_by, within

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
        `action`, `pscore`; by campaign and customer.
    """
    closed = known_by(exposures, "exposed_at", days_after(as_of_date, 1 - outcome_days))
    drawn = closed.filter(closed.is_randomised & (closed.pscore > 0))
    rows = drawn.select(
        "campaign_id",
        "customer_id",
        "action",
        "pscore",
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
    as_of_date: str,
    outcome_days: int,
    margin_share: float,
) -> pd.DataFrame:
    """Lay the profile before each contact beside the margin after it.

    Parameters
    ----------
    build : callable
        Takes an ISO date and gives `profiles` as they stood on it.
    randomised : DataFrame
        As from `select_randomised`.
    orders : ibis.Table
        One row per order line: `customer_id`, `ordered_at`, `line_value_minor`.
    as_of_date : str
        ISO date; nothing after it is read.
    outcome_days : int
        Length of the outcome window, the day of the contact included.
    margin_share : float
        Margin as a share of order value, 0-1.

    Returns
    -------
    DataFrame
        One row per campaign and customer who had a profile on the day before the contact: the
        columns of `randomised` and of `profiles`, and `outcome_value`: margin in the window, shop
        currency, before the cost of message and discount.
    """
    known = known_by(orders, "ordered_at", as_of_date)
    waves = []
    for exposed_date, wave in randomised.groupby("exposed_date", sort=True):
        eve = days_after(exposed_date, -1)
        profiles = build(eve).to_pandas()
        spent = _spend(within(known, "ordered_at", eve, days_after(eve, outcome_days)))
        rows = wave.merge(profiles, on="customer_id", validate="many_to_one")
        minor = rows["customer_id"].map(spent).fillna(0)
        waves.append(rows.assign(outcome_value=margin_share * minor / 100.0))
    if not waves:
        return randomised.assign(outcome_value=pd.Series(dtype=float))
    rows = pd.concat(waves, ignore_index=True)
    return rows.sort_values(["campaign_id", "customer_id"], ignore_index=True)


def _spend(lines: Table) -> pd.Series:
    totals = lines.group_by("customer_id").agg(minor=lines.line_value_minor.sum().cast("int64"))
    return totals.to_pandas().set_index("customer_id")["minor"]
