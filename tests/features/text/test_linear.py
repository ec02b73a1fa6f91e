import numpy as np
import pytest

from src.features.text.linear import KINDS, NGrams, TextFeatures, fit_linear


def test_features_are_tf_idf_of_length_one():
    features = TextFeatures((NGrams("word", 1, 1),))
    X = features.fit_transform(["a b", "a a a c"]).toarray()
    assert features.vocabularies() == [["a", "b", "c"]]
    # a is in both texts: 1 + ln(3/3) = 1; b and c in one: 1 + ln(3/2) = 1.4055
    b = 1 + np.log(1.5)
    assert features.weights() == pytest.approx([1, b, b])
    # three times a counts 1 + ln 3 = 2.0986
    a, long = 1 + np.log(3), np.hypot(1 + np.log(3), b)
    assert X == pytest.approx(
        np.array([[1 / np.hypot(1, b), b / np.hypot(1, b), 0], [a / long, 0, b / long]])
    )


def test_runs_of_signs_know_where_a_clause_begins_and_ends():
    features = TextFeatures((NGrams("char", 2, 2),))
    features.fit_transform(["好，坏！"])
    assert features.vocabularies() == [["|坏", "|好", "坏|", "好|"]]


def test_a_word_model_learns_and_is_scored_by_models_that_have_not_seen_the_text(labelled):
    texts, labels = labelled("en")
    labels = np.array(labels)
    model, crossed = fit_linear(texts, labels, KINDS["en"], seed=1)
    assert (model.scores(texts) > 0).tolist() == labels.tolist()
    assert crossed.shape == (40,)
    assert not np.allclose(crossed, model.scores(texts))
    # two scores of spread 1/2 each: between 0 and 1 together
    assert 0.5 < crossed.std() <= 1 + 1e-9


def test_labels_without_meaning_are_not_learnt():
    rng = np.random.default_rng(1)
    texts = [" ".join(rng.choice(list("abcdefghij"), 6)) for _ in range(300)]
    labels = rng.random(300) < 0.5
    _, crossed = fit_linear(texts, labels, KINDS["en"], seed=1)
    assert 0.4 < ((crossed > 0) == labels).mean() < 0.6


def test_the_same_seed_gives_the_same_numbers(labelled):
    texts, labels = labelled("zh")
    first, second = (fit_linear(texts, np.array(labels), KINDS["zh"], seed=3) for _ in range(2))
    assert (first[0].coef == second[0].coef).all()
    assert (first[1] == second[1]).all()


def test_the_fast_way_gives_what_scikit_learn_gives():
    rng = np.random.default_rng(2)
    signs = list("好吃快慢差|，。 a1👍")
    texts = ["".join(rng.choice(signs, rng.integers(0, 30))) for _ in range(3_000)]
    features = TextFeatures((NGrams("char", 1, 2), NGrams("char", 3, 4)))
    features.fit_transform(texts[:2_500])
    others = [*texts[2_500:], "", "全新的字", "好" * 500]  # unknown signs, and none
    slow = [each.transform(others).toarray() for each in features.vectorizers_]
    assert all(fast is not None for fast in features.fast_)
    fast = features.transform(others).toarray()
    assert np.hstack(slow) == pytest.approx(fast, abs=1e-15)
    assert features.transform([]).shape == (0, fast.shape[1])
