"""A sender stopped at every named point, at its first, middle and last call and at a batch edge.

After each a second sender finishes the campaign, and the checker holds the ledger against the
journal of the server, which runs in another process and knows nothing of ours.
"""

from collections import Counter
import signal
import sqlite3
from types import SimpleNamespace

import pytest

from src.ledger import open_ledger
from src.ledger.retries import RetryRules, set_rules
from tests.reliability.campaigns import hold_some_back, plan_campaign
from tests.reliability.checker import COUNTERS, History, check
from tests.reliability.copies import copy_ledger
from tests.reliability.grounds import CLOCK, Ground
from tests.reliability.points import POINTS, POSITIONS, STEPS, Stop, count_calls, index_of
from tests.reliability.sinks import start_sink

pytestmark = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

N_CUSTOMERS = 30
FAULTS = {3: "rcpt:550", 5: "dot:452", 13: "drop:data", 16: "dot:554", 21: "fin:+", 24: "rst:-"}
BAD_ADDRESS = 6


@pytest.fixture(scope="module")
def planned(tmp_path_factory):
    """A campaign planned once, copied for each cell, and the calls of an undisturbed sender."""
    folder = tmp_path_factory.mktemp("planned")
    with open_ledger(folder) as ledger:
        plan = plan_campaign(ledger, N_CUSTOMERS, bad={BAD_ADDRESS: "nobody"})
        hold_some_back(ledger, plan, CLOCK())
        soon = {"first_seconds": 0.001, "cap_seconds": 0.001, "multiplier": 1.0}
        set_rules(ledger, "spring", RetryRules(**soon))
    addresses = list(plan.recipients.values())
    rules = {"recipients": {addresses[i]: [fault] for i, fault in FAULTS.items()}}
    quiet = tmp_path_factory.mktemp("quiet")
    copy_ledger(folder / "ledger", quiet / "ledger")
    with start_sink(quiet / "sink", rules) as sink:
        counted = count_calls(Ground(quiet, "", sink.port, batch_rows=8), quiet / "calls.json")
    return SimpleNamespace(folder=folder, plan=plan, rules=rules, counted=counted)


def history_of(ground, plan, sink):
    begun = [
        (recipient, event["at"])
        for event in sink.events("data")
        for recipient in event["recipients"]
    ]
    return History(
        recipients=plan.recipients,
        forbidden=plan.forbidden,
        states=ground.states(),
        taken=sink.keys(),
        begun=begun,
        acknowledged=ground.acknowledged,
        under_way=ground.under_way,
    )


def finish(ground, n_passes=6):
    """Send until only what is UNKNOWN, or has ended, is left."""
    for _ in range(n_passes):
        ground.deliver()
        open_states = {"PLANNED", "CLAIMED", "TRANSMITTING", "DEFERRED", "RESOLVED_NOT_SENT"}
        if not open_states & ground.states(is_counting=True).keys():
            return


def test_there_are_enough_points_and_each_step_is_really_taken(planned):
    assert len(POINTS) >= 40
    assert min(planned.counted["calls"].values()) >= 1
    cells = {
        (point, index_of(planned.counted, point.partition(" ")[2], position))
        for point in POINTS
        for position in POSITIONS
    }
    assert len(cells) >= 160
    assert set(planned.counted["calls"]) == set(STEPS)


@pytest.mark.parametrize("point", POINTS)
def test_a_kill_at_this_point_loses_nothing_and_doubles_nothing(tmp_path, planned, point):
    step = point.partition(" ")[2]
    indices = {index_of(planned.counted, step, position) for position in POSITIONS}
    for index in sorted(indices):
        run = tmp_path / str(index)
        copy_ledger(planned.folder / "ledger", run / "ledger")
        with start_sink(run / "sink", planned.rules) as sink:
            ground = Ground(run, "", sink.port, batch_rows=8)
            child, pipe = ground.fork(Stop(point, index).install)
            code = ground.bury(child, pipe)
            # calls after a fork may differ by a few: replies come together or one by one
            assert code == -signal.SIGKILL or index > 0
            finish(ground)
            counters = check(history_of(ground, planned.plan, sink))
        assert counters == dict.fromkeys(COUNTERS, 0), (point, index)
        states = ground.states(is_counting=True)
        held = Counter(planned.plan.forbidden.values())
        assert states["SUPPRESSED"] == held["no consent"] + held["cap"]
        assert states["CANCELLED"] == held["quiet"]
        assert states["UNKNOWN"] <= ground.n_connections + 2  # and two that the server hid


@pytest.mark.parametrize("point", ["note refusals", "turn over"])
def test_a_refusal_and_what_it_says_of_the_mailbox_are_written_together(tmp_path, planned, point):
    """Whenever the sender stops, who was refused for good is not written to again."""
    with open_ledger(tmp_path / "planned") as ledger:
        plan = plan_campaign(ledger, 12, is_refusing=lambda _: False)
    gone = sorted(plan.recipients.values())[::3]
    cells = [(when, index) for when in ("before", "after") for index in range(4)]
    n_killed = 0
    for when, index in cells:
        run = tmp_path / f"{when} {index}"
        copy_ledger(tmp_path / "planned" / "ledger", run / "ledger")
        with start_sink(
            run / "sink", {"recipients": {one: ["rcpt:550"] * 9 for one in gone}}
        ) as sink:
            ground = Ground(run, "", sink.port, batch_rows=8)
            n_killed += ground.bury(*ground.fork(Stop(f"{when} {point}", index).install)) < 0
            finish(ground)
        with sqlite3.connect(run / "ledger" / "ledger.db") as connection:
            failed = "SELECT message_key FROM messages WHERE state = 'FAILED'"
            noted = "SELECT message_key FROM feedback WHERE kind = 'hard'"
            pairs = [sorted(connection.execute(text).fetchall()) for text in (failed, noted)]
            unknown = "SELECT count(*) FROM messages WHERE state = 'UNKNOWN'"
            n_unknown = connection.execute(unknown).fetchone()[0]
        connection.close()
        assert pairs[0] == pairs[1]
        assert len(pairs[0]) + n_unknown >= len(gone)
    assert n_killed >= 6
