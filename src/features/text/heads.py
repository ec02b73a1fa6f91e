"""A linear classifier over an encoder's vectors, for few labels and for languages without any."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from src.features.text.encoders import Encoder, vader_scores
from src.features.text.linear import N_FOLDS

__all__ = ["EncoderHead", "WordList", "fit_head"]

_STRENGTH = 0.02  # inverse of regularisation, on standardised vectors


@dataclass
class EncoderHead:
    """An encoder, and how much each of its dimensions speaks for the positive class.

    Parameters
    ----------
    encoder : Encoder
        Makes the vectors.
    coef : array of shape (n_dimensions,)
        Weight of each dimension.
    intercept : float
        Score of the vector 0.
    """

    encoder: Encoder
    coef: np.ndarray
    intercept: float

    def scores(self, normalized: Sequence[str]) -> np.ndarray:
        """Give scores, shape (n,): higher is likelier positive, no probability."""
        return self.encoder.encode(normalized).astype(float) @ self.coef + self.intercept

    def times(self, weight: float) -> "EncoderHead":
        """Give a head whose scores are so many times as large."""
        return replace(self, coef=weight * self.coef, intercept=weight * self.intercept)


@dataclass
class WordList:
    """The English word list VADER, which needs no labels."""

    def scores(self, normalized: Sequence[str]) -> np.ndarray:
        """Give log-odds, shape (n,): higher is likelier positive."""
        return vader_scores(normalized)


def fit_head(
    normalized: Sequence[str], is_positive: np.ndarray, encoder: Encoder, seed: int
) -> tuple[EncoderHead, np.ndarray]:
    """Fit a head, and score each training text by one that has not seen it.

    Parameters
    ----------
    normalized : sequence of str
        Distinct texts from `normalize_text`, of any languages.
    is_positive : array of bool, shape (n,)
        Both values, each twice at least.
    encoder : Encoder
        Makes the vectors.
    seed : int
        Deals the texts into folds.

    Returns
    -------
    EncoderHead
        Fitted on all texts; its scores are in units of their spread out of fold.
    array of shape (n,)
        Scores out of fold.
    """
    X = encoder.encode(normalized).astype(float)
    n_folds = min(N_FOLDS, int(is_positive.sum()), int((~is_positive).sum()))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    crossed = np.empty(len(X))
    for rest, held in folds.split(X, is_positive):
        coef, intercept = _fit(X[rest], is_positive[rest])
        crossed[held] = X[held] @ coef + intercept
    spread = max(float(crossed.std()), float(np.finfo(float).tiny))
    coef, intercept = _fit(X, is_positive)
    return EncoderHead(encoder, coef / spread, intercept / spread), crossed / spread


def _fit(X: np.ndarray, is_positive: np.ndarray) -> tuple[np.ndarray, float]:
    """Coefficients and intercept on vectors as they come; fitted on standardised ones."""
    mean, spread = X.mean(axis=0), X.std(axis=0)
    spread[spread == 0] = 1.0
    regression = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=1000)
    regression.fit((X - mean) / spread, is_positive)
    coef = regression.coef_[0] / spread
    return coef, float(regression.intercept_[0] - mean @ coef)
