"""Which interests go together: departments that the same customers favour."""

from dataclasses import dataclass

import ibis
from ibis.expr.types import Table
import numpy as np
import pandas as pd
from scipy.cluster.hierarchy import leaves_list, linkage, optimal_leaf_ordering
from scipy.spatial.distance import squareform

from src.features.portrait.joint_counts import add_lift, count_joint, surprise

__all__ = ["InterestMap", "build_interest_map", "describe_interest_map", "rank_pairs"]

MAX_DEPARTMENTS = 14
SURE = 3.0
"""Standard errors from independence beyond which a pair is taken for more than chance."""


@dataclass(frozen=True)
class InterestMap:
    """Departments and the pairs of them that the same customers favour.

    Parameters
    ----------
    departments : pandas.DataFrame
        One row per `department`, neighbours alike: `spend_share` of all spend in known
        departments, `customer_share` who bought there, `n_favouring` and `favouring_share` who
        favour it.
    lift, surprise : pandas.DataFrame of shape (n_departments, n_departments)
        How often two are favoured together against independence (1), and how far that is from
        chance, in standard errors; in the order of `departments`.
    """

    departments: pd.DataFrame
    lift: pd.DataFrame
    surprise: pd.DataFrame

    @property
    def is_empty(self) -> bool:
        """Whether there are no two departments to compare."""
        return len(self.departments) < 2


def build_interest_map(
    interests: Table,
    departments: pd.DataFrame,
    n_customers: int,
    max_departments: int = MAX_DEPARTMENTS,
) -> InterestMap:
    r"""Find departments that the same customers favour.

    A customer favours a department if it takes a greater share of the customer's spend than of
    the shop's. Counting who bought there at all would say little: in a shop that everybody
    visits often, everybody buys nearly everywhere. Departments are put in an order in which
    neighbours are favoured by the same customers: average linkage on :math:`1 - \phi`, with the
    fourfold correlation :math:`\phi` (Bar-Joseph et al. 2001 for the order of the leaves).

    Parameters
    ----------
    interests : ibis.Table
        One row per customer and department, from `build_interests`.
    departments : pandas.DataFrame
        From `summarise_departments`, best first.
    n_customers : int
        Customers described, those without interests included.
    max_departments : int, default 14
        Departments shown: of those with most spend, the ones that somebody favours.
    """
    shown = departments.head(max_departments)
    names = shown["department"].tolist()
    if len(names) < 2:
        return InterestMap(shown.head(0), pd.DataFrame(), pd.DataFrame())
    joint = count_joint(_favoured(interests, shown), "department", names)
    names = _order_alike(joint.loc[_favours(joint), _favours(joint)], n_customers)
    joint = joint.loc[names, names]
    shown = shown.set_index("department").loc[names].reset_index()
    shown["n_favouring"] = np.diag(joint)
    shown["favouring_share"] = shown["n_favouring"] / n_customers
    return InterestMap(shown, add_lift(joint, n_customers), surprise(joint, n_customers))


def _favoured(interests: Table, departments: pd.DataFrame) -> Table:
    usual = zip(departments["department"], departments["spend_share"], strict=True)
    limits = ibis.cases(
        *((interests.department == name, float(share)) for name, share in usual), else_=1.0
    )
    return interests.filter(interests.spend_share > limits)


def _favours(joint: pd.DataFrame) -> list[str]:
    return [name for name in joint.index if joint.loc[name, name] > 0]


def _order_alike(joint: pd.DataFrame, n_customers: int) -> list[str]:
    names = list(joint.index)
    if len(names) < 3:
        return names
    distance = 1 - surprise(joint, n_customers).to_numpy() / n_customers**0.5
    np.fill_diagonal(distance, 0)
    near = squareform(np.round(distance, 9), checks=False)
    tree = optimal_leaf_ordering(linkage(near, "average"), near)
    return [names[place] for place in leaves_list(tree)]


def rank_pairs(lift: pd.DataFrame, surprise: pd.DataFrame, sure: float = SURE) -> pd.DataFrame:
    """List pairs that are together more often than by chance, the surest first.

    Returns
    -------
    pandas.DataFrame
        One row per pair: `first` and `second` by name, `lift`, `surprise` of at least `sure`.
    """
    rows = [
        (*sorted((a, b)), lift.loc[a, b], surprise.loc[a, b])
        for place, a in enumerate(lift.index)
        for b in lift.columns[place + 1 :]
        if surprise.loc[a, b] >= sure
    ]
    pairs = pd.DataFrame(rows, columns=["first", "second", "lift", "surprise"])
    return pairs.sort_values(
        ["surprise", "first", "second"], ascending=[False, True, True], ignore_index=True
    )


def describe_interest_map(interest_map: InterestMap) -> str:
    """Say in a sentence which interests go together, or why there is no map."""
    if interest_map.is_empty:
        return "**No interest map:** fewer than two departments are known for what was bought."
    pairs = rank_pairs(interest_map.lift, interest_map.surprise)
    if pairs.empty:
        return "No two departments are favoured together more often than chance would have it."
    texts = [
        f"{a} with {b} ({lift:.1f}×)" for a, b, lift, _ in pairs.head(3).itertuples(index=False)
    ]
    return f"Favoured together more often than by chance: {'; '.join(texts)}."
