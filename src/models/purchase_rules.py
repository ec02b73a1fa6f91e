"""What a shop does without a model: one rate for all, the rate by last period, the RFM rule."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

__all__ = ["BaseRate", "LastPeriod", "RfmRule"]


class BaseRate:
    """The same rate for everybody."""

    name = "base_rate"
    effect_unit = "none"
    reads: tuple[str, ...] = ()

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "BaseRate":
        """Take the share who ordered; one imagined order and one without keep it off 0 and 1."""
        self.rate_ = float((np.sum(y) + 1) / (len(y) + 2))
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Rate for each customer, shape (n,)."""
        return np.full(len(profiles), self.rate_)

    def contributions(self, profiles: pd.DataFrame) -> pd.DataFrame:
        """Nothing: no column is looked at."""
        return pd.DataFrame(index=profiles.index)

    def to_json(self) -> dict[str, object]:
        """Rate."""
        return {"rate": self.rate_}

    @classmethod
    def from_json(cls, plain: Mapping) -> "BaseRate":
        """Make the model that `to_json` wrote down."""
        model = cls()
        model.rate_ = plain["rate"]
        return model


class LastPeriod:
    """Same as last period: the rate of those who ordered in the last window, and of the others.

    Parameters
    ----------
    outcome_days : int, default 28
        Length of the last window, days; that of the outcome window.
    prior_customers : float, default 5.0
        So many customers at the rate of all are added to each group.
    """

    name = "last_period"
    effect_unit = "rate against all (share)"
    reads = ("recency_days",)

    def __init__(self, outcome_days: int = 28, prior_customers: float = 5.0) -> None:
        self.outcome_days = outcome_days
        self.prior_customers = prior_customers

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "LastPeriod":
        """Take the two rates."""
        self.rate_ = BaseRate().fit(profiles, y).rate_
        ordered = self._ordered(profiles)
        self.rate_by_group_ = _shrunken_rates(y, ordered, (0, 1), self.rate_, self.prior_customers)
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Rate of each customer's group, shape (n,)."""
        return self.rate_by_group_[self._ordered(profiles)]

    def contributions(self, profiles: pd.DataFrame) -> pd.DataFrame:
        """Rate of each customer's group against that of all."""
        effect = self.predict(profiles) - self.rate_
        return pd.DataFrame({"recency_days": effect}, index=profiles.index)

    def to_json(self) -> dict[str, object]:
        """Window, rate of all and of the two groups."""
        return {
            "outcome_days": self.outcome_days,
            "rate": self.rate_,
            "rate_by_group": self.rate_by_group_.tolist(),
        }

    @classmethod
    def from_json(cls, plain: Mapping) -> "LastPeriod":
        """Make the model that `to_json` wrote down."""
        model = cls(plain["outcome_days"])
        model.rate_ = plain["rate"]
        model.rate_by_group_ = np.array(plain["rate_by_group"])
        return model

    def _ordered(self, profiles: pd.DataFrame) -> np.ndarray:
        return (profiles["recency_days"] < self.outcome_days).to_numpy(dtype="int64")


class RfmRule:
    """The rate by recency score plus frequency score.

    Parameters
    ----------
    prior_customers : float, default 5.0
        So many customers at the rate of all are added to each score, so that a rare score says
        little.
    """

    name = "rfm_rule"
    effect_unit = "rate against all (share)"
    reads = ("r_score", "f_score")

    def __init__(self, prior_customers: float = 5.0) -> None:
        self.prior_customers = prior_customers

    def fit(self, profiles: pd.DataFrame, y: np.ndarray) -> "RfmRule":
        """Take the rate of each score from 2 to 10."""
        self.rate_ = BaseRate().fit(profiles, y).rate_
        self.rate_by_score_ = _shrunken_rates(
            y, _rf_score(profiles), range(2, 11), self.rate_, self.prior_customers
        )
        return self

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Rate of each customer's score, shape (n,)."""
        return self.rate_by_score_[_rf_score(profiles) - 2]

    def contributions(self, profiles: pd.DataFrame) -> pd.DataFrame:
        """Rate of each customer's score against that of all, as the sum score `rf_score`."""
        effect = self.predict(profiles) - self.rate_
        return pd.DataFrame({"rf_score": effect}, index=profiles.index)

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


def _shrunken_rates(
    y: np.ndarray, group: np.ndarray, groups: range | tuple[int, ...], rate: float, prior: float
) -> np.ndarray:
    """Rate of each group, drawn towards the rate of all as if `prior` customers had it."""
    n = np.array([(group == value).sum() for value in groups])
    n_yes = np.array([y[group == value].sum() for value in groups])
    return (n_yes + prior * rate) / (n + prior)
