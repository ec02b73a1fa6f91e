"""Quiet hours: every zone, every change of its clock, every edge, against a table of offsets."""

import datetime as dt
from zoneinfo import ZoneInfo, available_timezones

import numpy as np
import pytest

from src.send.quiet_hours import QuietHours, find_zone

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
FIRST = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
LAST = dt.datetime(2031, 1, 1, tzinfo=dt.UTC)
ZONES = sorted(available_timezones() - {"Factory", "localtime"})
WINDOWS = [
    QuietHours(dt.time(21), dt.time(8)),
    QuietHours(dt.time(2, 15), dt.time(2, 45)),  # inside the hour that clocks jump over
    QuietHours(dt.time(1, 30), dt.time(3)),
    QuietHours(dt.time(22, 30), dt.time(0, 30)),
]
DAY, HOUR = 86_400, 3_600


def seconds_of(moment):
    return (moment - EPOCH) // dt.timedelta(seconds=1)


def moment_of(seconds):
    return EPOCH + dt.timedelta(seconds=int(seconds))


def offset_at(zone, seconds):
    return int(moment_of(seconds).astimezone(zone).utcoffset().total_seconds())


def offset_table(zone):
    """Starts of constant offsets, found by halving: it uses neither folds nor local times."""
    starts, offsets = [seconds_of(FIRST) - 7 * DAY], [offset_at(zone, seconds_of(FIRST) - 7 * DAY)]
    for step in range(starts[0], seconds_of(LAST) + 7 * DAY, 7 * DAY):
        low, high = step, step + 7 * DAY
        while offset_at(zone, high) != offsets[-1]:
            low = max(low, starts[-1])
            top = high
            while top - low > 1:
                middle = (low + top) // 2
                if offset_at(zone, middle) == offsets[-1]:
                    low = middle
                else:
                    top = middle
            starts.append(top)
            offsets.append(offset_at(zone, top))
            low = top
    return np.array(starts), np.array(offsets)


def quiet_by_table(table, window, seconds):
    starts, offsets = table
    seconds = np.asarray(seconds)
    clock = (seconds + offsets[np.searchsorted(starts, seconds, "right") - 1]) % DAY
    start, end = (t.hour * HOUR + t.minute * 60 for t in (window.start, window.end))
    if start <= end:
        return (clock >= start) & (clock < end)
    return (clock >= start) | (clock < end)


def edges(table, window):
    """Seconds around every change of a clock, and around both ends of the window near it."""
    starts, offsets = table
    near = []
    for change in (*starts[1:], seconds_of(FIRST) + 200 * DAY):
        near += [change + d for d in (-1, 0, 1)]
        for offset in set(offsets):
            midnight = change - (change + offset) % DAY
            for clock in (window.start, window.end):
                edge = midnight + clock.hour * HOUR + clock.minute * 60
                near += [edge + day * DAY + d for day in (-1, 0, 1) for d in (-1, 0, 1)]
    return sorted(set(near))


def test_600_zones_by_every_change_of_their_clocks(record_property):
    n_checked = n_changes = n_violations = 0
    seen = {}
    for name in ZONES:
        zone = ZoneInfo(name)
        table = offset_table(zone)
        n_changes += len(table[0]) - 1
        for window in WINDOWS:
            moments = edges(table, window)
            same = (tuple(table[0]), tuple(table[1]), window)  # zones that are links of others
            quiet = quiet_by_table(table, window, moments)
            if same in seen:
                found = seen[same]
            else:
                found = [
                    check(window, zone, table, m, q) for m, q in zip(moments, quiet, strict=True)
                ]
                seen[same] = found
            n_checked += len(found)
            n_violations += sum(found)
    record_property(
        "counts",
        f"{len(ZONES)} zones, {n_changes} changes, {n_checked} edges, {n_violations} violations",
    )
    assert len(ZONES) >= 590
    assert n_changes >= 1_500
    assert n_violations == 0


def check(window, zone, table, seconds, is_quiet):
    """Count a wrong answer, or a wait that ends in a quiet moment, too early or too late."""
    moment = moment_of(seconds)
    if window.is_quiet(moment, zone) != is_quiet:
        return True
    opens_at = window.first_open(moment, zone)
    if not is_quiet:
        return opens_at != moment
    until = seconds_of(opens_at)
    before = np.append(np.arange(seconds, until, 60), until - 1)
    return bool(
        quiet_by_table(table, window, until) or not quiet_by_table(table, window, before).all()
    )


def test_the_table_would_notice_a_clock_that_ignores_summer_time():
    zone, window = ZoneInfo("Europe/Berlin"), WINDOWS[0]
    starts, offsets = offset_table(zone)
    winter = (starts, np.full_like(offsets, offsets[0]))
    moments = edges((starts, offsets), window)
    wrong = [
        window.is_quiet(moment_of(m), zone) != quiet_by_table(winter, window, m) for m in moments
    ]
    assert sum(wrong) > 0


@pytest.mark.parametrize(
    ("at", "opens"),
    [
        ("2026-03-29T00:30:00+00:00", "2026-03-29T01:00:00+00:00"),  # 01:30, then 03:00 at once
        ("2026-03-28T01:20:00+00:00", "2026-03-28T01:45:00+00:00"),
        ("2026-10-25T00:20:00+00:00", "2026-10-25T00:45:00+00:00"),  # the first 02:20
        ("2026-10-25T01:20:00+00:00", "2026-10-25T01:45:00+00:00"),  # and the second
    ],
)
def test_by_hand_in_berlin(at, opens):
    window = QuietHours(dt.time(1, 15), dt.time(2, 45))
    zone = ZoneInfo("Europe/Berlin")
    assert window.first_open(dt.datetime.fromisoformat(at), zone).isoformat() == opens


def test_several_zones_must_all_be_open():
    window = QuietHours(dt.time(21), dt.time(8))
    coasts = [ZoneInfo("America/New_York"), ZoneInfo("America/Los_Angeles")]
    night = dt.datetime(2026, 7, 1, 12, tzinfo=dt.UTC)  # 08:00 in New York, 05:00 in Los Angeles
    assert window.first_open_in_all(night, coasts) == dt.datetime(2026, 7, 1, 15, tzinfo=dt.UTC)
    apart = [ZoneInfo("Pacific/Auckland"), ZoneInfo("Europe/London")]
    narrow = QuietHours(dt.time(13), dt.time(9))  # open 09:00-13:00
    assert narrow.first_open_in_all(night, apart) is None


def test_what_is_no_zone_is_none():
    assert [find_zone(name) for name in ("", "Nowhere/Else", "../etc", "Europe")] == [None] * 4


def test_equal_ends_are_never_quiet():
    window = QuietHours(dt.time(8), dt.time(8))
    assert not window.is_quiet(FIRST, ZoneInfo("UTC"))
