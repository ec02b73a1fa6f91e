"""Small texts whose sentiment is plain, in both languages."""

import datetime as dt
import itertools

import ibis
import pyarrow as pa
import pytest

from src.features.text import fit_sentiment, read_aspect_words

GOOD = {
    "zh": ["很好吃", "味道不错", "送餐很快", "服务热情", "非常满意", "价格实惠"],
    "en": ["great taste", "lovely staff", "fast delivery", "works perfectly", "good price"],
}
BAD = {
    "zh": ["太难吃", "味道很差", "送餐太慢", "服务恶劣", "非常失望", "价格太贵"],
    "en": ["awful taste", "rude staff", "slow delivery", "broke at once", "bad price"],
}
JOINS = {"zh": "，", "en": ", "}


def pairs(language, pieces):
    """Texts of two pieces each, in every order."""
    return [JOINS[language].join(pair) for pair in itertools.permutations(pieces[language], 2)]


@pytest.fixture(scope="session")
def labelled():
    """Texts of some languages and their labels: 30 of each class in zh, 20 in en."""

    def make(*languages):
        texts, labels = [], []
        for language in languages:
            for pieces, label in ((GOOD, True), (BAD, False)):
                more = pairs(language, pieces)
                texts += more
                labels += [label] * len(more)
        return texts, labels

    return make


@pytest.fixture(scope="session")
def model(labelled):
    return fit_sentiment(*labelled("zh", "en"), seed=1)


@pytest.fixture(scope="session")
def words():
    return read_aspect_words()


@pytest.fixture(scope="session")
def make_reviews():
    """Make the table `reviews` from (customer, product, day, stars, text)."""

    def make(*rows):
        schema = pa.schema(
            [
                ("review_id", pa.string()),
                ("customer_id", pa.string()),
                ("product_id", pa.string()),
                ("reviewed_at", pa.timestamp("us", "UTC")),
                ("rating", pa.float64()),
                ("review_text", pa.string()),
            ]
        )
        lines = [
            (str(number), customer, product, _time(day), stars, text)
            for number, (customer, product, day, stars, text) in enumerate(rows)
        ]
        columns = list(zip(*lines, strict=True)) if lines else [[]] * len(schema)
        return ibis.memtable(pa.table(columns, schema=schema))

    return make


def _time(day):
    return dt.datetime.fromisoformat(day).replace(tzinfo=dt.UTC)


@pytest.fixture(scope="session")
def products():
    return ibis.memtable({"product_id": ["p1", "p2"], "department": ["TEA", None]})
