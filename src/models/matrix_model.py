"""What candidates share that learn from a feature matrix."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar, Self

import numpy as np
import pandas as pd

from src.models.design import DEMOGRAPHICS, Design, fit_design
from src.models.purchase_rules import BaseRate

__all__ = ["MatrixModel", "Standardised"]


class MatrixModel(ABC):
    """A candidate on the features of a design; where these tell nobody apart, one rate for all.

    A kind of model says how it learns from a matrix (`_learn`), what it gives (`_score`), what
    each feature adds (`_contribute`), and which values make it again (`_plain`, `_restore`).

    Parameters
    ----------
    columns : tuple of str
        Numeric columns allowed as features; see `purchase_columns`.
    categories : tuple of str
        Columns of texts whose levels may become features.
    """

    name: ClassVar[str]
    effect_unit: ClassVar[str]

    def __init__(
        self, columns: tuple[str, ...], categories: tuple[str, ...] = DEMOGRAPHICS
    ) -> None:
        self.columns = columns
        self.categories = categories

    @property
    def reads(self) -> tuple[str, ...]:
        """Columns that the fitted candidate looks at."""
        return () if self.is_constant_ else tuple(dict.fromkeys(self.design_.sources))

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> Self:
        """Choose the features of labelled customers (y 0 or 1) and learn from them."""
        self.design_ = fit_design(profiles, self.columns, categories=self.categories)
        self.rate_ = BaseRate().fit(profiles, y).rate_
        self.is_constant_ = not self.design_.names or len(np.unique(y)) < 2
        if not self.is_constant_:
            self._learn(self.design_.transform(profiles), np.asarray(y, dtype=float))
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Raw probability of 1, shape (n,)."""
        if self.is_constant_ or not len(profiles):
            return np.full(len(profiles), self.rate_)
        return self._score(self.design_.transform(profiles))

    def contributions(self, profiles: pd.DataFrame) -> pd.DataFrame:
        """Say what each column adds to each customer's score, against the customers learnt from.

        Returns
        -------
        pandas.DataFrame of n rows
            One column per column of `profiles` that is looked at, in `effect_unit`; above 0 it
            raises the score. The features of one column are added up.
        """
        if self.is_constant_ or not len(profiles):
            return pd.DataFrame(index=profiles.index)
        added = self._contribute(self.design_.transform(profiles))
        sources = np.array(self._sources())
        names = list(dict.fromkeys(sources))
        sums = [added[:, sources == name].sum(axis=1) for name in names]
        return pd.DataFrame(np.column_stack(sums), index=profiles.index, columns=names)

    def to_json(self) -> dict[str, object]:
        """Plain values that make the same predictions again; `trees` is LightGBM's text."""
        plain = {} if self.is_constant_ else self._plain()
        return {
            "columns": list(self.design_.columns),
            "levels": [list(level) for level in self.design_.levels],
            "rate": self.rate_,
            "is_constant": self.is_constant_,
        } | plain

    @classmethod
    def from_json(cls, plain: Mapping) -> Self:
        """Make the model that `to_json` wrote down."""
        levels = tuple((column, level) for column, level in plain["levels"])
        model = cls(tuple(plain["columns"]))
        model.design_ = Design(model.columns, levels)
        model.rate_, model.is_constant_ = plain["rate"], plain["is_constant"]
        if not model.is_constant_:
            model._restore(plain)
        return model

    def _sources(self) -> list[str]:
        return self.design_.sources

    @abstractmethod
    def _learn(self, X: np.ndarray, y: np.ndarray) -> None:
        """Fit on features, shape (n, k), and labels of both classes."""

    @abstractmethod
    def _score(self, X: np.ndarray) -> np.ndarray:
        """Raw probability of 1, shape (n,)."""

    @abstractmethod
    def _contribute(self, X: np.ndarray) -> np.ndarray:
        """Say what each feature adds to each score, shape (n, k)."""

    @abstractmethod
    def _plain(self) -> dict[str, object]:
        """Fitted values as JSON can hold them."""

    @abstractmethod
    def _restore(self, plain: Mapping) -> None:
        """Take over what `_plain` gave."""


class Standardised(MatrixModel):
    """A candidate on standardised features: mean 0, spread 1.

    A missing number counts as the mean, with a feature that says it was missing.
    """

    def _fit_scale(self, X: np.ndarray) -> np.ndarray:
        """Learn means, spreads and gaps of a matrix, and give it standardised."""
        self.with_gaps_ = np.flatnonzero(np.isnan(X).any(axis=0))
        X = self._with_flags(X)
        self.means_ = np.nanmean(X, axis=0)
        spread = np.nanstd(X, axis=0)
        self.spreads_ = np.where(spread > 0, spread, 1.0)
        return self._scaled(X)

    def _scale(self, X: np.ndarray) -> np.ndarray:
        return self._scaled(self._with_flags(X))

    def _with_flags(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([X, np.isnan(X[:, self.with_gaps_]).astype(float)])

    def _scaled(self, X: np.ndarray) -> np.ndarray:
        return np.nan_to_num((X - self.means_) / self.spreads_, nan=0.0)

    def _sources(self) -> list[str]:
        sources = self.design_.sources
        return sources + [sources[i] for i in self.with_gaps_]

    def _plain_scale(self) -> dict[str, object]:
        return {
            "with_gaps": self.with_gaps_.tolist(),
            "means": self.means_.tolist(),
            "spreads": self.spreads_.tolist(),
        }

    def _restore_scale(self, plain: Mapping) -> None:
        self.with_gaps_ = np.array(plain["with_gaps"], dtype="int64")
        self.means_ = np.array(plain["means"])
        self.spreads_ = np.array(plain["spreads"])
