from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from src.models.uplift_history import (
    build_uplift_rows,
    describe_history,
    select_randomised,
    summarise_history,
)
from tests.models.uplift_frames import events_of, exposures_of, orders_of, table_of


@dataclass(frozen=True)
class Offer:
    discount_share: float = 0.0
    discount_ceiling_value: float | None = None
    discount_value: float = 0.0
    minimum_basket_value: float = 0.0


OFFERS = {"mail": Offer(discount_share=0.1), "call": Offer(discount_value=5)}
NO_EVENTS: tuple = ()


def rows_of(profiles, contacts, orders, events=NO_EVENTS, margin_share=0.2, asked=None):
    """Build the rows of ten-day windows."""

    def build(date):
        if asked is not None:
            asked.append(date)
        return table_of(pd.DataFrame(profiles))

    randomised = select_randomised(exposures_of(contacts), "2017-01-31", 10)
    given = orders_of(orders), events_of(list(events))
    return build_uplift_rows(build, randomised, *given, "2017-01-31", 10, margin_share, OFFERS)


ROWS = (
    ("c1", "a", "2017-01-01", "mail", True, 0.5),
    ("c1", "b", "2017-01-01", "control", True, 0.5),
    ("c1", "c", "2017-01-01", "mail", False, np.nan),
    ("c2", "a", "2017-01-20", "mail", True, 0.25),
    ("c3", "a", "2017-02-20", "mail", True, 0.25),
)


def test_only_drawn_contacts_whose_window_is_over_are_used():
    # 10 days from January 20 on end with January 29
    exposures = exposures_of(ROWS)
    known = select_randomised(exposures, "2017-01-29", outcome_days=10)
    assert known[["campaign_id", "customer_id"]].to_numpy().tolist() == [
        ["c1", "a"],
        ["c1", "b"],
        ["c2", "a"],
    ]
    assert len(select_randomised(exposures, "2017-01-28", outcome_days=10)) == 2


def test_summary_counts_what_was_known():
    history = summarise_history(exposures_of(ROWS), "2017-01-31", 10)
    mail = history.set_index("action").loc["mail"]
    assert mail[["n_campaigns", "n_contacts", "n_randomised", "n_usable"]].to_list() == [
        2,
        3,
        2,
        2,
    ]


@pytest.mark.parametrize(
    ("n_kept", "said"),
    [(0, "No past contact"), (3, "can be used"), (-1, "none was drawn at random")],
    ids=["none", "drawn", "chosen"],
)
def test_the_text_says_what_there_is(n_kept, said):
    rows = ROWS[2:3] if n_kept < 0 else ROWS[:n_kept]
    history = summarise_history(exposures_of(list(rows)), "2017-01-31", 10)
    text = describe_history(history, ("mail", "call"))
    assert said in text
    assert ("call" in text) == (n_kept > 0)


PAIR = (
    ("c1", "a", "2017-01-01", "mail", True, 0.5),
    ("c1", "b", "2017-01-01", "control", True, 0.5),
)
TWO = {"customer_id": ["a", "b"], "age": [1, 2]}


def test_rows_take_the_profile_before_and_the_margin_after():
    asked = []
    orders = [
        ("a", "2016-12-31 12:00", 9900),  # before
        ("a", "2017-01-01 12:00", 1000),  # the day itself
        ("a", "2017-01-10 23:00", 500),  # last day of ten
        ("a", "2017-01-11 00:00", 7700),  # after
    ]
    rows = rows_of(TWO, PAIR, orders, asked=asked)
    assert asked == ["2016-12-31"]
    assert rows["outcome_value"].to_list() == pytest.approx([0.2 * 15, 0])
    assert rows["has_ordered"].to_list() == [True, False]


def test_a_redeemed_discount_is_margin_of_the_full_price_less_the_discount():
    # paid 20.00 and 5.00 on the day: 10 % of the larger is 2.00; .2 * (25 + 2) - 2 = 3.40
    orders = [("a", "2017-01-05 09:00", 2000), ("a", "2017-01-05 12:00", 500)]
    rows = rows_of(TWO, PAIR, orders, events=[("a", "2017-01-05 09:00", "c1")])
    assert rows["outcome_value"].to_list() == pytest.approx([3.4, 0])


def test_a_control_customer_who_redeems_took_the_dearest_offer():
    # 5 off beats 10 % of 20.00: .2 * (20 + 5) - 5 = 0
    orders = [("b", "2017-01-05 09:00", 2000)]
    rows = rows_of(TWO, PAIR, orders, events=[("b", "2017-01-05 10:00", "c1")])
    assert rows["outcome_value"].to_list() == pytest.approx([0, 0])


@pytest.mark.parametrize(
    "event",
    [("a", "2017-01-05 10:00", "c9"), ("a", "2017-01-11 10:00", "c1")],
    ids=["another campaign", "after the window"],
)
def test_other_redemptions_cost_nothing(event):
    orders = [("a", "2017-01-05 09:00", 2000), ("a", "2017-01-11 09:00", 2000)]
    rows = rows_of(TWO, PAIR, orders, events=[event])
    assert rows["outcome_value"].to_list() == pytest.approx([4.0, 0])


def test_who_was_unknown_before_the_contact_is_left_out():
    rows = rows_of({"customer_id": ["b"]}, PAIR, [("a", "2017-01-02", 100)])
    assert rows["customer_id"].to_list() == ["b"]


def test_without_contacts_there_are_no_rows():
    rows = rows_of(TWO, PAIR[:0], [("a", "2017-01-02", 100)])
    assert rows.empty
    assert {"outcome_value", "has_ordered"} <= set(rows.columns)
