"""The mail server of a rehearsal, by letters that really go over SMTP."""

from email.message import EmailMessage
import json
import smtplib

import pytest

from src.rehearsal.post import PostOffice, read_letters, read_links

LEAVE = "https://shop.example.com/unsubscribe?t=abc"
CLICK = "https://links.shop.example.com/c?t=def"
PIXEL = "https://links.shop.example.com/o?t=ghi"


def letter_to(name, key):
    letter = EmailMessage()
    letter["From"], letter["To"], letter["Subject"] = "a@shop.example.com", name, "Grüße"
    letter["Message-ID"] = f"<{key}@shop.example.com>"
    letter["List-Unsubscribe"] = f"<mailto:leave@shop.example.com>, <{LEAVE}>"
    letter.set_content(f"Words and {CLICK}\n.\nA lone dot above.\n" * 50)
    html = f'<p>é<a href="{CLICK}&amp;x=1">Look</a><img src="{PIXEL}"></p>' + "<p>x</p>" * 500
    letter.add_alternative(html, subtype="html")
    return letter


@pytest.fixture
def office(tmp_path):
    with PostOffice(
        tmp_path / "letters.jsonl", {"gone@readers.internal"}, {"ann@readers.internal"}
    ).open() as running:
        yield running


def send(office, *letters):
    with smtplib.SMTP("127.0.0.1", office.port, timeout=10) as client:
        for letter in letters:
            client.send_message(letter)


def test_a_letter_is_kept_before_it_is_acknowledged_and_its_links_are_found(office):
    send(office, letter_to("ann@readers.internal", "k1"), letter_to("bob@readers.internal", "k2"))
    found = read_letters(office.file)  # the server still runs: nothing waits in a buffer
    assert set(found) == {"k1", "k2"}
    assert found["k1"]["to"] == "ann@readers.internal"
    assert "letter" not in found["k2"]
    links = read_links(found["k1"]["letter"])
    assert links.leave == LEAVE
    assert links.links == (f"{CLICK}&x=1",)
    assert links.pixels == (PIXEL,)


def test_a_mailbox_that_is_gone_is_refused(office):
    with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
        send(office, letter_to("gone@readers.internal", "k1"))
    assert refused.value.recipients["gone@readers.internal"][0] == 550
    assert read_letters(office.file) == {}


def test_a_letter_taken_twice_is_told(office):
    send(office, letter_to("ann@readers.internal", "k1"), letter_to("ann@readers.internal", "k1"))
    assert read_letters(office.file)["k1"]["n_taken"] == 2


def test_a_line_that_was_cut_off_is_no_letter(tmp_path):
    file = tmp_path / "letters.jsonl"
    whole = json.dumps({"to": "a", "key": "k1"})
    file.write_text(f'{whole}\n{{"to": "b", "ke')
    assert set(read_letters(file)) == {"k1"}
    with PostOffice(file, (), ()).open() as office:
        send(office, letter_to("ann@readers.internal", "k2"))
    assert set(read_letters(file)) == {"k1", "k2"}


def test_no_file_is_no_letters(tmp_path):
    assert read_letters(tmp_path / "none.jsonl") == {}


def test_a_sender_that_goes_away_in_the_middle_leaves_nothing(office):
    client = smtplib.SMTP("127.0.0.1", office.port, timeout=10)
    client.ehlo()
    client.mail("a@shop.example.com")
    client.rcpt("ann@readers.internal")
    client.putcmd("data")
    client.getreply()
    client.send(b"Message-ID: <k9@x>\r\n\r\nhalf a letter")
    client.close()
    send(office, letter_to("ann@readers.internal", "k1"))
    assert set(read_letters(office.file)) == {"k1"}
