"""Pairs joined to persons, with a guard against chains that join two."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from src.identity.pairs import contradicts, pairs_within

__all__ = ["MAX_ACCOUNTS", "Persons", "merge_pairs"]

MAX_ACCOUNTS = 20
"""Nobody has more accounts than this: a longer chain is no person, and is not joined."""


@dataclass(frozen=True)
class Persons:
    """Which rows are one person.

    Parameters
    ----------
    first : array of int, shape (n,)
        For each row the first row of its person.
    n_mended : int
        Chains that joined contradicting persons, and were joined anew pair by pair.
    n_dissolved : int
        Chains of more than `MAX_ACCOUNTS` rows, which were left alone.
    """

    first: np.ndarray
    n_mended: int
    n_dissolved: int

    @property
    def n_persons(self) -> int:
        """How many persons there are."""
        return int((self.first == np.arange(len(self.first))).sum())


def merge_pairs(contacts: pd.DataFrame, pairs: pd.DataFrame) -> Persons:
    """Join pairs to persons: who is joined to one member is joined to all.

    Parameters
    ----------
    contacts : DataFrame
        As `build_contacts` gives them.
    pairs : DataFrame
        `i`, `j` (rows of `contacts`), the strongest evidence first.

    Returns
    -------
    Persons
        Where a chain joins rows that contradict each other, its pairs are taken one by one,
        the strongest first, and one that would bring such rows together is passed over.
    """
    n = len(contacts)
    links = coo_array((np.ones(len(pairs), dtype=bool), (pairs["i"], pairs["j"])), shape=(n, n))
    _, labels = connected_components(links, directed=False)
    sizes = np.bincount(labels, minlength=1)
    chained = np.where(sizes[labels] > 2, labels, -1)
    inside = pairs_within(chained, MAX_ACCOUNTS)
    against = inside[contradicts(contacts, inside)]
    mended, dissolved = np.unique(labels[against["i"]]), np.flatnonzero(sizes > MAX_ACCOUNTS)
    first = _first_rows(labels)
    undone = np.isin(labels, np.concatenate([mended, dissolved]))
    first[undone] = np.flatnonzero(undone)
    is_open = np.isin(labels[pairs["i"]], mended)
    _join_one_by_one(first, pairs[is_open], against)
    return Persons(first, len(mended), len(dissolved))


def _first_rows(labels: np.ndarray) -> np.ndarray:
    """For each row the first row with its label."""
    _, first, index = np.unique(labels, return_index=True, return_inverse=True)
    return first[index]


def _join_one_by_one(first: np.ndarray, pairs: pd.DataFrame, against: pd.DataFrame) -> None:
    """Join pairs in their order unless that brings together rows that contradict."""
    enemies: dict[int, set[int]] = {}
    for i, j in zip(against["i"], against["j"], strict=True):
        enemies.setdefault(i, set()).add(j)
        enemies.setdefault(j, set()).add(i)
    members: dict[int, set[int]] = {}
    for i, j in zip(pairs["i"], pairs["j"], strict=True):
        a, b = sorted((int(first[i]), int(first[j])))
        ours, theirs = members.get(a, {a}), members.get(b, {b})
        if a == b or any(enemies.get(row, set()) & theirs for row in ours):
            continue
        members[a] = ours | theirs
        first[list(theirs)] = a
