"""Accuracy on real reviews; a fifth of them is held out, as in the published figures."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedGroupKFold, train_test_split

from src.features.text import fit_sentiment, score_texts
from src.features.text.prepare import hash_text, normalize_text

pytestmark = pytest.mark.slow

# Published for support vector machines on runs of signs on these very parts: .905 and .897. The
# standard error of such a share is .0075 and .006; a fall by half of it is noticed here.
BARS = {"ChnSentiCorp_htl_all": 0.900, "waimai_10k": 0.892}


@pytest.mark.parametrize(("name", "bar"), BARS.items(), ids=BARS)
def test_chinese_reviews_are_read_right(shared_data, name, bar):
    reviews = pd.read_csv(shared_data / "reviews" / f"{name}.csv.gz").dropna()
    reviews = reviews.drop_duplicates("review")
    train, test = train_test_split(
        reviews, test_size=0.2, random_state=42, stratify=reviews["label"]
    )
    held = {hash_text(normalize_text(text)) for text in test["review"]}
    train = train[[hash_text(normalize_text(text)) not in held for text in train["review"]]]
    model = fit_sentiment(train["review"].tolist(), (train["label"] == 1).tolist(), seed=42)
    assert not model.training_hashes & held
    called = score_texts(model, test["review"].tolist())["sentiment"]
    accuracy = (called == np.where(test["label"] == 1, "positive", "negative")).mean()
    assert accuracy >= bar
    # what the model says of itself holds on texts it has not seen, within three standard errors
    assert model.languages["zh"].figures["accuracy"] == pytest.approx(accuracy, abs=0.02)


def test_english_snippets_are_read_better_than_by_a_word_list(shared_data):
    snippets = pd.read_csv(shared_data / "reviews" / "vader_amazon_snippets.csv.gz")
    truth = np.sign(snippets["mean_rating"]).astype(int)
    review = snippets["id"].astype(str).str.split("_").str[0]
    called = np.zeros(len(snippets), dtype=int)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=42)
    for rest, held in folds.split(snippets, truth, review):
        learnt = rest[truth.iloc[rest] != 0]
        model = fit_sentiment(
            snippets["text"].iloc[learnt].tolist(), (truth.iloc[learnt] == 1).tolist(), seed=42
        )
        said = score_texts(model, snippets["text"].iloc[held].tolist())["sentiment"]
        called[held] = said.map({"positive": 1, "negative": -1}).fillna(0)
    assert f1_score(truth, called, average="weighted") > 0.626  # VADER on the same snippets
