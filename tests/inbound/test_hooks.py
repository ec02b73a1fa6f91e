"""Calls of providers: signed over the raw bytes, in time, and only once."""

import json
import random
import time

import pytest
import sqlalchemy as sa

from src.inbound.hooks import HookError, verify_call
from src.send.channels.webhook import sign_webhook
from tests.inbound.conftest import HOOK_SECRET
from tests.reliability.campaigns import key_of

OTHER = "whsec_" + "A" * 32
VECTOR = b'{"test": 2432232314}'
VECTOR_HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}


def signed(body, call_id="c1", at=None, secret=HOOK_SECRET):
    stamp = int(time.time() if at is None else at)
    signature = sign_webhook(secret, call_id, stamp, body)
    return {
        "webhook-id": call_id,
        "webhook-timestamp": str(stamp),
        "webhook-signature": signature,
    }


def events(*pairs):
    told = [{"type": kind, "message": f"<{key}@shop.example.com>"} for kind, key in pairs]
    return json.dumps({"events": told}).encode()


def kept(ledger):
    with ledger.read() as connection:
        return connection.execute(sa.text("SELECT kind, status, source FROM feedback")).all()


def test_the_test_vector_of_the_specification():
    assert verify_call([HOOK_SECRET], VECTOR_HEADERS, VECTOR, 1614265330).startswith("msg_")


def test_no_changed_bit_is_taken():
    rng, names = random.Random(8), ("webhook-id", "webhook-timestamp", "webhook-signature", "body")
    n_taken = 0
    for _ in range(10_000):
        headers, body = dict(VECTOR_HEADERS), VECTOR
        name = rng.choice(names)
        value = bytearray(body if name == "body" else headers[name].encode())
        value[rng.randrange(len(value))] ^= 1 << rng.randrange(7)
        if name == "body":
            body = bytes(value)
        else:
            headers[name] = value.decode("latin-1")
        try:
            verify_call([HOOK_SECRET], headers, body, 1614265330)
            n_taken += 1
        except HookError:
            pass
    assert n_taken == 0


@pytest.mark.parametrize("off", [-301, -300, 0, 300, 301])
def test_five_minutes_either_way(off):
    headers = signed(b"{}", at=1_000_000)
    if abs(off) > 300:
        with pytest.raises(HookError, match="five minutes"):
            verify_call([HOOK_SECRET], headers, b"{}", 1_000_000 + off)
    else:
        assert verify_call([HOOK_SECRET], headers, b"{}", 1_000_000 + off) == "c1"


def test_while_a_secret_is_replaced_both_are_good():
    for secret in (HOOK_SECRET, OTHER):
        headers = signed(b"{}", at=9, secret=secret)
        assert verify_call([OTHER, HOOK_SECRET], headers, b"{}", 9) == "c1"
    with pytest.raises(HookError):
        verify_call([OTHER], signed(b"{}", at=9), b"{}", 9)
    with pytest.raises(HookError):
        verify_call([], signed(b"{}", at=9), b"{}", 9)


def test_one_of_several_signatures_is_enough():
    headers = signed(b"{}", at=9)
    headers["webhook-signature"] = "v1a,xx v1,AAAA " + headers["webhook-signature"]
    assert verify_call([HOOK_SECRET], headers, b"{}", 9) == "c1"


def test_a_complaint_stops_the_person_and_the_call_counts_once(client, ledger, mark_sent):
    mark_sent("c00001", "c00002")
    body = events(("complaint", key_of("c00001")))
    answer = client.post("/hooks/acme", content=body, headers=signed(body))
    assert (answer.status_code, answer.json()) == (200, {"n_new": 1})
    assert kept(ledger) == [("complaint", "", "acme")]
    for _ in range(100):
        again = client.post("/hooks/acme", content=body, headers=signed(body))
        assert again.json() == {"n_new": 0}
    other = events(("complaint", key_of("c00002")))
    replayed = client.post("/hooks/acme", content=other, headers=signed(other))
    assert replayed.json() == {"n_new": 0}, "a known id never brings anything new"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"events": 1}',
        b'{"events": [1]}',
        b'{"events": [{}]}',
        b"\xff",
        b"[" * 100_000,
    ],
    ids=["empty", "list", "object", "number", "of numbers", "of nothing", "no text", "deep"],
)
def test_what_is_no_such_text_is_refused(client, ledger, body):
    answer = client.post("/hooks/acme", content=body, headers=signed(body))
    assert answer.status_code == 400
    assert kept(ledger) == []


def test_unsigned_unknown_and_too_large_calls_are_refused(client, ledger):
    body = events(("bounce", key_of("c00001")))
    assert client.post("/hooks/acme", content=body).status_code == 401
    assert client.post("/hooks/nobody", content=body, headers=signed(body)).status_code == 401
    large = body + b" " * 300_000
    assert client.post("/hooks/acme", content=large, headers=signed(large)).status_code == 413
    assert kept(ledger) == []
