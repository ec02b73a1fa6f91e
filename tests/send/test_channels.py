"""Channels: the Maildir takes a key once, whole or not at all, and can be asked."""

import errno
import mailbox
import os
import stat

import pytest

from src.errors import ChannelError, ConfigurationError, ParameterError
from src.send.channels import (
    Envelope,
    MaildirChannel,
    MemoryChannel,
    count_maildir,
    open_channel,
)

KEY = "ab" * 32


def envelope(key=KEY, body=b"hello"):
    return Envelope(key, "a@example.com", "b@example.com", b"Subject: x\r\n\r\n" + body + b"\r\n")


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_message_becomes_one_file_named_by_its_key(tmp_path):
    channel = MaildirChannel(tmp_path)
    assert not channel.was_delivered(KEY)
    channel.deliver(envelope())
    assert channel.was_delivered(KEY)
    assert files(tmp_path) == [f"new/{KEY}.eml"]
    assert channel.keys() == [KEY]


def test_the_same_key_again_changes_nothing(tmp_path):
    channel = MaildirChannel(tmp_path)
    channel.deliver(envelope(body=b"first"))
    channel.deliver(envelope(body=b"second"))
    assert files(tmp_path) == [f"new/{KEY}.eml"]
    assert b"first" in (tmp_path / "new" / f"{KEY}.eml").read_bytes()


def test_a_message_that_was_read_counts_as_delivered(tmp_path):
    channel = MaildirChannel(tmp_path)
    channel.deliver(envelope())
    (tmp_path / "new" / f"{KEY}.eml").rename(tmp_path / "cur" / f"{KEY}.eml:2,S")
    channel.deliver(envelope())
    assert channel.was_delivered(KEY)
    assert count_maildir(tmp_path) == 1


def test_other_mail_programs_can_read_it(tmp_path):
    MaildirChannel(tmp_path).deliver(envelope())
    (message,) = mailbox.Maildir(tmp_path, create=False)
    assert message["Subject"] == "x"


def test_its_files_are_for_their_owner_alone(tmp_path):
    MaildirChannel(tmp_path / "m").deliver(envelope())
    assert stat.S_IMODE((tmp_path / "m" / "new").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "m" / "new" / f"{KEY}.eml").stat().st_mode) == 0o600


def test_a_full_disk_delivers_nothing_and_may_be_tried_again(tmp_path, monkeypatch):
    channel = MaildirChannel(tmp_path)

    def fail(_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(ChannelError, match="No space left") as caught:
        channel.deliver(envelope())
    assert caught.value.is_retryable
    assert files(tmp_path) == []


def test_drafts_that_were_delivered_are_swept(tmp_path):
    channel = MaildirChannel(tmp_path)
    channel.deliver(envelope())
    os.link(tmp_path / "new" / f"{KEY}.eml", tmp_path / "tmp" / "left")
    (tmp_path / "tmp" / "unfinished").write_bytes(b"x")
    MaildirChannel(tmp_path)
    assert files(tmp_path / "tmp") == ["unfinished"]


def test_the_memory_channel_cannot_be_asked():
    channel = MemoryChannel()
    channel.deliver(envelope())
    assert [item.message_key for item in channel.delivered] == [KEY]
    assert channel.was_delivered(KEY) is None


def test_dry_run_writes_a_maildir(tmp_path):
    assert isinstance(open_channel("dry_run", tmp_path), MaildirChannel)


def test_live_without_a_live_channel_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match="nothing was sent"):
        open_channel("live", tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_an_unknown_mode_is_refused(tmp_path):
    with pytest.raises(ParameterError, match="dry_run, rehearsal or live"):
        open_channel("dry-run", tmp_path)
