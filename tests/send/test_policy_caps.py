"""Caps: exact at every edge, against a count that looks at every contact."""

import datetime as dt
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from src.send.caps import Cap, Contact, first_within_cap

T0 = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
UTC = ZoneInfo("UTC")
SECOND = dt.timedelta(seconds=1)
CHANNELS = ("email", "sms", "push")


def room(cap, contacts, moment, zone=UTC):
    return first_within_cap(cap, contacts, moment, zone)


def ago(**time):
    return Contact(T0 - dt.timedelta(**time), "email")


def test_a_contact_leaves_the_window_after_exactly_its_length():
    cap = Cap(1, days=7)
    contacts = [ago(days=7)]
    assert room(cap, contacts, T0) == T0
    assert room(cap, contacts, T0 - SECOND) == T0
    assert room(cap, [ago(days=6)], T0) == T0 + dt.timedelta(days=1)


def test_room_is_when_enough_have_left():
    cap = Cap(2, days=7)
    contacts = [ago(days=1), ago(days=3), ago(days=5)]  # three already: two have to leave
    assert room(cap, contacts, T0) == T0 + dt.timedelta(days=4)


def test_only_the_channels_of_the_cap_count():
    cap = Cap(1, days=1, channels=("sms",))
    assert room(cap, [ago(hours=1)], T0) == T0
    assert not cap.counts("email")


def test_a_clock_that_was_put_back_opens_nothing():
    later = Contact(T0 + dt.timedelta(hours=1), "email")
    assert room(Cap(1, days=1), [later], T0) == later.at + dt.timedelta(days=1)


@pytest.mark.parametrize(
    ("calendar", "opens"),
    [
        ("day", "2026-03-02T05:00:00+00:00"),  # midnight of New York in winter
        ("week", "2026-03-02T05:00:00+00:00"),  # 1 March is a Sunday
        ("month", "2026-04-01T04:00:00+00:00"),  # summer time by then
    ],
)
def test_a_period_ends_by_the_recipients_calendar(calendar, opens):
    zone = ZoneInfo("America/New_York")
    found = room(Cap(1, calendar=calendar), [ago(minutes=1)], T0, zone)
    assert found.isoformat() == opens
    assert room(Cap(1, calendar=calendar), [ago(minutes=1)], found, zone) == found
    assert room(Cap(1, calendar=calendar), [ago(minutes=1)], found - SECOND, zone) == found


def test_yesterday_does_not_count_today():
    assert room(Cap(1, calendar="day"), [ago(hours=13)], T0) == T0
    assert room(Cap(1, calendar="day"), [ago(hours=12)], T0) > T0


def local_period(at, calendar, zone):
    day = at.astimezone(zone).date()
    return {"day": day, "week": day.isocalendar()[:2], "month": (day.year, day.month)}[calendar]


def count(cap, sent, moment, zone):
    """Count by the definition, one contact at a time."""
    if cap.calendar:
        now = local_period(moment, cap.calendar, zone)
        inside = [c for c in sent if local_period(c.at, cap.calendar, zone) == now]
    else:
        inside = [c for c in sent if c.at > moment - dt.timedelta(days=cap.days)]
    return sum(cap.counts(c.channel) for c in inside)


CAPS = (
    Cap(2, days=1),
    Cap(4, days=7),
    Cap(1, calendar="day", channels=("sms",)),
    Cap(5, calendar="week"),
    Cap(12, calendar="month"),
)


def test_100_000_events_are_allowed_and_refused_exactly(record_property):
    """2,000 people with 50 wishes each, many on the very edge of a window."""
    random = np.random.default_rng(8)
    zones = [ZoneInfo(n) for n in ("Asia/Kathmandu", "America/New_York", "Pacific/Apia", "UTC")]
    n_events = n_allowed = n_violations = 0
    for person in range(2_000):
        zone = zones[person % len(zones)]
        moment, sent = T0, []
        for _ in range(50):
            moment += dt.timedelta(seconds=int(random.choice([0, 1, HOUR, 6 * HOUR, DAY, 2 * DAY])))
            channel = CHANNELS[random.integers(3)]
            own = [cap for cap in CAPS if cap.counts(channel)]
            opens = [first_within_cap(cap, sent, moment, zone) for cap in own]
            counted = [count(cap, sent, moment, zone) < cap.max_contacts for cap in own]
            n_events += 1
            n_violations += [at <= moment for at in opens] != counted
            if all(counted):
                n_allowed += 1
                sent.append(Contact(moment, channel))
            elif person % 20 == 0:  # to the second: closed just before, open then
                at, cap = max(zip(opens, own, strict=True), key=lambda pair: pair[0])
                n_violations += count(cap, sent, at, zone) >= cap.max_contacts
                n_violations += count(cap, sent, at - SECOND, zone) < cap.max_contacts
    record_property("counts", f"{n_events} events, {n_allowed} allowed, {n_violations} violations")
    assert n_events == 100_000
    assert 20_000 < n_allowed < 80_000
    assert n_violations == 0


HOUR, DAY = 3_600, 86_400
