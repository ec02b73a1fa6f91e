"""A linear classifier over weighted n-grams: plain arrays, so it is kept without pickle."""

from collections.abc import Sequence
from dataclasses import dataclass, field
import re

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from src.features.text.sign_runs import SignRuns

__all__ = ["KINDS", "LinearText", "NGrams", "TextFeatures", "fit_linear"]

N_FOLDS = 5
_STRENGTH = 0.3  # inverse of regularisation
_FEW_TEXTS = 200  # from here on an n-gram of one text only is left out

_CLAUSE_MARKS = re.compile(r"[，,。.!！?？;；~～、:：\"“”\s]+")


@dataclass(frozen=True)
class NGrams:
    """Runs of signs (`char`), of signs within a word (`char_wb`) or of words (`word`)."""

    analyzer: str
    shortest: int
    longest: int


KINDS = {
    "zh": (NGrams("char", 1, 2), NGrams("char", 3, 4)),
    "en": (NGrams("word", 1, 2),),
    "other": (NGrams("char_wb", 2, 5),),
}
"""N-grams of each language; zh and en chosen by cross-validation, see docs/text.md."""


@dataclass
class TextFeatures:
    r"""TF-IDF of one kind of n-grams or several side by side, each row of length one per kind.

    .. math:: x_{dt} \propto (1 + \ln f_{dt}) \left(1 + \ln \frac{1 + n}{1 + n_t}\right)
    """

    kinds: tuple[NGrams, ...]
    vectorizers_: list[TfidfVectorizer] = field(default_factory=list)
    fast_: list[SignRuns | None] = field(default_factory=list, repr=False)

    def fit_transform(self, normalized: Sequence[str]) -> csr_matrix:
        """Learn vocabulary and weights, and give the texts' features, shape (n, n_features)."""
        min_texts = 1 if len(normalized) < _FEW_TEXTS else 2
        self.vectorizers_ = [_vectorizer(kind, min_df=min_texts) for kind in self.kinds]
        found = _side_by_side([each.fit_transform(normalized) for each in self.vectorizers_])
        self.fast_ = [_fast(*pair) for pair in zip(self.kinds, self.vectorizers_, strict=True)]
        return found

    def transform(self, normalized: Sequence[str]) -> csr_matrix:
        """Give features of other texts, shape (n, n_features)."""
        return _side_by_side(
            [
                slow.transform(normalized) if fast is None else fast.transform(_marked(normalized))
                for fast, slow in zip(self.fast_, self.vectorizers_, strict=True)
            ]
        )

    def vocabularies(self) -> list[list[str]]:
        """Terms of each kind, in the order of their columns."""
        return [each.get_feature_names_out().tolist() for each in self.vectorizers_]

    def weights(self) -> np.ndarray:
        """Inverse document frequencies of all kinds in a row, shape (n_features,)."""
        return np.concatenate([each.idf_ for each in self.vectorizers_])

    @classmethod
    def restore(
        cls, kinds: tuple[NGrams, ...], vocabularies: list[list[str]], weights: np.ndarray
    ) -> "TextFeatures":
        """Make the features that gave these vocabularies and weights."""
        ends = np.cumsum([len(terms) for terms in vocabularies])[:-1]
        vectorizers = []
        for kind, terms, idf in zip(kinds, vocabularies, np.split(weights, ends), strict=True):
            columns = {term: column for column, term in enumerate(terms)}
            vectorizers.append(_vectorizer(kind, vocabulary=columns))
            vectorizers[-1].idf_ = idf
        fast = [_fast(*pair) for pair in zip(kinds, vectorizers, strict=True)]
        return cls(kinds, vectorizers, fast)


def _vectorizer(kind: NGrams, **given: object) -> TfidfVectorizer:
    return TfidfVectorizer(
        analyzer=kind.analyzer,
        ngram_range=(kind.shortest, kind.longest),
        preprocessor=_mark_clauses if kind.analyzer == "char" else str,
        token_pattern=r"\w+|[^\w\s]" if kind.analyzer == "word" else None,
        sublinear_tf=True,
        **given,
    )


def _fast(kind: NGrams, vectorizer: TfidfVectorizer) -> SignRuns | None:
    """Build what gives the same features several times faster, where that is possible."""
    terms = vectorizer.get_feature_names_out().tolist()
    is_fit = kind.analyzer == "char" and SignRuns.fits(terms)
    return SignRuns(terms, vectorizer.idf_) if is_fit else None


def _marked(normalized: Sequence[str]) -> list[str]:
    return [_mark_clauses(text) for text in normalized]


def _mark_clauses(normalized: str) -> str:
    """One mark before, between and after clauses, so that a run of signs knows where it stands."""
    return f"|{_CLAUSE_MARKS.sub('|', normalized).strip('|')}|"


def _side_by_side(blocks: list[csr_matrix]) -> csr_matrix:
    return blocks[0] if len(blocks) == 1 else hstack(blocks, format="csr")


@dataclass
class LinearText:
    """Features of texts, and how much each speaks for the positive class.

    Parameters
    ----------
    features : TextFeatures
        Fitted.
    coef : array of shape (n_features,)
        Weight of each feature.
    intercept : float
        Score of a text without any.
    """

    features: TextFeatures
    coef: np.ndarray
    intercept: float

    def scores(self, normalized: Sequence[str]) -> np.ndarray:
        """Give scores, shape (n,): higher is likelier positive, no probability."""
        return self.features.transform(normalized) @ self.coef + self.intercept


def fit_linear(
    normalized: Sequence[str], is_positive: np.ndarray, kinds: tuple[NGrams, ...], seed: int
) -> tuple[LinearText, np.ndarray]:
    r"""Fit a classifier, and score each training text by one that has not seen it.

    The mean of two support vector machines, each divided by the spread of its scores out of
    fold: one on the features :math:`x`, one on :math:`x \odot r` with the log-odds of naive Bayes

    .. math:: r_t = \ln \frac{(1 + \sum_{+} x_{dt}) / \lVert 1 + \sum_{+} x_d \rVert_1}
                             {(1 + \sum_{-} x_{dt}) / \lVert 1 + \sum_{-} x_d \rVert_1}

    Parameters
    ----------
    normalized : sequence of str
        Distinct texts from `normalize_text`. Their order matters in the last digits: sort.
    is_positive : array of bool, shape (n,)
        Both values, each twice at least.
    kinds : tuple of NGrams
        What to count.
    seed : int
        Deals the texts into folds.

    Returns
    -------
    LinearText
        Fitted on all texts.
    array of shape (n,)
        Scores out of fold. Only vocabulary and inverse document frequencies, which know no
        labels, are of all texts.

    References
    ----------
    .. Wang, S. and Manning, C. D. (2012). Baselines and Bigrams: Simple, Good Sentiment and
       Topic Classification. ACL.
    """
    features = TextFeatures(kinds)
    X = features.fit_transform(normalized)
    n_folds = min(N_FOLDS, int(is_positive.sum()), int((~is_positive).sum()))
    folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    crossed = np.empty((2, len(is_positive)))
    for rest, held in folds.split(X, is_positive):
        for row, (coef, intercept) in enumerate(_fit_pair(X[rest], is_positive[rest], seed)):
            crossed[row, held] = X[held] @ coef + intercept
    weights = 0.5 / np.maximum(crossed.std(axis=1), np.finfo(float).tiny)
    pair = _fit_pair(X, is_positive, seed)
    coef = sum(weight * each for weight, (each, _) in zip(weights, pair, strict=True))
    intercept = sum(weight * each for weight, (_, each) in zip(weights, pair, strict=True))
    return LinearText(features, coef, float(intercept)), weights @ crossed


def _fit_pair(
    X: csr_matrix, is_positive: np.ndarray, seed: int
) -> tuple[tuple[np.ndarray, float], tuple[np.ndarray, float]]:
    """Coefficients and intercept on the features, and on the features by their log-odds."""
    plain = _machine(seed).fit(X, is_positive)
    r = _log_odds(X, is_positive)
    scaled = _machine(seed).fit(X.multiply(r).tocsr(), is_positive)
    return (
        (plain.coef_[0], float(plain.intercept_[0])),
        (scaled.coef_[0] * r, float(scaled.intercept_[0])),
    )


def _machine(seed: int) -> LinearSVC:
    return LinearSVC(C=_STRENGTH, random_state=seed, max_iter=5_000)


def _log_odds(X: csr_matrix, is_positive: np.ndarray) -> np.ndarray:
    positive, negative = (
        1 + np.asarray(X[rows].sum(axis=0)).ravel() for rows in (is_positive, ~is_positive)
    )
    return np.log(positive / positive.sum()) - np.log(negative / negative.sum())
