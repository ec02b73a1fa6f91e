"""The two kinds of regression that every uplift learner is built from."""

from collections.abc import Callable
from typing import Protocol

import lightgbm
import numpy as np

__all__ = ["MakeRegression", "Regression", "Ridge", "make_trees"]


class Regression(Protocol):
    """Fits an outcome to features; predicts it."""

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray) -> "Regression":
        """Fit, rows counting by their weight."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the outcome of each row."""


MakeRegression = Callable[[int, int], Regression]
"""Takes the number of rows and a seed."""

_PENALTIES = np.logspace(-3, 3, 13)


class Ridge:
    r"""Linear regression drawn in towards the mean, as far as generalised cross-validation asks.

    .. math:: \hat\beta_\lambda = \arg\min_\beta \sum_i w_i (y_i - \bar y - x_i'\beta)^2
              + \lambda n \lVert\beta\rVert^2, \qquad
              \mathrm{GCV}(\lambda) = \frac{\mathrm{RSS}_\lambda / n}{(1 - \mathrm{df}_\lambda/n)^2}

    with weights of mean 1 and :math:`\lambda` from a grid.

    References
    ----------
    .. Golub, G., Heath, M. and Wahba, G. (1979). Generalized cross-validation as a method for
       choosing a good ridge parameter. Technometrics 21(2).
    """

    def __init__(self, n_rows: int = 0, seed: int = 0) -> None:
        self.coef_ = np.zeros(0)
        self.intercept_ = 0.0

    def fit(self, X: np.ndarray, y: np.ndarray, sample_weight: np.ndarray) -> "Ridge":
        """Fit, rows counting by their weight."""
        weight = sample_weight / sample_weight.sum()
        center, mean = weight @ X, weight @ y
        centered, residual = X - center, y - mean
        weighted = centered * weight[:, None]
        values, vectors = np.linalg.eigh(centered.T @ weighted)
        values = np.clip(values, 0.0, None)
        pull = vectors.T @ (weighted.T @ residual)
        shrunk = pull / (values + _PENALTIES[:, None])
        total = weight @ residual**2
        rss = total - 2 * shrunk @ pull + (shrunk**2) @ values
        freedom = 1 + (values / (values + _PENALTIES[:, None])).sum(axis=1)
        left = np.clip(1 - freedom / len(y), 1e-3, None)
        best = int(np.argmin(rss / left**2))
        self.coef_ = vectors @ shrunk[best]
        self.intercept_ = float(mean - center @ self.coef_)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict the outcome of each row."""
        return X @ self.coef_ + self.intercept_


def make_trees(n_rows: int, seed: int) -> lightgbm.LGBMRegressor:
    """Make few shallow trees with large leaves: effects are small beside the noise."""
    return lightgbm.LGBMRegressor(
        n_estimators=100,
        learning_rate=0.1,
        num_leaves=6,
        min_child_samples=max(20, n_rows // 40),
        colsample_bytree=0.7,
        reg_lambda=5.0,
        random_state=seed,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
        verbose=-1,
    )
