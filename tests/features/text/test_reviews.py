import datetime as dt

import ibis
import pandas as pd
import pytest

from src.data.contract import check_table
from src.data.tables import table_contract
from src.errors import ModelRefusedError, ParameterError
from src.features.text import (
    describe_text,
    fit_from_reviews,
    score_reviews,
    summarise_aspects,
    weekly_sentiment,
    write_sentiment,
)
from src.features.text.summary import summarise_languages

DAY = "2024-03-31"
ROWS = (
    ("c1", "p1", "2024-03-04", 5.0, "味道不错，送餐很快"),
    ("c1", "p2", "2024-03-10T23:59", 1.0, "服务恶劣，味道很差"),
    ("c2", None, "2024-03-11", None, "great taste, slow delivery"),
    ("c3", "p9", "2024-03-31T23:59:59", None, "вкусно"),
)
LATER = ("c4", "p1", "2024-04-01", 5.0, "太难吃，服务恶劣")


@pytest.fixture
def as_table(engine):
    """Put a table into an engine, for its contract to be checked there."""
    return lambda table: engine.create_table(ibis.util.gen_name("scores"), table, temp=True)


@pytest.fixture
def scored(make_reviews, products, model, words):
    return score_reviews(make_reviews(*ROWS), products, model, words, DAY)


@pytest.fixture
def rated(make_reviews, labelled):
    """Reviews with enough stars to learn from, and more."""

    def make(*more):
        texts, labels = labelled("zh")
        rows = [
            ("c", None, "2024-03-01", 5.0 if label else 1.0, text)
            for text, label in zip(texts, labels, strict=True)
        ]
        return make_reviews(*rows, *more)

    return make


def test_scores_are_as_worked_out_by_hand_and_keep_their_contract(scored, as_table):
    assert check_table(table_contract("review_scores"), as_table(scored.scores)) == 4
    rows = scored.scores.to_pylist()
    assert [row["language"] for row in rows] == ["zh", "zh", "en", "other"]
    assert [row["sentiment"] for row in rows[:2]] == ["positive", "negative"]
    assert rows[3]["sentiment"] is None
    assert rows[3]["p_positive"] is None
    assert [row["topic"] for row in rows] == ["TEA", None, None, None]
    about = [[name for name in rows[0] if row[name] is True] for row in rows]
    assert about == [
        ["is_about_delivery", "is_about_quality"],
        ["is_about_quality", "is_about_service"],
        ["is_about_delivery", "is_about_quality"],
        [],
    ]
    assert rows[1]["reviewed_at"] == dt.datetime(2024, 3, 10, 23, 59, tzinfo=dt.UTC)


def test_an_opinion_is_that_of_its_clause(scored):
    mixed = scored.opinions[scored.opinions["review_id"] == "2"]
    assert dict(zip(mixed["aspect"], mixed["sentiment"], strict=True)) == {
        "delivery": "negative",
        "quality": "positive",
    }


def test_what_comes_later_changes_nothing(make_reviews, products, model, words, scored, rated):
    more = score_reviews(make_reviews(*ROWS, LATER), products, model, words, DAY)
    assert more.scores.equals(scored.scores)
    assert more.opinions.equals(scored.opinions)
    first, second = (fit_from_reviews(each, DAY, 1) for each in (rated(), rated(LATER)))
    assert (first.languages["zh"].parts[0].coef == second.languages["zh"].parts[0].coef).all()
    assert first.training_hashes == second.training_hashes


def test_chunks_change_nothing(make_reviews, products, model, words, scored):
    by_one = score_reviews(make_reviews(*ROWS), products, model, words, DAY, chunk=1)
    assert by_one.scores.equals(scored.scores)
    assert by_one.opinions.equals(scored.opinions)


def test_without_reviews_all_is_empty_and_that_is_said(make_reviews, products, words, as_table):
    none = make_reviews(LATER)
    trained = fit_from_reviews(none, DAY, 1)
    scored = score_reviews(none, products, trained, words, DAY)
    assert scored.scores.num_rows == 0
    assert check_table(table_contract("review_scores"), as_table(scored.scores)) == 0
    assert "No reviews" in describe_text(scored, trained)
    assert summarise_aspects(scored)["n"].tolist() == [0, 0, 0, 0]
    assert summarise_aspects(scored)["share"].isna().all()
    assert len(weekly_sentiment(scored)) == 0
    assert len(summarise_languages(scored)) == 0


def test_stars_in_the_middle_and_missing_ones_are_no_labels(rated):
    middle = ("c", None, "2024-03-01", 3.0, "不好不坏")
    unrated = ("c", None, "2024-03-01", None, "没有打分")
    model = fit_from_reviews(rated(middle, unrated), DAY, 1)
    assert model.languages["zh"].figures["n_labels"] == 60
    # with other bounds the middle counts: 61 labels
    wider = fit_from_reviews(rated(middle, unrated), DAY, 1, negative_rating=3.0)
    assert wider.languages["zh"].figures["n_labels"] == 61


def test_bounds_that_overlap_are_refused(rated):
    with pytest.raises(ParameterError, match="negative_rating below positive_rating"):
        fit_from_reviews(rated(), DAY, 1, positive_rating=2.0, negative_rating=2.0)


def test_an_unknown_encoder_is_refused(rated):
    with pytest.raises(ParameterError, match="found 'bert'"):
        fit_from_reviews(rated(), DAY, 1, encoder="bert")


def test_an_earlier_model_is_used_again(rated, model, tmp_path):
    write_sentiment(model, tmp_path / "sentiment", "2024-03-31", 1)
    again = fit_from_reviews(rated(), DAY, 1, text_model=tmp_path / "sentiment")
    assert set(again.languages) == {"zh", "en"}
    assert again.training_hashes == model.training_hashes
    with pytest.raises(ModelRefusedError, match="Expected the folder of a kept model"):
        fit_from_reviews(rated(), DAY, 1, text_model=tmp_path / "nothing")


def test_shares_carry_their_interval_and_count(scored):
    table = summarise_aspects(scored).set_index("aspect")
    quality = table.loc["quality"]
    # three of the three reviews in zh or en speak of quality, two of them well
    assert quality[["n", "share", "n_scored"]].tolist() == [3, 1.0, 3]
    assert quality["positive_share"] == pytest.approx(2 / 3)
    # Wilson, 95 %: middle (2/3 + 3.8415/6) / (1 + 3.8415/3) = .573, half .3654
    assert quality["positive_lower"] == pytest.approx(0.2077, abs=1e-4)
    assert quality["positive_upper"] == pytest.approx(0.9385, abs=1e-4)
    assert table.loc["price", "n"] == 0
    assert pd.isna(table.loc["price", "positive_share"])


def test_weeks_begin_on_monday_in_utc(scored):
    weeks = weekly_sentiment(scored)
    # 4 and 10 March 2024 are Monday and Sunday of one week; 11 March begins the next
    assert weeks["week"].dt.date.astype(str).tolist() == ["2024-03-04", "2024-03-11"]
    assert weeks["n"].tolist() == [2, 1]
    assert weeks["positive_share"].iloc[0] == 0.5


def test_what_was_left_out_is_said(scored, model):
    said = describe_text(scored, model)
    assert "**4 reviews**, 3 of them with a sentiment" in said
    assert "1 in `other`" in said
    assert summarise_languages(scored).to_dict("records")[0] == {
        "language": "zh",
        "n": 2,
        "n_scored": 2,
        "positive_share": 0.5,
    }
