"""Calls to addresses that others gave: signed, judged, and never into a private network."""

import base64
import hashlib
import hmac
import json
import socket
from urllib.parse import parse_qs

import pytest

from src.errors import ChannelError, ConfigurationError
from src.send.channels import Envelope, RefusedError, open_channel
from src.send.channels.outward import (
    ForbiddenAddressError,
    NotReachedError,
    check_address,
    post,
)
from src.send.channels.settings import check_settings
from src.send.channels.sms import SmsChannel
from src.send.channels.webhook import WebhookChannel, sign_webhook

KEY = "0f" * 32
PRIVATE = """0.0.0.0 10.0.0.1 10.255.255.255 100.64.0.1 100.100.100.200 127.0.0.1 127.1.2.3
169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 192.0.2.1 192.168.0.1 192.168.255.255
198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 :: ::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:169.254.169.254 ::ffff:8.8.8.8 ::127.0.0.1 ::8.8.8.8
64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b::808:808 64:ff9b:1::7f00:1 2002:7f00:1:: 2002:a00:1::
2002:808:808:: 2001:0:4136:e378:8000:63bf:3fff:fdd2 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0
ff02::1 2001:db8::1 100::1""".split()
PUBLIC = ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1"]
WRITTEN = """https://2130706433/ https://017700000001/ https://0x7f000001/ https://127.1/
https://0177.0.0.1/ https://0x7f.0.0.1/ https://127.0.0.1/ https://localhost/ https://[::1]/
https://[::ffff:127.0.0.1]/ https://[::ffff:7f00:1]/ https://[64:ff9b::7f00:1]/ https://0/
https://2852039166/ https://169.254.169.254/latest/meta-data/ https://0xa9.0xfe.0xa9.0xfe/
https://[2002:7f00:1::]/ https://[fe80::1]/ https://10.1/ https://192.168.1/
http://93.184.216.34/ ftp://93.184.216.34/ file:///etc/passwd gopher://93.184.216.34/
https://user@93.184.216.34/ https://user:x@93.184.216.34/ https:///x https://
https://93.184.216.34:99999/ https://exa\\mple.com/""".split()


def webhook(**fields):
    sound = {"kind": "webhook", "secret": "env:HOOK_SECRET", "allow_loopback": True, "seconds": 2}
    return WebhookChannel(check_settings(sound | fields))


def sms(url, provider="generic", **fields):
    sound = {"kind": "sms", "provider": provider, "url": url, "sender": "Shop", "account": "AC1"}
    more = {"token": "env:SMS_TOKEN", "allow_loopback": True, "seconds": 2}
    return SmsChannel(check_settings(sound | more | fields))


def envelope(recipient, content=b'{"text": "hi"}'):
    return Envelope(KEY, "", recipient, content)


@pytest.mark.parametrize("address", PRIVATE)
def test_addresses_of_private_networks_are_seen_however_they_are_wrapped(address):
    assert not check_address(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address):
    assert check_address(address)


@pytest.mark.parametrize("url", WRITTEN)
def test_no_spelling_of_an_address_reaches_this_machine(monkeypatch, url):
    opened = []
    monkeypatch.setattr(socket, "create_connection", lambda *rest: opened.append(rest))
    with pytest.raises((ForbiddenAddressError, NotReachedError)):
        post(url, b"x", {}, 1.0)
    assert opened == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch):
    answers = [(2, 1, 6, "", (one, 443)) for one in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: answers)
    with pytest.raises(ForbiddenAddressError, match="private"):
        post("https://rebind.example/", b"x", {}, 1.0)


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch):
    asked, opened = [], []

    def resolve(host, port, **_):
        asked.append(host)
        address = "93.184.216.34" if len(asked) == 1 else "127.0.0.1"  # rebinds at once
        return [(2, 1, 6, "", (address, port))]

    def connect(place, *_):
        opened.append(place)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(NotReachedError):
        post("https://rebind.example/", b"x", {}, 1.0)
    assert asked == ["rebind.example"]
    assert opened == [("93.184.216.34", 443)]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_not_followed(secrets, gateway, status):
    gateway.answers[:] = [status]
    with pytest.raises(RefusedError):
        webhook().deliver(envelope(f"{gateway.url}/hook"))
    assert [path for path, *_ in gateway.seen] == ["/hook"]


def test_loopback_is_refused_unless_the_file_says_otherwise(secrets, gateway):
    with pytest.raises(RefusedError):
        webhook(allow_loopback=False).deliver(envelope(gateway.url.replace("http:", "https:")))
    assert gateway.seen == []


def test_a_call_is_signed_over_id_time_and_body(secrets, gateway):
    webhook().deliver(envelope(f"{gateway.url}/hook?a=1"))
    ((path, headers, body),) = gateway.seen
    assert path == "/hook?a=1"
    assert body == b'{"text": "hi"}'
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(b"k" * 24, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"


def test_the_id_stays_over_all_attempts(secrets, gateway):
    gateway.answers[:] = [503, 0, 200]
    channel = webhook()
    for _ in range(2):
        with pytest.raises(ChannelError) as caught:
            channel.deliver(envelope(gateway.url))
        assert caught.value.is_retryable
    channel.deliver(envelope(gateway.url))
    assert len({headers["webhook-id"] for _, headers, _ in gateway.seen}) == 1


def test_a_secret_that_is_none_stops_before_anything_is_sent():
    with pytest.raises(ConfigurationError, match="whsec_"):
        sign_webhook("not base64!", "msg_1", 1, b"")


@pytest.mark.parametrize(
    ("provider", "status", "ending"),
    [
        ("generic", 200, "taken"),
        ("generic", 202, "taken"),
        ("generic", 400, "refused"),
        ("generic", 429, "retry"),
        ("generic", 500, "retry"),
        ("generic", 0, "retry"),
        ("twilio", 201, "taken"),
        ("twilio", 400, "refused"),
        ("twilio", 429, "retry"),
        ("twilio", 503, "retry"),
        ("twilio", 500, "unknown"),
        ("twilio", 0, "unknown"),
    ],
)
def test_what_a_gateway_says_is_judged_by_whether_it_may_be_asked_again(
    secrets, gateway, provider, status, ending
):
    gateway.answers[:] = [status]
    channel = sms(gateway.url, provider)
    if ending == "taken":
        channel.deliver(envelope("+4915112345678", "Grüße".encode()))
    else:
        kind = RefusedError if ending == "refused" else ChannelError
        with pytest.raises(kind) as caught:
            channel.deliver(envelope("+4915112345678", "Grüße".encode()))
        assert caught.value.is_retryable == (ending == "retry")
        assert "+49" not in str(caught.value)
    assert len(gateway.seen) == 1


def test_no_connection_is_no_attempt_that_could_have_been_taken(secrets):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ChannelError) as caught:
        sms(f"http://127.0.0.1:{port}", "twilio").deliver(envelope("+4915112345678"))
    assert caught.value.is_retryable


def test_gateways_get_what_they_ask_for(secrets, gateway):
    sms(gateway.url).deliver(envelope("+4915112345678", "Grüße & mehr".encode()))
    sms(gateway.url, "twilio").deliver(envelope("+4915112345678", "Grüße & mehr".encode()))
    (_, generic, first), (path, twilio, second) = gateway.seen
    assert json.loads(first) == {"to": "+4915112345678", "from": "Shop", "text": "Grüße & mehr"}
    assert generic["Idempotency-Key"] == KEY
    assert generic["Authorization"] == "Bearer t0ken-kanari"
    assert path == "/2010-04-01/Accounts/AC1/Messages.json"
    fields = parse_qs(second.decode())
    assert fields == {"To": ["+4915112345678"], "From": ["Shop"], "Body": ["Grüße & mehr"]}
    assert base64.b64decode(twilio["Authorization"].split()[1]) == b"AC1:t0ken-kanari"
    assert "kanari" not in repr(sms(gateway.url).settings)


def test_a_channel_is_opened_by_its_file(secrets, tmp_path):
    path = tmp_path / "hook.yaml"
    path.write_text("kind: webhook\nsecret: env:HOOK_SECRET\n")
    assert isinstance(open_channel("live", tmp_path, str(path)), WebhookChannel)
