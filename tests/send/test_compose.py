"""From message and person to bytes: right, the same each time, and silent about the person."""

import datetime as dt
from email import message_from_bytes
from email.policy import default
from types import SimpleNamespace

import pytest

from src.errors import ParameterError
from src.ledger import message_key
from src.ledger.people import Person
from src.send.compose import ComposeError, build_letterhead, compose

SENT_AT = dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC)
KEY = "0f" * 32


def make(campaign, person=None, key=KEY, **content):
    texts = {
        "subject": "⟦first_name⟧, 10 % off",
        "html": "<p>Dear ⟦first_name⟧</p><a href='⟦unsubscribe_url⟧'>leave</a>",
        "text": "Dear ⟦first_name⟧\n⟦unsubscribe_url⟧\n",
    }
    return compose(
        build_letterhead(campaign),
        SimpleNamespace(message_key=key, customer_id="c1"),
        SimpleNamespace(**texts | content),
        person or Person("Zoë", "Lee", "zoe@example.com"),
        SENT_AT,
    )


def read(envelope):
    return message_from_bytes(envelope.content, policy=default)


def test_all_headers_are_as_planned(campaign):
    message = read(make(campaign))
    assert message.keys() == [
        "From",
        "To",
        "Subject",
        "Date",
        "Message-ID",
        "List-Unsubscribe",
        "List-Unsubscribe-Post",
        "MIME-Version",
        "Content-Type",
    ]
    assert message["From"].addresses[0].display_name == "Shop & Söhne"
    assert message["To"].addresses[0].display_name == "Zoë Lee"
    assert message["Subject"] == "Zoë, 10 % off"
    assert message["Date"].datetime == SENT_AT
    assert message["Message-ID"] == f"<{KEY}@shop.example.com>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert not message.defects


def test_both_bodies_are_filled_and_the_html_is_escaped(campaign):
    message = read(make(campaign, Person("<b>&", "", "a@example.com")))
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain.get_content().splitlines()[0] == "Dear <b>&"
    assert html.get_content().startswith("<p>Dear &lt;b&gt;&amp;</p>")


def test_the_link_is_one_in_header_and_bodies(campaign):
    message = read(make(campaign))
    link = message["List-Unsubscribe"].strip("<>")
    assert link.startswith("https://shop.example.com/leave?t=")
    assert link in message.get_body(("plain",)).get_content()
    assert link in message.get_body(("html",)).get_content()


def test_the_token_is_the_persons_and_the_campaigns_own(campaign):
    keys = [
        message_key(campaign_id, 1, customer_id, "email")
        for campaign_id, customer_id in (("spring", "c1"), ("spring", "c2"), ("summer", "c1"))
    ]
    links = {read(make(campaign, key=key))["List-Unsubscribe"] for key in keys}
    assert len(links) == 3
    assert not [link for link in links for key in keys if key[:8] in link]
    assert not [link for link in links if "c1" in link or "spring" in link]


def test_the_same_message_has_the_same_bytes(campaign):
    assert make(campaign).content == make(campaign).content


@pytest.mark.parametrize(
    "text",
    [
        "a" * 5000,
        "é" * 3000,
        "。" * 999,
        ".\n..\n. \n",
        "a\r\nb\rc\n",
        "\0\x01",
        "=3D=\n",
        "From x\n",
    ],
    ids=["long", "accents", "wide", "dots", "breaks", "controls", "equals", "from"],
)
def test_any_body_survives_and_no_line_is_long(campaign, text):
    envelope = make(campaign, text=text, html=f"<pre>{text}</pre>")
    assert max(map(len, envelope.content.split(b"\r\n"))) <= 300
    assert b"\n" not in envelope.content.replace(b"\r\n", b"")
    assert b"\r" not in envelope.content.replace(b"\r\n", b"")
    expected = text.replace("\r\n", "\n").replace("\r", "\n")
    found = read(envelope).get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert found.rstrip("\n") == expected.rstrip("\n")


def test_a_body_cannot_end_its_part(campaign):
    message = read(make(campaign, text=f"--=_{KEY[:32]}--\n\nBcc: x\n"))
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_an_unknown_first_name_gets_a_neutral_word(campaign):
    message = read(make(campaign, Person("", "", "a@example.com")))
    assert message["Subject"] == "customer, 10 % off"
    assert message["To"] == "a@example.com"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"person": Person("Secretia", "Lee", "no address")}, "address not valid"),
        ({"person": Person("Secretia", "Lee", "a@example.com\r\nBcc: b")}, "address not valid"),
        ({"text": "⟦last_name⟧"}, "content cannot be filled"),
        ({"subject": ""}, "content cannot be filled"),
    ],
    ids=["address", "injection", "marker", "no subject"],
)
def test_what_cannot_be_made_says_why_without_a_name(campaign, change, reason):
    with pytest.raises(ComposeError) as caught:
        make(campaign, **change)
    assert str(caught.value) == reason
    assert caught.value.__cause__ is None


def test_an_envelope_shows_only_its_key(campaign):
    assert repr(make(campaign)) == f"Envelope(message_key='{KEY}')"
    assert "link_key" not in repr(build_letterhead(campaign))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sender_address": "nobody"}, "sender_address"),
        ({"unsubscribe_url": "http://shop.example.com"}, "https://"),
    ],
    ids=["sender", "link"],
)
def test_a_campaign_that_cannot_be_sent_is_refused(campaign, change, message):
    with pytest.raises(ParameterError, match=message):
        build_letterhead(campaign.model_copy(update=change))
