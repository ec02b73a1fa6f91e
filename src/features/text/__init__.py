"""What customers write: how they feel, what they speak of, and the words that tell it best."""

from src.features.text.aspects import read_aspect_words
from src.features.text.quotes import choose_quotes
from src.features.text.report import tabulate_reviews
from src.features.text.reviews import ScoredReviews, fit_from_reviews, score_reviews
from src.features.text.sentiment import fit_sentiment, recalibrate_sentiment, score_texts
from src.features.text.store import read_sentiment, write_sentiment
from src.features.text.summary import describe_text, summarise_aspects, weekly_sentiment

__all__ = [
    "ScoredReviews",
    "choose_quotes",
    "describe_text",
    "fit_from_reviews",
    "fit_sentiment",
    "read_aspect_words",
    "read_sentiment",
    "recalibrate_sentiment",
    "score_reviews",
    "score_texts",
    "summarise_aspects",
    "tabulate_reviews",
    "weekly_sentiment",
    "write_sentiment",
]
