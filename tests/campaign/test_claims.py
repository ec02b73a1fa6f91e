import datetime as dt

import pytest

from src.campaign.benefits import find_benefit_claims
from src.campaign.claims import find_number_claims, without_phrases
from src.campaign.date_claims import find_date_claims
from src.campaign.offers import describe_offer
from src.decide.catalogue import Action

DAY = dt.date(2017, 10, 28)
SHARE = describe_offer(
    Action(label="a", template="t", discount_share=0.1, discount_ceiling_value=6), DAY, "USD"
)
BASKET = describe_offer(
    Action(label="a", template="t", discount_value=5, minimum_basket_value=40), DAY, "USD"
)
FRANCS = describe_offer(Action(label="a", template="t", discount_value=5), DAY, "CHF")
BIG = describe_offer(Action(label="a", template="t", discount_value=1234.5), DAY, "USD")


@pytest.mark.parametrize(
    ("offer", "text"),
    [
        (SHARE, "20% off"),
        (SHARE, "100 % off"),
        (SHARE, "$10 off"),  # the number is right, the unit is not
        (SHARE, "10.5% off"),
        (SHARE, "1０0% off"),
        (SHARE, "twenty percent off"),
        (SHARE, "twenty-ten percent off"),
        (SHARE, "up to $60"),
        (SHARE, "up to $6.50"),
        (SHARE, "€6"),
        (SHARE, "6 euros"),
        (SHARE, "10 cents"),
        (SHARE, "5 items"),
        (SHARE, "half percent"),
        (BASKET, "5% off"),
        (BASKET, "forty-five dollars off"),
        (BASKET, "$5 off $400"),
        (BASKET, "$4,000"),
        (BASKET, "24 hours"),
        (BASKET, "5 off 40"),
        (BASKET, "USD 50"),
        (FRANCS, "$5 off"),
        (FRANCS, "CHF 6 off"),
        (BIG, "$12,345 off"),
    ],
)
def test_wrong_number_is_found(offer, text):
    assert find_number_claims(without_phrases(text, []), offer)


@pytest.mark.parametrize(
    ("offer", "text"),
    [
        (SHARE, "10% off, up to $6"),
        (SHARE, "10 % off"),
        (SHARE, "ten percent off"),
        (SHARE, "１０% off"),
        (SHARE, "Valid through October 28, 2017."),
        (SHARE, "on one order"),
        (SHARE, "$6.00"),
        (BASKET, "$5 off orders of $40 or more"),
        (BASKET, "five dollars off"),
        (BASKET, "5 dollars off, from 40 dollars"),
        (BASKET, "from $40.00, $5."),
        (FRANCS, "CHF 5 off"),
        (BIG, "$1,234.50 off"),
        (BIG, "$1234.5 off"),
    ],
)
def test_right_number_passes(offer, text):
    assert not find_number_claims(without_phrases(text, []), offer)


@pytest.mark.parametrize(
    "text",
    [
        "October 29, 2017",
        "November 28, 2017",
        "October 28, 2018",
        "28 September",
        "2017-10-29",
        "10/28/2017",
        "28.10.2017",
        "Oct. 2",
        "until the 1st of November",
    ],
)
def test_wrong_or_ambiguous_date_is_found(text):
    assert find_date_claims(text, SHARE)


@pytest.mark.parametrize(
    "text",
    [
        "October 28, 2017",
        "through October 28",
        "28 October 2017",
        "2017-10-28",
        "Oct. 28",
        "OCTOBER 28TH",
        "the 28th of October",
        "You may 10% off",
        "12.5% off",
        "24 marches",
    ],
)
def test_right_date_or_none_passes(text):
    assert not find_date_claims(text, SHARE)


def test_amount_cannot_hide_in_a_date():
    assert find_number_claims("$28 October 28", SHARE) or find_date_claims("$28 October 28", SHARE)


@pytest.mark.parametrize(
    "text",
    [
        "Free shipping",
        "a free gift",
        "FREE",
        "BOGO",
        "buy one, get one",
        "half  price",
        "no-minimum",
        "refunds",
    ],
)
def test_promise_that_no_offer_gives_is_found(wording, text):
    assert find_benefit_claims(text, wording.benefit_words)


@pytest.mark.parametrize(
    "text",
    ["feel free to reply", "freedom", "sugar-free gum", "gifted cooks", "refunded? no", "price"],
)
def test_look_alike_of_a_promise_passes(wording, text):
    assert not find_benefit_claims(text, wording.benefit_words)


def test_phrases_are_taken_out_longest_first():
    assert without_phrases("Milk 2 go and Milk", ["Milk", "Milk 2 go"]) == "and"
