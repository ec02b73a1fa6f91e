"""A site with a planned campaign of one message each, and clients that speak to it."""

import datetime as dt

from fastapi.testclient import TestClient
import pytest
import sqlalchemy as sa

from src.inbound.app import Site, build_app
from src.keys import read_key
from src.ledger import open_ledger
from src.send.links import LinkKind, make_token
from tests.reliability.campaigns import key_of, plan_campaign

HOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.fixture
def ledger(tmp_path):
    with open_ledger(tmp_path) as ledger:
        plan_campaign(ledger, 20)
        yield ledger


@pytest.fixture
def link_key():
    return read_key("links")


@pytest.fixture
def site(ledger, link_key):
    return Site(ledger, link_key, {"acme": (HOOK_SECRET,)})


@pytest.fixture
def client(site):
    with TestClient(build_app(site), follow_redirects=False) as client:
        yield client


@pytest.fixture
def token(link_key):
    def make(customer_id="c00000", kind=LinkKind.LEAVE, days_ago=0, key=link_key, target=""):
        day = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=days_ago)
        return make_token(kind, key, key_of(customer_id), day, target)

    return make


@pytest.fixture
def wishes(ledger):
    """All that a wish could have changed, row by row."""

    def read():
        tables = ("suppressions", "consents", "feedback", "responses", "transitions", "audit")
        with ledger.read() as connection:
            return {
                name: connection.execute(sa.text(f"SELECT * FROM {name}")).all() for name in tables
            }

    return read


@pytest.fixture
def mark_sent(ledger):
    """Say that messages went out, so that something can come back."""

    def mark(*customer_ids):
        text = "UPDATE messages SET state='SENT', attempted_at=:at WHERE message_key=:key"
        at = dt.datetime.now(dt.UTC).replace(tzinfo=None).isoformat(" ")
        with ledger.write() as connection:
            for customer_id in customer_ids:
                connection.execute(sa.text(text), {"key": key_of(customer_id), "at": at})

    return mark
