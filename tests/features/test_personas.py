import numpy as np
import pytest

from src.features import build_interests, build_profiles
from src.features.portrait import personas

AS_OF = "2017-09-30"  # a Saturday


@pytest.fixture(scope="module")
def rows(line):
    """Six customers by spend: a 10, b 20, ... f 60; a, c and e bought with a discount."""
    orders = []
    for place, who in enumerate("abcdef", start=1):
        saved = 500 if who in "ace" else 0
        for day in range(place):
            orders.append(
                line(who, f"{who}{day}", f"2017-09-{24 + day:02} 18:00", value=1000,
                     discount_minor=saved, product_id="milk" if day else "apple")
            )  # fmt: skip
    return orders


def describe(shop, product, orders, **settings):
    tables = shop(orders, [product("milk", "DAIRY"), product("apple", "FRUIT")])
    profiles = build_profiles(*tables, AS_OF).cache()
    interests = build_interests(*tables[:2], AS_OF)
    return profiles, personas.build_personas(profiles, interests, tables[0], AS_OF, **settings)


@pytest.fixture(scope="module")
def found(shop, product, line, rows):
    future = line("f", "f9", "2017-10-01 00:00", value=99_999)
    return describe(shop, product, [*rows, future], min_customers=1)


def test_kinds_are_thirds_of_spend_and_halves_of_discount(found):
    kinds = personas.assign_personas(found[0]).to_pandas().set_index("customer_id").sort_index()
    # worse: 0 1 2 3 4 5 of 6; without a discount share a place (0 worse), the others have 3
    assert kinds["level"].tolist() == [0, 0, 1, 1, 2, 2]
    assert kinds["manner"].tolist() == [1, 0, 1, 0, 1, 0]


def test_cards_are_those_worked_out_by_hand(found):
    cards = {card.name: card for card in found[1]}
    assert list(cards)[-1] == "Big spenders, deal-minded"
    assert len(cards) == 6
    card = cards["Big spenders, deal-minded"]  # e: five orders on 24-28 September, 50.00
    assert (card.n_customers, card.customer_share) == (1, 1 / 6)
    assert card.spend_share == pytest.approx(50 / 210)
    assert card.medians["recency_days"] == 2
    assert card.medians["n_orders_90"] == 5
    assert card.medians["monetary_value"] == 10
    assert card.medians["discount_share"] == pytest.approx(1 / 3)
    assert card.medians["evening_share"] == 1
    assert card.departments == (("DAIRY", 0.8), ("FRUIT", 0.2))
    assert card.telling == (("DAIRY", pytest.approx(0.8 / (150 / 210))),)
    assert card.weekdays == (0.2, 0.2, 0.2, 0.2, 0, 0, 0.2)  # Sunday 24th to Thursday 28th
    assert card.lifecycle == {"new": 1.0, "active": 0.0, "slipping": 0.0, "lapsed": 0.0}


def test_medians_are_those_of_the_kind(shop, product, line):
    orders = [
        line(who, f"{who}{k}", f"2017-09-{20 + k:02} 10:00", value=100 * place)
        for place, who in enumerate("abcdefghi", start=1)
        for k in range(place)
    ]
    cards = describe(shop, product, orders, min_customers=2)[1]
    assert [card.n_customers for card in cards] == [3, 3, 3]  # nobody saved: one manner
    assert [card.medians["n_orders_90"] for card in cards] == [2, 5, 8]
    assert {card.name.split(", ")[1] for card in cards} == {"price-relaxed"}


def test_small_kinds_are_not_shown(shop, product, rows):
    cards = describe(shop, product, rows, min_customers=2)[1]
    assert cards == ()
    assert personas.describe_personas(cards, 6).startswith("**No cards:**")


def test_left_out_customers_are_counted(found):
    text = personas.describe_personas(found[1][:4], 6)
    assert text.endswith("the other 2 customers are not shown.")
    assert personas.describe_personas(found[1], 6).startswith("Cards: 6 of 6 kinds")


def test_neither_future_rows_nor_their_order_change_a_card(shop, product, rows, found):
    for orders in (rows, rows[::-1]):
        assert describe(shop, product, orders, min_customers=1)[1] == found[1]


def test_equal_customers_are_one_kind(shop, line):
    tables = shop([line(f"c{k}", f"o{k}", "2017-09-30 10:00", value=0) for k in range(30)])
    profiles = build_profiles(*tables, AS_OF)
    interests = build_interests(*tables[:2], AS_OF)
    (card,) = personas.build_personas(profiles, interests, tables[0], AS_OF)
    assert card.name == "Light buyers, price-relaxed"
    assert (card.n_customers, card.spend_share, card.departments) == (30, 0, ())
    assert np.isnan(card.medians["discount_share"])  # nothing had a price
    assert card.weekdays == (0, 0, 0, 0, 0, 1, 0)


def test_one_customer_is_nobody_to_show(shop, line):
    tables = shop([line("ann", "o1", "2017-09-30 10:00")])
    profiles = build_profiles(*tables, AS_OF)
    interests = build_interests(*tables[:2], AS_OF)
    assert personas.build_personas(profiles, interests, tables[0], AS_OF) == ()
