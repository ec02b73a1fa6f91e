"""The campaign file: old ones stay valid, wrong ones are refused with the place."""

import datetime as dt

import numpy as np
import pytest
import yaml

from src.decide.budget_rows import Candidates, Limits, build_rows
from src.decide.catalogue import Campaign, SendingWindow, family_of, read_campaign
from src.errors import ParameterError
from src.root import PROJECT_ROOT

OLD = "params/campaigns/autumn_coupon.yaml"
PLAIN = yaml.safe_load((PROJECT_ROOT / OLD).read_text(encoding="utf-8"))


def changed(**changes):
    """The old file with other top-level fields, and `offer` for its first action."""
    offer = changes.pop("offer", {})
    actions = PLAIN["actions"] | {"ten_percent": PLAIN["actions"]["ten_percent"] | offer}
    return PLAIN | {"actions": actions} | changes


def read(tmp_path, monkeypatch, content):
    monkeypatch.setattr("src.decide.catalogue.PROJECT_ROOT", tmp_path)
    (tmp_path / "plan.yaml").write_text(
        yaml.safe_dump(content, allow_unicode=True, sort_keys=False)
    )
    return read_campaign("plan.yaml")


def test_old_file_means_what_it_meant():
    campaign = read_campaign(OLD)
    assert campaign.arms == ("control", "ten_percent", "five_dollars")
    assert campaign.channels == ("email",)
    assert (campaign.audience.tags, campaign.audience.rule, campaign.holdout_share) == ((), "", 0)
    assert campaign.sending == SendingWindow()


def test_everything_that_can_be_said_is_read(tmp_path, monkeypatch):
    content = changed(
        language="zh",
        owner="crm",
        legal_footer="工信部备案 12345",
        holdout_share=0.2,
        audience={"tags": ["champion"], "segments": ["Gold"], "rule": "frequency > 1"},
        sending={
            "start_date": "2017-10-01",
            "end_date": "2017-10-31",
            "from_hour": 9,
            "to_hour": 20,
            "weekdays": ["mon", "tue"],
        },
        offer={"channel": "sms", "coupon_code": "GOLD-10", "benefit": "包邮"},
    )
    campaign = read(tmp_path, monkeypatch, content)
    assert campaign.channels == ("sms", "email")
    assert campaign.sending.end_date == dt.date(2017, 10, 31)
    assert campaign.actions["ten_percent"].benefit == "包邮"


def test_window_is_open_on_its_days_and_hours_alone():
    window = SendingWindow(
        start_date="2017-10-02", end_date="2017-10-09", from_hour=9, to_hour=20, weekdays=["mon"]
    )
    moments = {  # 2 October 2017 was a Monday
        dt.datetime(2017, 10, 2, 9): True,
        dt.datetime(2017, 10, 2, 19, 59, 59): True,
        dt.datetime(2017, 10, 2, 20): False,
        dt.datetime(2017, 10, 2, 8, 59): False,
        dt.datetime(2017, 10, 3, 12): False,
        dt.datetime(2017, 9, 25, 12): False,
        dt.datetime(2017, 10, 9, 12): True,
        dt.datetime(2017, 10, 16, 12): False,
    }
    assert {moment: window.is_open_at(moment) for moment in moments} == moments
    assert all(SendingWindow().is_open_at(moment) for moment in moments)


def test_several_variants_are_as_many_arms_with_their_own_words():
    campaign = Campaign.model_validate(
        changed(
            offer={
                "variants": {
                    "warm": {"label": "friendly", "slots": {"headline": "For you"}},
                    "brief": {},
                }
            }
        )
    )
    assert campaign.arms == ("control", "ten_percent__warm", "ten_percent__brief", "five_dollars")
    warm, brief = campaign.actions["ten_percent__warm"], campaign.actions["ten_percent__brief"]
    assert warm.slots == {"headline": "For you"}
    assert brief.slots == {}
    assert warm.label == "10 % off your favourite department (friendly)"
    assert brief.label.endswith("(brief)")
    assert warm.discount_share == brief.discount_share == 0.10
    assert {family_of(arm) for arm in campaign.actions} == {"ten_percent", "five_dollars"}
    assert Campaign.model_validate(campaign.model_dump()) == campaign


def test_one_variant_is_the_action_in_other_words():
    one = {"variants": {"warm": {"slots": {"headline": "For you"}}}}
    campaign = Campaign.model_validate(changed(offer=one))
    assert campaign.arms == ("control", "ten_percent", "five_dollars")
    assert campaign.actions["ten_percent"].slots == {"headline": "For you"}


def test_capacity_of_an_action_counts_all_its_variants():
    candidates = Candidates(
        profit=np.ones((4, 3)),
        cost=np.ones((4, 3)),
        actions=("ten__warm", "ten__brief", "five"),
        channels=("email", "email", "sms"),
    )
    rows = build_rows(candidates, Limits(capacities={"ten": 2, "sms": 1}))
    assert rows.by_count.tolist() == [[1, 1, 0], [0, 0, 1]]


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (changed(sending={"from_hour": 20, "to_hour": 9}), "sending.*from_hour"),
        (changed(sending={"weekdays": ["monday"]}), "sending.weekdays.0"),
        (changed(sending={"weekdays": ["mon", "mon"]}), "sending.*none twice"),
        (
            changed(sending={"start_date": "2017-11-01", "end_date": "2017-10-01"}),
            "sending.*end_date",
        ),
        (changed(audience={"tag": ["x"]}), "audience.tag"),
        (changed(language="fr"), "language"),
        (changed(holdout_share=1.5), "holdout_share"),
        (changed(legal_footer="a\nb"), "legal_footer.*line break"),
        (changed(offer={"channel": "fax"}), "actions.ten_percent.channel"),
        (changed(offer={"coupon_code": "free money"}), "actions.ten_percent.coupon_code"),
        (changed(offer={"variants": {"a": {"words": {}}}}), "actions.ten_percent.variants.a.words"),
        (changed(offer={"variants": {"control": 3}}), "actions.ten_percent.variants.control"),
        (PLAIN | {"actions": {"a__b": PLAIN["actions"]["ten_percent"]}}, "a__b"),
        (PLAIN | {"actions": {}}, "actions"),
        (PLAIN | {"actions": {"control": PLAIN["actions"]["ten_percent"]}}, "control"),
        ("just a text", "the file"),
        (None, "the file"),
    ],
)
def test_wrong_file_is_refused_with_the_place(tmp_path, monkeypatch, content, place):
    with pytest.raises(ParameterError, match=place):
        read(tmp_path, monkeypatch, content)
