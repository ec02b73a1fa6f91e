"""Mails that came back: what they are, whose they are, and what the ledger makes of them."""

from collections import Counter
import datetime as dt
import imaplib
import mailbox as maildirs

import pytest
import sqlalchemy as sa

from src.errors import ParameterError
from src.inbound.bounces import MailKind, read_mail
from src.inbound.mailbox import ImapMailbox, MaildirMailbox, open_mailbox, process_mailbox
from src.ledger.feedback import FeedbackKind, FeedbackReport, SoftRule, record_feedback
from src.send.channels import return_path
from tests.inbound.imap import ImapServer
from tests.inbound.samples import KEY, SAMPLES, dsn
from tests.reliability.campaigns import key_of

OURS = sum(is_ours for *_, is_ours in SAMPLES.values())


@pytest.fixture
def mails(tmp_path):
    """A Maildir with every sample in it."""
    box = maildirs.Maildir(tmp_path / "mail", create=True)
    for raw, *_ in SAMPLES.values():
        box.add(raw)
    return tmp_path / "mail"


def reasons(ledger):
    with ledger.read() as connection:
        return Counter(connection.scalars(sa.text("SELECT reason FROM suppressions")))


def kept(ledger):
    with ledger.read() as connection:
        return Counter(connection.scalars(sa.text("SELECT kind FROM feedback")))


@pytest.mark.parametrize("name", SAMPLES)
def test_a_mail_is_what_it_is(name, link_key):
    raw, kind, is_ours = SAMPLES[name]
    reading = read_mail(raw, link_key)
    assert reading.kind == kind
    assert reading.message_key == (KEY if is_ours else "")


def test_there_are_enough_of_them():
    kinds = Counter(kind for _, kind, _ in SAMPLES.values())
    assert len(SAMPLES) >= 60
    assert kinds[MailKind.HARD] >= 20
    assert kinds[MailKind.AUTO_REPLY] >= 15


def test_the_return_path_tells_whose_it_is(link_key):
    ours = return_path(KEY, "b.shop.example.com", link_key)
    raw = dsn("5.1.1", returned="", to=ours)
    assert read_mail(raw, link_key).message_key == KEY[:32]
    forged = return_path(KEY, "b.shop.example.com", b"another key")
    assert read_mail(dsn("5.1.1", returned="", to=forged), link_key).message_key == ""
    delivered = b"Delivered-To: " + ours.encode() + b"\n" + dsn("5.1.1", returned="")
    assert read_mail(delivered, link_key).message_key == KEY[:32]


def test_an_answer_to_the_return_path_is_no_bounce(link_key):
    ours = return_path(KEY, "b.shop.example.com", link_key)
    away = f"To: {ours}\nFrom: ann@example.com\nSubject: Automatic reply: 550 5.1.1\n\nAway.\n"
    assert read_mail(away.encode(), link_key).kind == MailKind.AUTO_REPLY


def test_a_mailbox_is_read_once_and_keeps_what_is_not_understood(
    ledger, mails, link_key, mark_sent
):
    mark_sent("c00001")
    counts = process_mailbox(ledger, MaildirMailbox(mails), link_key)
    assert counts["new"] == 4  # hard, soft, block, complaint: one each of one message
    assert counts["left"] == len(SAMPLES) - OURS
    assert kept(ledger) == {"hard": 1, "soft": 1, "block": 1, "complaint": 1}
    left = [raw for _, raw in MaildirMailbox(mails).mails()]
    unknown = [raw for raw, _, is_ours in SAMPLES.values() if not is_ours]
    assert Counter(left) == Counter(unknown)
    again = process_mailbox(ledger, MaildirMailbox(mails), link_key)
    assert (again["new"], again["left"]) == (0, len(unknown))


def test_the_same_mail_a_hundred_times_is_once(ledger, tmp_path, link_key, mark_sent):
    mark_sent("c00001")
    box = maildirs.Maildir(tmp_path / "mail", create=True)
    for _ in range(100):
        box.add(dsn("5.1.1"))
    assert process_mailbox(ledger, MaildirMailbox(tmp_path / "mail"), link_key)["new"] == 1
    assert reasons(ledger) == {"hard bounce": 2}


@pytest.mark.parametrize("extensions", ["UIDPLUS", "MOVE UIDPLUS", ""])
def test_the_same_over_imap(ledger, link_key, mark_sent, extensions):
    mark_sent("c00001")
    mails = [raw.replace(b"\r\n", b"\n") for raw, *_ in SAMPLES.values()]
    with ImapServer(mails, extensions) as server:
        url = f"imap://user@127.0.0.1:{server.port}/INBOX"
        with open_mailbox(url, "pass") as box:
            counts = process_mailbox(ledger, box, link_key)
        assert counts["new"] == 4
        assert len(server.done) == OURS
        assert len(server.left) == len(SAMPLES) - OURS
        assert not server.seen, "reading marks nothing as read"
        with open_mailbox(url, "pass") as box:
            assert process_mailbox(ledger, box, link_key)["new"] == 0


def test_an_imap_server_that_says_no_leaves_all_as_it_is(link_key):
    with ImapServer([b"x"], "") as server:
        connection = imaplib.IMAP4("127.0.0.1", server.port)
        connection.login("user", "pass")
        box = ImapMailbox(connection, "INBOX")
        assert [raw for _, raw in box.mails()] == [b"x"]
        connection.logout()


@pytest.mark.parametrize(
    "source", ["imap://user@mail.example.com/x", "imaps://mail.example.com", "https://u@h", "none"]
)
def test_a_mailbox_that_is_none_is_refused(source):
    with pytest.raises(ParameterError), open_mailbox(source):
        pass


def test_a_hard_bounce_stops_the_person_and_a_block_does_not(ledger, mark_sent):
    mark_sent("c00001", "c00002")
    hard = FeedbackReport(key_of("c00001")[:32], FeedbackKind.HARD, "5.1.1")
    block = FeedbackReport(key_of("c00002"), FeedbackKind.BLOCK, "5.7.1")
    assert record_feedback(ledger, [hard, block], "x") == 2
    assert reasons(ledger) == {"hard bounce": 2}


def test_nothing_is_kept_of_messages_that_never_went_out(ledger):
    reports = [FeedbackReport(key, FeedbackKind.HARD) for key in (key_of("c00001"), "0" * 64, "%")]
    assert record_feedback(ledger, reports, "x") == 0
    assert not reasons(ledger)


def test_soft_bounces_become_hard_within_their_days(ledger, mark_sent):
    from dataclasses import replace

    mark_sent("c00001")
    keys = [key_of("c00001"), "1" * 64, "2" * 64]
    with ledger.write() as connection:
        for key in keys[1:]:
            connection.execute(
                sa.text(
                    "INSERT INTO messages SELECT :key, campaign_id, step+1, customer_id, channel,"
                    " purpose, action, content_sha256, state, reason, attempt, fence, sender,"
                    " leased_until, next_at, transport, attempted_at, expected_profit_value,"
                    " cost_micro, planned_at, first_tried_at FROM messages WHERE message_key=:old"
                ),
                {"key": key, "old": keys[0]},
            )
    days = iter((0, 1, 40))
    start = dt.datetime.now(dt.UTC)

    def bounce(key, day):
        later = replace(ledger, now=lambda: start + dt.timedelta(days=day))
        return record_feedback(
            later, [FeedbackReport(key, FeedbackKind.SOFT)], "x", soft_rule=SoftRule(2, 30)
        )

    bounce(keys[0], next(days))
    bounce(keys[0], 0.5)  # the same message again is no second one
    assert not reasons(ledger)
    bounce(keys[1], 31)  # the first lies too far back
    assert not reasons(ledger)
    bounce(keys[2], 40)
    assert reasons(ledger) == {"soft bounces": 2}
