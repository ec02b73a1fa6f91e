"""The preference page: per channel and purpose, and nothing that was not changed is an event."""

import re

import pandas as pd

from src.inbound.wishes import read_choices
from src.ledger import record_consents
from src.ledger.responses import find_message
from tests.reliability.campaigns import SAID_AT, key_of


def agree(ledger, *pairs):
    frame = pd.DataFrame(pairs, columns=["channel", "purpose"])
    fields = {"source": "form", "wording": "Yes.", "recorded_at": SAID_AT, "is_granted": True}
    record_consents(ledger, frame.assign(customer_id="c00000", **fields))


def choices(ledger):
    message = find_message(ledger, key_of("c00000"))
    return {choice.name: choice.is_on for choice in read_choices(ledger, message)}


def send(client, url, **fields):
    return client.post(url, data={"form": "preferences", "do": "save"} | fields)


def test_what_is_unmarked_is_withdrawn_and_the_rest_stays(client, ledger, token, wishes):
    agree(ledger, ("email", "news"), ("sms", "marketing"))
    url = f"/preferences?t={token()}"
    page = client.get(url).text
    shown = re.findall(r'name="shown" value="([^"]+)"', page)
    assert shown == ["email.marketing", "email.news", "sms.marketing"]
    before = len(wishes()["consents"])
    assert send(client, url, shown=shown, keep=["email.news"]).status_code == 200
    wanted = {"email.marketing": False, "email.news": True, "sms.marketing": False}
    assert choices(ledger) == wanted
    assert len(wishes()["consents"]) == before + 2
    send(client, url, shown=shown, keep=["email.news"])
    assert len(wishes()["consents"]) == before + 2


def test_what_was_unmarked_can_be_marked_again(client, ledger, token):
    url = f"/preferences?t={token()}"
    send(client, url, shown=["email.marketing"])
    assert choices(ledger) == {"email.marketing": False}
    send(client, url, shown=["email.marketing"], keep=["email.marketing"])
    assert choices(ledger) == {"email.marketing": True}


def test_a_page_that_did_not_show_a_choice_does_not_change_it(client, ledger, token, wishes):
    before = wishes()
    send(client, f"/preferences?t={token()}", shown=["sms.marketing", "no.such"], keep=["x.y"])
    assert wishes() == before


def test_stopping_everything_holds_for_every_channel_and_cannot_be_marked_away(
    client, ledger, token
):
    agree(ledger, ("sms", "marketing"))
    url = f"/preferences?t={token()}"
    assert client.post(url, data={"form": "preferences", "do": "stop"}).status_code == 200
    assert set(choices(ledger).values()) == {False}
    names = ["email.marketing", "sms.marketing"]
    send(client, url, shown=names, keep=names)
    assert set(choices(ledger).values()) == {False}


def test_nothing_but_its_own_form_changes_anything(client, token, wishes):
    url, before = f"/preferences?t={token()}", wishes()
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "PROPFIND", "DELETE"):
        client.request(method, url)
    assert client.post(url, data={"do": "stop"}).status_code == 400
    assert client.post(url, data={"form": "preferences"}).status_code == 400
    assert client.post("/preferences?t=x", data={"form": "preferences", "do": "stop"}).status_code
    assert wishes() == before
