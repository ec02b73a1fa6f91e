"""How likely a message makes somebody unsubscribe: from the ledger, else from the campaign file."""

import pandas as pd
from sqlalchemy import select

from src.decide.catalogue import Campaign
from src.ledger import Ledger, State
from src.ledger.schema import consents, messages, people, suppressions
from src.ledger.tokens import person_token

__all__ = ["PRIOR_MESSAGES", "count_unsubscribes", "estimate_unsubscribes", "read_refusals"]

PRIOR_MESSAGES = 1_000.0
"""The campaign file's assumption counts as much as so many messages."""

_SENT = (State.SENT, State.RESOLVED_SENT)
_REASON = "unsubscribed"


def estimate_unsubscribes(counts: pd.DataFrame, campaign: Campaign) -> pd.Series:
    r"""Estimate the probability that one message of an action makes its reader unsubscribe.

    .. math:: \hat p_a = \frac{u_a + m\, p_a}{n_a + m}

    with :math:`u_a` of :math:`n_a` messages followed by an unsubscription, :math:`p_a` the
    assumption of the campaign file and :math:`m` = `PRIOR_MESSAGES`: the mean of a Beta
    distribution that starts at the assumption.

    Parameters
    ----------
    counts : DataFrame
        From `count_unsubscribes`.
    campaign : Campaign
        Actions and their `p_unsubscribe`.

    Returns
    -------
    Series of float
        By action, in the campaign's order.

    References
    ----------
    .. Gelman, A. et al. (2013). Bayesian Data Analysis, 3rd ed., section 2.4.
    """
    assumed = pd.Series({name: one.p_unsubscribe for name, one in campaign.actions.items()})
    seen = counts.set_index("action").reindex(assumed.index).fillna(0)
    return (seen["n_unsubscribed"] + PRIOR_MESSAGES * assumed) / (seen["n_sent"] + PRIOR_MESSAGES)


def count_unsubscribes(ledger: Ledger, channel: str, as_of_date: str) -> pd.DataFrame:
    """Count past messages by action, and those after which their reader unsubscribed.

    An unsubscription counts for the last message that the customer got before it.

    Parameters
    ----------
    ledger : Ledger
        Of all campaigns that share it.
    channel : str
        Messages and refusals of this channel only.
    as_of_date : str
        Nothing after this day is read.

    Returns
    -------
    DataFrame
        One row per action: `action`, `n_sent`, `n_unsubscribed`.
    """
    end = pd.Timestamp(as_of_date, tz="UTC") + pd.Timedelta(days=1)
    sent, refusals = _read_sent(ledger, channel), read_refusals(ledger, channel)
    sent, refusals = sent[sent["moment"] < end], refusals[refusals["moment"] < end]
    first = refusals.sort_values("moment").drop_duplicates("customer_id")
    caused = pd.merge_asof(first, sent.sort_values("moment"), on="moment", by="customer_id")
    counts = pd.DataFrame(
        {
            "n_sent": sent["action"].value_counts(),
            "n_unsubscribed": caused["action"].value_counts(),
        }
    )
    return counts.fillna(0).astype(int).rename_axis("action").sort_index().reset_index()


def _read_sent(ledger: Ledger, channel: str) -> pd.DataFrame:
    columns = messages.c
    query = select(columns.customer_id, columns.action, columns.attempted_at).where(
        columns.channel == channel, columns.state.in_(_SENT)
    )
    with ledger.read() as connection:
        rows = connection.execute(query).all()
    return _moments(pd.DataFrame(rows, columns=["customer_id", "action", "moment"]))


def read_refusals(ledger: Ledger, channel: str) -> pd.DataFrame:
    """Give every moment at which a customer took consent back or was put on the list for it.

    Returns
    -------
    DataFrame
        `customer_id` and `moment` (UTC); a customer may have several.
    """
    withdrawn = select(consents.c.customer_id, consents.c.recorded_at).where(
        consents.c.channel == channel, consents.c.is_granted.is_(False)
    )
    listed = select(suppressions.c.token, suppressions.c.recorded_at).where(
        suppressions.c.channel == channel, suppressions.c.reason == _REASON
    )
    with ledger.read() as connection:
        refusals = [tuple(row) for row in connection.execute(withdrawn)]
        moments = {row.token: row.recorded_at for row in connection.execute(listed)}
        for row in connection.execute(select(people.c.customer_id, people.c.address_token)):
            tokens = (person_token(row.customer_id), row.address_token)
            refusals += [(row.customer_id, moments[one]) for one in tokens if one in moments]
    return _moments(pd.DataFrame(refusals, columns=["customer_id", "moment"]))


def _moments(frame: pd.DataFrame) -> pd.DataFrame:
    """Give texts and times one type each, with rows and without."""
    texts = dict.fromkeys(frame.columns.drop("moment"), "str")
    moment = pd.to_datetime(frame["moment"], utc=True).astype("datetime64[us, UTC]")
    return frame.assign(moment=moment).astype(texts)
