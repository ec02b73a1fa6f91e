"""What customers say in reviews: how often, how many stars, how content, and about what.

A mean of stars or of `p_positive` is the sum of billionths as integers, divided once, so that it
does not depend on the order of adding. A review is negative where `p_positive` is below a half.
"""

import functools

import ibis
from ibis.expr.types import BooleanValue, FloatingValue, Table

from src.data.columns import count, real, share
from src.data.window import known_by
from src.features.catalogue import Feature
from src.features.relations import Relation, Setting
from src.features.review_scores import ASPECTS
from src.features.windows import days_before

__all__ = ["FEATURES", "RELATIONS", "build_reviewed"]

_NANO = 1_000_000_000
_TREND_DAYS = 90


def build_reviewed(reviews: Table, as_of_date: str) -> Table:
    """Give reviews, or their scores, as known on one date, their age: `days_ago`.

    Parameters
    ----------
    reviews : ibis.Table
        `reviews` or `review_scores`.
    as_of_date : str
        ISO date; what was written after it is not seen.
    """
    known = known_by(reviews, "reviewed_at", as_of_date)
    return known.mutate(days_ago=days_before(known.reviewed_at, as_of_date))


def _reviewed(reviews: Table, setting: Setting) -> Table:
    return build_reviewed(reviews, setting.as_of_date)


def _mean(values: ibis.Value, where: BooleanValue | None = None) -> FloatingValue:
    nanos = (values * _NANO).round().cast("int64")
    return nanos.sum(where=where) / (values.count(where=where).nullif(0) * _NANO)


def _trend(scores: Table) -> FloatingValue:
    is_new = scores.days_ago < _TREND_DAYS
    return _mean(scores.p_positive, is_new) - _mean(scores.p_positive, ~is_new)


def _negative_share(scores: Table, aspect: str | None = None) -> FloatingValue:
    is_meant = scores.p_positive.notnull()
    if aspect is not None:
        is_meant &= scores[f"is_about_{aspect}"].fill_null(False)
    negative = scores.count(where=is_meant & (scores.p_positive < 0.5))
    return negative / scores.count(where=is_meant).nullif(0)


RELATIONS = (
    Relation("ratings", "one row per review", ("reviews",), _reviewed),
    Relation("sentiments", "one row per review with a score", ("review_scores",), _reviewed),
)

_text = functools.partial(Feature.of, family="text")

FEATURES = (
    _text(
        count("n_reviews_365", "Reviews written in the last 365 days.", "reviews"),
        relation="ratings",
        build=lambda reviews: reviews.count(where=reviews.days_ago < 365),
        window_days=365,
        fill=0,
    ),
    _text(
        real("rating_mean", "Mean stars given.", "stars", True),
        relation="ratings",
        build=lambda reviews: _mean(reviews.rating),
    ),
    _text(
        share("sentiment_mean", "Mean probability that a review is positive, by its text.", True),
        relation="sentiments",
        build=lambda scores: _mean(scores.p_positive),
    ),
    _text(
        real(
            "sentiment_trend",
            "That mean over the last 90 days minus the one over the time before.",
            "-1 to 1",
            True,
        ),
        relation="sentiments",
        build=_trend,
    ),
    _text(
        share("negative_reviews_share", "Reviews that are rather negative, by their text.", True),
        relation="sentiments",
        build=_negative_share,
    ),
    *(
        _text(
            share(
                f"negative_{aspect}_share",
                f"Of the reviews about {aspect}, those that are rather negative.",
                True,
            ),
            relation="sentiments",
            build=functools.partial(_negative_share, aspect=aspect),
        )
        for aspect in ASPECTS
    ),
)
