"""Three tree candidates, all kept as LightGBM's own text: one tree, a forest, boosted trees."""

from abc import abstractmethod
from collections.abc import Mapping
import os

import lightgbm
import numpy as np

from src.models.design import DEMOGRAPHICS
from src.models.matrix_model import MatrixModel

__all__ = ["BoostedTrees", "DecisionTree", "RandomForest"]

_ALWAYS = {"deterministic": True, "force_row_wise": True, "verbosity": -1}
_MANY_ROWS = 50_000


class _Trees(MatrixModel):
    """Trees grown by LightGBM; a missing number goes its own way at each split."""

    n_trees: int
    seed: int

    @abstractmethod
    def _settings(self, n_features: int) -> dict[str, object]:
        """Give what kind of trees to grow."""

    def _learn(self, X: np.ndarray, y: np.ndarray) -> None:
        settings = _ALWAYS | self._settings(X.shape[1])
        settings |= {"seed": self.seed, "num_threads": _n_threads(len(X))}
        rows = lightgbm.Dataset(X, label=y, params={"verbosity": -1})
        self.booster_ = lightgbm.train(settings, rows, num_boost_round=self.n_trees)

    def _score(self, X: np.ndarray) -> np.ndarray:
        raw = self.booster_.predict(X, num_threads=_n_threads(len(X)))
        return np.clip(raw, 0.0, 1.0)  # a mean of rates may miss 1 by a rounding error

    def _contribute(self, X: np.ndarray) -> np.ndarray:
        """Shapley values of each row by LightGBM's TreeSHAP, without the mean.

        References
        ----------
        .. Lundberg, S. et al. (2020). From local explanations to global understanding with
           explainable AI for trees. Nature Machine Intelligence.
        """
        added = self.booster_.predict(X, pred_contrib=True, num_threads=_n_threads(len(X)))
        return added[:, :-1]

    def _plain(self) -> dict[str, object]:
        return {"trees": self.booster_.model_to_string()}

    def _restore(self, plain: Mapping) -> None:
        self.booster_ = lightgbm.Booster(model_str=plain["trees"])


def _n_threads(n_rows: int) -> int:
    """One thread for few rows; the sums do not depend on it, since LightGBM is deterministic."""
    return 1 if n_rows < _MANY_ROWS else os.cpu_count() or 1


class DecisionTree(_Trees):
    """One small tree; each leaf gives the rate of its customers.

    The square loss on 0 and 1 splits where Gini's impurity falls most, and its leaf is the mean:
    a classification tree, with thresholds at the edges of at most 255 bins.

    Parameters
    ----------
    columns, categories
        As for `MatrixModel`.
    n_leaves : int, default 8
        Leaves at most.
    leaf_customers : int, default 40
        Customers in a leaf at least.

    References
    ----------
    .. Breiman, L. et al. (1984). Classification and Regression Trees, chapter 4.
    """

    name = "decision_tree"
    effect_unit = "share"
    n_trees, seed = 1, 0

    def __init__(
        self,
        columns: tuple[str, ...],
        n_leaves: int = 8,
        leaf_customers: int = 40,
        categories: tuple[str, ...] = DEMOGRAPHICS,
    ) -> None:
        super().__init__(columns, categories)
        self.n_leaves = n_leaves
        self.leaf_customers = leaf_customers

    def _settings(self, n_features: int) -> dict[str, object]:
        return {
            "objective": "regression",
            "learning_rate": 1.0,
            "num_leaves": self.n_leaves,
            "min_data_in_leaf": self.leaf_customers,
        }


class RandomForest(_Trees):
    """Many trees on drawn customers and drawn features; the mean of their leaves' rates.

    Parameters
    ----------
    columns, categories
        As for `MatrixModel`.
    n_trees : int, default 100
        Number of trees.
    n_leaves : int, default 16
        Leaves of a tree at most.
    leaf_customers : int, default 10
        Customers in a leaf at least.
    seed : int, default 0
        Of the draws: .632 of the customers for a tree (as many as differ in a bootstrap), the
        square root of the number of features at each split.

    References
    ----------
    .. Breiman, L. (2001). Random forests. Machine Learning.
    """

    name = "random_forest"
    effect_unit = "share"

    def __init__(
        self,
        columns: tuple[str, ...],
        n_trees: int = 100,
        n_leaves: int = 16,
        leaf_customers: int = 10,
        seed: int = 0,
        categories: tuple[str, ...] = DEMOGRAPHICS,
    ) -> None:
        super().__init__(columns, categories)
        self.n_trees = n_trees
        self.n_leaves = n_leaves
        self.leaf_customers = leaf_customers
        self.seed = seed

    def _settings(self, n_features: int) -> dict[str, object]:
        return {
            "objective": "regression",
            "boosting": "rf",
            "num_leaves": self.n_leaves,
            "min_data_in_leaf": self.leaf_customers,
            "bagging_fraction": 0.632,
            "bagging_freq": 1,
            "feature_fraction_bynode": max(np.sqrt(n_features), 1.0) / n_features,
        }


class BoostedTrees(_Trees):
    """LightGBM's boosting with few small trees.

    Parameters
    ----------
    columns, categories
        As for `MatrixModel`.
    n_trees : int, default 80
        Number of trees.
    learning_rate : float, default 0.05
        Share of each tree that is added.
    seed : int, default 0
        Of the draws of columns and rows.
    n_leaves : int, default 4
        Leaves of a tree at most.
    leaf_customers : int, default 20
        Customers in a leaf at least.
    l2_strength : float, default 1.0
        Ridge penalty on the leaves.

    References
    ----------
    .. Ke, G. et al. (2017). LightGBM: a highly efficient gradient boosting decision tree.
    """

    name = "lightgbm"
    effect_unit = "log-odds"

    def __init__(
        self,
        columns: tuple[str, ...],
        n_trees: int = 80,
        learning_rate: float = 0.05,
        seed: int = 0,
        n_leaves: int = 4,
        leaf_customers: int = 20,
        l2_strength: float = 1.0,
        categories: tuple[str, ...] = DEMOGRAPHICS,
    ) -> None:
        super().__init__(columns, categories)
        self.n_trees = n_trees
        self.learning_rate = learning_rate
        self.seed = seed
        self.n_leaves = n_leaves
        self.leaf_customers = leaf_customers
        self.l2_strength = l2_strength

    def _settings(self, n_features: int) -> dict[str, object]:
        return {
            "objective": "binary",
            "learning_rate": self.learning_rate,
            "num_leaves": self.n_leaves,
            "min_data_in_leaf": self.leaf_customers,
            "feature_fraction": 0.7,
            "bagging_fraction": 0.8,
            "bagging_freq": 1,
            "lambda_l2": self.l2_strength,
        }
