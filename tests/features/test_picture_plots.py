"""Every figure says what it shows, and none is drawn where there is nothing to show."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from src.features.portrait import (
    cohort_plots,
    joint_plots,
    lifecycle_flow_plots,
    persona_plots,
    revenue_tree_plots,
)
from src.features.portrait.cohorts import Retention
from src.features.portrait.interest_map import InterestMap
from src.features.portrait.lifecycle_flow import LOST, NOT_YET
from src.features.portrait.personas import Persona
from src.features.portrait.revenue_tree import NODES, Periods, RevenueTree
from src.features.portrait.tag_overlaps import TagOverlaps


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


def texts(ax):
    return [text.get_text() for text in ax.texts]


def retention(*cells, unit="month"):
    columns = "cohort age n_customers n_ordering retained_share is_censored".split()
    frame = pd.DataFrame(cells, columns=columns).assign(lower=0.0, upper=1.0)
    return Retention(frame, unit, "2017-01-01", "2017-04-30")


def test_triangle_writes_every_share_and_marks_the_first_cohort():
    ax = cohort_plots.plot_retention(
        retention(
            ("2017-01", 1, 1200, 960, 0.8, True),
            ("2017-01", 2, 1200, 600, 0.5, True),
            ("2017-02", 1, 20, 5, 0.25, False),
        )
    )
    assert texts(ax) == ["80%", "50%", "25%"]
    labels = [label.get_text() for label in ax.get_yticklabels()]
    assert labels == ["≤ 2017-01 (1,200)", "2017-02 (20)"]
    assert ax.figure.get_suptitle() == "25% of new customers order again in the next month"


def test_triangle_of_the_first_cohort_alone():
    ax = cohort_plots.plot_retention(
        retention(("2016", 1, 10, 5, 0.5, True), ("2016", 2, 10, 0, 0.0, True), unit="year")
    )
    assert ax.figure.get_suptitle() == (
        "50% of customers order again in the next year, 0% 2 years later"
    )


def tree(before, now, contribution, half=1.0):
    nodes = pd.DataFrame(
        {"before": before, "now": now, "contribution_value": contribution}, index=list(NODES)
    )
    nodes["change_share"] = nodes["now"] / nodes["before"].where(nodes["before"] > 0) - 1
    nodes["lower"] = nodes["contribution_value"] - half
    nodes["upper"] = nodes["contribution_value"] + half
    return RevenueTree(nodes, Periods(91, 91, "2017-09-30"))


def test_tree_names_the_factor_that_moved_sales():
    before, now = [40.0, 2, 20, 1, 20, 1, 20], [20.0, 1, 20, 1, 20, 1, 20]
    ax = revenue_tree_plots.plot_revenue_tree(tree(before, now, [-20, -20, 0, 0, 0, 0, 0]))
    assert ax.get_title(loc="left") == (
        "Sales fell 50.0% on the previous 91 days; customers moved them most (−20 of −20)"
    )
    found = texts(ax)
    assert {"revenue", "20  (40)", "−50.0%   −20 ± 1"} <= set(found)
    assert set(NODES) <= set(found)


def test_tree_does_not_make_news_of_chance():
    before, now = [40.0, 2, 20, 1, 20, 1, 20], [20.0, 1, 20, 1, 20, 1, 20]
    unclear = tree(before, now, [-20, -20, 0, 0, 0, 0, 0], half=21)
    title = revenue_tree_plots.plot_revenue_tree(unclear).get_title(loc="left")
    assert title == "Sales fell 50.0% on the previous 91 days; no factor moved them beyond chance"


@pytest.mark.parametrize(
    ("before", "now", "title"),
    [
        (0.0, 10.0, "Sales began on the previous 91 days; customers moved them most (+10 of +10)"),
        (0.0, 0.0, "Sales stayed as in the previous 91 days"),
    ],
)
def test_tree_from_nothing(before, now, title):
    values = [now - before, now - before, 0, 0, 0, 0, 0]
    one = tree([before] * 7, [now] * 7, values, half=np.nan)
    assert revenue_tree_plots.plot_revenue_tree(one).get_title(loc="left") == title


def flows(*rows):
    columns = "stage_before stage_now n_customers spend_value".split()
    return pd.DataFrame(rows, columns=columns).assign(before_share=1.0)


def test_flow_writes_stages_and_moves():
    ax = lifecycle_flow_plots.plot_flows(
        flows(
            (NOT_YET, "new", 3, 30.0),
            ("active", "active", 900, 90_000.0),
            ("active", "slipping", 40, 4000.0),
            ("lapsed", "active", 7, 70.0),
            ("lapsed", LOST, 1, 0.0),
        ),
        "2017-09-02",
        "2017-09-30",
    )
    assert ax.figure.get_suptitle() == (
        "Since 2017-09-02, 40 customers began to slip or lapsed and 7 came back (48 moved)"
    )
    found = set(texts(ax))
    assert {"no customer yet: 3 · 30", "active: 940 · 94,000", "active: 907 · 90,070"} <= found
    assert {"3 · 30", "40 · 4,000", "7 · 70", "1 · 0", "no longer known: 1 · 0"} <= found
    assert "900 · 90,000" not in found  # who stayed is not news


def test_bands_of_a_stage_fill_its_bar():
    frame = flows(("active", "active", 60, 1.0), ("active", "lapsed", 40, 1.0))
    drawn = frame.assign(height=lifecycle_flow_plots._heights(frame))
    bars = lifecycle_flow_plots._place_bars(drawn, "stage_before")
    assert bars == {"active": (0.0, pytest.approx(1.0))}


def square(values, names):
    return pd.DataFrame(values, index=names, columns=names, dtype=float)


def interest_map(z=9.0):
    names = ["DAIRY", "FRUIT"]
    departments = pd.DataFrame(
        {
            "department": names,
            "spend_share": [0.7, 0.3],
            "customer_share": [0.9, 0.5],
            "favouring_share": [0.4, 0.4],
        }
    )
    lift = square([[np.nan, 1.5], [1.5, np.nan]], names)
    return InterestMap(departments, lift, square([[0, z], [z, 0]], names))


def test_interest_map_says_what_goes_together():
    figure = joint_plots.plot_interest_map(interest_map())
    assert figure.get_suptitle() == (
        "Who favours DAIRY favours FRUIT 1.5 times as often as chance would have it"
    )
    assert texts(figure.axes[1]) == ["–", "1.5", "1.5", "–"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["DAIRY", "FRUIT"]


def test_pair_within_chance_stays_grey():
    figure = joint_plots.plot_interest_map(interest_map(z=2.0))
    assert figure.get_suptitle().startswith("No two departments")
    assert {text.get_color() for text in figure.axes[1].texts} == {joint_plots._SOFT}


def overlaps():
    names = ["a", "b"]
    return TagOverlaps(
        pd.DataFrame({"tag": names, "n_customers": [50, 20], "customer_share": [0.5, 0.2]}),
        square([[1, 0.3], [0.75, 1]], names),
        square([[np.nan, 1.5], [1.5, np.nan]], names),
        square([[0, 4], [4, 0]], names),
    )


def test_overlaps_are_told_from_the_smaller_tag():
    ax = joint_plots.plot_overlaps(overlaps())
    assert (
        ax.figure.get_suptitle() == "75% of those tagged b are a too, against 50% of all customers"
    )
    assert texts(ax) == ["–", "30%", "75%", "–"]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["a (50%)", "b (20%)"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a (50)", "b (20)"]


def persona(name, **other):
    medians = dict.fromkeys(
        "recency_days n_orders_90 monetary_value items_per_order discount_share weekend_share "
        "evening_share".split(),
        0.25,
    )
    card = Persona(
        name=name,
        n_customers=1234,
        customer_share=0.3,
        spend_share=0.6,
        medians=medians,
        departments=(("DAIRY", 0.8),),
        telling=(("DAIRY", 1.2),),
        weekdays=(0.1, 0.1, 0.1, 0.1, 0.1, 0.2, 0.3),
        lifecycle={"new": 0.0, "active": 0.9, "slipping": 0.1, "lapsed": 0.0},
    )
    return replace(card, **other)


def test_card_writes_its_numbers():
    figure = persona_plots.plot_personas((persona("Big spenders, deal-minded"),))
    ax = figure.axes[0]
    assert ax.get_title(loc="left") == (
        "Big spenders, deal-minded: 30% of customers bring 60% of the spend of 365 days"
    )
    found = set(texts(ax))
    assert {"30% of customers (1,234)", "60% of spend", "0.25 · 0.2 lines", "DAIRY 80%"} <= found
    assert {"top third by spend, upper half by discounts", "more of: DAIRY 1.2×", "Su"} <= found
    assert "active 90% · slipping 10%" in found


def test_card_that_knows_little_says_so():
    bare = persona(
        "Light buyers, price-relaxed",
        medians=dict.fromkeys(persona("").medians, float("nan")),
        departments=(),
        telling=(),
        weekdays=(),
        lifecycle={},
    )
    found = texts(persona_plots.plot_personas((bare,)).axes[0])
    assert "departments not known" in found
    assert "– days ago" in found


@pytest.mark.parametrize(
    ("plot", "arguments"),
    [
        (cohort_plots.plot_retention, (retention(),)),
        (revenue_tree_plots.plot_revenue_tree, (RevenueTree(pd.DataFrame(), None),)),
        (
            lifecycle_flow_plots.plot_flows,
            (flows((NOT_YET, "new", 3, 1.0)), "2017-09-02", "2017-09-30"),
        ),
        (
            joint_plots.plot_interest_map,
            (InterestMap(pd.DataFrame(), pd.DataFrame(), pd.DataFrame()),),
        ),
        (joint_plots.plot_overlaps, (replace(overlaps(), sizes=pd.DataFrame()),)),
        (persona_plots.plot_personas, ((),)),
    ],
    ids="retention tree flows interests overlaps personas".split(),
)
def test_nothing_to_show_draws_nothing(plot, arguments):
    assert plot(*arguments) is None
    assert plt.get_fignums() == []
