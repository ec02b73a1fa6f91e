"""What the reviews say, as a report shows it: only what there is."""

from ibis.expr.types import Table
import pandas as pd

from src.features.text.aspects import AspectWords
from src.features.text.masking import NO_REGION
from src.features.text.quotes import choose_quotes
from src.features.text.reviews import ScoredReviews
from src.features.text.sentiment import SentimentModel
from src.features.text.summary import summarise_aspects, weekly_sentiment

__all__ = ["tabulate_reviews"]

_N_WEEKS = 13


def tabulate_reviews(
    reviews: Table,
    scored: ScoredReviews,
    model: SentimentModel,
    words: AspectWords,
    region: str = NO_REGION,
) -> list[pd.DataFrame]:
    """Gather the tables that say something: aspects, the last quarter's weeks, quotes.

    Parameters
    ----------
    reviews : ibis.Table
        `reviews` of 02_clean.
    scored : ScoredReviews
        From `score_reviews`.
    model, words
        As given to `score_reviews`.
    region : str, default "ZZ"
        Country of phone numbers without a country code, to be masked in quotes.

    Returns
    -------
    list of pandas.DataFrame
        Without those that have no row; none at all if there are no reviews.
    """
    if not scored.scores.num_rows:
        return []
    tables = [
        summarise_aspects(scored).set_index("aspect").round(3),
        weekly_sentiment(scored).tail(_N_WEEKS).set_index("week").round(3),
        choose_quotes(reviews, scored, model, words, region).set_index(["aspect", "sentiment"]),
    ]
    return [table for table in tables if len(table)]
