"""Senders killed at random moments, on three databases, against two servers: the quick tier."""

import pytest

from src.ledger import open_ledger
from src.send import deliver
from src.send.channels import MemoryChannel
from src.send.contacts import Contacts
from src.send.zones import Clocks
from tests.reliability.campaigns import CAMPAIGN, hold_some_back, plan_campaign
from tests.reliability.checker import COUNTERS, History, check
from tests.reliability.grounds import CLOCK, Ground
from tests.reliability.kills import SERVERS, kill_at_random

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.mark.parametrize("server", SERVERS)
@pytest.mark.parametrize("database", ["sqlite", "postgresql", "mariadb"])
def test_kills_at_random_moments_leave_a_ledger_that_tells_the_truth(tmp_path, database, server):
    found = kill_at_random(tmp_path, database, server, n_kills=8, n_customers=300, seed=7)
    assert found["counters"] == dict.fromkeys(COUNTERS, 0)
    assert found["kills"] >= 6
    assert found["most_under_way"] <= found["connections"]
    assert set(found["states"]) <= {"SENT", "FAILED", "SUPPRESSED", "CANCELLED", "UNKNOWN"}
    assert found["forbidden"] == {"no consent": 30, "quiet": 30, "cap": 30}


@pytest.mark.parametrize(("lost", "counter"), [("denials", "QUIET"), ("caps", "CAP")])
def test_a_gate_without_hours_or_caps_is_found_out(tmp_path, monkeypatch, lost, counter):
    with open_ledger(tmp_path) as ledger:
        plan = plan_campaign(ledger, 40)
        hold_some_back(ledger, plan, CLOCK())
        if lost == "denials":
            monkeypatch.setattr(Clocks, "denials", lambda *_: iter(()))
        else:
            monkeypatch.setattr(Contacts, "denials", lambda *_: iter(()))
        channel = MemoryChannel()
        deliver(ledger, channel, CAMPAIGN, CLOCK)
    taken = [envelope.message_key for envelope in channel.delivered]
    states = Ground(tmp_path, "", 0).states()
    found = check(History(plan.recipients, plan.forbidden, states, taken))
    assert found == dict.fromkeys(COUNTERS, 0) | {counter: 4}


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
