"""Sending in a rehearsal: by SMTP, to this machine, and to no other."""

import pytest

from src.errors import ConfigurationError, ParameterError
from src.send.channels import open_channel
from src.send.clock import run_clock
from src.send.summary import delivery_sentence


def channel_file(tmp_path, text):
    file = tmp_path / "channel.yaml"
    file.write_text(text)
    return str(file)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_of_this_machine_is_taken(tmp_path, host):
    file = channel_file(tmp_path, f"kind: smtp\nhost: {host}\nport: 2525\ntls: none\n")
    assert open_channel("rehearsal", tmp_path, file).settings.host == host


@pytest.mark.parametrize(
    "text",
    [
        "kind: smtp\nhost: mail.shop.example.com\nport: 587\n",
        "kind: smtp\nhost: 127.0.0.1.example.com\nport: 587\n",
        "kind: smtp\nhost: 10.0.0.1\nport: 25\n",
        "kind: smtp\nport: 25\n",
        "kind: sms\nhost: 127.0.0.1\nurl: https://sms.example.com/send\n",
        "kind: webhook\nhost: localhost\nurl: https://hooks.example.com/x\n",
        "kind: carrier_pigeon\nhost: 127.0.0.1\n",
    ],
)
def test_whatever_leads_elsewhere_is_refused(tmp_path, text):
    with pytest.raises(ParameterError, match="reaches no other machine; nothing was sent"):
        open_channel("rehearsal", tmp_path, channel_file(tmp_path, text))


def test_without_a_channel_file_nothing_is_sent(tmp_path):
    with pytest.raises(ConfigurationError, match="mode rehearsal, found none; nothing was sent"):
        open_channel("rehearsal", tmp_path)


def test_a_rehearsal_runs_on_the_campaigns_clock():
    assert run_clock("campaign", "2024-07-14", "rehearsal")().isoformat() == (
        "2024-07-15T09:00:00+00:00"
    )


def test_the_sentence_says_that_it_was_a_rehearsal():
    assert delivery_sentence("rehearsal", 1234, {}) == (
        "**Rehearsal: 1,234 letters went to a mail server of this machine.**"
    )
