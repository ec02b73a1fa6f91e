"""What the ledger remembers of past campaigns, for the next one to learn from."""

import pandas as pd
from sqlalchemy import select

from src.data.window import days_after
from src.ledger.schema import assignments
from src.ledger.store import Ledger

__all__ = ["past_draws"]


def past_draws(ledger: Ledger, as_of_date: str) -> pd.DataFrame:
    """Give every draw of earlier campaigns, control included: the randomised history.

    A draw counts as made at the start of the outcome window it opened, sent or not: who was
    drawn is what makes customers comparable. A campaign that is decided on the as-of date itself
    opens its window on the next day and is not among them, so a run that is done again does not
    see itself.

    Parameters
    ----------
    ledger : Ledger
        Of all campaigns that share it.
    as_of_date : str
        Nothing after this day is read.

    Returns
    -------
    DataFrame
        One row per campaign and customer, by both: `campaign_id`, `customer_id`, `exposed_at`
        (UTC), `action`, `is_randomised` (always), `pscore`, `pscores` (of every arm, JSON; missing
        where only that of the arm drawn was kept).
    """
    columns = assignments.c
    end = pd.Timestamp(days_after(as_of_date, 1), tz="UTC").to_pydatetime()
    names = ("campaign_id", "customer_id", "decided_at", "action", "pscore", "pscores")
    query = (
        select(*(columns[name] for name in names))
        .where(columns.decided_at < end, columns.pscore.is_not(None))
        .order_by(columns.campaign_id, columns.customer_id)
    )
    with ledger.read() as connection:
        rows = connection.execute(query).all()
    found = pd.DataFrame(rows, columns=["campaign_id", "customer_id", "exposed_at", *names[3:]])
    moments = pd.to_datetime(found["exposed_at"], utc=True).astype("datetime64[us, UTC]")
    texts = dict.fromkeys(("campaign_id", "customer_id", "action", "pscores"), "str")
    return found.assign(exposed_at=moments, is_randomised=True).astype(texts | {"pscore": float})
