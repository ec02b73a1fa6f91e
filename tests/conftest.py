"""What all tests share: keys of their own, and the figures drawn off screen."""

import os
from pathlib import Path

import matplotlib
import pytest

from src.keys import KEYS_VARIABLE
from src.pipeline import run
from src.tracking import STORE_VARIABLE

matplotlib.use("Agg")

SHARED_DATA = Path(__file__).parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items):
    """Start with the runs: they take longest, and one worker does them all."""
    items.sort(key=lambda item: item.get_closest_marker("xdist_group") is None)


@pytest.fixture(scope="session", autouse=True)
def keys(tmp_path_factory):
    """Keep the user's keys out of reach of the tests."""
    os.environ[KEYS_VARIABLE] = str(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("the real data for tests is not beside the project")
    return SHARED_DATA


@pytest.fixture(scope="session", autouse=True)
def mlflow_store(tmp_path_factory):
    """Keep the user's experiments out of reach of the tests."""
    store = tmp_path_factory.mktemp("mlruns")
    os.environ[STORE_VARIABLE] = str(store)
    return store


@pytest.fixture(scope="session")
def smoke_run(tmp_path_factory, keys, mlflow_store) -> Path:
    """One uninterrupted run of params/smoke.yaml."""
    return run("params/smoke.yaml", str(tmp_path_factory.mktemp("runs") / "smoke"))
