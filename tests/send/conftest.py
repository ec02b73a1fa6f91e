"""A campaign with its ledger filled, for any number of customers."""

import base64
import http.server
import socket
import threading

import pandas as pd
import pytest

from src.decide.catalogue import Campaign
from src.ledger import (
    message_key,
    open_ledger,
    plan_messages,
    record_assignments,
    record_consents,
    record_people,
)
from src.send import run_clock
from tests.ledger.sealing import sealed
from tests.reliability.copies import copy_ledger

SECRET = "whsec_" + base64.b64encode(b"k" * 24).decode()
SAID_AT = pd.Timestamp("2024-01-01T08:00:00Z")


@pytest.fixture
def campaign():
    return Campaign(
        campaign_id="spring",
        goal="More orders.",
        channel="email",
        margin_share=0.25,
        sender_name="Shop & Söhne",
        sender_address="hello@shop.example.com",
        postal_address="1 Market Square",
        unsubscribe_url="https://shop.example.com/leave",
        actions={"coupon": {"label": "Coupon", "template": "offer"}},
    )


@pytest.fixture
def clock():
    return run_clock("campaign", "2024-01-31")


@pytest.fixture(scope="session")
def empty_ledger(tmp_path_factory):
    run = tmp_path_factory.mktemp("empty")
    open_ledger(run).close()
    return run / "ledger"


@pytest.fixture
def ledger(tmp_path, empty_ledger):
    copy_ledger(empty_ledger, tmp_path / "ledger")
    with open_ledger(tmp_path) as ledger:
        yield ledger


@pytest.fixture
def plan(ledger):
    """Plan one message for each of n customers; every tenth has withdrawn consent."""

    def build(n_customers, emails=None, first_name="Ann", is_refusing=lambda i: i % 10 == 9):
        ids = [f"c{i:04d}" for i in range(n_customers)]
        frame = pd.DataFrame({"customer_id": ids})
        addresses = emails or [f"{key}@example.com" for key in ids]
        record_people(ledger, frame.assign(first_name=first_name, last_name="Lee", email=addresses))
        record_consents(
            ledger,
            frame.assign(
                channel="email",
                purpose="marketing",
                is_granted=[not is_refusing(i) for i in range(n_customers)],
                source="form",
                wording="I agree.",
                recorded_at=SAID_AT,
            ),
        )
        drawn = frame.assign(campaign_id="spring", action="coupon", pscore=0.5)
        record_assignments(ledger, drawn.assign(salt="s", policy_version="1", decided_at=SAID_AT))
        text = [f"Dear ⟦first_name⟧, offer {key}. ⟦unsubscribe_url⟧" for key in ids]
        messages = drawn.assign(
            message_key=[message_key("spring", 1, key, "email") for key in ids],
            step=1,
            channel="email",
            template="offer",
            subject="⟦first_name⟧, for you",
            html=[f"<p>{line}</p>" for line in text],
            text=text,
        )
        plan_messages(ledger, sealed(messages))
        return messages

    return build


@pytest.fixture
def gateway():
    """A server on this machine that answers as it is told, and remembers what it was asked."""
    seen, answers = [], []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            seen.append((self.path, dict(self.headers.items()), body))
            status = answers.pop(0) if answers else 200
            if status == 0:
                self.connection.shutdown(socket.SHUT_RDWR)
                return
            self.send_response(status)
            if status in (301, 302, 307, 308):
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.seen, server.answers = seen, answers
    server.url = f"http://127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def secrets(monkeypatch):
    monkeypatch.setenv("HOOK_SECRET", SECRET)
    monkeypatch.setenv("SMS_TOKEN", "t0ken-kanari")
