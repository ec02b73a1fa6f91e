import numpy as np
import pytest

from src.errors import ParameterError
from src.features.text import fit_sentiment, recalibrate_sentiment, score_texts
from src.features.text import sentiment as module
from src.features.text.prepare import hash_text, normalize_text
from src.features.text.sentiment import label_texts, macro_f1


@pytest.fixture(autouse=True)
def without_extras(monkeypatch):
    """What is not installed everywhere is out of these tests; it has its own."""
    monkeypatch.setattr(module, "is_vader_installed", lambda: False)


def test_equal_wordings_are_one_and_contradictions_none():
    texts = ["Good!", "good！", "bad", "so so", "so  so", " ", None, "fine"]
    labels = [True, True, False, True, False, True, False, True]
    ready = label_texts(texts, labels)
    assert sorted(zip(ready["normalized"], ready["is_positive"], strict=True)) == [
        ("bad", False),
        ("fine", True),
        ("good!", True),
    ]
    assert ready["hash"].is_monotonic_increasing


def test_labels_that_do_not_fit_the_texts_are_refused():
    with pytest.raises(ParameterError, match="found 1 labels for 2 texts"):
        label_texts(["a", "b"], [True])


def test_both_languages_are_scored_by_their_own_model(model):
    texts = ["味道不错，送餐很快", "服务恶劣，价格太贵", "Lovely staff, great taste", "Rude staff"]
    scored = score_texts(model, texts)
    assert scored["language"].tolist() == ["zh", "zh", "en", "en"]
    assert scored["sentiment"].tolist() == ["positive", "negative", "positive", "negative"]
    assert ((scored["p_positive"] >= 0.5) == (scored["sentiment"] == "positive")).all()
    assert model.languages["zh"].figures["n_labels"] == 60
    assert model.languages["en"].figures["positive_share"] == 0.5


def test_a_language_without_labels_is_not_scored_and_that_is_said(labelled):
    model = fit_sentiment(*labelled("zh"), seed=1)
    scored = score_texts(model, ["很好吃", "great", "вкусно", ""])
    assert scored["sentiment"].notna().tolist() == [True, False, False, False]
    assert np.isnan(scored["p_positive"].iloc[1])
    assert "`en`: not scored" in model.describe()


@pytest.mark.parametrize(
    ("texts", "labels"),
    [([], []), (["good one", "another good one"], [True, True]), (["", None], [True, False])],
    ids=["none", "one class", "empty texts"],
)
def test_too_little_gives_a_model_that_scores_nothing(texts, labels):
    model = fit_sentiment(texts, labels, seed=1)
    assert model.languages == {}
    assert score_texts(model, ["good"])["sentiment"].isna().all()


def test_no_texts_give_no_scores(model):
    scored = score_texts(model, [])
    assert scored.columns.tolist() == ["language", "p_positive", "sentiment"]
    assert len(scored) == 0


def test_a_model_no_better_than_chance_is_left_out():
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(list("abcdefghijkl"), 6)) for _ in range(400)]
    assert fit_sentiment(texts, rng.random(400) < 0.5, seed=1).languages == {}


def test_the_order_of_the_labels_changes_nothing(labelled, model):
    texts, labels = labelled("zh", "en")
    again = fit_sentiment(texts[::-1], labels[::-1], seed=1)
    for language, each in model.languages.items():
        assert (each.parts[0].coef == again.languages[language].parts[0].coef).all()
        assert each.offset == again.languages[language].offset


def test_the_model_knows_what_it_has_learnt_from(model):
    assert hash_text(normalize_text(" 很好吃,味道不错")) in model.training_hashes
    assert hash_text(normalize_text("从没见过")) not in model.training_hashes
    assert len(model.training_hashes) == 100


def test_another_shop_moves_the_threshold_and_not_the_order(model):
    # in the other shop even what this one calls good is bad, but for the very best
    praise = [f"很好吃，味道不错，服务热情，非常满意{n}" for n in range(30)]
    mixed = [f"很好吃，味道很差{n}" for n in range(15)] + [
        f"送餐很快，服务热情{n}" for n in range(15)
    ]
    texts, labels = praise + mixed, [True] * 30 + [False] * 30
    moved = recalibrate_sentiment(model, texts, labels)
    before, after = (score_texts(each, texts)["p_positive"].to_numpy() for each in (model, moved))
    assert (np.argsort(before, kind="stable") == np.argsort(after, kind="stable")).all()
    right = [((p >= 0.5) == np.array(labels)).mean() for p in (before, after)]
    assert right[0] < 0.8 < right[1]
    assert "threshold set anew" in moved.languages["zh"].basis
    assert moved.languages["en"] is model.languages["en"]


def test_texts_that_were_learnt_from_do_not_calibrate(labelled, model):
    assert recalibrate_sentiment(model, *labelled("zh")) == model


def test_macro_f1_by_hand():
    truth = np.array([True, True, True, False])
    called = np.array([True, False, False, False])
    # positive: 2*1/(3+1) = .5; negative: 2*1/(1+3) = .5
    assert macro_f1(truth, called) == 0.5
    assert macro_f1(truth, truth) == 1.0
    assert macro_f1(truth, ~truth) == 0.0
