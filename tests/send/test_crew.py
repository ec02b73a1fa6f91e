"""Several senders as processes of their own, by an order that says everything."""

import base64
from email import message_from_bytes
from email.policy import default

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
import dkim
import pytest
import yaml

from src.errors import ConfigurationError, ParameterError
from src.ledger import count_states
from src.ledger.approvals import ApprovalError, approve
from src.send import count_maildir
from src.send.channels import read_return_path
from src.send.compose import build_letterhead
from src.send.crew import Order, deliver_order
from tests.reliability.sinks import start_sink


@pytest.fixture
def order(tmp_path, campaign):
    def build(**fields):
        sound = {"run": tmp_path, "campaign": campaign, "outbox": tmp_path / "m"}
        return Order(**sound | {"as_of_date": "2024-01-31"} | fields)

    return build


@pytest.fixture
def channel_file(tmp_path, monkeypatch):
    """Write a channel file whose DKIM key is in the environment; gives the public key too."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    form, secret = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, form, secret).decode("ascii")
    monkeypatch.setenv("DKIM_KEY", pem)

    def write(port, **fields):
        sound = {"kind": "smtp", "host": "127.0.0.1", "port": port, "tls": "none"}
        sound |= {"n_connections": 4, "own_name": "c.test", "bounce_domain": "b.example.com"}
        sound["dkim"] = [{"domain": "shop.example.com", "selector": "s", "key": "env:DKIM_KEY"}]
        path = tmp_path / "relay.yaml"
        path.write_text(yaml.safe_dump(sound | fields))
        return str(path)

    info = serialization.PublicFormat.SubjectPublicKeyInfo
    public = key.public_key().public_bytes(serialization.Encoding.DER, info)
    write.dns = b"v=DKIM1; k=rsa; p=" + base64.b64encode(public)
    return write


@pytest.mark.parametrize("n_processes", [1, 3])
def test_a_dry_run_writes_every_letter_once_and_tells_how_far_it_is(
    ledger, plan, order, n_processes
):
    plan(200)
    seen = []
    result = deliver_order(order(n_processes=n_processes), seen.append)
    assert (result["n_sent"], result["n_suppressed"]) == (180, 20)
    assert count_maildir(order().outbox / "maildir") == 180
    assert seen[-1] == 200
    assert deliver_order(order(n_processes=n_processes))["n_sent"] == 0


def test_live_letters_arrive_signed_with_a_bounce_address_of_their_own(
    tmp_path, ledger, plan, order, channel_file, campaign
):
    planned = plan(40, is_refusing=lambda _: False)
    keep = tmp_path / "kept"
    keep.mkdir()
    with start_sink(tmp_path / "sink", None, "--keep", str(keep)) as sink:
        live = order(mode="live", clock="wall", channel_file=channel_file(sink.port), n_processes=2)
        assert deliver_order(live)["n_sent"] == 40
        taken = sink.events("taken")
    assert sorted(event["key"] for event in taken) == sorted(planned["message_key"])
    link_key = build_letterhead(campaign).link_key
    for event in taken:
        assert read_return_path(event["sender"], link_key) == event["key"][:32]
    for path in keep.iterdir():
        content = path.read_bytes()
        assert dkim.verify(content, dnsfunc=lambda *_, **__: channel_file.dns)
        assert not message_from_bytes(content, policy=default).defects


def test_what_stops_a_sender_is_said_and_nothing_is_left_unknown(
    ledger, plan, order, channel_file, monkeypatch
):
    plan(20)
    monkeypatch.delenv("DKIM_KEY")
    live = order(mode="live", clock="wall", channel_file=channel_file(2525), n_processes=2)
    with pytest.raises(ConfigurationError, match="DKIM_KEY"):
        deliver_order(live)
    assert set(count_states(ledger, "spring")) == {"PLANNED"}


def test_a_live_pass_without_channel_or_with_an_unknown_kind_sends_nothing(
    tmp_path, ledger, plan, order
):
    plan(3)
    with pytest.raises(ConfigurationError, match="channel_file"):
        deliver_order(order(mode="live", clock="wall"))
    path = tmp_path / "odd.yaml"
    path.write_text("kind: pigeon\n")
    with pytest.raises(ParameterError, match="pigeon"):
        deliver_order(order(mode="live", clock="wall", channel_file=str(path)))
    assert set(count_states(ledger, "spring")) == {"PLANNED"}


def test_many_letters_need_the_approval_of_two(ledger, plan, order, channel_file, tmp_path):
    plan(1001, is_refusing=lambda i: i >= 5)
    with start_sink(tmp_path / "sink") as sink:
        live = order(mode="live", clock="wall", channel_file=channel_file(sink.port))
        with pytest.raises(ApprovalError):
            deliver_order(live)
        assert sink.events("data") == []
        for who in ("ann", "ben"):
            approve(ledger, "spring", who)
        assert deliver_order(live)["n_sent"] == 5
        assert len(sink.keys()) == 5
