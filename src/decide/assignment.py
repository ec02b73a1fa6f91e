"""Draws by hash: the lasting holdout, and the arm of each person."""

from collections.abc import Sequence
import hashlib

import numpy as np
import pandas as pd

from src.errors import ParameterError

__all__ = [
    "arm_salt",
    "build_strata",
    "draw",
    "draw_arms",
    "draw_arms_in_strata",
    "draw_holdout",
    "draw_in_strata",
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
    """Draw one arm per customer with the probabilities given, each customer for itself.

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
    return _arms_at(draw(customer_ids, salt), customer_ids, probabilities)


def _arms_at(
    numbers: np.ndarray, customer_ids: Sequence[str] | pd.Series, probabilities: pd.DataFrame
) -> pd.DataFrame:
    """Each customer's arm is the piece of the unit line into which the number falls."""
    shares = probabilities.to_numpy(dtype=float)
    if len(shares) and ((shares < 0).any() or np.abs(shares.sum(axis=1) - 1).max() > 1e-9):
        raise ParameterError(
            "Expected probabilities of arms that add to 1 for each customer, found others; "
            "mend the policy."
        )
    edges = np.cumsum(shares, axis=1)[:, :-1]  # the last arm takes the rest, rounding included
    arm = (numbers[:, None] >= edges).sum(axis=1)
    names = probabilities.columns.to_numpy(dtype=object)
    return pd.DataFrame(
        {
            "customer_id": np.asarray(customer_ids, dtype=object),
            "action": names[arm],
            "pscore": shares[np.arange(len(shares)), arm],
        }
    )


def build_strata(
    customer_ids: pd.Series, segments: pd.DataFrame, values: pd.DataFrame, n_bands: int = 3
) -> pd.Series:
    """Put customers that are alike into one stratum, in which arms are then balanced.

    Parameters
    ----------
    customer_ids : Series of str
        Customers of the experiment.
    segments : DataFrame
        One row per customer: `customer_id`, `segment`.
    values : DataFrame
        One row per customer: `customer_id`, `clv`.
    n_bands : int, default 3
        Bands of equal size by value; 1 leaves value out.

    Returns
    -------
    Series of str
        Segment and band of each customer, in the order given; 1 is the lowest band, 0 no value.
    """
    segment = customer_ids.map(segments.set_index("customer_id")["segment"]).fillna("no segment")
    value = customer_ids.map(values.set_index("customer_id")["clv"])
    share = value.rank(method="first", pct=True)
    band = np.ceil(share * n_bands).fillna(0).astype(int)
    return segment.astype(str).str.slice(0, 100) + " | value band " + band.astype(str)


def draw_in_strata(
    customer_ids: Sequence[str] | pd.Series, strata: Sequence[str] | pd.Series, salt: str
) -> np.ndarray:
    r"""One number in [0, 1) per customer, uniform for each and evenly spread in each stratum.

    The :math:`n_s` customers of a stratum are put in the order of their hashes (`draw`), which is
    a random one. The customer of rank :math:`r = 0, 1, \dots` gets

    .. math:: v = \frac{r + U_s}{n_s}

    with :math:`U_s` the hash of the stratum and its first customer. Rank and shift are uniform
    and independent, so :math:`v` is uniform on [0, 1) for every customer: the probability of an
    arm is the length of its piece exactly, whatever lengths the other customers' pieces have.
    Where all of a stratum have the same probabilities, an arm's size there is within one of its
    plan. Two salts give independent orders, hence independent experiments. A stratum of one is a
    plain draw.

    Parameters
    ----------
    customer_ids : sequence of str, length n
        Customers.
    strata : sequence of str, length n
        Stratum of each.
    salt : str
        See `arm_salt`.

    Returns
    -------
    array of shape (n,), in [0, 1)

    References
    ----------
    .. Madow, W. and Madow, L. (1944). On the theory of systematic sampling. Annals of
       Mathematical Statistics 15(1).
    .. McKay, M., Beckman, R. and Conover, W. (1979). A comparison of three methods for selecting
       values of input variables. Technometrics 21(2): one number from each n-th of the line.
    """
    frame = pd.DataFrame(
        {
            "customer_id": np.asarray(customer_ids, dtype=object),
            "stratum": np.asarray(strata, dtype=object),
            "own": draw(customer_ids, salt),
        }
    ).sort_values(["stratum", "own", "customer_id"])
    groups = frame.groupby("stratum", sort=False)["customer_id"]
    firsts = groups.first()
    shifts = [draw([first], f"{salt}|shift|{name}")[0] for name, first in firsts.items()]
    shift = frame["stratum"].map(pd.Series(shifts, index=firsts.index, dtype=float))
    numbers = (groups.cumcount() + shift) / groups.transform("size")
    below_one = np.nextafter(1.0, 0.0)  # rounding may not push the last one over the end
    return numbers.sort_index().to_numpy(dtype=float).clip(max=below_one)


def draw_arms_in_strata(
    customer_ids: Sequence[str] | pd.Series,
    probabilities: pd.DataFrame,
    salt: str,
    strata: Sequence[str] | pd.Series,
) -> pd.DataFrame:
    """Draw one arm per customer with the probabilities given, balanced within each stratum.

    Parameters and result are those of `draw_arms`; `strata` has the stratum of each customer.
    """
    return _arms_at(draw_in_strata(customer_ids, strata, salt), customer_ids, probabilities)


def planned_and_drawn(assigned: pd.DataFrame, probabilities: pd.DataFrame) -> pd.DataFrame:
    """Count what was drawn beside what was to be expected.

    Returns
    -------
    DataFrame
        Row per arm: `n_planned` (sum of the probabilities), `n_drawn`, and `z_score`, the
        difference in standard deviations of a draw of each for itself; balance within strata
        makes it smaller.
    """
    planned = probabilities.sum()
    drawn = assigned["action"].value_counts().reindex(probabilities.columns, fill_value=0)
    deviation = np.sqrt((probabilities * (1 - probabilities)).sum())
    z_score = (drawn - planned) / deviation.where(deviation > 0)
    return pd.DataFrame({"n_planned": planned, "n_drawn": drawn, "z_score": z_score})
