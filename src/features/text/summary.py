"""What the reviews say altogether: shares with intervals, and their way over the weeks."""

from collections.abc import Iterable

import pandas as pd

from src.features.review_scores import ASPECTS
from src.features.text.reviews import ScoredReviews
from src.features.text.sentiment import SentimentModel
from src.metrics.intervals import wilson_interval

__all__ = ["describe_text", "summarise_aspects", "summarise_languages", "weekly_sentiment"]

_LEVEL = 0.95


def summarise_aspects(scored: ScoredReviews, level: float = _LEVEL) -> pd.DataFrame:
    """Tell how many reviews speak of each aspect, and how well of it.

    Parameters
    ----------
    scored : ScoredReviews
        From `score_reviews`.
    level : float, default 0.95
        Level of the intervals (Wilson).

    Returns
    -------
    pandas.DataFrame
        One row per aspect, in the order of `ASPECTS`: `aspect`; `n` reviews that speak of it;
        `share` of the reviews in a language with a word list, `share_lower`, `share_upper`;
        `n_scored` of them; `positive_share` of these, `positive_lower`, `positive_upper`. A
        share of nothing is missing.
    """
    n_readable = int(pd.Series(scored.scores["language"].to_pandas()).isin(["zh", "en"]).sum())
    rows = []
    for aspect in ASPECTS:
        said = scored.opinions[scored.opinions["aspect"] == aspect]
        sentiment = said["sentiment"].dropna()
        about = _share(len(said), n_readable, level)
        good = _share(int((sentiment == "positive").sum()), len(sentiment), level)
        rows.append((aspect, len(said), *about, len(sentiment), *good))
    names = ["share", "share_lower", "share_upper", "n_scored"]
    names += ["positive_share", "positive_lower", "positive_upper"]
    return pd.DataFrame(rows, columns=["aspect", "n", *names])


def _share(n_yes: int, n: int, level: float) -> tuple[float, float, float]:
    if not n:
        return (float("nan"),) * 3
    interval = wilson_interval(n_yes, n, level)
    return interval.estimate, interval.lower, interval.upper


def weekly_sentiment(scored: ScoredReviews, level: float = _LEVEL) -> pd.DataFrame:
    """Tell the share of positive reviews week by week.

    Parameters
    ----------
    scored : ScoredReviews
        From `score_reviews`.
    level : float, default 0.95
        Level of the intervals (Wilson).

    Returns
    -------
    pandas.DataFrame
        One row per week with a scored review, oldest first: `week` (its Monday, UTC), `n`
        scored reviews, `positive_share`, `lower`, `upper`. The last week may be unfinished.
    """
    columns = scored.scores.select(["reviewed_at", "sentiment"]).to_pandas().dropna()
    days = columns["reviewed_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
    week = days - pd.to_timedelta(days.dt.day_of_week, unit="D")
    is_positive = columns["sentiment"] == "positive"
    counts = is_positive.groupby(week.rename("week")).agg(["size", "sum"])
    rows = [
        (start, int(n), *_share(int(n_positive), int(n), level))
        for start, n, n_positive in counts.itertuples()
    ]
    return pd.DataFrame(rows, columns=["week", "n", "positive_share", "lower", "upper"])


def summarise_languages(scored: ScoredReviews) -> pd.DataFrame:
    """Tell how many reviews are in each language, and how many could be scored.

    Returns
    -------
    pandas.DataFrame
        One row per language that occurs, most first: `language`, `n`, `n_scored`,
        `positive_share` of the scored.
    """
    columns = scored.scores.select(["language", "sentiment"]).to_pandas()
    columns["is_positive"] = (columns["sentiment"] == "positive").astype(int)
    counts = columns.groupby("language").agg(
        n=("language", "size"), n_scored=("sentiment", "count"), n_positive=("is_positive", "sum")
    )
    n_scored = counts["n_scored"].where(counts["n_scored"] > 0)
    counts["positive_share"] = counts.pop("n_positive") / n_scored
    return counts.sort_values("n", ascending=False, kind="stable").reset_index()


def describe_text(scored: ScoredReviews, model: SentimentModel) -> str:
    """Say in words what was read, by which means, and what was left out; Markdown."""
    n = scored.scores.num_rows
    if not n:
        return "No reviews are known by this date: no sentiment, no aspects and no quotes."
    n_scored = n - scored.scores["sentiment"].null_count
    about = f"**{n:,} reviews**, {n_scored:,} of them with a sentiment. How each language is read:"
    left_out = _left_out(summarise_languages(scored).itertuples(index=False))
    return f"{about}\n\n{model.describe()}{left_out}"


def _left_out(languages: Iterable) -> str:
    missing = [f"{row.n:,} in `{row.language}`" for row in languages if not row.n_scored]
    if not missing:
        return ""
    return (
        f"\n\nNot scored, for want of labels: {', '.join(missing)}. At least 20 reviews with good "
        "and 20 with bad stars, or the extra `embed`, would change that."
    )
