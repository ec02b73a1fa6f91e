"""Parts of an SMS: nothing lost, nothing cut apart, each within its limit, each paid for."""

from decimal import Decimal
from itertools import pairwise
import random

import gsm0338
import pytest

from src.campaign.checks import check_messages
from src.campaign.sms import (
    GSM7,
    UCS2,
    count_parts,
    estimate_cost,
    find_signature,
    has_opt_out,
    split_sms,
)
from tests.campaign.check_cases import build

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
)
BASIC += "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
EXTENDED = "\f^{}\\[~]|€"
OUTSIDE = "çÇ`ï“茶满减🎉👩‍👩‍👧𝒳\ud83d\udc00\ue000\x00\x1b\u00a0"
CODEC = gsm0338.Codec()


def units_of(text, encoding):
    if encoding == GSM7:
        return len(CODEC.encode(text)[0])
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def check_split(text):
    split = split_sms(text)
    assert "".join(split.parts) == text
    assert split.encoding == (GSM7 if set(text) <= set(BASIC + EXTENDED) else UCS2)
    alone, several = {GSM7: (160, 153), UCS2: (70, 67)}[split.encoding]
    limit = alone if len(split.parts) == 1 else several
    sizes = [units_of(part, split.encoding) for part in split.parts]
    assert max(sizes) <= limit
    assert all(size >= limit - 1 for size in sizes[:-1])  # full but for a pair that did not fit
    if len(sizes) > 1:
        assert units_of(text, split.encoding) > alone
        assert sizes[-1]
    for one, other in pairwise(split.parts):
        assert not ("\ud800" <= one[-1] <= "\udbff" and "\udc00" <= other[0] <= "\udfff")


def test_basic_and_extended_alphabets_are_those_of_the_standard():
    assert (len(BASIC), len(EXTENDED)) == (127, 10)  # 3GPP TS 23.038, 6.2.1, without the escape
    assert all(len(CODEC.encode(sign)[0]) == 1 for sign in BASIC)
    assert all(len(CODEC.encode(sign)[0]) == 2 for sign in EXTENDED)


@pytest.mark.parametrize("seed", range(10))
def test_a_hundred_thousand_random_texts_survive(seed):
    """Ten seeds of 10,000 texts, up to four parts, of every mixture of signs."""
    chance = random.Random(seed)
    pools = [BASIC, EXTENDED, BASIC * 5 + EXTENDED, OUTSIDE, BASIC + OUTSIDE, "🎉", "茶", "€a"]
    for _ in range(10_000):
        pool = chance.choice(pools)
        check_split("".join(chance.choices(pool, k=chance.choice((1, 33, 69, 71, 155, 161, 320)))))


@pytest.mark.parametrize(
    ("text", "sizes"),
    [
        ("", [0]),
        ("a" * 160, [160]),
        ("a" * 161, [153, 8]),
        ("€" * 80, [160]),
        ("€" * 81, [152, 10]),  # 76 pairs; the 77th would be cut apart
        ("a" * 152 + "€" + "a" * 8, [152, 10]),  # the escape must not be the 153rd
        ("茶" * 70, [70]),
        ("茶" * 71, [67, 4]),
        ("🎉" * 35, [70]),
        ("🎉" * 36, [66, 6]),  # 33 emoji, not 33 and a half
        ("a" * 306, [153, 153]),
        ("a" * 307, [153, 153, 1]),
        ("a\x1b", [2]),
    ],
)
def test_edges(text, sizes):
    split = split_sms(text)
    assert [units_of(part, split.encoding) for part in split.parts] == sizes
    assert count_parts(text) == len(sizes)


def test_halves_of_an_emoji_that_stand_by_themselves_stay_together():
    text = "a" * 66 + "\ud83c\udf89" + "a" * 10
    assert [len(part) for part in split_sms(text).parts] == [66, 12]


def test_price_is_that_of_the_parts_that_are_sent():
    chance = random.Random(7)
    texts = ["".join(chance.choices(BASIC + "茶🎉", k=chance.randint(0, 400))) for _ in range(500)]
    estimate = estimate_cost(texts, 0.045)
    n_sent = sum(len(split_sms(text).parts) for text in texts)
    assert (estimate.n_messages, estimate.n_parts) == (500, n_sent)
    assert estimate.cost_value == n_sent * Decimal("0.045")
    assert estimate_cost([], 0.045).cost_value == 0


def test_planned_messages_cost_what_their_texts_do():
    rows, facts = build("zh", "sms")
    assert check_messages(rows, facts)[1].empty
    assert split_sms(rows["text"][0]).encoding == UCS2
    assert estimate_cost(rows["text"], "0.05").n_parts == count_parts(rows["text"][0]) == 2


@pytest.mark.parametrize(
    ("text", "language", "expected"),
    [
        ("Reply STOP to stop.", "en", True),
        ("Text stop to end", "en", True),
        ("STOP to opt out", "en", True),
        ("Do not stop", "en", False),
        ("Stop by", "en", False),
        ("拒收请回复R", "zh", True),
        ("退订回T", "zh", True),
        ("回复TD退订", "zh", True),
        ("退订", "zh", False),
        ("Reply STOP to stop.", "zh", False),
    ],
)
def test_way_out_is_told(text, language, expected):
    assert has_opt_out(text, language) is expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("【茶店】您好", "茶店"),
        ("您好【茶店】", "茶店"),
        ("您好【茶店】再见", ""),
        ("【】您好", ""),
        ("[茶店]您好", ""),
    ],
)
def test_signature_counts_only_at_an_end(text, name):
    assert find_signature(text) == name


def test_signature_is_paid_for():
    assert count_parts("茶" * 66) == 1
    assert count_parts("【茶店】" + "茶" * 67) == 2
