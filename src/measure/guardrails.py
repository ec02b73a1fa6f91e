"""What a campaign must not break: permissions, complaints, returns; and what crossed its way."""

import numpy as np
import pandas as pd
from sqlalchemy import select

from src.decide.catalogue import Campaign
from src.decide.unsubscribes import read_refusals
from src.ledger import Ledger, State
from src.ledger.feedback import FeedbackKind
from src.ledger.schema import assignments, feedback, messages
from src.measure.lift import effect_on_treated_weights, estimate_lift

__all__ = [
    "GUARDRAILS",
    "count_crossings",
    "guardrail_rows",
    "guardrail_table",
    "read_losses",
    "summarize_guards",
]

GUARDRAILS = {
    "unsubscribed": "is_unsubscribed",
    "complained": "is_complaint",
    "returned": "has_refund",
}
"""What must not rise, and its column in the outcomes."""

_SENT = (State.SENT, State.RESOLVED_SENT)


def read_losses(
    ledger: Ledger,
    campaign: Campaign,
    values: pd.DataFrame,
    as_of_date: str,
    last_date: str,
) -> pd.DataFrame:
    r"""Tell who left or complained in a window, whatever made them, and what leaving costs.

    A permission taken back costs the share :math:`\lambda` (`lost_value_share`) of the
    customer's expected value, the loss that 05 expected with some probability.

    Parameters
    ----------
    ledger : Ledger
        Where opt-outs and complaints arrive.
    campaign : Campaign
        Its channels, and `lost_value_share`.
    values : DataFrame
        One row per customer: `customer_id`, `clv` as of the as-of date.
    as_of_date, last_date : str
        The window opens after the first day and closes at the end of the last.

    Returns
    -------
    DataFrame
        One row per customer of whom there is something to say: `customer_id`,
        `is_unsubscribed`, `is_complaint`, `loss_minor` (integer cents).
    """
    start = pd.Timestamp(as_of_date, tz="UTC") + pd.Timedelta(days=1)
    end = pd.Timestamp(last_date, tz="UTC") + pd.Timedelta(days=1)
    refusals = pd.concat([read_refusals(ledger, name) for name in campaign.channels])
    # a wish that was said long ago and stands on two lists is none of this window
    first = refusals.sort_values("moment").drop_duplicates("customer_id")
    left = set(first.loc[first["moment"].between(start, end, "left"), "customer_id"])
    query = select(feedback.c.customer_id).where(
        feedback.c.campaign_id == campaign.campaign_id,
        feedback.c.kind == FeedbackKind.COMPLAINT.value,
        feedback.c.recorded_at >= start.to_pydatetime(),
        feedback.c.recorded_at < end.to_pydatetime(),
    )
    with ledger.read() as connection:
        complained = set(connection.scalars(query))
    ids = sorted(left | complained)
    clv = values.set_index("customer_id")["clv"].reindex(ids).fillna(0.0).clip(lower=0.0)
    lost = np.rint(100.0 * campaign.lost_value_share * clv.to_numpy()).astype(np.int64)
    is_left = np.array([one in left for one in ids], dtype=bool)
    return pd.DataFrame(
        {
            "customer_id": pd.Series(ids, dtype="str"),
            "is_unsubscribed": is_left,
            "is_complaint": np.array([one in complained for one in ids], dtype=bool),
            "loss_minor": np.where(is_left, lost, 0),
        }
    )


def guardrail_table(outcomes: pd.DataFrame, level: float) -> pd.DataFrame:
    """Compare by assignment what must not rise; intervals hold together (Bonferroni).

    Parameters
    ----------
    outcomes : DataFrame
        From `build_outcomes`.
    level : float
        Level at which all intervals are true together.

    Returns
    -------
    DataFrame
        Row per guardrail: `treated` and `control` (counts), their shares, `difference` of the
        shares with `lower` and `upper` as for the headline, `is_worse` if it is surely above 0.
    """
    each = 1 - (1 - level) / len(GUARDRAILS)
    is_treated = outcomes["is_treated"].to_numpy()
    weight = effect_on_treated_weights(outcomes["pscore"].to_numpy(), is_treated)
    rows = {}
    for name, column in GUARDRAILS.items():
        happened = outcomes[column].to_numpy(dtype=float)
        lift = estimate_lift(happened, is_treated, weight, level=each)
        n_treated, n_control = (int(happened[arm].sum()) for arm in (is_treated, ~is_treated))
        rows[name] = {
            "treated": n_treated,
            "control": n_control,
            "treated_share": n_treated / max(lift.n_treated, 1),
            "control_share": n_control / max(lift.n_control, 1),
            "difference": lift.estimate,
            "lower": lift.lower,
            "upper": lift.upper,
            "is_worse": bool(lift.lower > 0),
        }
    return pd.DataFrame.from_dict(rows, orient="index")


def count_crossings(
    ledger: Ledger, campaign_id: str, outcomes: pd.DataFrame, as_of_date: str, last_date: str
) -> dict[str, int]:
    """Count what could blur the comparison: two arms for one person, other campaigns' messages.

    Returns
    -------
    dict of str to int
        `n_two_arms`: customers with a message of an arm that is not theirs;
        `n_other_treated` and `n_other_control`: customers of either arm who got another
        campaign's message in the window. The draw makes both arms alike in that, so it widens
        the interval more than it bends the estimate.
    """
    start = pd.Timestamp(as_of_date, tz="UTC") + pd.Timedelta(days=1)
    end = pd.Timestamp(last_date, tz="UTC") + pd.Timedelta(days=1)
    wrong = (
        select(messages.c.customer_id)
        .join(
            assignments,
            (assignments.c.campaign_id == messages.c.campaign_id)
            & (assignments.c.customer_id == messages.c.customer_id),
            isouter=True,
        )
        .where(
            messages.c.campaign_id == campaign_id,
            messages.c.state.in_(_SENT),
            (assignments.c.action != messages.c.action) | assignments.c.action.is_(None),
        )
    )
    others = select(messages.c.customer_id).where(
        messages.c.campaign_id != campaign_id,
        messages.c.state.in_(_SENT),
        messages.c.attempted_at >= start.to_pydatetime(),
        messages.c.attempted_at < end.to_pydatetime(),
    )
    with ledger.read() as connection:
        crossed, reached = set(connection.scalars(wrong)), set(connection.scalars(others))
    is_reached = outcomes["customer_id"].isin(reached)
    return {
        "n_two_arms": len(crossed),
        "n_other_treated": int((is_reached & outcomes["is_treated"]).sum()),
        "n_other_control": int((is_reached & ~outcomes["is_treated"]).sum()),
    }


def guardrail_rows(guards: pd.DataFrame, campaign_id: str) -> pd.DataFrame:
    """Give the table `guardrails` of a campaign."""
    return guards.rename_axis("guardrail").reset_index().assign(campaign_id=campaign_id)


def summarize_guards(guards: pd.DataFrame, crossings: dict[str, int]) -> dict[str, float | int]:
    """Name the numbers for the record: counts of each guardrail by arm, and crossings."""
    named = {
        f"n_{name}_{arm}": int(guards.loc[name, arm])
        for name in guards.index
        for arm in ("treated", "control")
    }
    worse = ", ".join(guards.index[guards["is_worse"]])
    return named | crossings | {"guardrails_worse": worse}
