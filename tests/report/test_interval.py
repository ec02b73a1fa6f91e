import math

import pytest

from src.report.interval import draw_interval


def test_zero_stands_where_the_scale_puts_it():
    bar = draw_interval(-100.0, 0.0, 300.0)
    # the middle 68 % of the width span 400, so zero is at 16 + 68 * 100 / 400 = 33
    assert (bar.lower, bar.zero, bar.estimate, bar.upper) == (16.0, 33.0, 33.0, 84.0)
    assert [text for _, _, text in bar.labels] == ["−100", "300"]


def test_interval_far_from_zero_still_shows_zero_and_shares_one_label():
    bar = draw_interval(1000.0, 1010.0, 1020.0)
    assert bar.zero == 16.0
    assert [(anchor, text) for _, anchor, text in bar.labels] == [("end", "1,000 to 1,020")]


def test_interval_of_nothing_stands_in_the_middle():
    assert draw_interval(0.0, 0.0, 0.0).zero == 50.0


@pytest.mark.parametrize(
    "values",
    [(None, 1.0, 2.0), (math.nan, 1.0, 2.0), (2.0, 1.0, 0.0), ("1", "2", "3")],
    ids=["missing", "not a number", "out of order", "text"],
)
def test_no_drawing_without_an_interval(values):
    assert draw_interval(*values) is None
