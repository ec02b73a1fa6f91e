import datetime as dt

import pytest

from src.campaign.offers import describe_offer, format_amount, format_share
from src.decide.catalogue import Action
from src.errors import ParameterError

DAY = dt.date(2017, 10, 28)


def test_capped_share():
    action = Action(label="a", template="t", discount_share=0.1, discount_ceiling_value=6)
    offer = describe_offer(action, DAY, "USD")
    assert (offer.headline, offer.limit, offer.minimum) == ("10% off", "$6", "")
    assert (offer.percents, offer.amounts) == ({10.0}, {6.0})
    assert offer.promises == ("10% off", "$6", "October 28, 2017")


def test_amount_from_a_basket():
    action = Action(label="a", template="t", discount_value=5, minimum_basket_value=40)
    offer = describe_offer(action, DAY, "EUR")
    assert (offer.headline, offer.limit, offer.minimum) == ("€5 off", "", "€40")
    assert (offer.percents, offer.amounts) == (frozenset(), {5.0, 40.0})


def test_both_discounts_and_none():
    both = Action(label="a", template="t", discount_share=0.125, discount_value=2.5)
    assert describe_offer(both, DAY, "USD").headline == "12.5% off plus $2.50 off"
    assert describe_offer(Action(label="a", template="t"), DAY, "USD").headline == ""


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.1, "10%"), (0.07, "7%"), (0.29, "29%"), (0.125, "12.5%"), (1, "100%")],
)
def test_shares_show_no_rounding_dust(share, expected):
    assert format_share(share) == expected


@pytest.mark.parametrize("currency", ["", "usd", "US", "DOLLAR", "U$D"])
def test_odd_currency_is_refused(currency):
    with pytest.raises(ParameterError, match="currency"):
        format_amount(5, currency)
