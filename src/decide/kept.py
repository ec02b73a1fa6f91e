"""Arms as the ledger keeps them: what is drawn stays drawn, and only newcomers are drawn anew."""

import hashlib
import json

import numpy as np
import pandas as pd

from src.data.window import parse_date
from src.decide.assignment import draw_arms_in_strata
from src.decide.catalogue import NONE
from src.ledger import Ledger, record_assignments
from src.ledger.assignments import assigned_actions, read_assignments

__all__ = [
    "count_kept",
    "draw_remaining",
    "eligibility_id",
    "keep_assignments",
    "kept_assignments",
]


def kept_assignments(ledger: Ledger, campaign_id: str, customer_ids: pd.Series) -> pd.DataFrame:
    """Read what was drawn already for a campaign, one row per customer that has an arm.

    Columns are those of `src.ledger.assignments.read_assignments`.
    """
    with ledger.read() as connection:
        return read_assignments(connection, campaign_id, customer_ids.tolist())


def draw_remaining(
    kept: pd.DataFrame,
    probabilities: pd.DataFrame,
    strata: pd.Series,
    salt: str,
    policy_version: str,
) -> pd.DataFrame:
    """Draw arms for those who have none, and give all others the arm they have.

    Newcomers are balanced among themselves: ordering them together with those drawn before would
    move the latter. A campaign is one experiment even if it is drawn in two rounds, since each
    customer carries the probability with which their own arm was drawn.

    Parameters
    ----------
    kept : DataFrame
        From `kept_assignments`.
    probabilities : DataFrame of shape (n_customers, n_arms)
        Row per customer of the experiment (index `customer_id`), column per arm.
    strata : Series of str
        Stratum of each, in the same order.
    salt : str
        From `src.decide.assignment.arm_salt`.
    policy_version : str
        Who gave the probabilities.

    Returns
    -------
    DataFrame
        One row per customer, in the order of `probabilities`: `customer_id`, `action`, `pscore`,
        `pscores`, `stratum`, `policy_version`.
    """
    customer_ids = probabilities.index.to_series(index=range(len(probabilities)))
    is_fresh = ~customer_ids.isin(kept["customer_id"]).to_numpy()
    own = strata.to_numpy(dtype=object)[is_fresh]
    drawn = draw_arms_in_strata(customer_ids[is_fresh], probabilities[is_fresh], salt, own)
    drawn = drawn.assign(
        pscores=_as_json(probabilities[is_fresh]), stratum=own, policy_version=policy_version
    )
    before = kept.loc[kept["customer_id"].isin(customer_ids)].reindex(columns=drawn.columns)
    both = pd.concat([part for part in (before, drawn) if len(part)] or [drawn])
    return both.set_index("customer_id").loc[customer_ids].reset_index()


def _as_json(probabilities: pd.DataFrame) -> list[str]:
    """Write down each customer's probabilities by arm, to six digits."""
    names = [json.dumps(arm) for arm in probabilities.columns]
    return [
        "{" + ", ".join(f"{name}: {p:.6g}" for name, p in zip(names, row, strict=True)) + "}"
        for row in probabilities.to_numpy(dtype=float)
    ]


def eligibility_id(eligibility: pd.DataFrame) -> str:
    """Name a table of eligibility by its content: SHA-256 of its rows in the order of the id.

    Examples
    --------
    >>> rows = {"customer_id": ["b", "a"], "is_eligible": [True, False], "reason": ["", "no"]}
    >>> eligibility_id(pd.DataFrame(rows))[:8]
    'cf019bea'
    """
    rows = eligibility.sort_values("customer_id")[["customer_id", "is_eligible", "reason"]]
    text = rows.to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode()).hexdigest()


def keep_assignments(
    ledger: Ledger, decisions: pd.DataFrame, eligibility: pd.DataFrame, salt: str, as_of_date: str
) -> int:
    """Write the arms of the experiment into the ledger, before any message can exist.

    All are written in one transaction: after a crash there are all of them or none.

    Parameters
    ----------
    ledger : Ledger
        Where assignments are kept; the same again changes nothing, another arm is refused.
    decisions : DataFrame
        One row per customer: `campaign_id`, `customer_id`, `action`, `pscore`, `stratum`,
        `policy_version`. Customers outside the experiment are passed over: they have no arm.
    eligibility : DataFrame
        From `src.decide.eligibility.build_eligibility`; its hash is kept with every arm, and
        the grounds on which the customer could be drawn.
    salt : str
        What the draw was made with.
    as_of_date : str
        The moment of the decision is the end of this day.

    Returns
    -------
    int
        Assignments that were new.
    """
    decided_at = pd.Timestamp(parse_date(as_of_date), tz="UTC") + pd.Timedelta(days=1)
    drawn = decisions[decisions["action"].ne(NONE)]
    grounds = eligibility.set_index("customer_id")["grounds"]
    return record_assignments(
        ledger,
        drawn.assign(
            salt=salt,
            decided_at=decided_at,
            eligibility_id=eligibility_id(eligibility),
            eligibility_reason=drawn["customer_id"].map(grounds),
        ),
    )


def count_kept(ledger: Ledger, decisions: pd.DataFrame) -> int:
    """Count the customers whose arm in the ledger is the one decided."""
    drawn = decisions[decisions["action"].ne(NONE)]
    n_kept = 0
    with ledger.read() as connection:
        for campaign_id, group in drawn.groupby("campaign_id"):
            kept = assigned_actions(connection, campaign_id, group["customer_id"].tolist())
            n_kept += int(np.equal(group["customer_id"].map(kept), group["action"]).sum())
    return n_kept
