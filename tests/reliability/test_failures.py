"""Failures of other senders do not happen here; and where one is put in, its scenario sees it."""

import pytest

from tests.reliability.failures import FAILURES

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
IDS = [f"{number} {failure.source}" for number, failure in FAILURES.items()]


@pytest.mark.parametrize("failure", FAILURES.values(), ids=IDS)
def test_it_does_not_happen_here(tmp_path, failure):
    failure.scenario(tmp_path)


@pytest.mark.parametrize("failure", FAILURES.values(), ids=IDS)
def test_its_mutant_dies(tmp_path, monkeypatch, failure):
    failure.mutant(monkeypatch)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        failure.scenario(tmp_path)
