"""Profit to the cent."""

import numpy as np
import pytest

from src.metrics.profit import profit_minor


@pytest.mark.parametrize(
    ("revenue", "discount", "margin_share", "expected"),
    [
        (10_000, 0, 0.25, 2_500),  # a quarter of 100.00
        (9_000, 1_000, 0.25, 1_500),  # goods of 100.00 at 10 % off: 25.00 - 10.00
        (3_500, 500, 0.10, -100),  # goods of 40.00 with 5 off: 4.00 - 5.00, a loss
        (0, 0, 0.25, 0),
        (1_234_567, 0, 0.25, 308_642),  # 3,086.4175, to the cent
        (1_000, 0, 0.0, 0),
    ],
    ids=["plain", "share off", "amount off", "nothing bought", "rounded", "no margin"],
)
def test_profit_by_hand(revenue, discount, margin_share, expected):
    assert profit_minor(np.array([revenue]), np.array([discount]), margin_share) == expected
