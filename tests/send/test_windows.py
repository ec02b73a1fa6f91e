"""The sending window at its edges, by the recipient's clock, inside the claim."""

import datetime as dt
import itertools
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from src.decide.catalogue import Campaign, SendingWindow
from src.ledger import (
    message_key,
    plan_messages,
    read_transitions,
    record_assignments,
    record_consents,
    record_people,
)
from src.ledger.approvals import approve, check_approved
from src.ledger.campaigns import set_limits
from src.ledger.queue import claim_messages
from src.ledger.states import State
from src.send.contact_policy import ContactPolicy, set_contact_policy
from src.send.policy import find_denials
from src.send.windows import enter_window, first_in_window, judge_window, parse_window
from tests.ledger.sealing import sealed
from tests.send.conftest import SAID_AT

BERLIN, TOKYO, UTC = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Tokyo"), ZoneInfo("UTC")
OFFICE = SendingWindow(
    start_date=dt.date(2026, 7, 1),  # a Wednesday
    end_date=dt.date(2026, 7, 8),
    from_hour=9,
    to_hour=20,
    weekdays=("mon", "wed", "fri"),
)
SECOND = dt.timedelta(seconds=1)


def berlin(day, hour, minute=0, second=0, month=7):
    return dt.datetime(2026, month, day, hour, minute, second, tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("moment", "opens_at"),
    [
        (berlin(29, 12, month=6), berlin(1, 9)),  # two days before the first
        (berlin(1, 8, 59, 59), berlin(1, 9)),
        (berlin(1, 9), berlin(1, 9)),
        (berlin(1, 19, 59, 59), berlin(1, 19, 59, 59)),
        (berlin(1, 20), berlin(3, 9)),  # Thursday is no day
        (berlin(2, 12), berlin(3, 9)),
        (berlin(3, 20), berlin(6, 9)),  # over the weekend
        (berlin(8, 19, 59, 59), berlin(8, 19, 59, 59)),
        (berlin(8, 20), None),
        (berlin(9, 10), None),
    ],
)
def test_the_next_opening_by_hand(moment, opens_at):
    assert first_in_window(OFFICE, moment, BERLIN) == opens_at


def test_midnight_is_the_end_of_the_last_hour():
    late = SendingWindow(from_hour=22, end_date=dt.date(2026, 7, 1))
    assert first_in_window(late, berlin(1, 23, 59, 59), BERLIN) == berlin(1, 23, 59, 59)
    assert first_in_window(late, berlin(2, 0), BERLIN) is None
    assert first_in_window(SendingWindow(from_hour=22), berlin(2, 0), BERLIN) == berlin(2, 22)


def test_an_hour_that_is_jumped_over_does_not_open_and_one_repeated_opens_twice():
    sundays = SendingWindow(from_hour=2, to_hour=3, weekdays=("sun",))
    spring = dt.datetime(2026, 3, 28, 12, tzinfo=BERLIN)
    assert first_in_window(sundays, spring, BERLIN) == dt.datetime(2026, 4, 5, 2, tzinfo=BERLIN)
    night = SendingWindow(from_hour=2, to_hour=4, weekdays=("sun",))
    assert first_in_window(night, spring, BERLIN) == dt.datetime(2026, 3, 29, 1, tzinfo=dt.UTC)
    autumn = dt.datetime(2026, 10, 25, 0, 59, 59, tzinfo=dt.UTC)  # 02:59:59, for the first time
    assert first_in_window(sundays, autumn, BERLIN) == autumn
    assert first_in_window(sundays, autumn + SECOND, BERLIN) == autumn + SECOND


@pytest.mark.parametrize(
    "zone",
    ["Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Beirut", "Africa/Cairo"],
)
def test_the_next_opening_is_that_of_a_search_minute_by_minute(zone):
    zone, rng = ZoneInfo(zone), np.random.default_rng(5)
    windows = [
        SendingWindow(from_hour=start, to_hour=end, weekdays=days)
        for (start, end), days in itertools.product(
            [(0, 1), (0, 24), (1, 3), (2, 3), (23, 24)], [("sun", "fri"), ("sat", "thu", "mon")]
        )
    ]
    days = [(3, 6), (3, 27), (4, 3), (4, 22), (10, 2), (10, 23), (10, 30)]  # before changes
    changes = [dt.datetime(2026, *day, 12, tzinfo=dt.UTC) for day in days]
    for window, start in itertools.product(windows, changes):
        moment = start + dt.timedelta(minutes=int(rng.integers(0, 1440)))
        minutes = (moment + dt.timedelta(minutes=k) for k in range(8 * 1440))
        slow = next(at for at in minutes if window.is_open_at(at.astimezone(zone)))
        assert first_in_window(window, moment, zone) == slow, (window, moment)


def test_several_zones_must_all_be_open_and_may_never_be():
    day = SendingWindow(from_hour=9, to_hour=18)
    found = judge_window(day, dt.datetime(2026, 7, 1, 3, tzinfo=dt.UTC), (BERLIN, TOKYO))
    assert (found.state, found.until) == (State.DEFERRED, dt.datetime(2026, 7, 1, 7, tzinfo=dt.UTC))
    morning = SendingWindow(from_hour=9, to_hour=12)
    found = judge_window(morning, berlin(1, 9), (BERLIN, TOKYO))
    assert (found.state, found.until) == (State.SUPPRESSED, None)


@pytest.fixture
def enter(ledger, campaign):
    """Plan a message for each zone, in a campaign with a window."""

    def build(window, zones, purpose="marketing"):
        frame = pd.DataFrame({"customer_id": [f"c{i}" for i in range(len(zones))]})
        contact = {"email": frame["customer_id"] + "@example.com", "time_zone": zones}
        record_people(ledger, frame.assign(first_name="A", last_name="B", **contact))
        said = {"source": "form", "wording": "Yes.", "recorded_at": SAID_AT, "is_granted": True}
        record_consents(ledger, frame.assign(channel="email", purpose=purpose, **said))
        drawn = frame.assign(campaign_id="spring", action="coupon", pscore=0.5, salt="s")
        record_assignments(ledger, drawn.assign(policy_version="1", decided_at=SAID_AT))
        planned = Campaign.model_validate(campaign.model_dump() | {"sending": window})
        enter_window(ledger, planned)
        keys = [message_key("spring", 1, key, "email") for key in frame["customer_id"]]
        content = {"subject": "s", "html": "h", "text": "t"}
        messages = drawn.assign(message_key=keys, step=1, channel="email", **content)
        plan_messages(ledger, sealed(messages), purpose)
        return planned

    return build


def claim(ledger, moment):
    return claim_messages(ledger, "a", "spring", "email", find_denials, moment)


def reasons(ledger):
    return sorted(read_transitions(ledger, "spring")["reason"].dropna())


def due_in(ledger, before):
    """Waits of what is put off, from a moment on the ledger's clock."""
    with ledger.read() as connection:
        query = text("SELECT next_at FROM messages WHERE state = 'DEFERRED'")
        return [
            pd.Timestamp(at, tz="UTC") - pd.Timestamp(before) for at in connection.scalars(query)
        ]


def test_each_waits_for_the_opening_where_they_are(ledger, enter):
    enter(OFFICE.model_dump(), ["Europe/Berlin", "Asia/Tokyo", "America/New_York"])
    before = ledger.now()
    claims, denied = claim(ledger, berlin(1, 9))  # 16:00 in Tokyo, 03:00 in New York
    assert {row.customer_id for row in claims} == {"c0", "c1"}
    assert denied == {State.DEFERRED: 1}
    (wait,) = due_in(ledger, before)
    assert pd.Timedelta(hours=6) <= wait < pd.Timedelta(hours=6, minutes=1)
    assert reasons(ledger) == ["outside sending window"]


@pytest.mark.parametrize(
    ("moment", "state"),
    [
        (berlin(1, 9) - SECOND, State.DEFERRED),
        (berlin(1, 9), None),
        (berlin(1, 19, 57, 59), None),
        (berlin(1, 19, 58), State.DEFERRED),  # the claim may be used until 20:00
        (berlin(8, 19, 57, 59), None),
        (berlin(8, 19, 58), State.CANCELLED),
        (berlin(8, 20), State.CANCELLED),
        (berlin(20, 12), State.CANCELLED),
    ],
)
def test_the_claim_keeps_the_window_to_the_second(ledger, enter, moment, state):
    enter(OFFICE.model_dump(), ["Europe/Berlin"])
    claims, denied = claim(ledger, moment)
    assert len(claims) == (state is None)
    assert dict(denied) == ({state: 1} if state else {})


def test_the_last_moment_is_each_recipients_own(ledger, enter):
    enter(OFFICE.model_dump(), ["Asia/Tokyo", "Europe/Berlin", "America/New_York"])
    claims, denied = claim(ledger, berlin(8, 19))
    assert {row.customer_id for row in claims} == {"c1", "c2"}
    assert denied == {State.CANCELLED: 1}
    assert reasons(ledger) == ["sending window over"]


@pytest.mark.parametrize(
    ("shop_zones", "n_claims"), [([], 1), (["Europe/Berlin"], 1), (["Asia/Tokyo"], 0)]
)
def test_without_a_zone_the_shops_count_and_else_utc(ledger, enter, shop_zones, n_claims):
    enter(OFFICE.model_dump(), ["Nowhere/Else"])
    if shop_zones:
        policy = ContactPolicy.model_validate({"shop_zones": shop_zones})
        set_contact_policy(ledger, "spring", policy)
    claims, _ = claim(ledger, dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC))  # 21:00 in Tokyo
    assert len(claims) == n_claims


def test_the_window_holds_for_every_purpose_and_quiet_hours_do_not(ledger, enter):
    enter(OFFICE.model_dump(), ["Europe/Berlin"], purpose="transactional")
    quiet = {"quiet_hours": {"start": "09:00", "end": "12:00"}}
    set_contact_policy(ledger, "spring", ContactPolicy.model_validate(quiet))
    assert claim(ledger, berlin(1, 8))[1] == {State.DEFERRED: 1}
    with ledger.write() as connection:
        connection.execute(text("UPDATE messages SET next_at = '2020-01-01 00:00:00'"))
    assert len(claim(ledger, berlin(1, 10))[0]) == 1


def test_a_wait_beyond_the_last_opening_is_called_off(ledger, enter):
    enter(OFFICE.model_dump(), ["Europe/Berlin"])
    quiet = {"quiet_hours": {"start": "18:00", "end": "08:00"}}
    set_contact_policy(ledger, "spring", ContactPolicy.model_validate(quiet))
    assert claim(ledger, berlin(8, 18))[1] == {State.CANCELLED: 1}
    assert reasons(ledger) == ["sending window ends before: quiet hours"]


def test_a_wait_that_ends_within_the_window_stays_a_wait(ledger, enter):
    enter(OFFICE.model_dump(), ["Europe/Berlin"])
    quiet = {"quiet_hours": {"start": "18:00", "end": "08:00"}}
    set_contact_policy(ledger, "spring", ContactPolicy.model_validate(quiet))
    assert claim(ledger, berlin(6, 18))[1] == {State.DEFERRED: 1}
    assert reasons(ledger) == ["quiet hours"]


def test_an_opening_after_the_campaign_has_expired_is_called_off(ledger, enter):
    enter(OFFICE.model_dump(), ["Europe/Berlin"])
    set_limits(ledger, "spring", expires_at=berlin(2, 0))
    assert claim(ledger, berlin(1, 20))[1] == {State.CANCELLED: 1}
    assert reasons(ledger) == ["campaign expires before: outside sending window"]


def test_while_it_is_closed_caps_and_money_are_not_asked(ledger, enter):
    enter(OFFICE.model_dump(), ["Europe/Berlin"])
    set_limits(ledger, "spring", budget_value=0.0)
    assert claim(ledger, berlin(29, 12, month=6))[1] == {State.DEFERRED: 1}


def test_the_same_window_changes_nothing_and_another_needs_new_approvals(ledger, enter):
    planned = enter(OFFICE.model_dump(), ["Europe/Berlin"] * 3)
    set_limits(ledger, "spring", approval_above=0)
    for who in ("ann", "ben"):
        approve(ledger, "spring", who)
    enter_window(ledger, planned)
    assert check_approved(ledger, "spring").is_given
    enter_window(ledger, planned.model_copy(update={"sending": SendingWindow(from_hour=7)}))
    with ledger.read() as connection:
        kept = connection.scalar(text("SELECT sending_window FROM campaigns"))
    assert parse_window(kept) == SendingWindow(from_hour=7)
    with pytest.raises(Exception, match="approv"):
        check_approved(ledger, "spring")


def test_a_window_that_is_always_open_is_none(ledger, enter):
    enter({}, ["Nowhere/Else"])
    with ledger.read() as connection:
        assert connection.scalar(text("SELECT sending_window FROM campaigns")) is None
    assert len(claim(ledger, berlin(1, 3))[0]) == 1
    assert parse_window(None) is None
