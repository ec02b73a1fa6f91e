"""Every ending of a conversation with a mail server, judged: by the channel and in the ledger.

The judge of the judge is the sink's own journal, written in another process: what the ledger
calls SENT it has, what the ledger calls FAILED or DEFERRED it has not, and where it is silent
about the final dot the ledger says UNKNOWN.
"""

import socket

import pytest

from src.errors import ChannelError
from src.ledger import open_ledger, read_transitions, send_log, unresolved
from src.send import deliver
from src.send.channels import Envelope, RefusedError, SmtpChannel, Verdict
from src.send.channels.endings import NO_REPLY, Phase, Reply, classify, take_reply
from src.send.channels.session import Session
from src.send.throttle import Limits
from tests.reliability.campaigns import CAMPAIGN, plan_campaign
from tests.reliability.sinks import free_port, smtp_settings, start_sink

# fault, whether the sink took it, what the channel must say
ENDINGS = {
    "refused at connect": ("refuse", False, Verdict.RETRY),
    "hung up at connect": ("connection drop:connect", False, Verdict.RETRY),
    "421 at connect": ("connection connect:421", False, Verdict.RETRY),
    "554 at connect": ("connection connect:554", False, Verdict.RETRY),
    "hung up at MAIL": ("mail drop:mail", False, Verdict.RETRY),
    "451 at MAIL": ("mail mail:451", False, Verdict.RETRY),
    "421 at MAIL": ("mail mail:421", False, Verdict.RETRY),
    "450 at RCPT": ("rcpt:450", False, Verdict.RETRY),
    "550 at RCPT": ("rcpt:550", False, Verdict.REFUSED),
    "hung up at RCPT": ("drop:rcpt", False, Verdict.RETRY),
    "hung up at DATA": ("drop:data", False, Verdict.RETRY),
    "451 at DATA": ("data:451", False, Verdict.RETRY),
    "554 at DATA": ("data:554", False, Verdict.REFUSED),
    "reset in the body": ("drop:body", False, Verdict.RETRY),
    "reset after the dot, taken": ("rst:+", True, Verdict.UNKNOWN),
    "reset after the dot, not taken": ("rst:-", False, Verdict.UNKNOWN),
    "hung up after the dot, taken": ("fin:+", True, Verdict.UNKNOWN),
    "hung up after the dot, not taken": ("fin:-", False, Verdict.UNKNOWN),
    "half a reply, taken": ("partial:+", True, Verdict.UNKNOWN),
    "half a reply, not taken": ("partial:-", False, Verdict.UNKNOWN),
    "silence after the dot, taken": ("silence:+", True, Verdict.UNKNOWN),
    "silence after the dot, not taken": ("silence:-", False, Verdict.UNKNOWN),
    "451 after the dot": ("dot:451", False, Verdict.RETRY),
    "421 after the dot": ("dot:421", False, Verdict.RETRY),
    "554 after the dot": ("dot:554", False, Verdict.REFUSED),
    "malformed reply, taken": ("garbage:+", True, Verdict.UNKNOWN),
    "malformed reply, not taken": ("garbage:-", False, Verdict.UNKNOWN),
    "250, then hung up": ("drop:after", True, Verdict.TAKEN),
    "no fault": (None, True, Verdict.TAKEN),
}
LEDGER_STATES = {
    ("hold", Verdict.TAKEN): "SENT",
    ("hold", Verdict.RETRY): "DEFERRED",
    ("hold", Verdict.REFUSED): "FAILED",
    ("hold", Verdict.UNKNOWN): "UNKNOWN",
    ("retry", Verdict.TAKEN): "SENT",
    ("retry", Verdict.RETRY): "DEFERRED",
    ("retry", Verdict.REFUSED): "FAILED",
    ("retry", Verdict.UNKNOWN): "DEFERRED",
}
MODES = {"pipelined": (), "one by one": ("--no-pipelining",)}
BIG_BODY = b"x" * 76 + b"\r\n"


def plan_of(fault):
    kind, _, detail = (fault or "").partition(" ")
    if kind == "connection":
        return {"connections": [detail]}
    if kind == "mail":
        return {"mails": [detail]}
    return {"always": [fault] if fault else []}


def seconds_for(fault):
    """Be patient, but where a server says nothing for ever."""
    is_silent = (fault or "").startswith("silence")
    return {"command_seconds": 10.0, "final_seconds": 0.3 if is_silent else 10.0}


def letter(key="a" * 64, body=b"hello\r\n"):
    head = f"Message-ID: <{key}@shop.example.com>\r\nSubject: x\r\n\r\n".encode()
    return Envelope(key, "hello@shop.example.com", "ann@example.com", head + body)


@pytest.mark.parametrize("options", MODES.values(), ids=MODES)
@pytest.mark.parametrize(("fault", "is_taken", "verdict"), ENDINGS.values(), ids=ENDINGS)
def test_the_channel_judges_by_the_phase_it_has_recorded(
    tmp_path, fault, is_taken, verdict, options
):
    body = BIG_BODY * 200_000 if fault == "drop:body" else b"hello\r\n"  # more than buffers hold
    with start_sink(tmp_path, plan_of(fault), *options) as sink:
        port = free_port() if fault == "refuse" else sink.port
        channel = SmtpChannel(smtp_settings(port, **seconds_for(fault)))
        (outcome,) = channel.deliver_all([letter(body=body)])
        channel.close()
        assert outcome.verdict == verdict, outcome.reason
        assert sink.keys() == ["a" * 64] * is_taken
    assert (outcome.reason == "") == (verdict == Verdict.TAKEN)
    assert "@" not in outcome.reason


@pytest.mark.parametrize("policy", ["hold", "retry"])
@pytest.mark.parametrize(("fault", "is_taken", "verdict"), ENDINGS.values(), ids=ENDINGS)
def test_the_ledger_says_what_the_sink_has(tmp_path, clock, fault, is_taken, verdict, policy):
    with open_ledger(tmp_path) as ledger, start_sink(tmp_path, plan_of(fault)) as sink:
        address = "{}@example.com"
        plan = plan_campaign(ledger, 1, address)
        port = free_port() if fault == "refuse" else sink.port
        settings = smtp_settings(port, **seconds_for(fault), n_connections=1)
        channel = SmtpChannel(settings)
        if fault == "drop:body":  # a letter small enough to be whole in the kernel's buffer
            verdict = None
        limits = Limits(patience_seconds=0.0 if fault == "refuse" else 5.0)
        deliver(ledger, channel, CAMPAIGN, clock, on_unknown=policy, limits=limits)
        if fault == "refuse":  # no connection, so no attempt: it waits in the queue
            assert read_transitions(ledger, "spring")["to_state"].tolist() == ["PLANNED", "CLAIMED"]
            return
        if fault and fault.startswith("connection"):  # the next one is not turned away
            is_taken, verdict = True, Verdict.TAKEN
        (state,) = send_log(ledger, "spring")["state"]
        if verdict is None:  # whether the reset was seen before the dot was written may vary
            assert state in ("DEFERRED", LEDGER_STATES[policy, Verdict.UNKNOWN])
        else:
            assert state == LEDGER_STATES[policy, verdict]
        assert sink.keys() == plan.allowed * is_taken
        steps = read_transitions(ledger, "spring")["to_state"].tolist()
        assert steps == ["PLANNED", "CLAIMED", "TRANSMITTING", state]
        if state == "UNKNOWN":
            (row,) = unresolved(ledger).itertuples()
            assert row.message_key in plan.recipients
            assert f"final dot, 127.0.0.1:{sink.port}" in row.reason


def test_a_small_letter_reset_in_its_body_is_never_called_refused_or_sent(tmp_path):
    with start_sink(tmp_path, {"always": ["drop:body"]}) as sink:
        channel = SmtpChannel(smtp_settings(sink.port))
        (outcome,) = channel.deliver_all([letter(body=BIG_BODY * 40)])
        assert outcome.verdict in (Verdict.RETRY, Verdict.UNKNOWN)
        assert ("final dot" in outcome.reason) == (outcome.verdict == Verdict.UNKNOWN)
        assert sink.keys() == []


def test_other_letters_of_a_group_are_not_touched_by_one_bad_ending(tmp_path):
    faults = [fault for fault, *_ in ENDINGS.values() if fault and " " not in fault]
    faults.remove("refuse")
    plan = {"recipients": {f"r{i}@example.com": [fault] for i, fault in enumerate(faults)}}
    with start_sink(tmp_path, plan) as sink:
        channel = SmtpChannel(smtp_settings(sink.port, final_seconds=4.0, n_connections=60))
        letters = []
        for i in range(2 * len(faults)):
            recipient = f"r{i // 2}@example.com" if i % 2 else f"good{i}@example.com"
            key = f"{i:064x}"
            letters.append(Envelope(key, "a@b.example", recipient, letter(key).content))
        outcomes = channel.deliver_all(letters)
        channel.close()
        taken = sink.keys()
    assert [outcome.verdict for outcome in outcomes[::2]] == [Verdict.TAKEN] * len(faults)
    assert len(taken) == len(set(taken))
    for envelope, outcome in zip(letters, outcomes, strict=True):
        if outcome.verdict == Verdict.TAKEN:
            assert envelope.message_key in taken
        elif outcome.verdict != Verdict.UNKNOWN:
            assert envelope.message_key not in taken


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("code", [0, 200, 250, 251, 252, 299, 354, 399, *range(400, 600, 7)])
def test_no_reply_at_any_phase_is_misjudged(phase, code):
    verdict = classify(phase, Reply(code)).verdict
    if phase != Phase.DOT:
        assert verdict in (Verdict.RETRY, Verdict.REFUSED)
        assert (verdict == Verdict.REFUSED) == (
            code >= 500 and phase in (Phase.RCPT, Phase.DATA, Phase.BODY)
        )
    else:
        expected = {2: Verdict.TAKEN, 4: Verdict.RETRY, 5: Verdict.REFUSED}
        assert verdict == expected.get(code // 100, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("received", "reply"),
    [
        (b"250 ok\r\n", Reply(250)),
        (b"250\r\n", Reply(250)),
        (b"250 ok\n", Reply(250)),
        (b"550 5.1.1 <ann@example.com> no such user\r\n", Reply(550, "5.1.1")),
        (b"550-5.1.1 a\r\n550 5.1.1 b\r\n", Reply(550, "5.1.1")),
        (b"250 2.0.0\r\n", Reply(250, "2.0.0")),
        (b"250-a\r\n", None),
        (b"25", None),
        (b"", None),
        (b"2x0 what\r\n", NO_REPLY),
        (b"250-a\r\n550 b\r\n", NO_REPLY),
        (b"hello\r\n", NO_REPLY),
        (b"\r\n", NO_REPLY),
        (b"1000 ok\r\n", NO_REPLY),
        (b"600 ok\r\n", NO_REPLY),
        (b"x" * 70_000, NO_REPLY),
    ],
    ids=range(16),
)
def test_replies(received, reply):
    assert take_reply(bytearray(received)) == reply


def test_replies_that_arrive_together_are_taken_one_by_one():
    buffer = bytearray(b"250 a\r\n250-b\r\n250 c\r\n354 d\r\n55")
    assert [take_reply(buffer) for _ in range(4)] == [Reply(250), Reply(250), Reply(354), None]
    assert buffer == b"55"


def test_one_letter_by_itself_raises_what_a_channel_raises(tmp_path):
    plan = {"always": ["rcpt:450", "rcpt:550", "fin:+"]}
    with start_sink(tmp_path, plan) as sink:
        channel = SmtpChannel(smtp_settings(sink.port))
        with pytest.raises(ChannelError) as caught:
            channel.deliver(letter())
        assert caught.value.is_retryable
        with pytest.raises(RefusedError):
            channel.deliver(letter())
        with pytest.raises(ChannelError) as caught:
            channel.deliver(letter())
        assert not caught.value.is_retryable
        channel.deliver(letter())
        assert channel.was_delivered("a" * 64) is None


def test_a_reply_that_comes_before_the_dot_keeps_the_dot_back():
    """A server that hangs up or answers early gets no final dot, so nothing is unknown."""
    ours, theirs = socket.socketpair()
    session = Session(ours, is_pipelining=False, server="s")
    talk = session.converse(letter(), b"x\r\n")
    talk.send(None)
    for reply in (Reply(250), Reply(250)):
        talk.send(reply)
    theirs.sendall(b"451 4.3.0 no\r\n")  # while the body is under way
    with pytest.raises(StopIteration) as ended:
        talk.send(Reply(354))
    assert ended.value.value.verdict == Verdict.RETRY
    assert theirs.recv(4096).endswith(b"DATA\r\nx\r\n")
    theirs.close()
