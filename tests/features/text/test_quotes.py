import time

import pytest

from src.errors import ParameterError
from src.features.text import choose_quotes, score_reviews
from src.features.text.masking import mask_personal_data

DAY = "2024-03-31"


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("mail a.b+c@shop.co.uk, or a (at) shop.de!", "mail [e-mail], or [e-mail]!"),
        ("see https://x.io/a?b=1 and shop.example.com/x ok", "see [link] and [link] ok"),
        ("call 030 901820-7 now", "call [phone] now"),
        ("call +1 415-555-2671 now", "call [phone] now"),
        ("打13812345678找我", "打[number]找我"),
        ("电话一三八零零一二三四五六", "电话[number]"),
        ("＋８６１３８１２３４５６７８", "[phone]"),
        ("order number: AB-1234 is late", "[number] is late"),
        ("my order was late", "my order was late"),
        ("订单号：998877在哪", "[number]在哪"),
        ("IBAN DE89370400440532013000", "IBAN [number]"),
        ("parcel JD00234A77", "parcel [number]"),
        ("加我微信：abc_12345", "加我[contact]"),
        ("@john_doe was kind", "[name] was kind"),
        ("Dear Anna Smith, thanks", "Dear [name], thanks"),
        ("张伟先生很热情，王经理也是", "[name]先生很热情，[name]经理也是"),
        ("我叫李雷", "我叫[name]"),
        ("前台小姐和大堂经理", "前台小姐和大堂经理"),
        ("1,299.50 dollars in 2016, 4.5 of 5", "1,299.50 dollars in 2016, 4.5 of 5"),
        ("a < b > c", "a ‹ b › c"),
    ],
)
def test_personal_data_are_masked_and_the_rest_stays(text, masked):
    assert mask_personal_data(text, "DE") == masked


@pytest.mark.parametrize(
    "text",
    [
        "a@" * 1000,
        "1-" * 1000,
        "a." * 1000 + "com",
        "a-" * 1000,
        "(" * 2000,
        "1 " * 1000,
        "订单" * 1000,
        "Dear " * 400,
        "<script " * 300,
        "\x00" * 10_000_000,
        "&amp;" * 2_000_000,
    ],
    ids=lambda text: text[:4].strip("\x00") or "nul",
)
def test_a_hostile_text_takes_no_longer_than_another(text):
    started = time.process_time()
    mask_personal_data(text, "US")
    assert time.process_time() - started < 2


def test_an_unknown_region_is_refused():
    with pytest.raises(ParameterError, match="found 'XX'"):
        mask_personal_data("call me", "XX")


@pytest.fixture
def quoted(make_reviews, products, model, words):
    def quote(*texts, **options):
        rows = [("c", None, "2024-03-01", None, text) for text in texts]
        reviews = make_reviews(*rows)
        scored = score_reviews(reviews, products, model, words, DAY)
        return choose_quotes(reviews, scored, model, words, **options)

    return quote


def test_one_quote_per_aspect_and_sentiment_of_what_most_say(quoted):
    quotes = quoted(
        "fast delivery, great taste and lovely staff",
        "really fast delivery to my door",
        "very fast delivery to the door",
        "fast delivery, unlike the others of 2023 who came by donkey",
        "slow delivery, came a week after",
    )
    kinds = list(zip(quotes["aspect"], quotes["sentiment"], strict=True))
    assert len(set(kinds)) == len(kinds)
    assert kinds[:2] == [("delivery", "positive"), ("delivery", "negative")]
    assert quotes["quote"].iloc[0] in (
        "really fast delivery to my door",
        "very fast delivery to the door",
    )
    assert quotes["n"].iloc[0] == 4


def test_a_quote_is_masked_cut_and_without_markup(quoted):
    hostile = "<script>alert(1)</script>fast delivery by Mr John Smith 13812345678 " + "x" * 500
    quotes = quoted(hostile)
    (quote,) = quotes.loc[quotes["aspect"] == "delivery", "quote"]
    assert quote.startswith("fast delivery by Mr [name] [number] xxx")
    assert quote.endswith("…")
    assert len(quote) <= 160


def test_quotes_are_no_more_than_asked_for_and_do_not_depend_on_order(quoted):
    texts = ["fast delivery to my door", "rude staff all over the place", "味道很差的一家店"]
    assert len(quoted(*texts, n_quotes=2)) == 2
    assert quoted(*texts)["quote"].tolist() == quoted(*texts[::-1])["quote"].tolist()


def test_nothing_to_quote_gives_no_quote(quoted):
    for texts in ([], ["вкусно"], ["ok"], ["", "<br>"]):
        assert quoted(*texts).columns.tolist() == ["aspect", "sentiment", "quote", "n"]
        assert len(quoted(*texts)) == 0
