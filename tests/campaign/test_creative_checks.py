"""What is written in a picture is held against the offers, by hand and by reading it."""

from dataclasses import replace

from PIL import Image, ImageDraw, ImageFont
import pytest

from src.campaign.creative_checks import check_creative_text, check_creatives
from src.features.images.creatives import Creative
from src.features.images.extra import find_missing
from src.features.images.words import TextLine
from tests.campaign.check_cases import build

BLANK = Creative("a.png", "PNG", 800, 400, 10_000, False, 0.1, (), ())


@pytest.fixture(scope="module")
def facts():
    return build("en", "email")[1]


@pytest.fixture(scope="module")
def facts_zh():
    return build("zh", "email")[1]


def saying(*lines):
    return replace(BLANK, lines=tuple(TextLine(line, 1.0, 0.01, 10.0) for line in lines))


@pytest.mark.parametrize(
    ("lines", "check"),
    [
        (["30% off"], "numbers"),
        (["Save $300"], "numbers"),
        (["through November 1"], "dates"),
        (["Code TEA99"], "coupon"),
        (["Buy one, get one"], "benefits"),
        (["Only 5 items left"], "stock"),
        (["Clinically proven"], "banned_words"),
    ],
)
def test_wrong_words_in_a_picture_are_found(facts, lines, check):
    assert check in {name for name, _ in check_creative_text(saying(*lines), facts)}


@pytest.mark.parametrize(
    "lines",
    [
        ["20% off"],
        ["Up to $30", "from $40"],
        ["Code TEA20"],
        ["Free shipping"],
        ["October 28"],
        ["Good tea"],
        [],
    ],
)
def test_right_words_pass(facts, lines):
    assert check_creative_text(saying(*lines), facts) == []


@pytest.mark.parametrize(
    ("line", "is_right"),
    [("8折", True), ("7折", False), ("全国第一", False), ("包邮", True), ("买一送一", False)],
)
def test_chinese_words(facts_zh, line, is_right):
    assert (check_creative_text(saying(line), facts_zh) == []) is is_right


def test_claim_of_one_offer_is_right_in_a_picture_for_all(facts):
    first = facts.offers["offer"]
    other = replace(first, percents=frozenset({50.0}))
    both = replace(facts, offers={"a": first, "b": other})
    assert check_creative_text(saying("50% off", "20% off"), both) == []
    assert check_creative_text(saying("60% off"), both) == [("numbers", "'60%' is in no offer")]


@pytest.mark.skipif(
    bool(find_missing()), reason="the extra vision is not installed; run make vision"
)
def test_a_wrong_price_is_read_in_a_real_picture(facts, tmp_path):
    for name, words in {
        "right.png": "20% OFF WITH TEA20",
        "wrong.png": "30% OFF WITH TEA20",
    }.items():
        image = Image.new("RGB", (800, 400), "#1f5c4a")
        ImageDraw.Draw(image).text((40, 150), words, fill="white", font=ImageFont.load_default(64))
        image.save(tmp_path / name)
    found = check_creatives(tmp_path, facts)
    assert ("wrong.png", "numbers", "'30%' is in no offer") in found
    assert not [one for one in found if one[0] == "right.png" and one[1] in ("numbers", "coupon")]
