import datetime as dt

import ibis
import pytest

from src.data.bots import is_bot_agent
from src.data.clean import clean_events
from src.errors import ParameterError

NOON = dt.datetime(2024, 3, 1, 12, tzinfo=dt.UTC)


def events(n, customer="c", session="s", kind="view", at=NOON, seconds=1.0, agent=None):
    return [
        {
            "customer_id": customer,
            "session_id": session,
            "event_type": kind,
            "event_at": at + dt.timedelta(seconds=i * seconds),
            "user_agent": agent,
        }
        for i in range(n)
    ]


@pytest.fixture
def flags(raw_rows):
    """Which of some raw events are flagged, in their order."""

    def flag(*rows, limit=60):
        cleaned = clean_events(raw_rows("events_raw", *rows), limit).to_pandas()
        return cleaned.assign(n=cleaned["event_id"].astype(int)).sort_values("n")["is_bot"].tolist()

    return flag


AGENTS = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": True,
    "Mozilla/5.0 (compatible; bingbot/2.0)": True,
    "Mozilla/5.0 (compatible; Baiduspider/2.0)": True,
    "Mozilla/5.0 (compatible; Yahoo! Slurp)": True,
    "Mozilla/5.0 (X11; Linux x86_64) HeadlessChrome/120.0.0.0 Safari/537.36": True,
    "python-requests/2.31.0": True,
    "curl/8.4.0": True,
    "Wget/1.21": True,
    "Pingdom.com_bot_version_1.4": True,
    "StatusCake monitor": True,
    "BOT": True,
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0 Safari/537.36": False,
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) Version/17.2 Safari/604.1": False,
    "Mozilla/5.0 (Linux; Android 9; CUBOT_X18_Plus) Chrome/74.0 Mobile Safari/537.36": False,
    "": False,
    None: False,
}


@pytest.mark.parametrize(("agent", "is_bot"), AGENTS.items())
def test_an_agent_is_told_by_its_own_words(agent, is_bot):
    assert is_bot_agent(ibis.literal(agent, "string")).execute() == is_bot


def test_one_event_more_than_the_limit_makes_a_program_of_that_minute(flags):
    assert flags(*events(60)) == [False] * 60
    assert flags(*events(61, seconds=0.9)) == [True] * 61


def test_minutes_are_judged_apart(flags):
    # 3 in the first minute and 2 in the next, though all within half a minute
    rows = events(5, at=NOON + dt.timedelta(seconds=45), seconds=6)
    assert flags(*rows, limit=2) == [True, True, True, False, False]


def test_visits_and_customers_are_counted_apart(flags):
    rows = [*events(2), *events(2, session="t"), *events(2, customer="d"), *events(2, session=None)]
    assert flags(*rows, limit=2) == [False] * 8
    assert flags(*rows, *events(1, session=None), limit=2) == [False] * 6 + [True] * 3


def test_coupons_and_purchases_neither_count_nor_are_flagged_by_speed(flags):
    bought = [*events(9, kind="coupon_redeemed"), *events(9, kind="purchase")]
    assert flags(*bought, *events(2), limit=2) == [False] * 20
    assert flags(*bought, *events(3), limit=2) == [False] * 18 + [True] * 3


def test_what_calls_itself_a_program_is_flagged_whatever_it_does(flags):
    assert flags(*events(1, kind="purchase", agent="curl/8"), limit=2) == [True]


def test_no_limit_flags_by_words_alone(flags):
    assert flags(*events(100), *events(1, agent="AhrefsBot"), limit=0) == [False] * 100 + [True]


def test_no_event_is_lost_or_repeated_by_the_flags(flags):
    assert len(flags(*events(70), *events(70, session=None))) == 140
    assert flags() == []


def test_a_limit_below_zero_is_refused(flags):
    with pytest.raises(ParameterError, match=r"0 \(no limit\) or more, found -1"):
        flags(limit=-1)
