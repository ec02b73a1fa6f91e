import pandas as pd

from src.campaign.audience import (
    count_audience,
    count_exclusions,
    describe_gaps,
    tabulate_offers,
)
from src.campaign.plots import plot_audience

DECISIONS = pd.DataFrame(
    {
        "customer_id": list("abcdef"),
        "action": ["ten_percent", "control", "none", "none", "five_dollars", "none"],
        "reason": ["r", "drawn", "no consent", "no consent", "r", "held out"],
    }
)
SEGMENTS = pd.DataFrame({"customer_id": list("abcde"), "segment": list("xxyyx")})


def test_audience_counts_every_customer_once(campaign):
    # x: a, b, e; y: c, d; f has no segment
    counts = count_audience(DECISIONS, SEGMENTS, campaign)
    assert list(counts.index) == ["x", "y", "no segment"]
    assert list(counts.columns) == ["ten_percent", "five_dollars", "control", "none"]
    assert counts.loc["x"].tolist() == [1, 1, 1, 0]
    assert counts.to_numpy().sum() == 6


def test_exclusions_are_counted_by_reason_and_messages_are_not_among_them():
    counts = count_exclusions(DECISIONS)
    assert counts["customers"].tolist() == [2, 1, 1]
    assert counts["reason"].tolist() == ["no consent", "drawn", "held out"]


def test_rare_reasons_are_added_up():
    counts = count_exclusions(DECISIONS, n_reasons=1)
    assert counts["reason"].tolist() == ["no consent", "2 more"]
    assert counts["customers"].tolist() == [2, 2]


def test_offers_stand_side_by_side(campaign, offers):
    table = tabulate_offers(campaign, offers)
    assert table.loc["saves at most"].tolist() == ["$6", "the amount itself"]
    assert table.loc["from a basket of"].tolist() == ["any value", "$40"]


def test_gaps_are_told():
    messaged = DECISIONS[DECISIONS["action"].isin(["ten_percent", "five_dollars"])]
    item = {"name": "Tea", "department": "x", "initial": "T"}
    told = describe_gaps(messaged, {"a": "deli"}, {"a": [item]}, 2)
    assert told.startswith("Of 2 messages, 1 name no product")
    assert "1 name fewer than 2" in told
    whole = describe_gaps(messaged, dict.fromkeys("ae", "deli"), {key: [item] for key in "ae"}, 1)
    assert whole.startswith("Each of the 2 messages")
    assert "No message is planned" in describe_gaps(messaged.head(0), {}, {}, 3)


def test_figure_says_how_many_get_a_message(campaign):
    axes = plot_audience(count_audience(DECISIONS, SEGMENTS, campaign))
    assert axes.get_title(loc="left") == "2 of 6 customers get a message"
    assert axes.get_xlabel() == "customers"


def test_figure_of_nobody_can_be_drawn(campaign):
    counts = count_audience(DECISIONS[DECISIONS["action"] == "none"], SEGMENTS.head(0), campaign)
    assert plot_audience(counts).get_title(loc="left") == "0 of 3 customers get a message"
