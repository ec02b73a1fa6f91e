"""Clicks, opens, health and counts: what they answer, and what they never tell."""

import pytest

from src.inbound.app import build_app
from src.ledger.responses import read_responses
from src.send.links import LinkKind
from tests.reliability.campaigns import key_of

TARGET = "https://shop.example.com/tea?campaign=spring&x=1"
PERSON = {"user-agent": "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/140.0"}


def test_a_click_leads_to_its_target_and_is_recorded(client, ledger, token):
    sealed = token(kind=LinkKind.CLICK, target=TARGET)
    answer = client.get(f"/c?t={sealed}", headers=PERSON)
    assert (answer.status_code, answer.headers["location"]) == (302, TARGET)
    (row,) = read_responses(ledger, "spring").itertuples()
    assert (row.message_key, row.kind, row.agent) == (key_of("c00000"), "click", "person")


@pytest.mark.parametrize("query", ["", "&url=https://evil.example", "&target=//evil.example"])
def test_no_other_target_can_be_asked_for(client, token, query):
    for sealed in (token(kind=LinkKind.LEAVE), token(kind=LinkKind.CLICK)[:-2], "https://e.com"):
        answer = client.get(f"/c?t={sealed}{query}")
        assert answer.status_code == 404
        assert "location" not in answer.headers


def test_a_click_that_cannot_be_recorded_leads_on(client, ledger, token, monkeypatch):
    import sqlalchemy as sa

    def fail(*_):
        raise sa.exc.OperationalError("INSERT", {}, Exception("locked"))

    monkeypatch.setattr("src.inbound.app.record_response", fail)
    answer = client.get(f"/c?t={token(kind=LinkKind.CLICK, target=TARGET)}")
    assert answer.headers["location"] == TARGET


def test_opens_and_traps_are_recorded_and_look_alike_to_strangers(client, ledger, token):
    pixel = client.get(f"/o?t={token(kind=LinkKind.OPEN)}", headers=PERSON)
    assert pixel.content[:6] == b"GIF89a"
    assert client.get("/o?t=x").content == pixel.content
    assert client.get(f"/l?t={token(kind=LinkKind.TRAP)}").status_code == 204
    assert read_responses(ledger, "spring")["kind"].tolist() == ["open", "trap"]


def test_health_and_counts(client, ledger, token):
    assert client.get("/health").json() == {"state": "ok"}
    client.post(f"/unsubscribe?t={token()}", data={"List-Unsubscribe": "One-Click"})
    text = client.get("/metrics").text
    assert 'campanile_messages{campaign_id="spring",state="PLANNED"} 20' in text
    assert 'campanile_suppressions{channel="email"} 2' in text
    assert "c00000" not in text
    assert "example.com" not in text


def test_no_description_of_the_interface_is_served(client):
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert client.get(path).status_code == 404


def test_the_application_knows_these_routes(site):
    routes = {route.path for route in build_app(site).routes}
    known = {"/unsubscribe", "/preferences", "/c", "/l", "/o", "/health", "/metrics"}
    assert routes == known | {"/hooks/{provider}"}
