"""The outbox: every message to an end that is known, and none twice."""

from collections import Counter
from dataclasses import replace
import datetime as dt
import os
import signal
import time

import pandas as pd
import pytest

from src.errors import ChannelError
from src.ledger import count_states, open_ledger, resolve, send_log, suppress, unresolved
from src.ledger.retries import RetryRules, set_rules
from src.send import deliver
from src.send import outbox as outbox_module
from src.send.channels import MaildirChannel, MemoryChannel, RefusedError

fork = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


class Troubled(MemoryChannel):
    """A channel that raises what it is told to for chosen deliveries, counted from 0."""

    def __init__(self, trouble):
        super().__init__()
        self.trouble = trouble
        self.n_calls = 0

    def deliver(self, envelope):
        error = self.trouble(self.n_calls, envelope.message_key)
        self.n_calls += 1
        if error is not None:
            raise error
        super().deliver(envelope)


class Journal(MemoryChannel):
    """A server that keeps a journal, takes the same message twice, and cannot be asked."""

    name = "journal"
    n_at_once = 4

    def __init__(self, path, seconds=0.0):
        super().__init__()
        self.path = path
        self.seconds = seconds

    def deliver(self, envelope):
        descriptor = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(descriptor, f"{envelope.message_key}\n".encode())
        os.close(descriptor)
        time.sleep(self.seconds)

    def keys(self):
        return self.path.read_text().split() if self.path.exists() else []


def run_child(work):
    """Do `work` in a child process that is only ever left by being killed or by this."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return child


def end_of(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def temporary(_, key):
    return ChannelError("Expected room, found none.", "troubled", key, is_retryable=True)


def unclear(_, key):
    return ChannelError("Expected an answer, found none.", "troubled", key, is_retryable=False)


def test_everyone_who_may_be_written_to_is_written_to_once(ledger, plan, campaign, clock):
    planned = plan(20)
    channel = MemoryChannel()
    counts = deliver(ledger, channel, campaign, clock)
    assert counts["n_sent"] == 18
    assert counts["n_suppressed"] == 2  # c0009 and c0019 refuse
    allowed = planned.loc[~planned["customer_id"].isin(["c0009", "c0019"]), "message_key"]
    assert sorted(item.message_key for item in channel.delivered) == sorted(allowed)
    log = send_log(ledger, "spring").set_index("customer_id")
    assert log.loc["c0009", ["attempt", "state", "reason"]].tolist() == [
        0,
        "SUPPRESSED",
        "no consent",
    ]
    assert log.loc["c0001", ["attempt", "state"]].tolist() == [1, "SENT"]
    assert set(log["attempted_at"]) == {pd.Timestamp("2024-02-01T09:00:00Z")}


def test_a_second_pass_sends_nothing(ledger, plan, campaign, clock):
    plan(10)
    channel = MemoryChannel()
    deliver(ledger, channel, campaign, clock)
    assert set(deliver(ledger, channel, campaign, clock).values()) == {0}
    assert len(channel.delivered) == 9


def test_nothing_planned_sends_nothing(ledger, campaign, clock):
    assert set(deliver(ledger, MemoryChannel(), campaign, clock).values()) == {0}
    assert send_log(ledger, "spring").empty


def test_progress_counts_up_to_all(ledger, plan, campaign, clock):
    plan(20)
    seen = []
    deliver(ledger, MemoryChannel(), campaign, clock, batch_rows=8, on_progress=seen.append)
    assert seen == sorted(set(seen))
    assert seen[-1] == 20


def test_a_bad_address_fails_alone(ledger, plan, campaign, clock):
    plan(3, emails=["a@example.com", "b", "c@example.com"])
    assert deliver(ledger, MemoryChannel(), campaign, clock)["n_failed"] == 1
    log = send_log(ledger, "spring").set_index("customer_id")
    assert log.loc["c0001", ["attempt", "state", "reason"]].tolist() == [
        0,
        "FAILED",
        "address not valid",
    ]
    assert count_states(ledger, "spring") == {"FAILED": 1, "SENT": 2}


def test_a_refused_message_fails_alone(ledger, plan, campaign, clock):
    plan(5)
    channel = Troubled(lambda n, key: RefusedError("no", "troubled", key) if n == 2 else None)
    counts = deliver(ledger, channel, campaign, clock)
    assert (counts["n_sent"], counts["n_failed"]) == (4, 1)


def test_what_is_not_taken_is_tried_again_later_and_not_for_ever(ledger, plan, campaign, clock):
    plan(2)
    set_rules(ledger, "spring", RetryRules(max_attempts=3, multiplier=1.0))
    channel = Troubled(temporary)
    assert deliver(ledger, channel, campaign, clock)["n_deferred"] == 2
    assert deliver(ledger, channel, campaign, clock)["n_deferred"] == 0  # not yet due
    now = ledger.now()
    for hours in (1, 2):  # the waits are 15 and 30 minutes
        later = replace(ledger, now=lambda hours=hours: now + dt.timedelta(hours=hours))
        counts = deliver(later, channel, campaign, clock)
    assert counts["n_failed"] == 2
    assert channel.n_calls == 6
    log = send_log(ledger, "spring")
    assert log["attempt"].tolist() == [1, 2, 3, 1, 2, 3]
    assert log["reason"].iloc[2] == "not taken in 3 attempts"


def test_what_is_not_known_is_never_sent_again_without_a_decision(ledger, plan, campaign, clock):
    plan(3)
    channel = Troubled(lambda n, key: unclear(n, key) if n == 1 else None)
    assert deliver(ledger, channel, campaign, clock)["n_unknown"] == 1
    assert set(deliver(ledger, channel, campaign, clock).values()) == {0}
    (key,) = unresolved(ledger)["message_key"]
    resolve(ledger, key, was_sent=False)
    assert deliver(ledger, channel, campaign, clock)["n_sent"] == 1
    assert send_log(ledger, "spring")["attempt"].tolist() == [1, 1, 1]
    assert len(channel.delivered) == 3


def test_an_error_of_the_program_stops_the_pass_and_hides_nothing(ledger, plan, campaign, clock):
    plan(5)
    channel = Troubled(lambda n, _: ZeroDivisionError() if n == 2 else None)
    with pytest.raises(ZeroDivisionError):
        deliver(ledger, channel, campaign, clock)
    counts = deliver(ledger, channel, campaign, clock)
    assert counts["n_sent"] == 2
    assert count_states(ledger, "spring") == {"SENT": 4, "UNKNOWN": 1}


@pytest.mark.parametrize("bad", [0, 5, 9])
def test_one_message_that_cannot_be_made_does_not_stop_the_others(
    ledger, plan, campaign, clock, monkeypatch, bad
):
    keys = sorted(plan(10, is_refusing=lambda _: False)["message_key"])
    honest = outbox_module.compose

    def compose(letterhead, message, *rest):
        if message.message_key == keys[bad]:
            raise outbox_module.ComposeError("content cannot be filled")
        return honest(letterhead, message, *rest)

    monkeypatch.setattr(outbox_module, "compose", compose)
    counts = deliver(ledger, MemoryChannel(), campaign, clock)
    assert (counts["n_sent"], counts["n_failed"]) == (9, 1)


def test_an_objection_during_the_pass_holds_for_the_rest(ledger, plan, campaign, clock):
    keys = (
        plan(10, is_refusing=lambda _: False).set_index("message_key")["customer_id"].sort_index()
    )

    class Objecting(MemoryChannel):
        def deliver(self, envelope):
            if not self.delivered:  # the last in line objects while the first is being sent
                wish = {"customer_id": [keys.iloc[-1]], "channel": "email", "reason": "complaint"}
                suppress(ledger, pd.DataFrame(wish).assign(recorded_at=pd.Timestamp.now("UTC")))
            super().deliver(envelope)

    channel = Objecting()
    counts = deliver(ledger, channel, campaign, clock)
    assert (counts["n_sent"], counts["n_suppressed"]) == (9, 1)
    assert keys.index[-1] not in {item.message_key for item in channel.delivered}


def test_no_name_or_address_is_logged(ledger, plan, campaign, clock, caplog):
    caplog.set_level("DEBUG")
    plan(
        3, emails=["kanari@example.com", "no address kanari", "x@example.com"], first_name="Kanari"
    )
    deliver(ledger, MemoryChannel(), campaign, clock)
    assert "kanari" not in caplog.text.lower()
    assert "n_sent" in caplog.text


def stop_before(monkeypatch, name, n_call):
    """Kill the process instead of the n-th call (from 0) of a step of the outbox."""
    honest, calls = getattr(outbox_module, name), []

    def step(*arguments):
        calls.append(1)
        return die() if len(calls) > n_call else honest(*arguments)

    monkeypatch.setattr(outbox_module, name, step)


def stop_after(monkeypatch, name, n_call):
    honest, calls = getattr(outbox_module, name), []

    def step(*arguments):
        result = honest(*arguments)
        calls.append(1)
        return die() if len(calls) > n_call else result

    monkeypatch.setattr(outbox_module, name, step)


def stop_in_system(monkeypatch, name, n_call):
    """Kill the process instead of the n-th call of a system function within the Maildir."""
    honest, calls = getattr(os, name), []

    def call(*arguments):
        calls.append(1)
        return die() if len(calls) > n_call else honest(*arguments)

    monkeypatch.setattr(os, name, call)


CRASHES = [
    pytest.param(
        stop,
        name,
        n_call,
        marks=() if n_call == calls[0] else pytest.mark.slow,
        id=f"{stop.__name__}-{name}-{n_call}",
    )
    for stop, name, calls in (
        (stop_after, "claim_messages", (0, 2)),
        (stop_before, "compose", (40,)),
        (stop_before, "turn_over", (0, 2)),
        (stop_after, "turn_over", (1, 0, 2)),
        (stop_before, "hand_over", (0, 2)),
        (stop_after, "hand_over", (1, 0)),
        (stop_in_system, "fsync", (33, 0, 125)),  # two for each message
        (stop_in_system, "link", (31, 0, 32)),
    )
    for n_call in calls
]


@fork
@pytest.mark.parametrize(("stop", "name", "n_call"), CRASHES)
def test_a_kill_anywhere_then_a_rerun_gives_the_same_log(
    tmp_path, ledger, plan, campaign, clock, stop, name, n_call
):
    planned = plan(70)  # 7 refuse, so 63 go out, in groups of at most 32

    def work():
        with pytest.MonkeyPatch.context() as monkeypatch:
            stop(monkeypatch, name, n_call)
            with open_ledger(tmp_path) as own:
                deliver(own, MaildirChannel(tmp_path / "m"), campaign, clock, batch_rows=64)

    assert end_of(run_child(work)) == -signal.SIGKILL
    channel = MaildirChannel(tmp_path / "m")
    deliver(ledger, channel, campaign, clock)
    log = send_log(ledger, "spring")
    refusing = planned["customer_id"].str.endswith("9")
    expected = planned[["message_key", "campaign_id", "customer_id", "channel"]].assign(
        attempt=(~refusing).astype("int64"),
        state=refusing.map({True: "SUPPRESSED", False: "SENT"}),
        reason=refusing.map({True: "no consent", False: None}),
        attempted_at=pd.Timestamp("2024-02-01T09:00:00Z"),
    )
    expected = expected.sort_values("message_key", ignore_index=True)
    pd.testing.assert_frame_equal(log, expected, check_dtype=False)
    assert channel.keys() == sorted(planned.loc[~refusing, "message_key"])
    assert set(deliver(ledger, channel, campaign, clock).values()) == {0}


@fork
def test_kills_at_random_lose_nothing_double_nothing_and_say_what_they_do_not_know(
    tmp_path, ledger, plan, campaign, clock
):
    planned = plan(200)
    channel = Journal(tmp_path / "journal", seconds=0.002)
    n_kills = 0
    for pause in (0.05, 0.11, 0.07, 0.13, 0.09):

        def work():
            with open_ledger(tmp_path) as own:
                deliver(own, channel, campaign, clock)

        child = run_child(work)
        time.sleep(pause)
        os.kill(child, signal.SIGKILL)
        n_kills += end_of(child) == -signal.SIGKILL
    deliver(ledger, channel, campaign, clock)
    log = send_log(ledger, "spring")
    n_of = Counter(log["state"])
    taken = Counter(channel.keys())
    sent = set(log.loc[log["state"] == "SENT", "message_key"])
    unknown = set(log.loc[log["state"] == "UNKNOWN", "message_key"])
    assert n_kills >= 1
    assert n_of["SENT"] + n_of["UNKNOWN"] + n_of["SUPPRESSED"] == len(planned) == len(log)
    assert max(taken.values()) == 1
    assert sent <= set(taken) <= sent | unknown
    assert n_of["SUPPRESSED"] == 20
    assert n_of["UNKNOWN"] <= n_kills * channel.n_at_once


@fork
def test_four_senders_at_once_send_each_message_once(tmp_path, ledger, plan, campaign, clock):
    planned = plan(400)
    channel = Journal(tmp_path / "journal")

    def work():
        with open_ledger(tmp_path) as own:
            counts = deliver(own, channel, campaign, clock, batch_rows=16)
        (tmp_path / f"sent-{os.getpid()}").write_text(str(counts["n_sent"]))

    children = [run_child(work) for _ in range(4)]
    assert [end_of(child) for child in children] == [0] * 4
    shares = [int(path.read_text()) for path in tmp_path.glob("sent-*")]
    assert sum(shares) == 360
    assert sum(share > 0 for share in shares) >= 2
    assert sorted(channel.keys()) == sorted(
        planned.loc[~planned["customer_id"].str.endswith("9"), "message_key"]
    )
    assert count_states(ledger, "spring") == {"SENT": 360, "SUPPRESSED": 40}


@fork
def test_a_sender_that_was_frozen_past_its_lease_sends_nothing_twice(
    tmp_path, ledger, plan, campaign, clock
):
    plan(12, is_refusing=lambda _: False)

    def work():
        with open_ledger(tmp_path) as own:
            deliver(own, Journal(tmp_path / "journal", seconds=0.05), campaign, clock)

    child = run_child(work)
    deadline = time.monotonic() + 10
    while not (tmp_path / "journal").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    os.kill(child, signal.SIGSTOP)
    later = replace(ledger, now=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=1))
    try:
        deliver(later, Journal(tmp_path / "journal"), campaign, clock)
    finally:
        os.kill(child, signal.SIGCONT)
    assert end_of(child) == 0
    taken = Counter(Journal(tmp_path / "journal").keys())
    assert len(taken) == 12 or count_states(ledger, "spring").get("UNKNOWN", 0) >= 12 - len(taken)
    assert max(taken.values()) == 1
