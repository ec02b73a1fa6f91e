"""Coupons redeemed and past campaigns addressed to customers."""

from ibis.expr.types import Table

from src.data.window import days_after, within

__all__ = ["REDEEMED", "build_contacts"]

REDEEMED = "coupon_redeemed"
_DAYS = 365


def build_contacts(events: Table, exposures: Table, as_of_date: str) -> Table:
    """Count redemptions and past campaigns in the last 365 days.

    Parameters
    ----------
    events, exposures : ibis.Table
        As in their contracts; may be empty.
    as_of_date : str
        ISO date; what happened after it is not seen. A campaign counts from its first day.

    Returns
    -------
    ibis.Table
        One row per customer with any of them: `n_redemptions_365`, `n_exposures_365`.
    """
    first = days_after(as_of_date, -_DAYS)
    events = within(events, "event_at", first, as_of_date)
    events = events.filter(events.event_type == REDEEMED)
    exposures = within(exposures, "exposed_at", first, as_of_date)
    redemptions = events.group_by("customer_id").agg(n_redemptions_365=events.count())
    contacts = exposures.group_by("customer_id").agg(
        n_exposures_365=exposures.campaign_id.nunique()
    )
    both = redemptions.outer_join(contacts, "customer_id")
    return both.select(
        customer_id=both.customer_id.coalesce(both.customer_id_right),
        n_redemptions_365=both.n_redemptions_365.fill_null(0),
        n_exposures_365=both.n_exposures_365.fill_null(0),
    )
