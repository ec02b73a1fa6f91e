import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.models.uplift_plots import plot_contrasts
from src.models.uplift_selection import (
    compare_addressed,
    contrast_campaigns,
    describe_contrasts,
    describe_imbalance,
    standardised_differences,
)
from tests.models.uplift_frames import exposures_of, orders_of, table_of
from tests.models.uplift_worlds import COLUMNS, constant, draw_world


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def test_standardised_differences_by_hand():
    # shares .1 .3 against .6 .8: means .2 and .7, variances .02 each: -.5 / sqrt(.02)
    profiles = pd.DataFrame({"weekend_share": [0.1, 0.3, 0.6, 0.8], "evening_share": 0.5})
    is_first = np.array([True, True, False, False])
    columns = ("weekend_share", "evening_share")
    table = standardised_differences(profiles, is_first, columns)
    assert table["feature"].to_list() == ["weekend_share"]
    assert table["smd"][0] == pytest.approx(-0.5 / np.sqrt(0.02))


def test_groups_that_were_drawn_are_alike():
    rows, _ = draw_world(4000, 3, {"mail": constant})
    table = standardised_differences(rows, (rows["action"] == "mail").to_numpy(), COLUMNS)
    assert table["smd"].abs().max() < 0.1
    assert "0 of 3" in describe_imbalance(
        table, {"eve": "2017-01-01", "n_addressed": 1, "n_others": 1}
    )


def test_the_day_looked_at_lies_before_the_first_campaign_with_history():
    asked = []

    def build(date):
        asked.append(date)
        ids = [f"c{i}" for i in range(8)]
        share = [0.9, 0.8, 0.9, 0.7, 0.1, 0.2, 0.1, 0.0]
        columns = dict.fromkeys(
            ("recency_days", "monetary_value", "items_per_order", "gap_mean_days"), 1.0
        ) | dict.fromkeys(
            (
                "gap_std_days",
                "overdue_ratio",
                "discount_share",
                "discounted_lines_share",
                "private_brand_share",
                "evening_share",
                "top_department_share",
                "department_entropy",
            ),
            0.5,
        )
        return table_of(pd.DataFrame({"customer_id": ids, "weekend_share": share, **columns}))

    rows = [("early", "c7", "2017-01-10", "mail", False, np.nan)]
    rows += [("first", f"c{i}", "2017-02-05", "mail", False, np.nan) for i in range(3)]
    rows += [("later", "c3", "2017-03-01", "mail", False, np.nan)]
    orders = orders_of([("c0", "2017-01-01", 100)])
    table, facts = compare_addressed(build, exposures_of(rows), orders, "2017-03-31", 28)
    assert asked == ["2017-02-04"]
    assert facts == {"eve": "2017-02-04", "n_addressed": 4, "n_others": 3}  # c7 is left out
    assert table["feature"].to_list() == ["weekend_share"]
    assert table["smd"][0] > 1


@pytest.mark.parametrize("is_randomised", [True, False], ids=["only drawn", "none"])
def test_without_chosen_contacts_there_is_nothing_to_compare(is_randomised):
    rows = [("c", "a", "2017-02-05", "mail", True, 0.5)] if is_randomised else []
    orders = orders_of([("a", "2017-01-01", 100)])
    table, facts = compare_addressed(None, exposures_of(rows), orders, "2017-03-31")
    assert table.empty
    assert facts["eve"] is None
    days = pd.DataFrame({"customer_id": [], "order_date": [], "day_value_minor": []})
    contrasts = contrast_campaigns(days, exposures_of(rows), "2017-03-31")
    assert contrasts.empty
    assert "no past contact" in describe_imbalance(table, facts)
    assert "No past campaign" in describe_contrasts(contrasts)
    assert plot_contrasts(contrasts).get_title(loc="left")


def test_contrast_by_hand():
    # spend before: a, b 10 each, c, d 4 each; after: a, b 20, c, d 5
    days = [(who, "2017-01-20", 1000) for who in "ab"] + [(who, "2017-01-20", 400) for who in "cd"]
    days += [(who, "2017-02-02", 2000) for who in "ab"] + [(who, "2017-02-02", 500) for who in "cd"]
    days += [("a", "2017-01-01", 0)]
    order_days = pd.DataFrame(days, columns=["customer_id", "order_date", "day_value_minor"])
    rows = [("x", who, "2017-02-01", "mail", False, np.nan) for who in "ab"]
    contrasts = contrast_campaigns(
        order_days, exposures_of(rows), "2017-03-31", window_days=28, min_customers=2
    )
    assert contrasts["difference"].to_list() == [6.0, 15.0]
    assert contrasts["lower"].to_list() == [6.0, 15.0]  # no spread within the groups
    text = describe_contrasts(contrasts)
    assert "+15.00" in text
    assert "+6.00" in text
    assert "+6.00" in plot_contrasts(contrasts).get_title(loc="left")


def test_a_window_that_is_not_over_is_not_shown():
    order_days = pd.DataFrame(
        {"customer_id": list("ab"), "order_date": "2017-01-01", "day_value_minor": 100}
    )
    rows = [("x", "a", "2017-02-01", "mail", False, np.nan)]
    for last, n_rows in (("2017-02-27", 0), ("2017-02-28", 2)):
        found = contrast_campaigns(order_days, exposures_of(rows), last, 28, min_customers=1)
        assert len(found) == n_rows
