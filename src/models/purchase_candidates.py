"""Four ways to say who will order, the plainest first: rate, RFM rule, regression, trees."""

from collections.abc import Mapping
from typing import Protocol

import lightgbm
import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from src.models.design import Design, column_words, fit_design

__all__ = ["CANDIDATES", "BaseRate", "BoostedTrees", "Candidate", "LogisticModel", "RfmRule"]


class Candidate(Protocol):
    """What every candidate can do; `profiles` is one row per customer, `y` 0 or 1."""

    name: str
    effect_unit: str

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "Candidate":
        """Learn from labelled customers."""

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Raw probability of an order, shape (n,)."""

    def drivers(self) -> pd.DataFrame:
        """Say what moves the probability: `driver` in words, `effect` in `effect_unit`."""

    def to_json(self) -> dict[str, object]:
        """Plain values that make the same predictions again."""


class BaseRate:
    """The same rate for everybody."""

    name = "base_rate"
    effect_unit = "none"

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "BaseRate":
        """Take the share who ordered; one imagined order and one without keep it off 0 and 1."""
        self.rate_ = float((np.sum(y) + 1) / (len(y) + 2))
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Rate for each customer, shape (n,)."""
        return np.full(len(profiles), self.rate_)

    def drivers(self) -> pd.DataFrame:
        """Nothing: no column is looked at."""
        return pd.DataFrame({"driver": pd.Series(dtype=str), "effect": pd.Series(dtype=float)})

    def to_json(self) -> dict[str, object]:
        """Rate."""
        return {"rate": self.rate_}

    @classmethod
    def from_json(cls, plain: Mapping) -> "BaseRate":
        """Make the model that `to_json` wrote down."""
        model = cls()
        model.rate_ = plain["rate"]
        return model


class RfmRule:
    """The rate by recency score plus frequency score: what a shop does without a model.

    Parameters
    ----------
    prior_customers : float, default 5.0
        So many customers at the rate of all are added to each score, so that a rare score says
        little.
    """

    name = "rfm_rule"
    effect_unit = "rate against all (share)"

    def __init__(self, prior_customers: float = 5.0) -> None:
        self.prior_customers = prior_customers

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "RfmRule":
        """Take the rate of each score from 2 to 10."""
        self.rate_ = BaseRate().fit(profiles, y).rate_
        score = _rf_score(profiles)
        n = np.array([(score == value).sum() for value in range(2, 11)])
        n_yes = np.array([y[score == value].sum() for value in range(2, 11)])
        prior = self.prior_customers
        self.rate_by_score_ = (n_yes + prior * self.rate_) / (n + prior)
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Rate of each customer's score, shape (n,)."""
        return self.rate_by_score_[_rf_score(profiles) - 2]

    def drivers(self) -> pd.DataFrame:
        """Rate of each score against that of all."""
        scores = [f"recency + frequency score {value}" for value in range(2, 11)]
        return pd.DataFrame({"driver": scores, "effect": self.rate_by_score_ - self.rate_})

    def to_json(self) -> dict[str, object]:
        """Rate of all and rate by score, from 2."""
        return {"rate": self.rate_, "rate_by_score": self.rate_by_score_.tolist()}

    @classmethod
    def from_json(cls, plain: Mapping) -> "RfmRule":
        """Make the model that `to_json` wrote down."""
        model = cls()
        model.rate_ = plain["rate"]
        model.rate_by_score_ = np.array(plain["rate_by_score"])
        return model


def _rf_score(profiles: pd.DataFrame) -> np.ndarray:
    return (profiles["r_score"] + profiles["f_score"]).to_numpy(dtype="int64")


class LogisticModel:
    """Logistic regression on standardised features, with a ridge penalty.

    A missing number counts as the mean, with a feature that says it was missing.

    Parameters
    ----------
    columns : tuple of str
        Numeric columns of `profiles` allowed as features; see `purchase_columns`.
    l2_strength : float, default 10.0
        Ridge penalty: this many times half the sum of squared coefficients is added to the
        summed log loss. Higher is steadier and plainer.
    """

    name = "logistic_regression"
    effect_unit = "change in log-odds per standard deviation"

    def __init__(self, columns: tuple[str, ...], l2_strength: float = 10.0) -> None:
        self.columns = columns
        self.l2_strength = l2_strength

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "LogisticModel":
        """Learn means, spreads and coefficients."""
        self.design_ = fit_design(profiles, self.columns)
        X = self.design_.transform(profiles)
        self.with_gaps_ = np.flatnonzero(np.isnan(X).any(axis=0))
        X = self._with_flags(X)
        self.means_ = np.nanmean(X, axis=0)
        spread = np.nanstd(X, axis=0)
        self.spreads_ = np.where(spread > 0, spread, 1.0)
        fitted = LogisticRegression(C=1 / self.l2_strength, solver="newton-cholesky", tol=1e-8)
        with threadpool_limits(1):  # sums over threads would differ in the last bit
            fitted.fit(self._standardised(X), y)
        self.coefficients_ = fitted.coef_[0]
        self.intercept_ = float(fitted.intercept_[0])
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Raw probability of an order, shape (n,)."""
        X = self._standardised(self._with_flags(self.design_.transform(profiles)))
        return expit(self.intercept_ + (X * self.coefficients_).sum(axis=1))

    def drivers(self) -> pd.DataFrame:
        """Coefficients of the standardised features."""
        words = [column_words(name) for name in self.design_.names]
        words += [f"{words[i]}: unknown" for i in self.with_gaps_]
        return pd.DataFrame({"driver": words, "effect": self.coefficients_})

    def to_json(self) -> dict[str, object]:
        """Features, means, spreads, coefficients."""
        return {
            "columns": list(self.design_.columns),
            "levels": [list(level) for level in self.design_.levels],
            "with_gaps": self.with_gaps_.tolist(),
            "means": self.means_.tolist(),
            "spreads": self.spreads_.tolist(),
            "coefficients": self.coefficients_.tolist(),
            "intercept": self.intercept_,
        }

    @classmethod
    def from_json(cls, plain: Mapping) -> "LogisticModel":
        """Make the model that `to_json` wrote down."""
        model = cls(tuple(plain["columns"]))
        model.design_ = _design_from(plain)
        model.with_gaps_ = np.array(plain["with_gaps"], dtype="int64")
        model.means_ = np.array(plain["means"])
        model.spreads_ = np.array(plain["spreads"])
        model.coefficients_ = np.array(plain["coefficients"])
        model.intercept_ = plain["intercept"]
        return model

    def _with_flags(self, X: np.ndarray) -> np.ndarray:
        return np.column_stack([X, np.isnan(X[:, self.with_gaps_]).astype(float)])

    def _standardised(self, X: np.ndarray) -> np.ndarray:
        return np.nan_to_num((X - self.means_) / self.spreads_, nan=0.0)


class BoostedTrees:
    """LightGBM with few small trees, the same on every run.

    Parameters
    ----------
    columns : tuple of str
        Numeric columns of `profiles` allowed as features; see `purchase_columns`.
    n_trees : int, default 80
        Number of trees.
    learning_rate : float, default 0.05
        Share of each tree that is added.
    seed : int, default 0
        Of the draws of columns and rows.
    """

    name = "lightgbm"
    effect_unit = "share of the total gain"

    def __init__(
        self,
        columns: tuple[str, ...],
        n_trees: int = 80,
        learning_rate: float = 0.05,
        seed: int = 0,
    ) -> None:
        self.columns = columns
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.seed = seed

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "BoostedTrees":
        """Grow the trees; a missing number goes its own way at each split."""
        self.design_ = fit_design(profiles, self.columns)
        settings = {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": 4,
            "min_data_in_leaf": 20,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": 1.0,
            "seed": self.seed,
            "deterministic": True,
            "force_row_wise": True,
            "num_threads": 1,
            "verbosity": -1,
        }
        rows = lightgbm.Dataset(self.design_.transform(profiles), label=y)
        self.booster_ = lightgbm.train(settings, rows, num_boost_round=self.n_trees)
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Raw probability of an order, shape (n,)."""
        return self.booster_.predict(self.design_.transform(profiles), num_threads=1)

    def drivers(self) -> pd.DataFrame:
        """Share of each feature in what the splits gained."""
        gain = self.booster_.feature_importance("gain")
        words = [column_words(name) for name in self.design_.names]
        return pd.DataFrame({"driver": words, "effect": gain / max(gain.sum(), 1e-12)})

    def to_json(self) -> dict[str, object]:
        """Features, and the trees as LightGBM's own text."""
        return {
            "columns": list(self.design_.columns),
            "levels": [list(level) for level in self.design_.levels],
            "trees": self.booster_.model_to_string(),
        }

    @classmethod
    def from_json(cls, plain: Mapping) -> "BoostedTrees":
        """Make the model that `to_json` wrote down."""
        model = cls(tuple(plain["columns"]))
        model.design_ = _design_from(plain)
        model.booster_ = lightgbm.Booster(model_str=plain["trees"])
        return model


def _design_from(plain: Mapping) -> Design:
    levels = tuple((column, level) for column, level in plain["levels"])
    return Design(tuple(plain["columns"]), levels)


CANDIDATES = {kind.name: kind for kind in (BaseRate, RfmRule, LogisticModel, BoostedTrees)}
"""Candidates by name, the plainest first."""
