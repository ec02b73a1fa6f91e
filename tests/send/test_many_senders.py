"""Eight senders on one ledger, leases that run out under them, one frozen: nobody gets two."""

from collections import Counter
import datetime as dt
import os
import random
import signal
import time

import pandas as pd
import pytest

from src.ledger import (
    approve,
    count_states,
    message_key,
    open_ledger,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
)
from src.ledger.queue import Ending, claim_messages, finish_attempts, turn_over
from src.ledger.recovery import recover
from src.ledger.senders import sending
from src.ledger.states import TERMINAL, State
from src.send.policy import find_denials
from tests.ledger.databases import KINDS, server_ledgers
from tests.ledger.sealing import sealed

N_SENDERS = 8
N_ROWS = 20_000 if os.environ.get("CAMPANILE_RELIABILITY") == "full" else 2_000
LEASE_SECONDS = 1.0
FROZEN_SECONDS = 2.5
HANDING_OVER_SECONDS = 0.005
"""A server takes time for a group; without, the sender that has the lock takes it again at once."""
NAMES = ("spring", "email")
SAID_AT = pd.Timestamp("2024-01-01T08:00:00Z")


@pytest.fixture(params=KINDS)
def url(request, tmp_path):
    if request.param == "sqlite":
        yield ""
        return
    with server_ledgers(request.param, tmp_path) as url:
        yield url


def fill(ledger):
    """Plan one message each, approved by two, since they go to a channel that may reach people."""
    frame = pd.DataFrame({"customer_id": [f"c{k:05d}" for k in range(N_ROWS)]})
    record_people(
        ledger,
        frame.assign(first_name="A", last_name="B", email=frame["customer_id"] + "@x.example"),
    )
    said = {"source": "form", "wording": "Yes.", "recorded_at": SAID_AT, "is_granted": True}
    record_consents(ledger, frame.assign(channel="email", purpose="marketing", **said))
    drawn = frame.assign(campaign_id="spring", action="coupon", pscore=0.5, salt="s")
    record_assignments(ledger, drawn.assign(policy_version="1", decided_at=SAID_AT))
    keys = [message_key("spring", 1, key, "email") for key in frame["customer_id"]]
    content = {"subject": "s", "html": "h", "text": "t"}
    messages = drawn.assign(message_key=keys, step=1, channel="email", **content)
    plan_messages(ledger, sealed(messages))
    for name in ("ann", "ben"):
        approve(ledger, "spring", name)
    return set(keys)


def work(folder, url, number):
    """Send until nothing is left: a journal takes each key the moment it is handed over."""
    chance = random.Random(number)
    path = folder / f"journal-{number}"
    journal = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    with open_ledger(folder, url) as ledger, sending(ledger) as sender:
        wait_for_all(folder, number)
        while True:
            recover(ledger, *NAMES)
            claims, denied = claim_messages(
                ledger, sender, *NAMES, find_denials, now(), 128, LEASE_SECONDS
            )
            endings = {}
            for start in range(0, len(claims), 16):
                if chance.random() < 0.01:
                    time.sleep(LEASE_SECONDS * 1.2)  # the lease of the rest runs out
                group = claims[start : start + 16]
                _, begun = turn_over(ledger, endings, group, "journal", now(), LEASE_SECONDS)
                if chance.random() < 0.005:
                    time.sleep(LEASE_SECONDS * 1.2)  # begun, and declared unknown meanwhile
                for row in begun:
                    os.write(journal, f"{row.message_key}\n".encode())
                time.sleep(HANDING_OVER_SECONDS)
                endings = {row: Ending(State.SENT) for row in begun}
            finish_attempts(ledger, endings)
            if not claims and not denied and not _count_open(ledger):
                return
            if not claims:
                time.sleep(0.05)


def wait_for_all(folder, number):
    """Begin together, so that on a busy machine the first does not do the work of all."""
    (folder / f"ready-{number}").touch()
    deadline = time.monotonic() + 60
    while len(list(folder.glob("ready-*"))) < N_SENDERS and time.monotonic() < deadline:
        time.sleep(0.002)


def now():
    return dt.datetime.now(dt.UTC)


def _count_open(ledger):
    states = count_states(ledger, "spring")
    return sum(n for state, n in states.items() if state not in TERMINAL | {State.UNKNOWN})


def run_child(*arguments):
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work(*arguments)
            code = 0
        finally:
            os._exit(code)
    return child


def freeze_one(folder, child, number):
    """Stop a sender in the middle of its work until its lease is long over."""
    path, deadline = folder / f"journal-{number}", time.monotonic() + 60
    while (not path.exists() or path.stat().st_size < 65 * 40) and time.monotonic() < deadline:
        time.sleep(0.002)
    os.kill(child, signal.SIGSTOP)
    try:
        time.sleep(FROZEN_SECONDS)
    finally:
        os.kill(child, signal.SIGCONT)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.timeout(600)
def test_eight_senders_send_each_message_once(tmp_path, url, record_property):
    with open_ledger(tmp_path, url) as ledger:
        planned = fill(ledger)
    started = time.monotonic()
    children = [run_child(tmp_path, url, number) for number in range(N_SENDERS)]
    freeze_one(tmp_path, children[3], 3)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    seconds = time.monotonic() - started
    shares = [(tmp_path / f"journal-{k}").read_text().split() for k in range(N_SENDERS)]
    taken = Counter(key for share in shares for key in share)
    with open_ledger(tmp_path, url) as ledger, ledger.read() as connection:
        rows = connection.exec_driver_sql("SELECT message_key, state FROM messages").all()
    state_of = {key: State(state) for key, state in rows}
    sent = {key for key, state in state_of.items() if state == State.SENT}
    unknown = {key for key, state in state_of.items() if state == State.UNKNOWN}
    counters = {
        "LOST": len(planned - sent - unknown),
        "DUP": sum(n > 1 for n in taken.values()),
        "GHOST": len(taken.keys() - planned),
        "FALSE_SENT": len(sent - taken.keys()),
        "FALSE_FAIL": len(taken.keys() - sent - unknown),
    }
    record_property("counts", f"{counters}, {len(unknown)} unknown, {seconds:.1f} s")
    assert codes == [0] * N_SENDERS
    assert counters == dict.fromkeys(counters, 0)
    assert sum(len(share) > 0 for share in shares) >= 4
    assert len(unknown) <= N_ROWS // 10
    assert state_of.keys() == planned
