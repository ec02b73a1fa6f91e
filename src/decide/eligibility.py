"""Who may be contacted at all, and why the others may not."""

from collections.abc import Collection
import logging

import pandas as pd

__all__ = ["build_eligibility"]

logger = logging.getLogger(__name__)


def build_eligibility(
    profiles: pd.DataFrame,
    contacts: pd.DataFrame,
    eligible_days: int,
    already_drawn: Collection[str] = (),
) -> pd.DataFrame:
    """Say of each customer whether the campaign may reach them.

    Who was drawn before stays in the experiment, even if they unsubscribed since: leaving them
    out would drop the annoyed from the treated arms only. Sending asks for consent again.

    Parameters
    ----------
    profiles : DataFrame
        One row per customer: `customer_id`, `recency_days`.
    contacts : DataFrame
        The ledger's answer, one row per customer: `customer_id`, `is_contactable`, `reason`.
        Who is missing there is unknown to the ledger and may not be contacted.
    eligible_days : int
        Customers without an order in that many days are left alone.
    already_drawn : collection of str
        Customers of whom the ledger holds an arm of this campaign.

    Returns
    -------
    DataFrame
        One row per customer, in the order of `profiles`: `customer_id`, `is_eligible`,
        `reason` (why not; empty where eligible), `grounds` (why; empty where not).
    """
    asked = profiles[["customer_id", "recency_days"]].merge(
        contacts[["customer_id", "is_contactable", "reason"]],
        on="customer_id",
        how="left",
        validate="one_to_one",
    )
    is_contactable = asked["is_contactable"].eq(True).to_numpy()  # a missing answer is a no
    is_recent = asked["recency_days"].le(eligible_days).to_numpy()
    is_eligible = (is_contactable & is_recent) | asked["customer_id"].isin(already_drawn).to_numpy()
    reason = asked["reason"].fillna("unknown to the ledger").where(~is_contactable, "")
    reason = reason.mask(is_contactable & ~is_recent, f"no order in {eligible_days} days")
    reason = reason.mask(is_eligible, "")
    days = asked["recency_days"].fillna(-1).astype(int).astype(str)
    grounds = pd.Series("may be contacted, ordered " + days + " days before")
    grounds = grounds.mask(~(is_contactable & is_recent), "was drawn before").where(is_eligible, "")
    logger.info(
        "build_eligibility: %d customers, %d contactable, %d eligible",
        len(asked),
        is_contactable.sum(),
        is_eligible.sum(),
    )
    return pd.DataFrame(
        {
            "customer_id": asked["customer_id"],
            "is_eligible": is_eligible,
            "reason": reason,
            "grounds": grounds,
        }
    )
