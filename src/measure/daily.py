"""What one would have read on each day of the window, and what one may believe of it."""

from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.data.window import days_after, parse_date, within
from src.decide.catalogue import Campaign
from src.features.offers import redeemed_by_day
from src.measure.lift import effect_on_treated_weights, estimate_lift
from src.measure.sequential import always_valid
from src.metrics.profit import profit_minor

__all__ = ["daily_profit", "read_daily"]


def daily_profit(
    orders: Table,
    events: Table,
    outcomes: pd.DataFrame,
    campaign: Campaign,
    as_of_date: str,
    days: int,
) -> np.ndarray:
    """Profit of each customer from the as-of date to the end of each day.

    Parameters
    ----------
    orders, events : ibis.Table
        As for `build_outcomes`; orders as they were kept.
    outcomes : DataFrame
        From `build_outcomes`, whose customers and costs these are.
    campaign : Campaign
        Margin and offers.
    as_of_date : str
        Day 1 is the next.
    days : int
        Days of the window that are known.

    Returns
    -------
    array of float, shape (n_customers, days)
        Shop currency, message costs from the first day on; the last column differs from
        `profit_value` only by permissions lost and by what returns cost beyond their price.
    """
    last_date = days_after(as_of_date, days)
    ids = pd.Index(outcomes["customer_id"])
    lines = within(orders, "ordered_at", as_of_date, last_date)
    sums = lines.group_by("customer_id", day=lines["ordered_at"].date()).agg(
        minor=lines["line_value_minor"].sum().cast("int64")
    )
    revenue = _spread(sums.to_pandas(), ids, as_of_date, days)
    taken = redeemed_by_day(
        orders, events, campaign.campaign_id, campaign.actions, as_of_date, last_date
    )
    discount = _spread(_own_offer(taken, outcomes, campaign), ids, as_of_date, days)
    earned = profit_minor(revenue.cumsum(axis=1), discount.cumsum(axis=1), campaign.margin_share)
    return earned / 100.0 - outcomes["cost_value"].to_numpy()[:, None]


def read_daily(
    profit: np.ndarray, outcomes: pd.DataFrame, planned_error: float, level: float
) -> pd.DataFrame:
    """Read the effect on every day as if it were the last.

    Parameters
    ----------
    profit : array of shape (n_customers, days)
        From `daily_profit`.
    outcomes : DataFrame
        From `build_outcomes`, in the same order.
    planned_error : float
        As for `always_valid`.
    level : float
        Of both intervals.

    Returns
    -------
    DataFrame
        One row per day: `day`, and as totals over the treated `estimate`, `lower`, `upper`
        (true on one day, chosen beforehand), `seq_lower`, `seq_upper` (true on all days
        together; missing while nothing is known).
    """
    is_treated = outcomes["is_treated"].to_numpy()
    weight = effect_on_treated_weights(outcomes["pscore"].to_numpy(), is_treated)
    before = outcomes["before_profit_value"].to_numpy()
    rows = []
    for day in range(profit.shape[1]):
        lift = estimate_lift(profit[:, day], is_treated, weight, before, level)
        wide = always_valid(lift, planned_error)
        ends = (lift.estimate, lift.lower, lift.upper, wide.lower, wide.upper)
        rows.append((day + 1, *(lift.n_treated * end for end in ends)))
    names = ["day", "estimate", "lower", "upper", "seq_lower", "seq_upper"]
    return pd.DataFrame(rows, columns=names).astype(
        {"day": "int64"} | dict.fromkeys(names[1:], float)
    )


def _own_offer(taken: pd.DataFrame, outcomes: pd.DataFrame, campaign: Campaign) -> pd.DataFrame:
    """Worth of the offer that each customer was assigned; else the dearest."""
    action = taken["customer_id"].map(outcomes.set_index("customer_id")["action"])
    worth = taken[list(campaign.actions)]
    minor = worth.max(axis=1)
    for name in campaign.actions:
        minor = minor.mask(action.eq(name), worth[name])
    return taken[["customer_id", "day"]].assign(minor=minor)


def _spread(sums: pd.DataFrame, ids: pd.Index, as_of_date: str, days: int) -> np.ndarray:
    """Lay sums of days out as customers by days; others' are left out."""
    place = ids.get_indexer(sums["customer_id"])
    eve = pd.Timestamp(parse_date(as_of_date))
    day = (pd.to_datetime(sums["day"]) - eve).dt.days.to_numpy() - 1
    found = np.zeros((len(ids), days), dtype=np.int64)
    is_here = place >= 0
    minor = sums["minor"].to_numpy(dtype=np.int64)
    np.add.at(found, (place[is_here], day[is_here]), minor[is_here])
    return found
