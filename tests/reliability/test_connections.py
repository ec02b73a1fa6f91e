"""Connections: kept, closed behind our back, limited by the server, encrypted, logged in to."""

import base64
import datetime as dt
import ipaddress
import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
import pytest

from src.errors import ConfigurationError, ParameterError
from src.send.channels import Envelope, SmtpChannel, Verdict
from src.send.channels.settings import check_settings
from tests.reliability.sinks import smtp_settings, start_sink


def letters(n, body=b"hello\r\n"):
    for i in range(n):
        key = f"{i:064x}"
        head = f"Message-ID: <{key}@shop.example.com>\r\n\r\n".encode()
        yield Envelope(key, "hello@shop.example.com", f"r{i}@example.com", head + body)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A certificate for this machine, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sink.test")])
    now = dt.datetime.now(dt.UTC)
    hosts = [x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(hosts), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("certificate") / "sink.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@pytest.mark.parametrize("pause", [0.05, 0.1, 0.15, 0.2, 0.25, 0.3])
def test_a_connection_closed_while_idle_loses_nothing_and_is_no_attempt(tmp_path, pause):
    with start_sink(tmp_path, None, "--idle-close", "0.15") as sink:
        channel = SmtpChannel(smtp_settings(sink.port))
        for envelope in letters(4):
            (outcome,) = channel.deliver_all([envelope])
            assert outcome.verdict == Verdict.TAKEN, outcome.reason
            time.sleep(pause)
        assert sorted(sink.keys()) == [f"{i:064x}" for i in range(4)]


def test_a_connection_lost_between_check_and_mail_is_opened_anew(tmp_path, monkeypatch):
    with start_sink(tmp_path, {"mails": [None, "drop:mail"]}) as sink:
        channel = SmtpChannel(smtp_settings(sink.port, n_connections=1))
        outcomes = [channel.deliver_all([envelope])[0].verdict for envelope in letters(3)]
        assert outcomes == [Verdict.TAKEN] * 3
        assert len(sink.keys()) == 3


def test_a_limit_of_letters_per_connection_is_learned_and_costs_no_attempt(tmp_path):
    with start_sink(tmp_path, None, "--session-limit", "10") as sink:
        channel = SmtpChannel(smtp_settings(sink.port, n_connections=4))
        queue = list(letters(1000))
        for start in range(0, 1000, 4):
            outcomes = channel.deliver_all(queue[start : start + 4])
            assert {outcome.verdict for outcome in outcomes} == {Verdict.TAKEN}
        assert channel.messages_per_connection == 10
        assert sorted(sink.keys()) == sorted(envelope.message_key for envelope in queue)


def test_a_refused_recipient_does_not_spoil_the_connection(tmp_path):
    plan = {"recipients": {"r0@example.com": ["rcpt:550"], "r2@example.com": ["data:451"]}}
    for options in ((), ("--no-pipelining",)):
        with start_sink(tmp_path / str(len(options)), plan, *options) as sink:
            channel = SmtpChannel(smtp_settings(sink.port, n_connections=1))
            verdicts = [channel.deliver_all([envelope])[0].verdict for envelope in letters(4)]
            expected = [Verdict.REFUSED, Verdict.TAKEN, Verdict.RETRY, Verdict.TAKEN]
            assert verdicts == expected
            assert sink.keys() == [f"{i:064x}" for i in (1, 3)]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_letters_go_over_encrypted_connections_after_login(tmp_path, certificate, tls, monkeypatch):
    monkeypatch.setenv("SINK_PASSWORD", "s3cret")
    right = base64.b64encode(b"\0shop\0s3cret").decode()
    options = ("--certificate", str(certificate), "--tls", tls, "--auth", right)
    fields = {"tls": tls, "certificates": str(certificate), "username": "shop"}
    with start_sink(tmp_path, None, *options) as sink:
        settings = smtp_settings(sink.port, password="env:SINK_PASSWORD", **fields)
        channel = SmtpChannel(settings)
        for _ in range(3):
            outcomes = channel.deliver_all(list(letters(4, b"x" * 70 + b"\r\n")))
            assert {outcome.verdict for outcome in outcomes} == {Verdict.TAKEN}
        channel.close()
        assert len(sink.keys()) == 12
        assert {event["is_right"] for event in sink.events("auth")} == {True}
        assert "s3cret" not in repr(settings)


def test_a_wrong_password_stops_everything_and_names_nothing(tmp_path, certificate, monkeypatch):
    monkeypatch.setenv("SINK_PASSWORD", "wrong-kanari")
    fields = {"certificates": str(certificate), "username": "shop", "tls": "starttls"}
    with start_sink(tmp_path, None, "--certificate", str(certificate), "--auth", "x") as sink:
        channel = SmtpChannel(smtp_settings(sink.port, password="env:SINK_PASSWORD", **fields))
        with pytest.raises(ConfigurationError, match="user and password") as caught:
            channel.check()
        assert "kanari" not in str(caught.value)
        assert sink.keys() == []


@pytest.mark.parametrize(
    ("options", "fields"),
    [((), {"tls": "starttls"}), (("--certificate",), {"tls": "starttls", "certificates": ""})],
    ids=["no encryption offered", "certificate not trusted"],
)
def test_without_the_encryption_asked_for_nothing_is_sent(tmp_path, certificate, options, fields):
    options = [*options, str(certificate)] if options else []
    with start_sink(tmp_path, None, *options) as sink:
        channel = SmtpChannel(smtp_settings(sink.port, **fields))
        with pytest.raises(ConfigurationError, match="nothing was sent"):
            channel.check()
        assert sink.events() == []


def test_fewer_connections_than_wanted_carry_all_letters(tmp_path):
    with start_sink(tmp_path, {"connections": [None, "connect:421", "connect:421"]}) as sink:
        channel = SmtpChannel(smtp_settings(sink.port, n_connections=3))
        outcomes = channel.deliver_all(list(letters(3)))
        assert {outcome.verdict for outcome in outcomes} == {Verdict.TAKEN}
        assert len(sink.keys()) == 3


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"password": "plain"}, "env:NAME"),
        ({"username": "a"}, "both username and password"),
        ({"username": "a", "password": "env:X", "tls": "none"}, "encrypted"),
        ({"warm_up": [10]}, "warm_up_from"),
        ({"n_connections": 0}, "greater than or equal to 1"),
        ({"per_second": 0}, "greater than 0"),
        ({"host": "a b"}, "host"),
        ({"speed": 1}, "speed"),
    ],
    ids=["secret", "login", "bare", "warm-up", "none", "rate", "host", "unknown"],
)
def test_a_channel_file_that_cannot_work_is_refused_without_its_values(fields, message):
    sound = {"kind": "smtp", "host": "mail.example.com"}
    with pytest.raises(ParameterError, match=message) as caught:
        check_settings(sound | fields)
    assert "plain" not in str(caught.value)
