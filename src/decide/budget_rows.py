"""Every limit of a budget as one row: what it counts, and how much of it there may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from src.decide.catalogue import family_of
from src.errors import ParameterError

__all__ = ["TOTAL", "Candidates", "Limits", "Rows", "build_rows"]

TOTAL = "total"
BUDGET, CAPACITY, SHARE, FAIRNESS = "budget", "capacity", "share", "fairness"


@dataclass(frozen=True)
class Candidates:
    """What could be done to whom.

    Parameters
    ----------
    profit : array of shape (n_people, n_actions)
        Expected incremental profit, shop currency, its cost already subtracted; NaN where a
        person must not get an action. To be left alone earns 0.
    cost : array of shape (n_people, n_actions) or (n_actions,)
        What an action takes out of the budgets, at least 0.
    actions : tuple of str
        Name of each action.
    channels : tuple of str
        Channel of each action.
    segments : array of str, shape (n_people,), optional
        Segment of each person, for least shares.
    groups : array of str, shape (n_people,), optional
        Group of each person, for fairness.
    """

    profit: np.ndarray
    cost: np.ndarray
    actions: tuple[str, ...]
    channels: tuple[str, ...]
    segments: np.ndarray | None = None
    groups: np.ndarray | None = None

    def __post_init__(self) -> None:
        """Refuse what no choice can be made from."""
        shape, n_actions = np.shape(self.profit), len(self.actions)
        if len(shape) != 2 or shape[1] != n_actions or n_actions != len(self.channels):
            raise ParameterError(
                f"Expected profit of shape (n_people, {n_actions}) and a channel per action, found "
                f"{shape} and {len(self.channels)} channels."
            )
        if len(set(self.actions)) < n_actions or not 0 < n_actions < 127:
            raise ParameterError(f"Expected 1 to 126 different actions, found {self.actions}.")
        if np.shape(self.cost) not in (shape, (n_actions,)):
            raise ParameterError(
                f"Expected cost of shape {shape} or ({n_actions},), found {np.shape(self.cost)}."
            )
        if not (np.isfinite(self.cost).all() and np.min(self.cost, initial=0) >= 0):
            raise ParameterError("Expected every cost finite and at least 0; correct the others.")
        if np.isposinf(self.profit).any():
            raise ParameterError("Expected every profit finite, or NaN where it is not allowed.")
        for name in ("segments", "groups"):
            values = getattr(self, name)
            if values is not None and len(values) != shape[0]:
                raise ParameterError(
                    f"Expected one of {name} per person ({shape[0]:,}), found {len(values):,}."
                )

    @property
    def n(self) -> int:
        """Number of people."""
        return len(self.profit)


@dataclass(frozen=True)
class Limits:
    """What a plan must keep.

    Parameters
    ----------
    total_budget : float, optional
        Most that all actions may cost together, shop currency.
    channel_budgets : mapping of str to float
        Most that the actions of a channel may cost.
    capacities : mapping of str to int
        Most people that an action, or all actions of a channel, may reach.
    min_shares : mapping of str to float
        Least share of a segment that gets an action; people are whole, so it is rounded up.
    fairness_floor : float, in [0, 1]
        The share of each group that gets an action is at least this part of the share of
        everybody. 0.8 is the "four fifths" of employment law; 0 asks for nothing.
    """

    total_budget: float | None = None
    channel_budgets: Mapping[str, float] = field(default_factory=dict)
    capacities: Mapping[str, float] = field(default_factory=dict)
    min_shares: Mapping[str, float] = field(default_factory=dict)
    fairness_floor: float = 0.0

    def __post_init__(self) -> None:
        """Refuse amounts below 0 and shares outside 0 to 1."""
        amounts = {**self.channel_budgets, **self.capacities}
        if self.total_budget is not None:
            amounts[TOTAL] = self.total_budget
        wrong = {name: value for name, value in amounts.items() if not 0 <= value < np.inf}
        if wrong:
            raise ParameterError(
                f"Expected budgets and capacities finite and at least 0, found {wrong}; leave out "
                "what has no limit."
            )
        shares = {**self.min_shares, "fairness_floor": self.fairness_floor}
        wrong = {name: value for name, value in shares.items() if not 0 <= value <= 1}
        if wrong:
            raise ParameterError(f"Expected shares between 0 and 1, found {wrong}.")


@dataclass(frozen=True)
class Rows:
    r"""Limits :math:`A x \le b` in a form that is cheap for a million people.

    A person of cell g with action a of cost c uses
    ``by_cost[j, a] * c + by_count[j, a] + by_cell[j, g]`` of row j.

    Parameters
    ----------
    names, kinds : tuple of str
        Of each row; kinds are `budget`, `capacity`, `share` and `fairness`.
    limit : array of shape (n_rows,)
        :math:`b`.
    by_cost, by_count : arrays of shape (n_rows, n_actions)
    by_cell : array of shape (n_rows, n_cells)
    cell : array of int, shape (n_people,)
        Segment and group of each person, as one number.
    """

    names: tuple[str, ...]
    kinds: tuple[str, ...]
    limit: np.ndarray
    by_cost: np.ndarray
    by_count: np.ndarray
    by_cell: np.ndarray
    cell: np.ndarray

    @property
    def is_floor(self) -> np.ndarray:
        """Rows that ask for contacts instead of allowing them."""
        return np.array([kind == SHARE for kind in self.kinds], dtype=bool)


def build_rows(candidates: Candidates, limits: Limits) -> Rows:
    """Write all limits as rows; an unknown channel, action or segment is refused."""
    segment, segments = _codes(candidates.segments, candidates.n)
    group, groups = _codes(candidates.groups, candidates.n)
    cell = segment * len(groups) + group
    of_cell = np.arange(len(segments) * len(groups))
    made = [
        *_budgets(candidates, limits),
        *_capacities(candidates, limits),
        *_shares(limits, segments, segment, of_cell // len(groups)),
        *_fairness(limits, candidates, groups, group, of_cell % len(groups)),
    ]
    none, nowhere = np.zeros(len(candidates.actions)), np.zeros(len(of_cell))
    return Rows(
        names=tuple(row["name"] for row in made),
        kinds=tuple(row["kind"] for row in made),
        limit=np.array([row["limit"] for row in made], dtype=float),
        by_cost=np.array([row.get("by_cost", none) for row in made]).reshape(-1, len(none)),
        by_count=np.array([row.get("by_count", none) for row in made]).reshape(-1, len(none)),
        by_cell=np.array([row.get("by_cell", nowhere) for row in made]).reshape(-1, len(nowhere)),
        cell=cell.astype(np.int32),
    )


def _codes(values: np.ndarray | None, n: int) -> tuple[np.ndarray, np.ndarray]:
    if values is None:
        return np.zeros(n, dtype=np.int32), np.array([""])
    names, codes = np.unique(np.asarray(values).astype(str), return_inverse=True)
    return codes.astype(np.int32), names if len(names) else np.array([""])


def _budgets(candidates: Candidates, limits: Limits) -> list[dict]:
    channels = np.array(candidates.channels)
    rows = []
    if limits.total_budget is not None:
        everywhere = np.ones(len(channels))
        rows.append(_row(TOTAL, BUDGET, limits.total_budget, by_cost=everywhere))
    for name, limit in limits.channel_budgets.items():
        _known(name, "channel", candidates.channels)
        rows.append(_row(name, BUDGET, limit, by_cost=(channels == name).astype(float)))
    return rows


def _capacities(candidates: Candidates, limits: Limits) -> list[dict]:
    channels, actions = np.array(candidates.channels), np.array(candidates.actions)
    families = np.array([family_of(name) for name in candidates.actions])
    rows = []
    for name, limit in limits.capacities.items():
        _known(name, "channel or action", (*candidates.channels, *candidates.actions, *families))
        meant = actions == name if name in candidates.actions else channels == name
        meant = meant | (families == name)
        rows.append(_row(name, CAPACITY, np.floor(limit), by_count=meant.astype(float)))
    return rows


def _shares(
    limits: Limits, segments: np.ndarray, segment: np.ndarray, of_cell: np.ndarray
) -> list[dict]:
    rows = []
    sizes = np.bincount(segment, minlength=len(segments))
    for name, share in limits.min_shares.items():
        _known(name, "segment", tuple(segments))
        code = int(np.flatnonzero(segments == name)[0])
        needed = np.ceil(share * sizes[code] - 1e-9)
        rows.append(_row(name, SHARE, -needed, by_cell=-(of_cell == code).astype(float)))
    return rows


def _fairness(
    limits: Limits,
    candidates: Candidates,
    groups: np.ndarray,
    group: np.ndarray,
    of_cell: np.ndarray,
) -> list[dict]:
    if not limits.fairness_floor:
        return []
    if candidates.groups is None:
        raise ParameterError(
            "Expected the group of each person for a fairness_floor, found none; give groups."
        )
    sizes = np.bincount(group, minlength=len(groups)) / max(candidates.n, 1)
    return [
        _row(
            str(name),
            FAIRNESS,
            0.0,
            by_cell=limits.fairness_floor * sizes[code] - (of_cell == code).astype(float),
        )
        for code, name in enumerate(groups)
    ]


def _row(name: str, kind: str, limit: float, **coefficients: np.ndarray) -> dict:
    return {"name": name, "kind": kind, "limit": float(limit), **coefficients}


def _known(name: str, what: str, known: tuple[str, ...]) -> None:
    if name not in known:
        raise ParameterError(
            f"Expected the name of a {what} among {sorted(set(map(str, known)))}, found {name!r}; "
            "correct it in the limits."
        )
