"""Past draws of the shop's own campaigns among the contacts that its sources tell of."""

import ibis
from ibis.expr.types import Table
import pandas as pd

from src.data.values import as_id, as_utc

__all__ = ["add_past_draws"]

_GIVEN = [
    "customer_id",
    "campaign_id",
    "exposed_at",
    "action",
    "is_randomised",
    "pscore",
    "pscores",
]


def add_past_draws(exposures: Table, draws: pd.DataFrame, customer_ids: pd.Series) -> Table:
    """Add what the ledger remembers to `exposures_raw`.

    Of a campaign that both know the ledger's word counts: it has the draw with its probability,
    and control, which no sender's list has.

    Parameters
    ----------
    exposures : ibis.Table
        Raw contacts of the sources.
    draws : DataFrame
        From `src.ledger.experience.past_draws`.
    customer_ids : Series of str
        Customers of this run; draws of others are left out.

    Returns
    -------
    ibis.Table
        The same columns, each of one type; the draws follow the sources' rows, numbered on.
        Without draws, the table as it was given.
    """
    known = draws[draws["customer_id"].isin(customer_ids)].reset_index(drop=True)
    if known.empty:
        return exposures
    campaigns = known["campaign_id"].unique().tolist()
    given = _typed(exposures)
    last_row = given["source_row"].max().execute()
    n_rows = 0 if pd.isna(last_row) else int(last_row) + 1
    kept = given.filter(given["campaign_id"].isnull() | ~given["campaign_id"].isin(campaigns))
    rows = known[_GIVEN].assign(
        source_row=range(n_rows, n_rows + len(known)),
        exposed_at=known["exposed_at"].dt.tz_localize(None),
    )
    types = dict(given.schema().items())
    added = ibis.memtable(rows).mutate(
        **{name: ibis.null(types[name]) for name in given.columns if name not in rows}
    )
    return kept.union(added.select(*given.columns).cast(types), distinct=False)


def _typed(exposures: Table) -> Table:
    """Give columns one type each: a source may number its campaigns, or know no probability."""
    return exposures.mutate(
        campaign_id=as_id(exposures["campaign_id"]),
        exposed_at=as_utc(exposures["exposed_at"]),
        ended_at=as_utc(exposures["ended_at"]),
        action=exposures["action"].cast("string"),
        is_randomised=exposures["is_randomised"].cast("boolean"),
        pscore=exposures["pscore"].cast("float64"),
        pscores=exposures["pscores"].cast("string"),
    ).select(*exposures.columns)
