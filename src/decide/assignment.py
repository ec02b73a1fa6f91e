"""Draws by keyed hash: the lasting holdout, and the arm of each customer."""

from collections.abc import Sequence
import hashlib

import numpy as np
import pandas as pd

from src.data.window import parse_date
from src.decide.catalogue import NONE
from src.errors import ParameterError
from src.ledger import Ledger, record_assignments
from src.ledger.assignments import assigned_actions

__all__ = [
    "arm_salt",
    "count_kept",
    "draw",
    "draw_arms",
    "draw_holdout",
    "drawn_before",
    "keep_assignments",
    "planned_and_drawn",
]

_HOLDOUT = "holdout"


def draw(customer_ids: Sequence[str] | pd.Series, salt: str) -> np.ndarray:
    """One number in [0, 1) per customer: a hash of salt and customer, uniform over customers.

    Parameters
    ----------
    customer_ids : sequence of str, length n
        Customers.
    salt : str
        Names the draw. The same salt gives the same numbers for ever; two salts give
        independent ones.

    Returns
    -------
    array of shape (n,), in [0, 1)
        The first 53 bits of BLAKE2b, so that every number is exact.

    References
    ----------
    .. Aumasson, J.-P., Neves, S., Wilcox-O'Hearn, Z. and Winnerlein, C. (2013). BLAKE2:
       simpler, smaller, fast as MD5. ACNS.

    Examples
    --------
    >>> draw(["anna", "bert"], "a salt").round(6).tolist()
    [0.038016, 0.663219]
    """
    start = hashlib.blake2b(f"{salt}\x00".encode(), digest_size=8)
    digests = bytearray()
    for customer_id in customer_ids:
        state = start.copy()
        state.update(customer_id.encode())
        digests += state.digest()
    return (np.frombuffer(digests, dtype=">u8") >> np.uint64(11)) * 2.0**-53


def draw_holdout(
    customer_ids: Sequence[str] | pd.Series, holdout_share: float, holdout_salt: str
) -> np.ndarray:
    """Who is never contacted by any campaign.

    The salt names the shop, not the campaign, so the same customers stay held out; a larger
    share only adds to them.

    Parameters
    ----------
    customer_ids : sequence of str, length n
        Customers.
    holdout_share : float, in [0, 1)
        Expected share of customers held out.
    holdout_salt : str
        The shop's own salt; changing it draws another holdout.

    Returns
    -------
    array of bool, shape (n,)
    """
    if not 0 <= holdout_share < 1:
        raise ParameterError(
            f"Expected holdout_share in [0, 1), found {holdout_share}; give a share such as 0.10."
        )
    return draw(customer_ids, f"{_HOLDOUT}|{holdout_salt}") < holdout_share


def arm_salt(campaign_id: str, seed: int) -> str:
    """Salt of one campaign's arms: a campaign is drawn once, so no date is part of it.

    Examples
    --------
    >>> arm_salt("autumn_coupon", 1)
    'arm|autumn_coupon|1'
    """
    return f"arm|{campaign_id}|{seed}"


def draw_arms(
    customer_ids: Sequence[str] | pd.Series, probabilities: pd.DataFrame, salt: str
) -> pd.DataFrame:
    """Draw one arm per customer with the probabilities given.

    Parameters
    ----------
    customer_ids : sequence of str, length n
        Customers.
    probabilities : DataFrame of shape (n, n_arms)
        Probability of each arm (column) for each customer (row, same order); rows add to 1.
    salt : str
        See `arm_salt`.

    Returns
    -------
    DataFrame
        One row per customer: `customer_id`, `action` and its probability `pscore`.

    Raises
    ------
    ParameterError
        If a row does not add to 1 or a probability is negative.
    """
    shares = probabilities.to_numpy(dtype=float)
    if len(shares) and ((shares < 0).any() or np.abs(shares.sum(axis=1) - 1).max() > 1e-9):
        raise ParameterError(
            "Expected probabilities of arms that add to 1 for each customer, found others; "
            "mend the policy."
        )
    edges = np.cumsum(shares, axis=1)[:, :-1]  # the last arm takes the rest, rounding included
    arm = (draw(customer_ids, salt)[:, None] >= edges).sum(axis=1)
    names = probabilities.columns.to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "customer_id": np.asarray(customer_ids, dtype=object),
            "action": names[arm],
            "pscore": shares[np.arange(len(shares)), arm],
        }
    )


def planned_and_drawn(assigned: pd.DataFrame, probabilities: pd.DataFrame) -> pd.DataFrame:
    """Count what was drawn beside what was to be expected.

    Returns
    -------
    DataFrame
        Row per arm: `n_planned` (sum of the probabilities), `n_drawn`, and `z_score`, the
        difference in standard deviations of the draw.
    """
    planned = probabilities.sum()
    drawn = assigned["action"].value_counts().reindex(probabilities.columns, fill_value=0)
    deviation = np.sqrt((probabilities * (1 - probabilities)).sum())
    z_score = (drawn - planned) / deviation.where(deviation > 0)
    return pd.DataFrame({"n_planned": planned, "n_drawn": drawn, "z_score": z_score})


def drawn_before(ledger: Ledger, campaign_id: str, customer_ids: pd.Series) -> list[str]:
    """List the customers of whom the ledger already holds an arm of this campaign."""
    with ledger.read() as connection:
        return sorted(assigned_actions(connection, campaign_id, customer_ids.tolist()))


def keep_assignments(
    ledger: Ledger, decisions: pd.DataFrame, salt: str, policy_version: str, as_of_date: str
) -> int:
    """Write the arms of the experiment into the ledger, before any message can exist.

    Parameters
    ----------
    ledger : Ledger
        Where assignments are kept; the same again changes nothing, another arm is refused.
    decisions : DataFrame
        One row per customer: `campaign_id`, `customer_id`, `action`, `pscore`. Customers
        outside the experiment are passed over: they have no arm.
    salt, policy_version : str
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
    return record_assignments(
        ledger,
        drawn.assign(salt=salt, policy_version=policy_version, decided_at=decided_at),
    )


def count_kept(ledger: Ledger, decisions: pd.DataFrame) -> int:
    """Count the customers whose arm in the ledger is the one decided."""
    drawn = decisions[decisions["action"].ne(NONE)]
    with ledger.read() as connection:
        n_kept = 0
        for campaign_id, group in drawn.groupby("campaign_id"):
            kept = assigned_actions(connection, campaign_id, group["customer_id"].tolist())
            n_kept += int(group["customer_id"].map(kept).eq(group["action"]).sum())
    return n_kept
