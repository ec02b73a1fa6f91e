"""Nine ways to say who will order, the plainest first, and what each must be able to do."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from src.models.purchase_linear import LinearSvm, LogisticModel
from src.models.purchase_network import NeuralNetwork
from src.models.purchase_rules import BaseRate, LastPeriod, RfmRule
from src.models.purchase_trees import BoostedTrees, DecisionTree, RandomForest

__all__ = [
    "BASELINES",
    "CANDIDATES",
    "BaseRate",
    "BoostedTrees",
    "Candidate",
    "DecisionTree",
    "Entry",
    "LastPeriod",
    "LinearSvm",
    "LogisticModel",
    "NeuralNetwork",
    "RandomForest",
    "RfmRule",
]


class Candidate(Protocol):
    """What every candidate can do; `profiles` is one row per customer, `y` 0 or 1.

    `reads` are the columns that it looks at once fitted.
    """

    name: str
    effect_unit: str
    reads: tuple[str, ...]

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "Candidate":
        """Learn from labelled customers."""

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Raw probability of an order, shape (n,)."""

    def contributions(self, profiles: pd.DataFrame) -> pd.DataFrame:
        """Say what each column adds to each customer's score, in `effect_unit`."""

    def to_json(self) -> dict[str, object]:
        """Plain values that make the same predictions again."""


CANDIDATES = {
    kind.name: kind
    for kind in (
        BaseRate,
        LastPeriod,
        RfmRule,
        DecisionTree,
        LogisticModel,
        LinearSvm,
        RandomForest,
        BoostedTrees,
        NeuralNetwork,
    )
}
"""Candidates by name, the plainest first."""

BASELINES = ("last_period", "rfm_rule")
"""What a shop does without a model; the better of them is what a model must beat."""


@dataclass(frozen=True)
class Entry:
    """A candidate with its settings, as it enters the comparison.

    Parameters
    ----------
    kind : str
        One of `CANDIDATES`.
    settings : dict
        Arguments of the kind.
    is_searched : bool, default False
        Whether a search found the settings; else they are the given ones.
    """

    kind: str
    settings: dict[str, object] = field(default_factory=dict)
    is_searched: bool = False

    @property
    def name(self) -> str:
        """Kind, with a mark if its settings were searched for."""
        return f"{self.kind}_searched" if self.is_searched else self.kind

    @property
    def make(self) -> Callable[[], Candidate]:
        """What gives a fresh candidate."""
        return lambda: CANDIDATES[self.kind](**self.settings)
