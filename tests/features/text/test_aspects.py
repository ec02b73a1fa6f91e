import pytest
import yaml

from src.errors import ParameterError
from src.features.review_scores import ASPECTS
from src.features.text import read_aspect_words
from src.features.text.aspects import split_clauses
from src.features.text.prepare import normalize_text

WORDS = {aspect: ["x"] for aspect in ASPECTS}


@pytest.mark.parametrize(
    ("text", "language", "aspects"),
    [
        ("送餐很快", "zh", ("delivery",)),
        ("味道不错但是太贵", "zh", ("price", "quality")),
        ("前台态度恶劣，房间不干净", "zh", ("quality", "service")),
        ("还可以", "zh", ()),
        ("it was delivered on time", "en", ("delivery",)),
        ("not cheap", "en", ("price",)),  # a negation changes what is said, not of what
        ("the costume", "en", ()),  # `cost$` must end there
        ("relationship", "en", ()),  # `ship` must begin a word
        ("worth it, and the staff helped", "en", ("price", "service")),
        ("вкусно и дешево", "other", ()),
    ],
)
def test_words_tell_what_a_text_is_about(words, text, language, aspects):
    assert words.named_in(text, language) == aspects


def test_clauses_about_one_aspect_leave_the_others_out(words):
    text = "味道不错，送餐太慢了！价格还行但是服务差"
    assert words.clauses_about(text, "zh", "delivery") == ["送餐太慢了！"]
    assert words.clauses_about(text, "zh", "service") == ["但是服务差"]
    folded = normalize_text("送餐快，味道差，1,000元")  # its commas are no longer Chinese ones
    assert split_clauses(folded) == ["送餐快,", "味道差,", "1,000元"]
    assert split_clauses("Good at 4.5 stars. Cheap, but slow") == [
        "Good at 4.5 stars.",
        "Cheap,",
        "but slow",
    ]


def test_clauses_lose_no_sign():
    text = "好吃，不贵；送餐慢。。。but ok, fine"
    assert "".join(split_clauses(text)).replace(" ", "") == text.replace(" ", "")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "found None"),
        ({"fr": WORDS}, "found \\['fr'\\]"),
        ({"en": {"price": ["x"]}}, "under en"),
        ({"en": WORDS | {"price": []}}, "under en.price"),
        ({"en": WORDS | {"price": [5]}}, "in quotes"),
        ({"en": WORDS | {"price": ["$"]}}, "under en.price"),
    ],
    ids=["empty", "unknown language", "missing aspect", "no words", "number", "no word"],
)
def test_a_word_file_with_a_flaw_is_refused(tmp_path, content, message):
    path = tmp_path / "aspects.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(ParameterError, match=message):
        read_aspect_words(str(path))


def test_a_missing_or_broken_word_file_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="found none"):
        read_aspect_words(str(tmp_path / "none.yaml"))
    (tmp_path / "broken.yaml").write_text("zh: [")
    with pytest.raises(ParameterError, match="Expected YAML"):
        read_aspect_words(str(tmp_path / "broken.yaml"))


def test_signs_with_a_meaning_in_patterns_are_words_like_others(tmp_path):
    path = tmp_path / "aspects.yaml"
    path.write_text(yaml.safe_dump({"zh": WORDS | {"price": ["(a+)+", "¥"]}}))
    words = read_aspect_words(str(path))
    assert words.named_in("aaaa", "zh") == ()
    assert words.named_in("只要¥5", "zh") == ("price",)
