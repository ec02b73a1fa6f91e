import pytest

from src.features.text.prepare import (
    LONGEST,
    hash_text,
    normalize_text,
    plain_text,
    tell_languages,
)

HOSTILE = {
    "nothing": None,
    "html": "<script>alert('x')</script><b onclick=evil()>Great</b> room",
    "double markup": "<<b>script>alert(1)<</b>/script>",
    "unclosed markup": "<img src=x onerror=alert(1)",
    "control signs": "gre\x07at\x1b[31m\r\n\troom",
    "nul": "a\x00b",
    "emoji": "👍🏽👍🏽 👨‍👩‍👧 great",
    "right to left": "abc\u202edef\u200f",
    "byte order mark inside": "gre\ufeffat",
    "lone surrogate": "gre\ud800at",
    "unassigned": "a\U000e0fffb",
    "ten megabytes": "很好" * 2_500_000,
    "swelling ligature": "\ufdfa" * 5_000,
    "entities": "&lt;script&gt;&#x41;&#0;&#xD800;",
}


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_any_text_becomes_a_short_line_that_can_be_hashed_and_told(text):
    for given in (plain_text(text), normalize_text(text)):
        assert len(given) <= LONGEST
        assert given.isprintable()
        assert "<script" not in given
        assert len(hash_text(given)) == 16
    assert tell_languages([normalize_text(text)])[0] in ("zh", "en", "other")


def test_invisible_signs_do_not_tear_words_but_control_signs_do():
    assert normalize_text("gre\ufeffat\u200b") == "great"
    assert normalize_text("a\x00b") == "a b"


def test_wordings_that_differ_in_form_only_are_one():
    forms = ["Great Room!", "  great\nroom! ", "ＧＲＥＡＴ room！", "<i>Great</i> room!"]
    assert {hash_text(normalize_text(form)) for form in forms} == {hash_text("great room!")}


def test_languages_are_told_by_script():
    told = {
        "味道好": "zh",
        "iPhone 很好用": "zh",  # 3 Chinese signs count as 12 letters, there are 6
        "i bought it in 北京 last year and like it": "en",  # 2 count as 8, there are 29
        "C'est très bon": "en",  # Latin letters, whatever the language
        "とても美味しい": "other",
        "очень вкусно": "other",
        "5/5 !!!": "other",
        "": "other",
    }
    assert dict(zip(told, tell_languages(list(told)), strict=True)) == told
