"""Addresses that answer and those that do not, on a server of this machine."""

import pytest

from src.campaign import reach
from src.campaign.reach import find_unreachable, list_addresses
from tests.campaign import model_server
from tests.campaign.check_cases import build
from tests.campaign.model_server import serving


def answering(handler):
    kind = {"picture": "image/png", "page": "text/html", "heavy": "image/png"}.get(
        handler.path.strip("/"), ""
    )
    if handler.path == "/moved":
        return handler.reply(b"", 302, Location="https://elsewhere.example/")
    if handler.path == "/heavy":
        handler.send_response(200)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", "600000")
        return handler.end_headers()
    return handler.reply(b"x", 200 if kind else 404, Content_Type=kind or "text/html")


@pytest.fixture
def base():
    def behave(handler):
        answering(handler)

    with serving(behave) as server:
        yield server.url.removesuffix("/v1")


def test_what_answers_passes_and_what_does_not_is_told(base, monkeypatch):
    monkeypatch.setattr(
        model_server._Handler, "do_GET", lambda handler: handler.server.behave(handler)
    )
    links = [f"{base}/page", f"{base}/missing", f"{base}/moved", "http://127.0.0.1:9/"]
    images = [f"{base}/picture", f"{base}/page", f"{base}/heavy", f"{base}/missing"]
    found = find_unreachable(links, images)
    assert [(address.removeprefix(base), told) for address, told in found] == [
        ("/missing", "status 404"),
        ("/moved", "leads on to https://elsewhere.example/"),
        ("http://127.0.0.1:9/", "no answer (ConnectionError)"),
        ("/page", "no picture but text/html"),
        ("/heavy", "600,000 bytes, more than 500,000"),
        ("/missing", "status 404"),
    ]


def test_silence_has_an_end(monkeypatch):
    monkeypatch.setattr(
        model_server._Handler, "do_GET", lambda handler: handler.server.behave(handler)
    )
    with serving(model_server.silent) as server:
        ((_, told),) = find_unreachable([server.url], seconds=0.3)
    assert told == "no answer within 0.3 s"


def test_no_more_than_so_many_are_asked(monkeypatch):
    monkeypatch.setattr(reach, "_ask", lambda *_: "")
    assert find_unreachable([f"http://a/{n}" for n in range(205)]) == [
        ("the rest", "5 addresses were not asked for")
    ]


def test_addresses_of_a_message_without_the_personal_ones():
    rows, _ = build("en", "email")
    assert list_addresses(rows) == {
        "links": ["https://shop.example.com/", "https://shop.example.com/p/1"],
        "images": ["https://img.example.com/tea.jpg"],
    }
