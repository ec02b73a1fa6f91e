"""The gate inside the claim: hours, contacts, money, holdout and the end of a campaign."""

from contextlib import ExitStack
import datetime as dt

import pandas as pd
import pytest
from sqlalchemy import text

from src.errors import ParameterError
from src.ledger import (
    count_states,
    message_key,
    open_ledger,
    pause_campaign,
    plan_messages,
    read_transitions,
    record_assignments,
    record_consents,
    record_people,
    resume_campaign,
    set_limits,
)
from src.ledger.queue import Ending, begin_attempts, claim_messages, fail_untried, finish_attempts
from src.ledger.states import State
from src.send.contact_policy import ContactPolicy, read_contact_policy, set_contact_policy
from src.send.policy import find_denials
from tests.ledger.databases import KINDS, empty_tables, server_ledgers
from tests.ledger.sealing import sealed

NOON = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)
SAID_AT = pd.Timestamp("2024-01-01T08:00:00Z")
NIGHT = {"quiet_hours": {"start": "21:00", "end": "08:00"}}


@pytest.fixture(scope="module", params=KINDS)
def url(request, tmp_path_factory):
    with ExitStack() as stack:
        folder = tmp_path_factory.mktemp(request.param)
        is_file = request.param == "sqlite"
        yield "" if is_file else stack.enter_context(server_ledgers(request.param, folder))


@pytest.fixture
def ledger(url, tmp_path):
    if url:
        empty_tables(url)
    with open_ledger(tmp_path, url) as ledger:
        yield ledger


@pytest.fixture
def enter(ledger):
    """Enter people, and one message to each in a campaign on a channel."""

    def build(campaign_id, *ids, channel="email", purpose="marketing", zones=None, **fields):
        frame = pd.DataFrame({"customer_id": list(ids)})
        contact = {"email": frame["customer_id"] + "@example.com", "phone": "+4930123456"}
        zone = {"time_zone": zones} if zones else {}
        record_people(ledger, frame.assign(first_name="A", last_name="B", **contact, **zone))
        said = {"source": "form", "wording": "Yes.", "recorded_at": SAID_AT, "is_granted": True}
        record_consents(ledger, frame.assign(channel=channel, purpose=purpose, **said))
        drawn = frame.assign(campaign_id=campaign_id, action="coupon", pscore=0.5, salt="s")
        record_assignments(ledger, drawn.assign(policy_version="1", decided_at=SAID_AT))
        keys = [message_key(campaign_id, 1, key, channel) for key in ids]
        content = {"subject": "s", "html": "h", "text": "t"}
        messages = drawn.assign(message_key=keys, step=1, channel=channel, **content, **fields)
        plan_messages(ledger, sealed(messages), purpose)

    return build


def claim(ledger, campaign_id="spring", moment=NOON, channel="email", n_rows=64):
    return claim_messages(ledger, "a", campaign_id, channel, find_denials, moment, n_rows)


def send(ledger, claims, moment=NOON):
    begun = begin_attempts(ledger, claims, "memory", moment)
    return finish_attempts(ledger, {row: Ending(State.SENT) for row in begun})


def reasons(ledger, campaign_id="spring"):
    steps = read_transitions(ledger, campaign_id)
    return sorted(steps["reason"].dropna())


def test_quiet_hours_put_off_until_they_end_where_the_recipient_is(ledger, enter):
    zones = ["Asia/Shanghai", "America/Los_Angeles", "Europe/Berlin"]
    enter("spring", "c1", "c2", "c3", zones=zones)
    set_contact_policy(ledger, "spring", ContactPolicy.model_validate(NIGHT))
    before = ledger.now()
    claims, denied = claim(ledger)  # 20:00, 05:00, 14:00
    assert {row.customer_id for row in claims} == {"c1", "c3"}
    assert denied == {State.DEFERRED: 1}
    assert reasons(ledger) == ["quiet hours"]
    with ledger.read() as connection:
        (due,) = connection.scalars(text("SELECT next_at FROM messages WHERE state = 'DEFERRED'"))
    wait = pd.Timestamp(due, tz="UTC") - pd.Timestamp(before)
    assert pd.Timedelta(hours=3) <= wait < pd.Timedelta(hours=3, minutes=1)  # until 08:00


@pytest.mark.parametrize(
    ("shop_zones", "hour", "state"),
    [
        (["Europe/Berlin"], 12, None),
        (["Europe/Berlin", "Asia/Tokyo"], 12, "DEFERRED"),  # 21:00 in Tokyo
        ([], 12, "SUPPRESSED"),
    ],
    ids=["the shop's", "the strictest", "none"],
)
def test_without_a_zone_the_shops_count_all_of_them(ledger, enter, shop_zones, hour, state):
    enter("spring", "c1", zones=["Nowhere/Else"])
    policy = ContactPolicy.model_validate(NIGHT | {"shop_zones": shop_zones})
    set_contact_policy(ledger, "spring", policy)
    claims, denied = claim(ledger, moment=NOON.replace(hour=hour))
    assert dict(denied) == ({State(state): 1} if state else {})
    assert len(claims) == (state is None)


def test_put_off_beyond_the_end_is_called_off(ledger, enter):
    enter("spring", "c1", zones=["America/Los_Angeles"])
    set_contact_policy(ledger, "spring", ContactPolicy.model_validate(NIGHT))
    set_limits(ledger, "spring", expires_at=NOON + dt.timedelta(hours=3))  # quiet until then
    assert claim(ledger) == ([], {State.CANCELLED: 1})
    assert reasons(ledger) == ["campaign expires before: quiet hours"]


def test_after_its_end_nothing_of_a_campaign_is_sent(ledger, enter):
    enter("spring", "c1", "c2")
    set_limits(ledger, "spring", expires_at=NOON)
    assert len(claim(ledger, moment=NOON - dt.timedelta(seconds=1), n_rows=1)[0]) == 1
    assert claim(ledger) == ([], {State.CANCELLED: 1})


def test_caps_count_all_campaigns_and_channels(ledger, enter):
    policy = ContactPolicy.model_validate({"caps": [{"max_contacts": 1, "days": 7}]})
    for name, channel in (("spring", "email"), ("sms_offer", "sms"), ("later", "email")):
        enter(name, "c1", channel=channel)
        set_contact_policy(ledger, name, policy)
    assert len(send(ledger, claim(ledger)[0])) == 1
    assert claim(ledger, "sms_offer", channel="sms")[1] == {State.SUPPRESSED: 1}
    assert reasons(ledger, "sms_offer") == ["cap of 1 in 7 days"]
    week = dt.timedelta(days=7)
    assert len(claim(ledger, "later", NOON + week)[0]) == 1


def test_a_cap_may_put_off_instead(ledger, enter):
    limits = {"caps": [{"max_contacts": 1, "calendar": "day"}], "on_cap": "defer"}
    for name in ("spring", "summer"):
        enter(name, "c1")
        set_contact_policy(ledger, name, ContactPolicy.model_validate(limits))
    claim(ledger)  # claimed is as good as sent
    assert claim(ledger, "summer")[1] == {State.DEFERRED: 1}


def test_the_last_contact_goes_to_the_message_that_earns_most(ledger, enter):
    policy = ContactPolicy.model_validate({"caps": [{"max_contacts": 1, "days": 7}]})
    enter("spring", "c1", expected_profit_value=1.0)
    enter("summer", "c1", expected_profit_value=2.0)
    for name in ("spring", "summer"):
        set_contact_policy(ledger, name, policy)
    assert claim(ledger, "spring")[1] == {State.DEFERRED: 1}
    assert reasons(ledger, "spring") == ["a better message goes first"]
    assert len(claim(ledger, "summer")[0]) == 1


def test_a_better_message_of_a_paused_campaign_is_not_waited_for(ledger, enter):
    policy = ContactPolicy.model_validate({"caps": [{"max_contacts": 1, "days": 7}]})
    enter("spring", "c1", expected_profit_value=1.0)
    enter("summer", "c1", expected_profit_value=2.0)
    set_contact_policy(ledger, "spring", policy)
    pause_campaign(ledger, "summer")
    assert len(claim(ledger, "spring")[0]) == 1


def test_budget_goes_to_the_highest_profit_and_comes_back_from_what_failed(ledger, enter):
    profits = [1.0, 4.0, 2.0, 3.0]
    enter("spring", "c1", "c2", "c3", "c4", expected_profit_value=profits, cost_value=0.1)
    set_limits(ledger, "spring", budget_value=0.3)  # three times 0.1: exact, in millionths
    first, _ = claim(ledger, n_rows=2)
    assert [row.customer_id for row in first] == ["c2", "c4"]
    fail_untried(ledger, {first[0]: "address not valid"}, NOON)
    claims, denied = claim(ledger)
    assert ([row.customer_id for row in claims], denied) == (["c3", "c1"], {})
    with ledger.read() as connection:
        spent = connection.scalar(text("SELECT spent_micro FROM campaigns"))
    assert spent == 300_000


def test_what_the_budget_does_not_reach_is_suppressed(ledger, enter):
    enter("spring", "c1", "c2", expected_profit_value=[1.0, 2.0], cost_value=0.1)
    set_limits(ledger, "spring", budget_value=0.15)
    claims, denied = claim(ledger)
    assert [row.customer_id for row in claims] == ["c2"]
    assert denied == {State.SUPPRESSED: 1}
    assert reasons(ledger) == ["budget used up"]


def test_the_lasting_holdout_gets_nothing_but_what_it_asked_for(ledger, enter):
    ids = [f"c{i}" for i in range(40)]
    enter("spring", *ids)
    enter("receipt", *ids, purpose="transactional")
    policy = ContactPolicy(holdout_share=0.5, holdout_salt="shop")
    for name in ("spring", "receipt"):
        set_contact_policy(ledger, name, policy)
    claims, denied = claim(ledger)
    assert 8 <= denied[State.SUPPRESSED] <= 32
    assert set(reasons(ledger)) == {"in the lasting holdout"}
    assert len(claims) + denied[State.SUPPRESSED] == 40
    assert len(claim(ledger, "receipt")[0]) == 40


def test_a_paused_campaign_is_not_claimed_and_loses_its_claims(ledger, enter):
    enter("spring", "c1", "c2")
    claims, _ = claim(ledger)
    assert pause_campaign(ledger, "spring") == 2
    assert begin_attempts(ledger, claims, "memory", NOON) == []
    assert claim(ledger) == ([], {})
    resume_campaign(ledger, "spring")
    assert len(claim(ledger)[0]) == 2
    assert count_states(ledger, "spring") == {"CLAIMED": 2}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("caps: [{max_contacts: 1}]", "either days or calendar"),
        ("caps: [{max_contacts: 0, days: 1}]", "greater than or equal to 1"),
        ("shop_zones: [Mars/Olympus]", "no time zone"),
        ("holdout_share: 0.1", "holdout_salt"),
        ("quiet: 1", "Extra inputs"),
        ("caps: [", "YAML"),
    ],
)
def test_a_wrong_policy_file_is_refused(tmp_path, content, told):
    path = tmp_path / "policy.yaml"
    path.write_text(content)
    with pytest.raises(ParameterError, match=told):
        read_contact_policy(str(path))


def test_a_policy_file_is_read(tmp_path):
    path = tmp_path / "policy.yaml"
    path.write_text(
        'quiet_hours: {start: "21:00", end: "08:00"}\ncaps: [{max_contacts: 2, days: 7}]'
    )
    policy = read_contact_policy(str(path))
    assert policy.quiet.start == dt.time(21)
    assert policy.cap_list[0].max_contacts == 2
