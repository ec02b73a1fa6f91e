"""Two straight-line candidates: logistic regression, and a linear support vector machine."""

from collections.abc import Mapping

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC
from threadpoolctl import threadpool_limits

from src.models.design import DEMOGRAPHICS
from src.models.matrix_model import Standardised

__all__ = ["LinearSvm", "LogisticModel"]


class _Linear(Standardised):
    """A weighted sum of standardised features."""

    def _score(self, X: np.ndarray) -> np.ndarray:
        return expit(self.intercept_ + (self._scale(X) * self.coefficients_).sum(axis=1))

    def _contribute(self, X: np.ndarray) -> np.ndarray:
        """Coefficient times distance from the mean: the exact Shapley value of a sum."""
        return self._scale(X) * self.coefficients_

    def _plain(self) -> dict[str, object]:
        return self._plain_scale() | {
            "coefficients": self.coefficients_.tolist(),
            "intercept": self.intercept_,
        }

    def _restore(self, plain: Mapping) -> None:
        self._restore_scale(plain)
        self.coefficients_ = np.array(plain["coefficients"])
        self.intercept_ = plain["intercept"]


class LogisticModel(_Linear):
    """Logistic regression on standardised features, with a ridge penalty.

    Parameters
    ----------
    columns, categories
        As for `MatrixModel`.
    l2_strength : float, default 10.0
        Ridge penalty: this many times half the sum of squared coefficients is added to the
        summed log loss. Higher is steadier and plainer.
    """

    name = "logistic_regression"
    effect_unit = "log-odds"

    def __init__(
        self,
        columns: tuple[str, ...],
        l2_strength: float = 10.0,
        categories: tuple[str, ...] = DEMOGRAPHICS,
    ) -> None:
        super().__init__(columns, categories)
        self.l2_strength = l2_strength

    def _learn(self, X: np.ndarray, y: np.ndarray) -> None:
        fitted = LogisticRegression(C=1 / self.l2_strength, solver="newton-cholesky", tol=1e-8)
        with threadpool_limits(1):  # sums over threads would differ in the last bit
            fitted.fit(self._fit_scale(X), y)
        self.coefficients_ = fitted.coef_[0]
        self.intercept_ = float(fitted.intercept_[0])


class LinearSvm(_Linear):
    """Linear support vector machine: the margin, read as log-odds until it is calibrated.

    Parameters
    ----------
    columns, categories
        As for `MatrixModel`.
    l2_strength : float, default 10.0
        This many times half the sum of squared coefficients is added to the summed squared
        hinge loss.

    References
    ----------
    .. Fan, R.-E. et al. (2008). LIBLINEAR: a library for large linear classification. JMLR.
    """

    name = "linear_svm"
    effect_unit = "margin"

    def __init__(
        self,
        columns: tuple[str, ...],
        l2_strength: float = 10.0,
        categories: tuple[str, ...] = DEMOGRAPHICS,
    ) -> None:
        super().__init__(columns, categories)
        self.l2_strength = l2_strength

    def _learn(self, X: np.ndarray, y: np.ndarray) -> None:
        # half the square is added to C times the loss; without dual, nothing is drawn at random
        fitted = LinearSVC(C=1 / self.l2_strength, dual=False, tol=1e-6, max_iter=5000)
        with threadpool_limits(1):
            fitted.fit(self._fit_scale(X), y)
        self.coefficients_ = fitted.coef_[0]
        self.intercept_ = float(fitted.intercept_[0])
