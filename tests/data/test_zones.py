import datetime as dt
from zoneinfo import ZoneInfo

import ibis
import pandas as pd
import pytest

from src.data.zones import clock_changes, clocks_to_utc, zone_days
from src.engine import connect


def _to_utc(clock_times, time_zone):
    table = ibis.memtable(pd.DataFrame({"at": pd.to_datetime(clock_times)}))
    table = table.mutate(at=table["at"].cast("timestamp(6)"), row=ibis.row_number())
    found = connect().to_pandas(clocks_to_utc(table, ["at"], time_zone).order_by("row"))
    return found["at"].dt.tz_convert("UTC").tolist()


@pytest.mark.parametrize(
    ("clock", "time_zone", "utc"),
    [
        ("2024-01-15 12:00", "Europe/Berlin", "2024-01-15 11:00"),
        ("2024-07-15 12:00", "Europe/Berlin", "2024-07-15 10:00"),
        ("2024-03-31 01:59", "Europe/Berlin", "2024-03-31 00:59"),
        ("2024-03-31 03:00", "Europe/Berlin", "2024-03-31 01:00"),
        ("2024-03-31 02:30", "Europe/Berlin", "2024-03-31 01:30"),  # never shown: counted on
        ("2024-10-27 02:30", "Europe/Berlin", "2024-10-27 00:30"),  # shown twice: the first
        ("2024-10-27 03:00", "Europe/Berlin", "2024-10-27 02:00"),
        ("2024-07-15 12:00", "Asia/Kolkata", "2024-07-15 06:30"),
        ("2017-12-31 23:01", "America/New_York", "2018-01-01 04:01"),
        ("2024-07-15 12:00", "Etc/UTC", "2024-07-15 12:00"),
    ],
)
def test_clock_times_become_moments(clock, time_zone, utc):
    assert _to_utc([clock], time_zone) == [pd.Timestamp(utc, tz="UTC")]


@pytest.mark.parametrize("time_zone", ["America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Tehran"])
def test_every_day_agrees_with_the_standard_library(time_zone):
    days = pd.date_range("2000-01-01 12:00", "2030-01-01", freq="97h")
    zone = ZoneInfo(time_zone)
    expected = [day.to_pydatetime().replace(tzinfo=zone).astimezone(dt.UTC) for day in days]
    assert _to_utc(days, time_zone) == expected


def test_a_zone_without_changes_has_one_spell():
    assert clock_changes("Asia/Kolkata")["minutes"].tolist() == [330]


def test_days_know_the_change_of_their_clock():
    days = zone_days("Europe/Berlin").set_index("zone_day")
    spring = days.loc[dt.date(2024, 3, 31)]
    assert spring["changes_at"] == pd.Timestamp("2024-03-31 03:00")
    assert (spring["minutes_before"], spring["minutes_after"]) == (60, 120)
    plain = days.loc[dt.date(2024, 4, 1)]
    assert (plain["minutes_before"], plain["minutes_after"]) == (120, 120)


def test_years_outside_the_calendar_take_its_ends():
    found = _to_utc(["1970-01-01 12:00", "2050-07-01 12:00"], "Europe/Berlin")
    assert [time.hour for time in found] == [11, 11]
