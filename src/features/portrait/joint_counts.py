"""How many customers have two things at once: counts of pairs in one pass over the table."""

from collections.abc import Sequence
import functools
import operator

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd

from src.errors import ParameterError

__all__ = ["MAX_NAMES", "add_lift", "count_joint", "surprise"]

MAX_NAMES = 60
"""What fits into the bits of a 64-bit integer, with room for the sign."""

_FEW = 5


def count_joint(memberships: Table, column: str, names: Sequence[str]) -> pd.DataFrame:
    """Count customers who have both of two names, for every pair.

    Each customer's names become the bits of one integer, customers are counted by it, and the
    few kinds of customers that there are give all pairs: no join of the table with itself.

    Parameters
    ----------
    memberships : ibis.Table
        One row per customer and name that applies: `customer_id` and `column`.
    column : str
        Column of the names.
    names : sequence of str
        Names to count, at most `MAX_NAMES`; others are not looked at.

    Returns
    -------
    pandas.DataFrame of shape (n_names, n_names)
        Customers with the name of the row and of the column; the diagonal has those with the
        name alone. Index and columns in the order of `names`.

    Raises
    ------
    ParameterError
        If there are too many names, or one comes twice.
    """
    names = list(names)
    if len(names) > MAX_NAMES or len(set(names)) < len(names):
        raise ParameterError(
            f"Expected at most {MAX_NAMES} different names of {column}, found {len(names)} with "
            f"{len(set(names))} different ones; count the largest."
        )
    if not names:
        return pd.DataFrame(dtype="int64")
    has = [(memberships[column] == name).any().cast("int64") * 2**i for i, name in enumerate(names)]
    sets = memberships.group_by("customer_id").agg(mask=functools.reduce(operator.add, has))
    kinds = sets.group_by("mask").agg(n=ibis._.count()).to_pandas().astype("int64")
    bits = (kinds["mask"].to_numpy()[:, None] >> np.arange(len(names))) & 1
    pairs = bits.T @ (bits * kinds["n"].to_numpy()[:, None])
    return pd.DataFrame(pairs, index=names, columns=names)


def add_lift(joint: pd.DataFrame, n_customers: int) -> pd.DataFrame:
    r"""Compare pairs with what independence would give.

    .. math:: \text{lift}(a, b) = \frac{P(a \cap b)}{P(a)\,P(b)}

    Parameters
    ----------
    joint : pandas.DataFrame
        From `count_joint`.
    n_customers : int
        Customers in all, those without any name included.

    Returns
    -------
    pandas.DataFrame of the shape of `joint`
        1 is independence; NaN where one of the two is nobody's, and on the diagonal.
    """
    sizes = np.diag(joint).astype(float)
    expected = np.outer(sizes, sizes) / n_customers
    lift = np.divide(joint, expected, out=np.full(joint.shape, np.nan), where=expected > 0)
    lift = np.array(lift)
    np.fill_diagonal(lift, np.nan)
    return pd.DataFrame(lift, index=joint.index, columns=joint.columns)


def surprise(joint: pd.DataFrame, n_customers: int) -> pd.DataFrame:
    r"""Tell how far pairs are from independence, in standard errors.

    It is :math:`z = \sqrt n\, \phi` with the fourfold correlation
    :math:`\phi = (p_{ab} - p_a p_b) / \sqrt{p_a (1 - p_a) p_b (1 - p_b)}`; its square is the
    chi-square of the fourfold table.

    Returns
    -------
    pandas.DataFrame of the shape of `joint`
        Above 0: together more often than by chance. 0 where a name is nobody's or everybody's,
        where under five customers have both and under five would by chance, since so few say
        nothing, and on the diagonal.
    """
    shares = np.diag(joint) / n_customers
    spread = np.sqrt(np.outer(shares * (1 - shares), shares * (1 - shares)))
    expected = np.outer(shares, shares)
    gap = joint.to_numpy() / n_customers - expected
    z = np.divide(gap, spread, out=np.zeros(joint.shape), where=spread > 1e-12) * n_customers**0.5
    z[np.maximum(joint, expected * n_customers) < _FEW] = 0.0
    np.fill_diagonal(z, 0.0)
    return pd.DataFrame(z, index=joint.index, columns=joint.columns)
