"""The run's clock."""

import datetime as dt

import pytest

from src.errors import ParameterError
from src.send.clock import run_clock


def test_the_campaigns_clock_stands_on_the_next_morning():
    clock = run_clock("campaign", "2017-12-31")
    assert clock() == clock() == dt.datetime(2018, 1, 1, 9, tzinfo=dt.UTC)


def test_the_wall_clock_is_the_real_time():
    before = dt.datetime.now(dt.UTC)
    assert before <= run_clock("wall", "2017-12-31", "live")() <= dt.datetime.now(dt.UTC)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("noon", "2017-12-31"), "campaign or wall"),
        (("campaign", "2017-12-31", "live"), "real time"),
        (("campaign", "31.12.2017"), "ISO date"),
    ],
)
def test_other_clocks_are_refused(arguments, message):
    with pytest.raises(ParameterError, match=message):
        run_clock(*arguments)
