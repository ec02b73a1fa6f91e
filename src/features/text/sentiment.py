"""Sentiment of texts: one calibrated model per language, made from whatever labels there are."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
import logging

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression

from src.errors import ParameterError
from src.features.text.encoders import Encoder, is_vader_installed
from src.features.text.heads import EncoderHead, WordList, fit_head
from src.features.text.linear import KINDS, LinearText, fit_linear
from src.features.text.prepare import LANGUAGES, hash_text, normalize_text, tell_languages
from src.metrics.classification import auc

__all__ = [
    "FEW_LABELS",
    "LanguageModel",
    "SentimentModel",
    "fit_sentiment",
    "label_texts",
    "recalibrate_sentiment",
    "score_texts",
]

logger = logging.getLogger(__name__)

FEW_LABELS = 500
"""Below so many labels of a language an encoder adds to the n-grams, if one is installed."""

_FEWEST = 20  # of each class, for a language to be learnt
_MOST = 50_000  # of a language; more labels make it slower, hardly better
_WORST_AUC = 0.6  # a model that orders texts no better is not used
_WEIGHTS = (1.0, 0.5, 0.25)  # of an encoder beside the n-grams; the best out of fold is taken
_CUTS = np.round(np.arange(0.10, 0.901, 0.01), 2)


@dataclass
class LanguageModel:
    """What scores the texts of one language.

    Parameters
    ----------
    parts : tuple of LinearText, EncoderHead or WordList
        Their scores are averaged.
    slope, offset : float
        Of the logistic curve that makes the mean score a probability; the offset is moved so
        that a text is called positive from 0.5 on.
    basis : str
        How it was made, in words.
    figures : dict
        What it was made from and how good it is on texts it has not seen; empty without labels.
    """

    parts: tuple[LinearText | EncoderHead | WordList, ...]
    slope: float
    offset: float
    basis: str
    figures: dict[str, float] = field(default_factory=dict)

    def scores(self, normalized: Sequence[str]) -> np.ndarray:
        """Give mean scores, shape (n,), before calibration."""
        return np.mean([part.scores(normalized) for part in self.parts], axis=0)

    def p_positive(self, normalized: Sequence[str]) -> np.ndarray:
        """Give probabilities of being positive, shape (n,); called positive from 0.5 on."""
        return _logistic(self.slope * self.scores(normalized) + self.offset)


@dataclass
class SentimentModel:
    """A model per language, and hashes of the texts it has learnt from.

    Parameters
    ----------
    languages : dict of str to LanguageModel
        Languages that are not there are not scored.
    training_hashes : frozenset of bytes
        From `hash_text`.
    """

    languages: dict[str, LanguageModel]
    training_hashes: frozenset[bytes] = frozenset()

    def describe(self) -> str:
        """Say in a line per language how its texts are scored; Markdown."""
        lines = []
        for language in LANGUAGES:
            model = self.languages.get(language)
            lines.append(f"- `{language}`: {model.basis if model else 'not scored'}")
        return "\n".join(lines)


def label_texts(texts: Sequence[str | None], is_positive: Sequence[bool]) -> pd.DataFrame:
    """Make texts and their labels ready for training.

    Empty texts go, equal ones become one, and those with both labels go.

    Parameters
    ----------
    texts : sequence of str or None
        As written.
    is_positive : sequence of bool
        One label each.

    Returns
    -------
    pandas.DataFrame
        One row per wording, sorted by its hash, so that the order of the input changes nothing:
        `normalized`, `is_positive`, `hash`, `language`.

    Raises
    ------
    ParameterError
        If there is not one label for each text.
    """
    if len(texts) != len(is_positive):
        raise ParameterError(
            f"Expected one label for each text, found {len(is_positive)} labels for {len(texts)} "
            "texts; drop texts without a label first."
        )
    labelled = pd.DataFrame(
        {
            "normalized": pd.Series([normalize_text(text) for text in texts], dtype="str"),
            "is_positive": np.asarray(is_positive, dtype=bool),
        }
    )
    labelled = labelled[labelled["normalized"] != ""].drop_duplicates()
    distinct = labelled[~labelled.duplicated("normalized", keep=False)]
    hashes = [hash_text(text) for text in distinct["normalized"]]
    distinct = distinct.assign(hash=pd.Series(hashes, index=distinct.index, dtype=object))
    distinct = distinct.sort_values("hash", ignore_index=True)
    return distinct.assign(language=tell_languages(distinct["normalized"]))


def fit_sentiment(
    texts: Sequence[str | None],
    is_positive: Sequence[bool],
    seed: int,
    encoder: Encoder | None = None,
    few_labels: float = FEW_LABELS,
) -> SentimentModel:
    """Learn sentiment from labelled texts, and do what can be done for languages without labels.

    Without `encoder` a language is learnt by its n-grams. With one, and fewer than `few_labels`
    of the language, the encoder's score is averaged with theirs. A language with fewer than 20
    labels of a class is scored by the encoder as learnt from the other languages; English, with
    neither, by VADER if installed; else it is not scored.

    Parameters
    ----------
    texts : sequence of str or None
        As written, in any languages.
    is_positive : sequence of bool
        One label each, such as from star ratings.
    seed : int
        Of the folds.
    encoder : Encoder, optional
        Such as `choose_encoder` names.
    few_labels : float, default 500
        Infinity lets the encoder always join.

    Returns
    -------
    SentimentModel
        Each language calibrated on scores out of fold (Platt); the curve is then moved so that
        0.5 is where the expected macro-F1 is greatest.

    References
    ----------
    .. Platt, J. (1999). Probabilistic outputs for support vector machines. Advances in Large
       Margin Classifiers.
    """
    labelled = label_texts(texts, is_positive)
    labelled = labelled.groupby("language", sort=False).head(_MOST)
    models = {}
    for language in LANGUAGES:
        own = labelled[labelled["language"] == language]
        if _n_of_rarer(own) >= _FEWEST:
            model = _fit_own(language, own, encoder if len(own) < few_labels else None, seed)
        else:
            model = _fit_others(language, labelled, encoder, seed)
        if model is not None:
            logger.info("sentiment of %s: %s", language, model.basis)
            models[language] = model
    return SentimentModel(models, frozenset(labelled["hash"]))


def _fit_others(
    language: str, everything: pd.DataFrame, encoder: Encoder | None, seed: int
) -> LanguageModel | None:
    """Score a language that has hardly any labels, if that can be done."""
    if encoder is not None and _n_of_rarer(everything) >= _FEWEST:
        head, crossed = fit_head(*_columns(everything), encoder, seed)
        basis = f"{encoder.name} as learnt from {len(everything):,} labels of other languages"
        return _calibrated((head,), crossed, everything["is_positive"].to_numpy(), basis)
    if language == "en" and is_vader_installed():
        return LanguageModel((WordList(),), 1.0, 0.0, "word list VADER, for want of labels")
    return None


def _fit_own(
    language: str, own: pd.DataFrame, encoder: Encoder | None, seed: int
) -> LanguageModel | None:
    is_positive = own["is_positive"].to_numpy()
    part, crossed = fit_linear(*_columns(own), KINDS[language], seed)
    parts, basis = (part,), f"n-grams, learnt from {len(own):,} labels"
    if encoder is not None:
        head, head_crossed = fit_head(*_columns(own), encoder, seed)
        weight = max(
            _WEIGHTS, key=lambda w: auc(is_positive, _logistic(crossed + w * head_crossed))
        )
        parts, crossed = (part, head.times(weight)), (crossed + weight * head_crossed) / 2
        basis = f"n-grams and {encoder.name}, learnt from {len(own):,} labels"
    return _calibrated(parts, crossed, is_positive, basis)


def _columns(labelled: pd.DataFrame) -> tuple[list[str], np.ndarray]:
    return labelled["normalized"].tolist(), labelled["is_positive"].to_numpy()


def _n_of_rarer(labelled: pd.DataFrame) -> int:
    n_positive = int(labelled["is_positive"].sum())
    return min(n_positive, len(labelled) - n_positive)


def _calibrated(
    parts: tuple, crossed: np.ndarray, is_positive: np.ndarray, basis: str
) -> LanguageModel | None:
    slope, offset, figures = _calibration(crossed, is_positive)
    if not figures["auc"] > _WORST_AUC:
        logger.warning("sentiment by %s is no better than chance and is left out", basis)
        return None
    return LanguageModel(parts, slope, offset, f"{basis}{_in_words(figures)}", figures)


def _calibration(
    scores: np.ndarray, is_positive: np.ndarray
) -> tuple[float, float, dict[str, float]]:
    """Slope, offset, and how good they are on the same scores out of fold."""
    curve = LogisticRegression(C=1e6).fit(scores.reshape(-1, 1), is_positive)
    slope, offset = float(curve.coef_[0, 0]), float(curve.intercept_[0])
    p = _logistic(slope * scores + offset)
    # expected by the curve, for the best place in the labels at hand is chance in part
    threshold = float(max(_CUTS, key=lambda cut: _expected_macro_f1(p, p >= cut)))
    is_called = p >= threshold
    moved = offset - float(np.log(threshold / (1 - threshold)))
    return slope, moved, {
        "n_labels": len(scores),
        "positive_share": float(is_positive.mean()),
        "accuracy": float((is_called == is_positive).mean()),
        "macro_f1": macro_f1(is_positive, is_called),
        "auc": auc(is_positive.astype(float), p),
        "threshold": threshold,
    }  # fmt: skip


def _expected_macro_f1(p: np.ndarray, is_called: np.ndarray) -> float:
    """Macro-F1 of calls where each text is positive with its probability."""
    parts = []
    for truth, called in ((p, is_called), (1 - p, ~is_called)):
        parts.append(2 * truth[called].sum() / (truth.sum() + called.sum()))
    return sum(parts) / 2


def macro_f1(is_positive: np.ndarray, is_called: np.ndarray) -> float:
    """Mean of the F1 of both classes, 0 to 1; higher is better.

    Examples
    --------
    >>> macro_f1(np.array([True, True, False]), np.array([True, False, False]))
    0.6666666666666666
    """
    parts = []
    for truth, called in ((is_positive, is_called), (~is_positive, ~is_called)):
        n_either = int(truth.sum()) + int(called.sum())
        parts.append(2 * int((truth & called).sum()) / n_either if n_either else 0.0)
    return sum(parts) / 2


def _in_words(figures: dict[str, float]) -> str:
    return (
        f" ({figures['positive_share']:.0%} positive); on texts not seen: accuracy "
        f"{figures['accuracy']:.3f}, macro-F1 {figures['macro_f1']:.3f}"
    )


def _logistic(x: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-np.clip(x, -50, 50)))


def recalibrate_sentiment(
    model: SentimentModel, texts: Sequence[str | None], is_positive: Sequence[bool]
) -> SentimentModel:
    """Fit a model's probabilities and thresholds to another shop's labels; it learns no words.

    What orders texts well in one shop does so in the next, but where positive begins moves.
    Texts that the model has learnt from are left out, for it is too sure of them.

    Parameters
    ----------
    model : SentimentModel
        Such as from an earlier run.
    texts, is_positive : sequences
        As for `fit_sentiment`.

    Returns
    -------
    SentimentModel
        Languages with fewer than 20 unseen labels of a class stay as they were.
    """
    labelled = label_texts(texts, is_positive)
    labelled = labelled[[key not in model.training_hashes for key in labelled["hash"]]]
    models = dict(model.languages)
    for language, old in model.languages.items():
        own = labelled[labelled["language"] == language].head(_MOST)
        if _n_of_rarer(own) < _FEWEST:
            continue
        normalized, truth = _columns(own)
        slope, offset, figures = _calibration(old.scores(normalized), truth)
        if slope > 0:
            basis = f"{old.basis.split(' (')[0]}, threshold set anew{_in_words(figures)}"
            models[language] = replace(
                old, slope=slope, offset=offset, basis=basis, figures=figures
            )
    return replace(model, languages=models)


def score_texts(model: SentimentModel, texts: Sequence[str | None]) -> pd.DataFrame:
    """Score texts of any languages.

    Parameters
    ----------
    model : SentimentModel
        Fitted or loaded.
    texts : sequence of str or None
        As written; reviews, messages or clauses.

    Returns
    -------
    pandas.DataFrame
        One row per text, in order: `language` (str), `p_positive` (float, 0-1, missing where
        not scored), `sentiment` (`positive`, `negative` or missing).
    """
    normalized = [normalize_text(text) for text in texts]
    return score_normalized(model, normalized, tell_languages(normalized))


def score_normalized(
    model: SentimentModel, normalized: list[str], languages: np.ndarray
) -> pd.DataFrame:
    """Score texts that are normalised and whose languages are known; as `score_texts`."""
    p = np.full(len(normalized), np.nan)
    for language, each in model.languages.items():
        rows = np.flatnonzero((languages == language) & (np.array(normalized, object) != ""))
        if len(rows):
            p[rows] = each.p_positive([normalized[row] for row in rows])
    sentiment = np.where(np.isnan(p), None, np.where(p >= 0.5, "positive", "negative"))
    return pd.DataFrame(
        {
            "language": pd.Series(languages, dtype="str"),
            "p_positive": p,
            "sentiment": pd.Series(sentiment, dtype="str"),
        }
    )
