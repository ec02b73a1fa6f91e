"""What all tests share: keys of their own, and the figures drawn off screen."""

import os
from pathlib import Path

import matplotlib
import pytest

from src.keys import KEYS_VARIABLE

matplotlib.use("Agg")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory):
    """Keep the user's keys out of reach of the tests."""
    os.environ[KEYS_VARIABLE] = str(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data for tests is not beside the project")
    return SHARED_DATA
