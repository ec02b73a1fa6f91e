"""Text messages and calls: filled, silent about the person, and closed to what values hold."""

import datetime as dt
import json
from types import SimpleNamespace

import pytest

from src.campaign.sms import has_opt_out
from src.ledger.people import Person
from src.send.compose import ComposeError, build_letterhead
from src.send.links import LinkKind, read_token
from src.send.texts import compose_call, compose_text

SENT_AT = dt.datetime(2024, 2, 1, 9, tzinfo=dt.UTC)
KEY = "0f" * 32
TEXT = "Shop: ⟦first_name⟧, 10 % off. Reply STOP to stop."
FIELDS = {"title": "Hello ⟦first_name⟧", "body": '10 % off\nThis "week"', "url": "https://a.b/c"}
NASTY = [
    'Ann", "admin": "yes',
    "Ann\\",
    'x"}\n{"to": "+1',
    "⟦unsubscribe_url⟧",
    "\u2028Ann\x00",
    "</script>{{ 7*7 }}",
]


def make(compose, campaign, person, text):
    message = SimpleNamespace(message_key=KEY, customer_id="c1")
    content = SimpleNamespace(subject="", html="", text=text)
    return compose(build_letterhead(campaign), message, content, person, SENT_AT)


@pytest.mark.parametrize("phone", ["+49 30 123456", "0049 (30) 123456", "+4930123456"])
def test_a_text_goes_to_the_number_in_its_one_spelling(campaign, phone):
    made = make(compose_text, campaign, Person("Zoë", phone=phone), TEXT)
    assert (made.recipient, made.message_key, made.sender) == ("+4930123456", KEY, "")
    assert made.content.decode() == "Shop: Zoë, 10 % off. Reply STOP to stop."
    assert has_opt_out(made.content.decode(), "en")
    assert make(compose_text, campaign, Person("Zoë", phone=phone), TEXT) == made


def test_without_a_first_name_a_neutral_one_stands_there(campaign):
    made = make(compose_text, campaign, Person(phone="+4930123456"), TEXT)
    assert made.content.startswith(b"Shop: customer,")


def test_the_link_of_a_text_is_that_of_its_message(campaign):
    made = make(compose_text, campaign, Person(phone="+4930123456"), "Bye: ⟦unsubscribe_url⟧")
    token = made.content.decode().partition("?t=")[2]
    key = build_letterhead(campaign).link_key
    assert read_token(LinkKind.LEAVE, key, token, SENT_AT.date()).message_key == KEY


@pytest.mark.parametrize("phone", ["", "call me", "12345", "+49 1", "+4930123456\n+4930654321"])
def test_what_is_no_number_is_said_without_showing_it(campaign, phone):
    with pytest.raises(ComposeError, match=r"^telephone number not valid$"):
        make(compose_text, campaign, Person("Ann", phone=phone), TEXT)


@pytest.mark.parametrize("text", ["Dear ⟦nobody⟧", "Dear ⟦first_name", "\ud800", "", "  "])
def test_a_text_that_cannot_be_filled_is_not_made(campaign, text):
    with pytest.raises(ComposeError, match=r"^content (cannot be filled|is empty)$"):
        make(compose_text, campaign, Person("Ann", phone="+4930123456"), text)


@pytest.mark.parametrize("name", NASTY)
def test_no_value_opens_the_payload(campaign, name):
    made = make(compose_call, campaign, Person(name, webhook="@ann"), json.dumps(FIELDS))
    payload = json.loads(made.content)
    assert list(payload) == ["message_id", "to", "fields"]
    assert (payload["message_id"], payload["to"], made.recipient) == (KEY, "@ann", "@ann")
    assert list(payload["fields"]) == list(FIELDS)
    assert payload["fields"]["title"].startswith("Hello ")
    assert payload["fields"]["body"] == FIELDS["body"]


def test_a_value_arrives_as_it_is_and_is_no_marker(campaign):
    for name, shown in (('Ann "the" \\one',) * 2, ("⟦unsubscribe_url⟧", "unsubscribe_url")):
        made = make(compose_call, campaign, Person(name, webhook="@a"), json.dumps(FIELDS))
        assert json.loads(made.content)["fields"]["title"] == f"Hello {shown}"


def test_an_address_that_is_called_is_not_repeated_in_the_payload(campaign):
    person = Person("Ann", webhook="https://chat.example.com/secret")
    made = make(compose_call, campaign, person, json.dumps(FIELDS))
    assert made.recipient == person.webhook
    assert b"secret" not in made.content


@pytest.mark.parametrize("account", ["", "  ", "@ann\n@ben", "a\x00b"])
def test_what_is_no_account_is_said(campaign, account):
    with pytest.raises(ComposeError, match=r"^account not valid$"):
        make(compose_call, campaign, Person("Ann", webhook=account), json.dumps(FIELDS))


@pytest.mark.parametrize(
    "text",
    ["", "no json", "[]", "{}", '{"a": 1}', '{"a": "⟦b⟧"}', "[" * 99_999, '{"a": "\\ud800"}'],
)
def test_only_an_object_of_texts_is_a_payload(campaign, text):
    with pytest.raises(ComposeError, match=r"^content cannot be filled$"):
        make(compose_call, campaign, Person("Ann", webhook="@ann"), text)


def test_nothing_personal_is_shown(campaign):
    person = Person("Zoë", phone="+4930123456", webhook="@zoe")
    for compose, text in ((compose_text, TEXT), (compose_call, json.dumps(FIELDS))):
        shown = repr(make(compose, campaign, person, text))
        assert not {"Zoë", "+4930123456", "@zoe"} & set(shown.replace("'", " ").split())
        assert KEY in shown
