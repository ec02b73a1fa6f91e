"""Spend in a coming window by LightGBM with a loss for zeros: who buys, times how much."""

from dataclasses import dataclass, replace
from functools import cached_property

import lightgbm
import numpy as np
import pandas as pd
from scipy.special import expit, logit

from src.errors import ParameterError
from src.models.design import Design, fit_design

__all__ = ["SpendTrees", "fit_spend_trees", "zero_inflated_slopes"]

_LARGEST_LOG = 30.0


@dataclass(frozen=True)
class SpendTrees:
    """Fitted trees: two per round, one for the odds of buying, one for the log of the amount.

    Parameters
    ----------
    design : Design
        Columns of `profiles` and the features made from them.
    text : str
        The trees, as LightGBM writes them.
    log_odds, log_amount : float
        Where both begin: log odds of buying, log of the mean amount of a buyer.
    """

    design: Design
    text: str
    log_odds: float
    log_amount: float

    @cached_property
    def _booster(self) -> lightgbm.Booster:
        return lightgbm.Booster(model_str=self.text)

    def predict(self, profiles: pd.DataFrame) -> np.ndarray:
        """Expect spend in the window, shop currency: an array of shape (n_customers,), >= 0.

        Parameters
        ----------
        profiles : DataFrame
            One row per customer, with the columns of `design`.
        """
        if not len(profiles):
            return np.empty(0)
        raw = self._booster.predict(self.design.transform(profiles), raw_score=True, num_threads=1)
        log_amount = np.minimum(self.log_amount + raw[:, 1], _LARGEST_LOG)
        return expit(self.log_odds + raw[:, 0]) * np.exp(log_amount)

    def to_parts(self) -> dict:
        """Lay out for keeping: `model` (plain numbers and texts) and `trees` (LightGBM's text)."""
        model = {
            "columns": list(self.design.columns),
            "levels": [list(level) for level in self.design.levels],
            "log_odds": self.log_odds,
            "log_amount": self.log_amount,
        }
        return {"model": model, "trees": self.text}

    @classmethod
    def from_parts(cls, parts: dict) -> "SpendTrees":
        """Take up what `to_parts` laid out; check its digest before, LightGBM does not."""
        model = parts["model"]
        levels = tuple((column, level) for column, level in model["levels"])
        design = Design(tuple(model["columns"]), levels)
        return cls(design, parts["trees"], model["log_odds"], model["log_amount"])


def fit_spend_trees(
    profiles: pd.DataFrame,
    spend: np.ndarray,
    columns: tuple[str, ...],
    n_trees: int = 80,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> SpendTrees:
    r"""Fit spend, most of which may be zero, from profiles.

    .. math:: \ell = -\ln \mathrm{Bernoulli}(1_{y > 0} \mid p)
              + 1_{y > 0} \left(\frac{y}{m} + \ln m\right), \qquad E[y] = p\, m

    Wang, Liu and Miao put a lognormal in the second place and share the layers of a network
    between the parts. Trees share nothing, so any such loss falls apart into its parts, and the
    choice of the second is free. It is the gamma deviance here: it leads to the mean amount
    whatever the distribution, while the lognormal's mean, exp(mu + sigma^2 / 2), is wrong
    wherever the tail is not lognormal.

    Parameters
    ----------
    profiles : DataFrame
        One row per customer, as they stood before the window.
    spend : array of shape (n_customers,), >= 0
        What each spent in the window, shop currency.
    columns : tuple of str
        Numeric columns of `profiles` allowed as features.
    n_trees : int, default 80
        Rounds.
    learning_rate : float, default 0.05
        Share of each tree that is added.
    seed : int, default 0
        Of the draws of features.

    Raises
    ------
    ParameterError
        If a spend is negative or missing, nobody bought, or everybody did not differ in any
        column.

    References
    ----------
    .. Wang, X., Liu, T. and Miao, J. (2019). A deep probabilistic model for customer lifetime
       value prediction. arXiv:1912.07753.
    """
    spend = np.asarray(spend, dtype=float)
    if not len(spend) or not np.isfinite(spend).all() or spend.min() < 0 or spend.max() <= 0:
        raise ParameterError(
            f"Expected spends of 0 or more with at least one above 0, found {len(spend)} "
            "customers of whom this is not true; use a pooled rate instead."
        )
    design = fit_design(profiles, columns)
    if not design.names:
        raise ParameterError(
            f"Expected a column that tells customers apart, found none among {list(columns)}; "
            "use a pooled rate instead."
        )
    has_bought = spend > 0
    share = np.clip(has_bought.mean(), 1e-6, 1 - 1e-6)
    log_odds, log_amount = float(logit(share)), float(np.log(spend[has_bought].mean()))
    start = np.column_stack([np.full(len(spend), log_odds), np.full(len(spend), log_amount)])
    rows = lightgbm.Dataset(
        design.transform(profiles), label=spend, init_score=start, feature_name=_names(design)
    )
    booster = lightgbm.train(_settings(learning_rate, seed), rows, num_boost_round=n_trees)
    trees = SpendTrees(design, booster.model_to_string(), log_odds, log_amount)
    return _at_level(trees, profiles, float(spend.sum()))


def _at_level(trees: SpendTrees, profiles: pd.DataFrame, total: float) -> SpendTrees:
    """Bring the total to what was spent: few rounds leave both parts on the side of caution."""
    found = float(trees.predict(profiles).sum())
    return replace(trees, log_amount=trees.log_amount + float(np.log(total / found)))


def _names(design: Design) -> list[str]:
    """Feature names without what LightGBM's text cannot hold."""
    return [
        "".join(letter if letter.isalnum() else "_" for letter in name) + f"_{place}"
        for place, name in enumerate(design.names)
    ]


def _settings(learning_rate: float, seed: int) -> dict:
    return {
        "objective": zero_inflated_slopes,
        "num_class": 2,
        "learning_rate": learning_rate,
        "num_leaves": 8,
        "min_data_in_leaf": 20,
        "lambda_l2": 1.0,
        "feature_fraction": 0.8,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "seed": seed,
        "verbosity": -1,
    }


def zero_inflated_slopes(raw: np.ndarray, rows: lightgbm.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """First and second slopes of the loss by both scores; the amount's are 0 where nobody bought.

    Parameters
    ----------
    raw : array of shape (n_customers, 2)
        Log odds of buying, log of the amount.
    rows : lightgbm.Dataset
        With the spend as its label.
    """
    spend = rows.get_label()
    p = expit(raw[:, 0])
    has_bought = spend > 0
    over = np.where(has_bought, spend * np.exp(-np.clip(raw[:, 1], -_LARGEST_LOG, _LARGEST_LOG)), 0)
    first = np.column_stack([p - has_bought, np.where(has_bought, 1 - over, 0.0)])
    return first, np.column_stack([p * (1 - p), over])
