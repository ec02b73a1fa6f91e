"""One request of all takes a person off the list; it is kept before it is acknowledged."""

import base64
import secrets
import time

import pytest
import sqlalchemy as sa

from src.ledger.consents import contact_denials
from src.send.links import LinkKind, read_token

RIGHT = {"List-Unsubscribe": "One-Click"}
BOUNDARY = "b0undary"
MULTIPART = (
    f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\n'
    f"One-Click\r\n--{BOUNDARY}--\r\n"
)
FORM = {"content-type": "application/x-www-form-urlencoded"}
REQUESTS = {
    "GET": ("GET", {}),
    "HEAD": ("HEAD", {}),
    "OPTIONS": ("OPTIONS", {}),
    "PUT": ("PUT", {"data": RIGHT}),
    "PATCH": ("PATCH", {"data": RIGHT}),
    "DELETE": ("DELETE", {}),
    "PROPFIND": ("PROPFIND", {"data": RIGHT}),
    "GET with body": ("GET", {"content": "List-Unsubscribe=One-Click", "headers": FORM}),
    "POST empty": ("POST", {}),
    "POST other value": ("POST", {"data": {"List-Unsubscribe": "one-click"}}),
    "POST other name": ("POST", {"data": {"list-unsubscribe": "One-Click"}}),
    "POST twice": ("POST", {"data": {"List-Unsubscribe": ["One-Click", "x"]}}),
    "POST as text": ("POST", {"content": "List-Unsubscribe=One-Click"}),
    "POST as JSON": ("POST", {"json": RIGHT}),
    "POST in the query": ("POST", {}),
    "POST too large": ("POST", {"data": RIGHT | {"x": "x" * 20_000}}),
    "POST urlencoded": ("POST", {"data": RIGHT}),
    "POST multipart": (
        "POST",
        {
            "content": MULTIPART,
            "headers": {"content-type": f"multipart/form-data; boundary={BOUNDARY}"},
        },
    ),
}
CHANGING = {("POST urlencoded", "valid"), ("POST multipart", "valid")}
TOKENS = ("valid", "forged", "foreign", "expired", "of another kind", "none")


@pytest.fixture
def tokens(token):
    valid = token()
    return {
        "valid": valid,
        "forged": valid[:-4] + ("AAAA" if valid[-4:] != "AAAA" else "BBBB"),
        "foreign": token(key=b"another installation"),
        "expired": token(days_ago=401),
        "of another kind": token(kind=LinkKind.OPEN),
        "none": "",
    }


@pytest.mark.parametrize("which", TOKENS)
@pytest.mark.parametrize("name", REQUESTS)
def test_only_one_kind_of_request_changes_anything(client, wishes, tokens, name, which):
    before = wishes()
    method, rest = REQUESTS[name]
    query = "&List-Unsubscribe=One-Click" if name == "POST in the query" else ""
    answer = client.request(method, f"/unsubscribe?t={tokens[which]}{query}", **rest)
    after = wishes()
    if (name, which) in CHANGING:
        assert answer.status_code == 200
        assert {row.reason for row in after["suppressions"]} == {"unsubscribed"}
        assert len(after["consents"]) == len(before["consents"]) + 1
    else:
        assert after == before
        assert answer.status_code in (200, 400, 404, 405, 413)
        is_page = which == "valid" and name in ("GET", "HEAD", "GET with body")
        assert (answer.status_code == 200) == is_page


def test_what_is_refused_is_refused_alike(client, tokens):
    refused = [client.get(f"/unsubscribe?t={tokens[which]}") for which in TOKENS[1:]]
    assert len({(answer.status_code, answer.text) for answer in refused}) == 1


def test_a_hundred_times_is_once(client, wishes, token):
    assert client.post(f"/unsubscribe?t={token()}", data=RIGHT).status_code == 200
    once = wishes()
    for _ in range(99):
        assert client.post(f"/unsubscribe?t={token()}", data=RIGHT).status_code == 200
    assert wishes() == once


def test_the_gate_denies_from_then_on(client, ledger, token):
    client.post(f"/unsubscribe?t={token()}", data=RIGHT)
    with ledger.read() as connection:
        denials = contact_denials(connection, "email", "marketing", ["c00000", "c00001"])
    assert denials == {"c00000": "unsubscribed"}


def test_a_database_that_does_not_answer_is_no_acknowledgment(client, ledger, token, monkeypatch):
    def fail(*_):
        raise sa.exc.OperationalError("INSERT", {}, Exception("disk full"))

    monkeypatch.setattr("src.inbound.wishes.suppress", fail)
    answer = client.post(f"/unsubscribe?t={token()}", data=RIGHT)
    assert answer.status_code == 503
    assert "disk" not in answer.text


def test_what_is_on_its_way_is_said(client, ledger, token, monkeypatch):
    monkeypatch.setattr("src.inbound.wishes.wait_until_still", lambda *_: False)
    answer = client.post(f"/unsubscribe?t={token()}", data=RIGHT)
    assert answer.status_code == 202
    assert "on its way" in answer.text


@pytest.mark.timeout(300)
def test_a_million_random_tokens_are_refused(token, link_key):
    today = time.strftime("%Y-%m-%d")
    import datetime as dt

    day, n_octets = dt.date.fromisoformat(today), len(base64.urlsafe_b64decode(token() + "=="))
    accepted = 0
    for _ in range(1_000):
        noise = secrets.token_bytes(n_octets * 1_000)
        for start in range(0, len(noise), n_octets):
            text = base64.urlsafe_b64encode(noise[start : start + n_octets]).decode().rstrip("=")
            accepted += read_token(LinkKind.LEAVE, link_key, text, day) is not None
    assert accepted == 0


def test_every_changed_sign_of_a_token_is_refused(token, link_key):
    import datetime as dt

    valid, day = token(), dt.datetime.now(dt.UTC).date()
    signs = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    changed = [
        valid[:i] + sign + valid[i + 1 :]
        for i in range(len(valid))
        for sign in signs
        if sign != valid[i]
    ]
    changed += [valid[:-1], valid + "A", valid + "=", valid + " ", valid + "é", valid * 60]
    read = [read_token(LinkKind.LEAVE, link_key, one, day) for one in changed]
    assert not [one for one in read if one is not None]
    assert read_token(LinkKind.LEAVE, link_key, valid, day) is not None


def test_pages_allow_nothing_from_elsewhere(client, token):
    answer = client.get(f"/unsubscribe?t={token()}")
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "<script" not in answer.text


def test_a_token_with_signs_of_html_stays_text(client):
    answer = client.get('/unsubscribe?t="><script>x()</script>')
    assert answer.status_code == 404
    assert "<script" not in answer.text


@pytest.mark.parametrize(
    ("header", "query", "found"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "", "退订"),
        ("de,en;q=0.5", "", "Unsubscribe"),
        ("en", "&lang=zh", "退订"),
        ("zh;q=x,,;;=", "", "Unsubscribe"),
    ],
)
def test_the_page_speaks_the_readers_language(client, token, header, query, found):
    url = f"/unsubscribe?t={token()}{query}"
    assert found in client.get(url, headers={"accept-language": header}).text
