"""Opting out while one's message is being sent: nothing after the acknowledgment."""

from concurrent.futures import ThreadPoolExecutor
import datetime as dt
import os
import threading
import time

import httpx
import pytest

from src.keys import read_key
from src.ledger import open_ledger, set_limits
from src.send import deliver
from src.send.channels import SmtpChannel
from src.send.links import LinkKind, make_token
from tests.inbound.server import serving
from tests.reliability.campaigns import CAMPAIGN, plan_campaign
from tests.reliability.checker import COUNTERS, History, check
from tests.reliability.grounds import CLOCK, Ground
from tests.reliability.sinks import smtp_settings, start_sink

N_RACES = 2_000 if os.environ.get("CAMPANILE_RELIABILITY") == "full" else 300
N_THREADS = 4
RIGHT = {"List-Unsubscribe": "One-Click"}


class Racers:
    """Threads that opt people out, in the order in which they are sent to and just about then."""

    def __init__(self, address, plan):
        self.address, self.plan = address, plan
        self.next, self.n_done, self.lock = 0, 0, threading.Lock()
        self.order, self.key = sorted(plan.recipients), read_key("links")
        self.acknowledged, self.refused, self.is_over = {}, [], False

    def run(self):
        today = dt.datetime.now(dt.UTC).date()
        with httpx.Client(base_url=self.address, timeout=60) as client:
            while (index := self._take()) is not None:
                while index > self.n_done + 4 * N_THREADS and not self.is_over:
                    time.sleep(0.001)
                key = self.order[index]
                token = make_token(LinkKind.LEAVE, self.key, key, today)
                answer = client.post(f"/unsubscribe?t={token}", data=RIGHT)
                if answer.status_code == 200:
                    self.acknowledged[self.plan.recipients[key]] = time.time()
                else:
                    self.refused.append(answer.status_code)

    def note(self, n_done):
        self.n_done = n_done

    def _take(self):
        with self.lock:
            index, self.next = self.next, self.next + 1
        return index if index < len(self.order) else None


def race(tmp_path, n_races):
    """Send to everybody while everybody opts out; gives the history and what was acknowledged."""
    with open_ledger(tmp_path) as ledger:
        plan = plan_campaign(ledger, n_races, is_refusing=lambda _: False)
        set_limits(ledger, "spring", approval_above=n_races)
    with serving(tmp_path) as address, start_sink(tmp_path / "sink") as sink:
        racers = Racers(address, plan)
        with ThreadPoolExecutor(N_THREADS) as threads, open_ledger(tmp_path) as ledger:
            running = [threads.submit(racers.run) for _ in range(N_THREADS)]
            channel = SmtpChannel(smtp_settings(sink.port, n_connections=2))
            settings = {"batch_rows": 16, "on_progress": racers.note}
            try:
                deliver(ledger, channel, CAMPAIGN, CLOCK, **settings)
            finally:
                racers.is_over = True
            for one in running:
                one.result()
        begun = [
            (recipient, event["at"])
            for event in sink.events("data")
            for recipient in event["recipients"]
        ]
        taken = sink.keys()
    states = Ground(tmp_path, "", 0).states()
    history = History(plan.recipients, {}, states, taken, begun, racers.acknowledged)
    return history, racers


@pytest.mark.timeout(600)
def test_no_message_begins_after_an_opt_out_was_acknowledged(tmp_path):
    history, racers = race(tmp_path, N_RACES)
    assert racers.refused == []
    assert len(racers.acknowledged) == N_RACES
    assert check(history) == dict.fromkeys(COUNTERS, 0)
    n_sent, n_denied = len(history.taken), N_RACES - len(history.taken)
    assert min(n_sent, n_denied) > N_RACES // 20, "no race: one side was always first"


def test_an_acknowledgment_before_the_wish_is_kept_would_be_seen(tmp_path, monkeypatch):
    """The control: a history in which one letter begins after the acknowledgment is not clean."""
    late = History({"k": "a@x"}, {}, {"k": "SENT"}, ["k"], [("a@x", 2.0)], {"a@x": 1.0})
    assert check(late)["AFTER_OPT_OUT"] == 1
