"""Campaigns that are planned already, so that a check can start with sending."""

import pytest

from src.send import run_clock


@pytest.fixture
def clock():
    return run_clock("campaign", "2024-01-31")
