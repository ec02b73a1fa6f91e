"""The most telling quotes: what many say, said surely, with nothing that tells a person."""

from ibis.expr.types import Table
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer

from src.features.review_scores import ASPECTS
from src.features.text.aspects import AspectWords, split_clauses
from src.features.text.masking import NO_REGION, mask_personal_data
from src.features.text.prepare import hash_text, normalize_text
from src.features.text.reviews import ScoredReviews
from src.features.text.sentiment import SentimentModel, score_normalized

__all__ = ["choose_quotes"]

_N_CANDIDATES = 100
_SHORTEST = {"zh": 6, "en": 20}
_LONGEST = {"zh": 60, "en": 160}
_COLUMNS = ["aspect", "sentiment", "quote", "n"]


def choose_quotes(
    reviews: Table,
    scored: ScoredReviews,
    model: SentimentModel,
    words: AspectWords,
    region: str = NO_REGION,
    n_quotes: int = 2 * len(ASPECTS),
) -> pd.DataFrame:
    """Choose one quote per aspect and sentiment.

    Of the 100 opinions that the model is surest of, the one whose runs of signs are nearest to
    those of all of them. Personal data are masked before a quote is cut out, and the model must
    still read it as it read the whole.

    Parameters
    ----------
    reviews : ibis.Table
        `reviews` of 02_clean: `review_id`, `review_text`.
    scored : ScoredReviews
        From `score_reviews`.
    model, words
        As given to `score_reviews`.
    region : str, default "ZZ"
        Country of phone numbers without a country code.
    n_quotes : int, default 8
        At most so many; aspects with more opinions first.

    Returns
    -------
    pandas.DataFrame
        `aspect`, `sentiment`, `quote` (one line without markup, of at most 160 signs and the
        masks), `n` opinions of that kind; by aspect, positive first. Empty if none is fit.
    """
    opinions = scored.opinions.dropna(subset=["sentiment"])
    groups = opinions.groupby(["aspect", "sentiment"], sort=True)
    surest = {key: _surest(rows) for key, rows in groups}
    wanted = sorted({review for rows in surest.values() for review in rows["review_id"]})
    texts = _texts(reviews, wanted)
    quotes = []
    for (aspect, sentiment), rows in surest.items():
        pieces = _pieces(rows, texts, words, aspect, region)
        quote = _most_typical(_confirmed(pieces, sentiment, model))
        if quote:
            n = len(groups.get_group((aspect, sentiment)))
            quotes.append((aspect, sentiment, quote, n))
    chosen = pd.DataFrame(quotes, columns=_COLUMNS)
    chosen = chosen.sort_values("n", ascending=False, kind="stable").head(n_quotes)
    return chosen.sort_values(["aspect", "sentiment"], ascending=[True, False], ignore_index=True)


def _surest(rows: pd.DataFrame) -> pd.DataFrame:
    surety = (rows["p_positive"] - 0.5).abs().rename("surety")
    ordered = rows.assign(surety=surety).sort_values(
        ["surety", "review_id"], ascending=[False, True]
    )
    return ordered.head(_N_CANDIDATES)


def _texts(reviews: Table, wanted: list[str]) -> dict[str, str]:
    if not wanted:
        return {}
    found = reviews.filter(reviews.review_id.isin(wanted)).select("review_id", "review_text")
    frame = found.to_pandas()
    return dict(zip(frame["review_id"], frame["review_text"], strict=True))


def _pieces(
    rows: pd.DataFrame, texts: dict[str, str], words: AspectWords, aspect: str, region: str
) -> pd.DataFrame:
    """Cut a piece about the aspect out of each text, masked; too short ones and doubles go."""
    pieces = []
    for review, language in zip(rows["review_id"], rows["language"], strict=True):
        masked = mask_personal_data(texts[review], region)
        about = set(words.clauses_about(masked, language, aspect))
        piece = _cut(split_clauses(masked), about, _SHORTEST[language], _LONGEST[language])
        if piece:
            pieces.append((piece, language))
    return pd.DataFrame(pieces, columns=["piece", "language"]).drop_duplicates("piece")


def _cut(clauses: list[str], about: set[str], shortest: int, longest: int) -> str:
    """From the first clause about the aspect on, until it is long enough; or nothing."""
    start = next((i for i, clause in enumerate(clauses) if clause in about), None)
    if start is None:
        return ""
    piece = clauses[start]
    for clause in clauses[start + 1 :]:
        if len(piece) >= shortest:
            break
        piece = f"{piece} {clause}" if piece.isascii() else piece + clause
    piece = piece.rstrip("，,、;；:： ")
    if len(piece) > longest:
        piece = piece[: longest - 1].rstrip() + "…"
    return piece if len(piece) >= shortest else ""


def _confirmed(pieces: pd.DataFrame, sentiment: str, model: SentimentModel) -> list[str]:
    normalized = [normalize_text(piece) for piece in pieces["piece"]]
    languages = pieces["language"].to_numpy(dtype=object)
    read = score_normalized(model, normalized, languages)["sentiment"]
    return pieces.loc[(read == sentiment).to_numpy(), "piece"].tolist()


def _most_typical(pieces: list[str]) -> str:
    """Piece nearest to the mean of all, by runs of two and three signs; ties by hash."""
    if not pieces:
        return ""
    pieces = sorted(pieces, key=lambda piece: hash_text(piece))
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True)
    X = vectorizer.fit_transform([normalize_text(piece) for piece in pieces])
    nearness = X @ np.asarray(X.mean(axis=0)).ravel()
    return pieces[int(np.round(nearness, 9).argmax())]
