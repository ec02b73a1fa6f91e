"""Reviews as known on one date: their sentiment, what they speak of, and their topic."""

from collections.abc import Iterator
from dataclasses import dataclass
import logging
import math
from pathlib import Path

from ibis.expr.types import Table
import numpy as np
import pandas as pd
import pyarrow as pa

from src.data.window import known_by
from src.errors import ParameterError
from src.features.review_scores import ASPECTS
from src.features.text.aspects import AspectWords
from src.features.text.encoders import ENCODERS, Encoder, choose_encoder
from src.features.text.prepare import normalize_text, tell_languages
from src.features.text.sentiment import (
    FEW_LABELS,
    SentimentModel,
    fit_sentiment,
    recalibrate_sentiment,
    score_normalized,
)
from src.features.text.store import read_sentiment

__all__ = ["ScoredReviews", "fit_from_reviews", "score_reviews"]

logger = logging.getLogger(__name__)

CHUNK = 20_000
"""Reviews whose texts are in memory at once."""

_COLUMNS = ("review_id", "customer_id", "product_id", "reviewed_at", "rating", "review_text")
_SCHEMA = pa.schema(
    [
        ("review_id", pa.string()),
        ("customer_id", pa.string()),
        ("product_id", pa.string()),
        ("reviewed_at", pa.timestamp("us", "UTC")),
        ("language", pa.string()),
        ("p_positive", pa.float64()),
        ("sentiment", pa.string()),
        *((f"is_about_{aspect}", pa.bool_()) for aspect in ASPECTS),
        ("topic", pa.string()),
    ]
)


@dataclass
class ScoredReviews:
    """Scores of reviews, and of what they say about each aspect.

    Parameters
    ----------
    scores : pyarrow.Table
        `review_scores`, one row per review, by `review_id`.
    opinions : pandas.DataFrame
        One row per review and aspect that it speaks of: `review_id`, `aspect`, `language`,
        `p_positive` and `sentiment` of the clauses that speak of it (missing if not scored).
    """

    scores: pa.Table
    opinions: pd.DataFrame


def fit_from_reviews(
    reviews: Table,
    as_of_date: str,
    seed: int,
    positive_rating: float = 4.0,
    negative_rating: float = 2.0,
    text_model: str | Path = "",
    encoder: str = "auto",
    memory: Path | None = None,
) -> SentimentModel:
    """Learn sentiment from the stars that reviews carry, or fit an earlier model to them.

    Stars are weak labels: from `positive_rating` up positive, down to `negative_rating`
    negative, between them none.

    Parameters
    ----------
    reviews : ibis.Table
        `reviews` of 02_clean; none after `as_of_date` is read.
    as_of_date : str
        ISO date.
    seed : int
        Of the folds.
    positive_rating, negative_rating : float
        In the shop's own stars.
    text_model : str or Path, optional
        Folder of an earlier run's model: it is used with its threshold set anew.
    encoder : str, default "auto"
        ``auto``: the best one of the extra `embed` that is installed and fast enough for so many
        reviews joins where labels are few; ``none``; or the name of one, which always joins.
    memory : Path, optional
        File in which an encoder's vectors are remembered.

    Raises
    ------
    ParameterError
        If `negative_rating` is not below `positive_rating`, or `encoder` is unknown.
    SchemaError
        If `text_model` is not a model.
    """
    if not negative_rating < positive_rating:
        raise ParameterError(
            f"Expected negative_rating below positive_rating, found {negative_rating} and "
            f"{positive_rating}; swap them."
        )
    if encoder not in ("auto", "none", *ENCODERS):
        raise ParameterError(
            f"Expected auto, none, {' or '.join(ENCODERS)} as encoder, found {encoder!r}."
        )
    known = known_by(reviews, "reviewed_at", as_of_date)
    n_known = int(known.count().execute())
    is_label = (known.rating >= positive_rating) | (known.rating <= negative_rating)
    rated = known.filter(is_label).select("review_text", "rating").to_pandas()
    logger.info("fit_from_reviews: %s reviews, %s with a label", n_known, len(rated))
    texts, is_positive = (
        rated["review_text"].tolist(),
        (rated["rating"] >= positive_rating).tolist(),
    )
    if text_model:
        return recalibrate_sentiment(read_sentiment(Path(text_model), memory), texts, is_positive)
    name = choose_encoder(n_known) if encoder == "auto" else encoder
    chosen = Encoder(name, memory) if name in ENCODERS else None
    few_labels = FEW_LABELS if encoder == "auto" else math.inf
    return fit_sentiment(texts, is_positive, seed, chosen, few_labels)


def score_reviews(
    reviews: Table,
    products: Table,
    model: SentimentModel,
    words: AspectWords,
    as_of_date: str,
    chunk: int = CHUNK,
) -> ScoredReviews:
    """Score every review known by a date, some at a time.

    Parameters
    ----------
    reviews, products : ibis.Table
        Of 02_clean; no review after `as_of_date` is read. The topic of a review is the
        department of its product, missing where there is none.
    model : SentimentModel
        From `fit_from_reviews`.
    words : AspectWords
        From `read_aspect_words`.
    as_of_date : str
        ISO date.
    chunk : int, default 20,000
        Reviews whose texts are in memory at once; changes nothing else.

    Returns
    -------
    ScoredReviews
        Empty, with its columns, if there are no reviews.
    """
    topics = products.select("product_id", topic="department")
    known = known_by(reviews, "reviewed_at", as_of_date).select(*_COLUMNS)
    joined = known.left_join(topics, "product_id").select(*_COLUMNS, "topic")
    parts, opinions = [], []
    for rows in _chunks(joined, chunk):
        scored, found = _score_chunk(rows, model, words)
        parts.append(scored)
        opinions.append(found)
    scores = pa.concat_tables([_SCHEMA.empty_table(), *parts]).sort_by("review_id")
    found = pd.concat([_opinions([], [], [], model), *opinions])
    return ScoredReviews(scores, found.sort_values(["review_id", "aspect"], ignore_index=True))


def _chunks(table: Table, chunk: int) -> Iterator[pa.RecordBatch]:
    for batch in table.to_pyarrow_batches(chunk_size=chunk):
        for start in range(0, batch.num_rows, chunk):
            yield batch.slice(start, chunk)


def _score_chunk(
    rows: pa.RecordBatch, model: SentimentModel, words: AspectWords
) -> tuple[pa.Table, pd.DataFrame]:
    normalized = [normalize_text(text) for text in rows["review_text"].to_pylist()]
    languages = tell_languages(normalized)
    named = [
        words.named_in(text, language) for text, language in zip(normalized, languages, strict=True)
    ]
    columns = {name: rows[name] for name in (*_COLUMNS[:4], "topic")}
    columns |= score_normalized(model, normalized, languages).items()
    columns |= {f"is_about_{name}": [name in each for each in named] for name in ASPECTS}
    arrays = [pa.array(columns[field.name], from_pandas=True).cast(field.type) for field in _SCHEMA]
    return pa.Table.from_arrays(arrays, schema=_SCHEMA), _read_opinions(
        rows["review_id"].to_pylist(), normalized, languages, named, model, words
    )


def _read_opinions(
    ids: list[str],
    normalized: list[str],
    languages: np.ndarray,
    named: list[tuple[str, ...]],
    model: SentimentModel,
    words: AspectWords,
) -> pd.DataFrame:
    places = [(row, aspect) for row, aspects in enumerate(named) for aspect in aspects]
    clauses = [
        " ".join(words.clauses_about(normalized[row], languages[row], aspect))
        for row, aspect in places
    ]
    keys = [(ids[row], aspect) for row, aspect in places]
    return _opinions(keys, clauses, [languages[row] for row, _ in places], model)


def _opinions(
    keys: list[tuple[str, str]], clauses: list[str], languages: list[str], model: SentimentModel
) -> pd.DataFrame:
    scored = score_normalized(model, clauses, np.array(languages, dtype=object))
    return pd.DataFrame(
        {
            "review_id": pd.Series([review for review, _ in keys], dtype="str"),
            "aspect": pd.Series([aspect for _, aspect in keys], dtype="str"),
        }
    ).join(scored)
