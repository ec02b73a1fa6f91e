"""Who may be contacted at all, and why the others may not."""

from collections.abc import Collection, Mapping
import logging

from ibis.expr.types import Table
import pandas as pd

from src.decide.catalogue import Audience
from src.errors import ParameterError
from src.features.rules import compile_rule, find_thresholds, read_rule

__all__ = ["build_eligibility", "combine_contacts", "find_outsiders"]

logger = logging.getLogger(__name__)


def build_eligibility(
    profiles: pd.DataFrame,
    contacts: pd.DataFrame,
    eligible_days: int,
    already_drawn: Collection[str] = (),
    outsiders: pd.Series | None = None,
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
    outsiders : Series of str, optional
        From `find_outsiders`: why customers are not of the campaign's audience, by id.

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
    why_outside = {} if outsiders is None else outsiders.to_dict()
    outside = asked["customer_id"].map(lambda key: why_outside.get(key, "")).astype("str")
    is_new = is_contactable & is_recent & outside.eq("").to_numpy()
    is_eligible = is_new | asked["customer_id"].isin(already_drawn).to_numpy()
    reason = asked["reason"].fillna("unknown to the ledger").where(~is_contactable, "")
    reason = reason.mask(is_contactable & ~is_recent, f"no order in {eligible_days} days")
    reason = reason.mask(reason.eq(""), outside).mask(is_eligible, "")
    days = asked["recency_days"].fillna(-1).astype(int).astype(str)
    grounds = pd.Series("may be contacted, ordered " + days + " days before")
    grounds = grounds.mask(~is_new, "was drawn before").where(is_eligible, "")
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


def combine_contacts(contacts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Ask for every channel of a campaign: who lacks one is left out, as arms must be comparable.

    Parameters
    ----------
    contacts : mapping of str to DataFrame
        The ledger's answer by channel, each with the same customers in the same order.

    Returns
    -------
    DataFrame
        `customer_id`, `is_contactable`, `reason`; the reason names the channel where there are
        several.
    """
    (first, combined), *others = contacts.items()
    if not others:
        return combined
    combined = combined.assign(reason=_on(first, combined))
    for channel, answer in others:
        reason = combined["reason"].where(~combined["is_contactable"], _on(channel, answer))
        combined = combined.assign(
            is_contactable=combined["is_contactable"] & answer["is_contactable"], reason=reason
        )
    return combined


def _on(channel: str, answer: pd.DataFrame) -> pd.Series:
    return (answer["reason"] + f" on {channel}").where(~answer["is_contactable"], "")


def find_outsiders(
    audience: Audience, profiles: Table, tags: Table, segments: pd.DataFrame
) -> pd.Series:
    """Say of each customer outside the campaign's audience which condition they fail.

    Parameters
    ----------
    audience : Audience
        From the campaign file.
    profiles, tags : ibis.Table
        One row per customer; one row per customer and tag.
    segments : DataFrame
        One row per customer: `customer_id`, `segment`.

    Returns
    -------
    Series of str
        By customer; who belongs to the audience is absent. The first condition that fails is
        named, in the order tags, segments, rule.

    Raises
    ------
    ParameterError
        If the rule is no condition on `profiles`, or a segment does not exist.
    """
    customer_ids = profiles.select("customer_id").order_by("customer_id").to_pandas()["customer_id"]
    reason = pd.Series("", index=pd.Index(customer_ids, name="customer_id"))
    held = tags.select("customer_id", "tag").to_pandas() if _asks_tags(audience) else None
    if audience.tags:
        has = reason.index.isin(held.loc[held["tag"].isin(audience.tags), "customer_id"])
        reason = reason.mask(~has & reason.eq(""), f"no tag of {', '.join(audience.tags)}")
    for tag in audience.without_tags:
        has = reason.index.isin(held.loc[held["tag"].eq(tag), "customer_id"])
        reason = reason.mask(has & reason.eq(""), f"has the tag {tag}")
    if audience.segments:
        is_in = reason.index.isin(_members(segments, audience))
        reason = reason.mask(~is_in & reason.eq(""), "in another segment")
    if audience.rule:
        is_in = reason.index.isin(_rule_holders(audience.rule, profiles))
        reason = reason.mask(~is_in & reason.eq(""), "outside the campaign's rule")
    logger.info("find_outsiders: %d customers, %d outside", len(reason), reason.ne("").sum())
    return reason[reason.ne("")]


def _asks_tags(audience: Audience) -> bool:
    return bool(audience.tags or audience.without_tags)


def _members(segments: pd.DataFrame, audience: Audience) -> pd.Series:
    known = set(segments["segment"])
    unknown = [name for name in audience.segments if name not in known]
    if unknown:
        raise ParameterError(
            f"Expected segments of this run in audience.segments, found {unknown[0]!r}; there are "
            f"{sorted(known)}."
        )
    return segments.loc[segments["segment"].isin(audience.segments), "customer_id"]


def _rule_holders(text: str, profiles: Table) -> pd.Series:
    """List those of whom the rule is true; where it cannot be known, it is not."""
    try:
        rule = read_rule(text, profiles.schema())
    except ParameterError as error:
        raise ParameterError(f"audience.rule of the campaign file: {error}") from None
    condition = compile_rule(rule, profiles, find_thresholds([rule], profiles))
    return profiles.filter(condition).select("customer_id").to_pandas()["customer_id"]
