"""Campaigns of several channels: each delivered in its turn, once, by its own way out."""

from collections import Counter
import json
import logging
import os
import signal
import stat

import pandas as pd
import pytest
import yaml

from src.decide.catalogue import Campaign, SendingWindow
from src.errors import ConfigurationError, ParameterError
from src.ledger import (
    count_states,
    message_key,
    open_ledger,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
    send_log,
)
from src.send import add_up, count_files, deliver_in_turn, open_channels, rounds, run_clock
from src.send import outbox as outbox_module
from src.send.channels import FolderChannel, MaildirChannel
from src.send.crew import Order, deliver_order
from src.send.windows import enter_window
from tests.ledger.sealing import sealed
from tests.reliability.sinks import start_sink
from tests.send.conftest import SAID_AT

fork = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
ARMS = ("letter", "text", "ping")
CHANNELS = ("email", "sms", "push")
PAYLOAD = json.dumps({"title": "For ⟦first_name⟧", "body": 'A "fine" offer.'}, ensure_ascii=False)
CONTENTS = {
    "letter": (
        "⟦first_name⟧, for you",
        "<p>⟦first_name⟧ ⟦unsubscribe_url⟧</p>",
        "⟦unsubscribe_url⟧",
    ),
    "text": ("", "", "Shop: for ⟦first_name⟧. Reply STOP to stop."),
    "ping": ("", "", PAYLOAD),
}


@pytest.fixture
def campaign(campaign):
    """The same campaign with an arm by each of three channels."""
    actions = {
        "letter": {"label": "Letter", "template": "offer"},
        "text": {"label": "Text", "template": "offer", "channel": "sms"},
        "ping": {"label": "Ping", "template": "offer", "channel": "push"},
    }
    return Campaign.model_validate(campaign.model_dump() | {"actions": actions})


@pytest.fixture
def plan(ledger):
    """Plan one message for each of n customers, by the channels in turn."""

    def build(n_customers=12, phones=None, accounts=None):
        ids = [f"c{i:04d}" for i in range(n_customers)]
        frame = pd.DataFrame({"customer_id": ids})
        called = {"first_name": 'An"n', "last_name": "Lee"}
        contact = {
            "email": [f"{key}@example.com" for key in ids],
            "phone": [f"+4930{123456 + i}" for i in range(n_customers)],
            "webhook": [f"@{key}" for key in ids],
        }
        for field, changes in (("phone", phones or {}), ("webhook", accounts or {})):
            contact[field] = [changes.get(i, one) for i, one in enumerate(contact[field])]
        record_people(ledger, frame.assign(**called, **contact))
        said = {"purpose": "marketing", "is_granted": True, "source": "form", "wording": "I agree."}
        for channel in CHANNELS:
            record_consents(ledger, frame.assign(channel=channel, recorded_at=SAID_AT, **said))
        arms = [ARMS[i % 3] for i in range(n_customers)]
        drawn = frame.assign(campaign_id="spring", action=arms, pscore=0.3, salt="s")
        drawn = drawn.assign(policy_version="1", decided_at=SAID_AT, step=1, template="offer")
        record_assignments(ledger, drawn)
        by = [CHANNELS[i % 3] for i in range(n_customers)]
        keys = [message_key("spring", 1, *pair) for pair in zip(ids, by, strict=True)]
        names = ("subject", "html", "text")
        parts = {name: [CONTENTS[arm][i] for arm in arms] for i, name in enumerate(names)}
        messages = sealed(drawn.assign(message_key=keys, channel=by, **parts))
        plan_messages(ledger, messages)
        return messages

    return build


@pytest.fixture
def channel_files(tmp_path, gateway, secrets):
    """Write the files of the three channels; the gateway takes texts and calls."""

    def write(port=1, **without):
        common = {"allow_loopback": True, "seconds": 2, "n_at_once": 2}
        files = {
            "relay": {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none"},
            "sms": {
                "kind": "sms",
                "provider": "generic",
                "sender": "Shop",
                "token": "env:SMS_TOKEN",
            }
            | {"url": f"{gateway.url}/sms"}
            | common,
            "push": {"kind": "webhook", "secret": "env:HOOK_SECRET", "url": f"{gateway.url}/push"}
            | common,
        }
        for name, fields in (files | without).items():
            if fields:
                (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(fields))
        return str(tmp_path / "relay.yaml")

    return write


def texts(folder):
    return {path.stem: path.read_text() for path in (folder / "new").iterdir()}


def test_a_dry_run_writes_each_channel_into_a_folder_of_its_own(
    ledger, plan, campaign, clock, tmp_path
):
    messages = plan(12)
    ways = open_channels("dry_run", tmp_path / "outbox", campaign)
    results = deliver_in_turn(ledger, ways, campaign, clock)
    assert list(results) == list(CHANNELS)
    assert [result["n_sent"] for result in results.values()] == [4, 4, 4]
    assert count_files(ways) == dict.fromkeys(CHANNELS, 4)
    keys = messages.groupby("channel")["message_key"].apply(set)
    for name, folder in zip(CHANNELS, ("maildir", "sms", "push"), strict=True):
        assert set(texts(tmp_path / "outbox" / folder)) == keys[name]
    key = message_key("spring", 1, "c0001", "sms")
    path = tmp_path / "outbox" / "sms" / "new" / f"{key}.txt"
    assert path.read_text() == 'To: +4930123457\n\nShop: for An"n. Reply STOP to stop.\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    key = message_key("spring", 1, "c0002", "push")
    _, _, call = texts(tmp_path / "outbox" / "push")[key].partition("\n\n")
    expected = {"title": 'For An"n', "body": 'A "fine" offer.'}
    assert json.loads(call) == {"message_id": key, "to": "@c0002", "fields": expected}
    again = deliver_in_turn(ledger, open_channels("dry_run", tmp_path / "outbox", campaign),
                            campaign, clock)  # fmt: skip
    assert set(add_up(again).values()) == {0}
    assert count_files(ways) == dict.fromkeys(CHANNELS, 4)


def test_the_folders_take_a_key_once_and_can_be_asked(ledger, plan, campaign, clock, tmp_path):
    plan(12)
    ways = open_channels("dry_run", tmp_path, campaign)
    assert isinstance(ways["email"], MaildirChannel)
    assert isinstance(ways["push"], FolderChannel)
    key = message_key("spring", 1, "c0001", "sms")
    assert ways["sms"].was_delivered(key) is False
    deliver_in_turn(ledger, ways, campaign, clock)
    assert ways["sms"].was_delivered(key) is True
    assert ways["push"].was_delivered(key) is False


def test_who_lacks_the_address_of_a_channel_is_named_with_the_reason(
    ledger, plan, campaign, clock, tmp_path
):
    plan(12, phones={1: "", 4: "call me"}, accounts={2: "", 5: "@a\n@b"})
    ways = open_channels("dry_run", tmp_path, campaign)
    counts = add_up(deliver_in_turn(ledger, ways, campaign, clock))
    assert (counts["n_sent"], counts["n_suppressed"], counts["n_failed"]) == (8, 3, 1)
    log = send_log(ledger, "spring").set_index("customer_id")[["state", "reason"]]
    for who in ("c0001", "c0002", "c0004"):
        assert log.loc[who].tolist() == ["SUPPRESSED", "no address"]
    assert log.loc["c0005"].tolist() == ["FAILED", "account not valid"]


def test_a_number_that_is_gone_after_the_gate_fails_alone(
    ledger, plan, campaign, clock, tmp_path, monkeypatch
):
    plan(12)
    honest = outbox_module.read_people

    def read(connection, ids):
        return {key: one for key, one in honest(connection, ids).items() if key != "c0001"}

    monkeypatch.setattr(outbox_module, "read_people", read)
    ways = open_channels("dry_run", tmp_path, campaign)
    assert add_up(deliver_in_turn(ledger, ways, campaign, clock))["n_failed"] == 1
    log = send_log(ledger, "spring").set_index("customer_id")
    assert log.loc["c0001", "reason"] == "telephone number not valid"


def test_live_each_channel_goes_by_its_own_file(
    ledger, plan, campaign, tmp_path, gateway, channel_files, caplog
):
    messages = plan(12)
    with start_sink(tmp_path / "sink") as sink, caplog.at_level(logging.DEBUG):
        order = Order(
            tmp_path,
            campaign,
            tmp_path / "o",
            "live",
            "wall",
            channel_file=channel_files(sink.port),
        )
        told = []
        assert deliver_order(order, told.append)["n_sent"] == 12
        assert deliver_order(order)["n_sent"] == 0
        letters = sink.keys()
    by = messages.set_index("message_key")["channel"]
    assert sorted(letters) == sorted(by.index[by == "email"])
    calls = [(headers, json.loads(body)) for path, headers, body in gateway.seen if path == "/push"]
    assert sorted(body["message_id"] for _, body in calls) == sorted(by.index[by == "push"])
    assert all(headers["webhook-signature"].startswith("v1,") for headers, _ in calls)
    sent = {
        headers["Idempotency-Key"]: json.loads(body)
        for path, headers, body in gateway.seen
        if path == "/sms"
    }
    assert set(sent) == set(by.index[by == "sms"])
    assert sent[message_key("spring", 1, "c0004", "sms")] == {
        "to": "+4930123460",
        "from": "Shop",
        "text": 'Shop: for An"n. Reply STOP to stop.',
    }
    assert len(gateway.seen) == 8
    assert told == sorted(set(told))
    assert told[-1] == 12
    assert not (tmp_path / "o").exists()
    for secret in ("t0ken-kanari", "+4930", "@c0002", 'An"n', "example.com"):
        assert secret not in caplog.text


def test_outside_the_sending_window_no_channel_sends(ledger, plan, campaign, clock, tmp_path):
    planned = campaign.model_copy(update={"sending": SendingWindow(from_hour=22)})
    enter_window(ledger, planned)
    plan(12)
    ways = open_channels("dry_run", tmp_path / "outbox", planned)
    results = deliver_in_turn(ledger, ways, planned, clock)
    assert [result["n_deferred"] for result in results.values()] == [4, 4, 4]
    assert set(count_files(ways).values()) == {0}


@pytest.mark.parametrize("missing", ["sms", "push"])
def test_a_channel_without_a_file_is_named_and_nothing_is_sent_by_any(
    ledger, plan, campaign, tmp_path, gateway, channel_files, missing
):
    plan(12)
    with start_sink(tmp_path / "sink") as sink:
        file = channel_files(sink.port, **{missing: None})
        order = Order(tmp_path, campaign, tmp_path / "o", "live", "wall", channel_file=file)
        with pytest.raises(
            ConfigurationError, match=rf"{missing}\.yaml for the {missing} messages"
        ):
            deliver_order(order)
        assert sink.keys() == []
    assert gateway.seen == []
    assert set(count_states(ledger, "spring")) == {"PLANNED"}


def test_a_file_of_another_kind_is_refused(ledger, plan, campaign, tmp_path, channel_files):
    hook = {"kind": "webhook", "secret": "env:HOOK_SECRET"}
    with pytest.raises(ParameterError, match="kind: sms"):
        open_channels("live", tmp_path, campaign, channel_files(sms=hook))
    with pytest.raises(ConfigurationError, match="channel_file"):
        open_channels("live", tmp_path, campaign)
    with pytest.raises(ConfigurationError, match="mode rehearsal"):
        open_channels("rehearsal", tmp_path, campaign)
    with pytest.raises(ParameterError, match="dry_run, rehearsal or live"):
        open_channels("practice", tmp_path, campaign)


def test_a_gateway_that_is_busy_puts_off_and_a_refusal_fails_alone(
    ledger, plan, campaign, tmp_path, gateway, channel_files
):
    plan(12)
    gateway.answers[:] = [503, 400]
    ways = open_channels("live", tmp_path, campaign, channel_files())
    clock = run_clock("wall", "")
    results = deliver_in_turn(ledger, {"sms": ways["sms"]}, campaign, clock)
    assert {name: n for name, n in results["sms"].items() if n} == {
        "n_sent": 2,
        "n_failed": 1,
        "n_deferred": 1,
    }
    assert count_states(ledger, "spring")["PLANNED"] == 8


def test_an_account_without_a_service_to_call_is_refused(
    ledger, plan, campaign, clock, tmp_path, gateway, channel_files
):
    plan(12, accounts={2: f"{gateway.url}/own"})
    own = {"kind": "webhook", "secret": "env:HOOK_SECRET", "allow_loopback": True, "seconds": 2}
    ways = open_channels("live", tmp_path, campaign, channel_files(push=own))
    result = deliver_in_turn(ledger, {"push": ways["push"]}, campaign, clock)["push"]
    assert (result["n_sent"], result["n_failed"]) == (1, 3)
    assert [path for path, *_ in gateway.seen] == ["/own"]


def _stop_at(monkeypatch, place, name, n_call, when):
    honest, calls = getattr(place, name), []

    def step(*arguments, **named):
        calls.append(0)
        if len(calls) > n_call and when == "before":
            os.kill(os.getpid(), signal.SIGKILL)
        result = honest(*arguments, **named)
        if len(calls) > n_call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    monkeypatch.setattr(place, name, step)


@fork
@pytest.mark.parametrize("mode", ["dry_run", "live"])
@pytest.mark.parametrize(
    ("place", "name", "n_call", "when"),
    [
        (rounds, "deliver", 0, "after"),
        (rounds, "deliver", 1, "after"),
        (outbox_module, "hand_over", 2, "before"),
        (outbox_module, "hand_over", 2, "after"),
        (outbox_module, "claim_messages", 2, "after"),
        (outbox_module, "turn_over", 3, "before"),
        (outbox_module, "turn_over", 3, "after"),
    ],
)
def test_a_kill_between_and_within_channels_loses_and_doubles_nothing(
    ledger,
    plan,
    campaign,
    tmp_path,
    gateway,
    channel_files,
    monkeypatch,
    mode,
    place,
    name,
    n_call,
    when,
):
    messages = plan(18)
    ledger.close()
    with start_sink(tmp_path / "sink") as sink:
        file = channel_files(sink.port)

        def send():
            with open_ledger(tmp_path) as own:
                ways = open_channels(mode, tmp_path / "o", campaign, file)
                return deliver_in_turn(own, ways, campaign, run_clock("wall", ""))

        child = os.fork()
        if child == 0:
            try:
                _stop_at(monkeypatch, place, name, n_call, when)
                send()
            finally:
                os._exit(1)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code == -signal.SIGKILL
        send()
        assert set(add_up(send()).values()) == {0}
        taken = Counter(sink.keys())
    taken.update(_taken(gateway))
    for folder in ("maildir", "sms", "push"):
        if mode == "dry_run":
            taken.update(texts(tmp_path / "o" / folder).keys())
    with open_ledger(tmp_path) as own:
        states = send_log(own, "spring").set_index("message_key")["state"]
        counts = count_states(own, "spring")
    assert set(counts) <= {"SENT", "RESOLVED_SENT", "UNKNOWN"}
    assert sum(counts.values()) == 18
    most = {"dry_run": 0, "live": 10}[mode]  # a Maildir can be asked; a mail server cannot
    assert counts.get("UNKNOWN", 0) <= most
    assert max(taken.values()) == 1
    assert taken.keys() <= set(messages["message_key"])
    assert set(states.index[states == "SENT"]) <= taken.keys()


def _taken(gateway):
    """Keys of what the gateway took, once for each call: no receiver of ours drops any."""
    for path, headers, body in gateway.seen:
        yield headers["Idempotency-Key"] if path == "/sms" else json.loads(body)["message_id"]
