"""Senders killed at random moments, on three databases, against two servers: the quick tier."""

import pytest

from tests.reliability.checker import COUNTERS, History, check
from tests.reliability.kills import SERVERS, kill_at_random

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_kills_at_random_moments_leave_a_ledger_that_tells_the_truth(tmp_path, database, server):
    found = kill_at_random(tmp_path, database, server, n_kills=8, n_customers=300, seed=7)
    assert found["counters"] == dict.fromkeys(COUNTERS, 0)
    assert found["kills"] >= 6
    assert found["most_under_way"] <= found["connections"]
    assert set(found["states"]) <= {"SENT", "FAILED", "SUPPRESSED", "UNKNOWN"}


@pytest.mark.parametrize(
    ("change", "counter"),
    [
        ({"states": {"a": "SENT", "b": "PLANNED"}}, "LOST"),
        ({"states": {"a": "SENT"}}, "LOST"),
        ({"taken": ["a", "a"]}, "DUP"),
        ({"taken": ["a", "z"]}, "GHOST"),
        ({"taken": []}, "FALSE_SENT"),
        ({"taken": ["a", "b"]}, "FALSE_FAIL"),
        ({"begun": [("a@x", 2.0)], "acknowledged": {"a@x": 1.0}}, "AFTER_OPT_OUT"),
        ({"forbidden": {"a": "quiet"}}, "QUIET"),
        ({"forbidden": {"a": "cap"}}, "CAP"),
        ({"forbidden": {"a": "no consent"}}, "SUPPRESSED"),
        ({"under_way": [(5, 4)]}, "UNBOUNDED"),
    ],
    ids=range(11),
)
def test_the_checker_sees_what_it_is_there_for(change, counter):
    sound = {
        "recipients": {"a": "a@x", "b": "b@x"},
        "forbidden": {},
        "states": {"a": "SENT", "b": "FAILED"},
        "taken": ["a"],
    }
    assert set(check(History(**sound)).values()) == {0}
    found = check(History(**sound | change))
    assert found.pop(counter) == 1
    assert set(found.values()) <= {0, 1}
